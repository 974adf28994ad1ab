"""Who sends the invoices: our name, address, tax registrations and where to pay, with their history."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlmodel import Session, col, func, select

from models import SellerProfile
from services.closing.questions import Question
from services.errors import Unprocessable
from services.parties.addresses import read_address, required
from services.parties.billing_profiles import read_email
from services.rules.taxes import Registration
from services.settings import settings
from services.taxes.ids import read_tax_id, registration_of

REGISTRATIONS_MAX: Final = 40
BANK_DETAILS_MAX: Final = 10
LABEL_MAX, VALUE_MAX = 40, 120
UNSAVED: Final = 0
"""The version of a seller who is known from the settings only."""


@dataclass(frozen=True, slots=True)
class SellerDetails:
    """What we say of ourselves, as it was typed. `registrations` are (kind, value), `bank_details` (label, value)."""

    legal_name: str
    address_lines: Sequence[str]
    city: str
    region: str
    postal_code: str
    country: str
    email: str = ""
    registrations: Sequence[tuple[str, str]] = ()
    bank_details: Sequence[tuple[str, str]] = ()


def read_seller(session: Session) -> SellerProfile:
    """Who we are now. Until somebody says more, the name, e-mail and country of the settings, registered nowhere."""
    newest: SellerProfile | None = next(iter(SELLER.ask(session)), None)
    return newest or SellerProfile(
        version=UNSAVED,
        legal_name=settings().seller_name,
        address_lines=[],
        city="",
        country=settings().seller_country,
        email=settings().seller_email,
        registrations=[],
        bank_details=[],
        changed_at=datetime.fromtimestamp(0, UTC),
        changed_by="settings",
    )


def registrations_of(seller: SellerProfile) -> list[Registration]:
    """The taxes we are registered for, and so charge."""
    found = (registration_of(each) for each in seller.registrations)
    return [registration for registration in found if registration is not None]


def change_seller(session: Session, *, details: SellerDetails, by: str, at: datetime) -> SellerProfile:
    """Put new details in force, for invoices from now on. The same again changes nothing. Raises Unprocessable."""
    values = _values(details)
    before = read_seller(session)
    if before.version != UNSAVED and all(getattr(before, name) == value for name, value in values.items()):
        return before
    newest = session.exec(select(func.max(SellerProfile.version))).one() or UNSAVED
    seller = SellerProfile(version=newest + 1, changed_at=at, changed_by=by, **values)
    session.add(seller)
    session.flush()
    return seller


def _values(details: SellerDetails) -> dict[str, Any]:
    address = read_address(
        legal_name=details.legal_name,
        address_lines=details.address_lines,
        city=details.city,
        region=details.region,
        postal_code=details.postal_code,
        country=details.country,
    )
    if len(details.registrations) > REGISTRATIONS_MAX or len(details.bank_details) > BANK_DETAILS_MAX:
        raise Unprocessable(
            f"Give at most {REGISTRATIONS_MAX} registrations and {BANK_DETAILS_MAX} bank details.",
            field="registrations" if len(details.registrations) > REGISTRATIONS_MAX else "bank_details",
        )
    return asdict(address) | {
        "address_lines": list(address.address_lines),
        "email": read_email(details.email, "email") if details.email.strip() else "",
        "registrations": [read_tax_id(kind, value, field="registrations") for kind, value in details.registrations],
        "bank_details": [
            {
                "label": required(label, "bank_details", LABEL_MAX, "what each bank detail is"),
                "value": required(value, "bank_details", VALUE_MAX, "each bank detail"),
            }
            for label, value in details.bank_details
        ],
    }


SELLER = Question(lambda: select(SellerProfile).order_by(col(SellerProfile.version).desc()), rows_max=1)
