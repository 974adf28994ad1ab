"""To whom a customer's invoices are addressed: read, changed, its history kept."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from sqlmodel import Session, col, select

from models import BillingProfile, Language, Subscription
from models.billing_profile import EXEMPTION_MAX, PAYMENT_DAYS_MAX, PURCHASE_ORDER_MAX
from services.closing.questions import Question
from services.errors import Forbidden, Unprocessable
from services.parties.addresses import read_address, text
from services.taxes.ids import read_tax_id
from services.tenants import lock_head

EMAILS_MAX: Final = 10
EMAIL_MAX: Final = 254
TAX_IDS_MAX: Final = 5
HISTORY_MAX: Final = 50
_EMAIL: Final = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>.]{2,}")


@dataclass(frozen=True, slots=True)
class BillingDetails:
    """What a customer says of itself, as it was typed. `tax_ids` are (kind, value)."""

    legal_name: str
    address_lines: Sequence[str]
    city: str
    region: str
    postal_code: str
    country: str
    emails: Sequence[str] = ()
    tax_ids: Sequence[tuple[str, str]] = ()
    purchase_order: str = ""
    language: str = Language.ENGLISH.value


@dataclass(frozen=True, slots=True)
class SellersTerms:
    """What only the seller grants: an exemption from tax, with its reason and certificate, and the days to pay in."""

    is_tax_exempt: bool = False
    exemption_reason: str = ""
    exemption_certificate: str = ""
    payment_days: int | None = None


def read_billing_profile(session: Session, *, tenant_id: str) -> BillingProfile | None:
    """The details in force; None where the customer has given none yet."""
    return next(iter(BUYER.ask(session, tenant_id)), None)


def billing_profile_history(session: Session, *, tenant_id: str, limit: int = HISTORY_MAX) -> list[BillingProfile]:
    """The details as they were, the newest first."""
    statement = select(BillingProfile).where(BillingProfile.tenant_id == tenant_id)
    return list(session.exec(statement.order_by(col(BillingProfile.version).desc()).limit(limit)))


def change_billing_profile(
    session: Session,
    *,
    tenant_id: str,
    details: BillingDetails,
    by: str,
    at: datetime,
    terms: SellersTerms | None = None,
) -> BillingProfile:
    """Put new details in force, for invoices from now on. The same details again change nothing.

    `terms` None keeps those granted so far; a customer grants itself none. Raises NotFound and Unprocessable.
    """
    lock_head(session, tenant_id=tenant_id)
    before = read_billing_profile(session, tenant_id=tenant_id)
    values = _details(details) | (_granted(before) if terms is None else _terms(terms))
    if before is not None and all(getattr(before, name) == value for name, value in values.items()):
        return before
    version = 1 if before is None else before.version + 1
    profile = BillingProfile(tenant_id=tenant_id, version=version, changed_at=at, changed_by=by, **values)
    session.add(profile)
    session.flush()
    return profile


def check_may_grant(*, is_operator: bool, terms: SellersTerms | None) -> None:
    """Raise Forbidden where a customer would grant itself an exemption or more days to pay."""
    if terms is not None and not is_operator:
        raise Forbidden("Exemptions from tax and days to pay are granted by us; ask us, with your certificate.")


def read_email(given: str, field: str) -> str:
    """One e-mail address. Raises Unprocessable."""
    address = text(given, field, EMAIL_MAX)
    if _EMAIL.fullmatch(address) is None:
        raise Unprocessable(f"“{address}” is not an e-mail address.", field=field)
    return address


def _details(details: BillingDetails) -> dict[str, Any]:
    address = read_address(
        legal_name=details.legal_name,
        address_lines=details.address_lines,
        city=details.city,
        region=details.region,
        postal_code=details.postal_code,
        country=details.country,
    )
    emails = list(dict.fromkeys(read_email(each, "emails") for each in details.emails))
    if len(emails) > EMAILS_MAX:
        raise Unprocessable(f"Give at most {EMAILS_MAX} e-mail addresses.", field="emails")
    if len(details.tax_ids) > TAX_IDS_MAX:
        raise Unprocessable(f"Give at most {TAX_IDS_MAX} tax ids.", field="tax_ids")
    if details.language not in list(Language):
        raise Unprocessable("Choose English (en) or French (fr).", field="language")
    return asdict(address) | {
        "address_lines": list(address.address_lines),
        "emails": emails,
        "tax_ids": [read_tax_id(kind, value) for kind, value in details.tax_ids],
        "purchase_order": text(details.purchase_order, "purchase_order", PURCHASE_ORDER_MAX),
        "language": Language(details.language),
    }


def _terms(terms: SellersTerms) -> dict[str, Any]:
    reason = text(terms.exemption_reason, "exemption_reason", EXEMPTION_MAX)
    if terms.is_tax_exempt and not reason:
        raise Unprocessable("Say why no tax is charged.", field="exemption_reason")
    if terms.payment_days is not None and not 0 <= terms.payment_days <= PAYMENT_DAYS_MAX:
        raise Unprocessable(f"Give between 0 and {PAYMENT_DAYS_MAX} days to pay.", field="payment_days")
    return {
        "is_tax_exempt": terms.is_tax_exempt,
        "exemption_reason": reason,
        "exemption_certificate": text(terms.exemption_certificate, "exemption_certificate", EXEMPTION_MAX),
        "payment_days": terms.payment_days,
    }


def _granted(before: BillingProfile | None) -> dict[str, Any]:
    names = ("is_tax_exempt", "exemption_reason", "exemption_certificate", "payment_days")
    return _terms(SellersTerms()) if before is None else {name: getattr(before, name) for name in names}


BUYER = Question(
    lambda tenant: (
        select(BillingProfile).where(BillingProfile.tenant_id == tenant).order_by(col(BillingProfile.version).desc())
    ),
    Subscription.tenant_id,
    rows_max=1,
)
