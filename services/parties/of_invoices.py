"""What an invoice says of both sides, copied into it so that a later change of address changes no invoice.

    {"bill_to":  {"name", "address": [line…], "city", "region", "postal_code", "country", "emails": [text…],
                  "tax_ids": [{"kind", "label", "value"}…], "exemption": {"reason", "certificate"} or absent},
     "remit_to": {"name", "address": [line…], "city", "region", "postal_code", "country", "email",
                  "registrations": [{"kind", "label", "value"}…], "bank_details": [{"label", "value"}…]},
     "purchase_order": text, "payment_days": number, "language": "en" or "fr"}

Texts that are not known are "". A customer who has given no details is named and nothing more.
"""

import os
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from models import BillingProfile, Invoice, Language, SellerProfile, Tenant
from services.parties.billing_profiles import read_billing_profile
from services.parties.seller_profiles import read_seller
from services.rules.canonical import canonical_bytes
from services.rules.receipts import SALT_BYTES, commitment
from services.settings import settings
from services.taxes.ids import shown_tax_id


@dataclass(frozen=True, slots=True)
class Parties:
    """Both sides of a sale, now. `buyer` None where the customer has given no details yet."""

    tenant: Tenant
    buyer: BillingProfile | None
    seller: SellerProfile

    @property
    def payment_days(self) -> int:
        """The days to pay in: the customer's own, else those of the settings."""
        granted = None if self.buyer is None else self.buyer.payment_days
        return settings().payment_days if granted is None else granted

    def document(self) -> dict[str, Any]:
        """What an invoice made now says of them."""
        return {
            "bill_to": _unknown_buyer(self.tenant) if self.buyer is None else _bill_to(self.buyer),
            "remit_to": _remit_to(self.seller),
            "purchase_order": "" if self.buyer is None else self.buyer.purchase_order,
            "payment_days": self.payment_days,
            "language": (Language.ENGLISH if self.buyer is None else self.buyer.language).value,
        }


def read_parties(session: Session, *, tenant: Tenant) -> Parties:
    """The customer and us, as both are now."""
    return Parties(tenant, read_billing_profile(session, tenant_id=tenant.id), read_seller(session))


def commit_to_parties(invoice: Invoice) -> str:
    """What an invoice's receipt holds of its parties: a commitment, for receipts hold no personal data."""
    invoice.parties_salt = os.urandom(SALT_BYTES)
    return commitment(invoice.parties_salt, canonical_bytes(invoice.parties))


def _bill_to(buyer: BillingProfile) -> dict[str, Any]:
    said = _address(buyer) | {
        "emails": list(buyer.emails),
        "tax_ids": [shown_tax_id(each) for each in buyer.tax_ids],
    }
    if buyer.is_tax_exempt:
        said["exemption"] = {"reason": buyer.exemption_reason, "certificate": buyer.exemption_certificate}
    return said


def _unknown_buyer(tenant: Tenant) -> dict[str, Any]:
    nowhere = {"address": [], "city": "", "region": "", "postal_code": "", "country": ""}
    return {"name": tenant.name, **nowhere, "emails": [], "tax_ids": []}


def _remit_to(seller: SellerProfile) -> dict[str, Any]:
    return _address(seller) | {
        "email": seller.email,
        "registrations": [shown_tax_id(each) for each in seller.registrations],
        "bank_details": list(seller.bank_details),
    }


def _address(party: BillingProfile | SellerProfile) -> dict[str, Any]:
    return {
        "name": party.legal_name,
        "address": list(party.address_lines),
        "city": party.city,
        "region": party.region,
        "postal_code": party.postal_code,
        "country": party.country,
    }
