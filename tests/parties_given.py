"""A seller who is registered for taxes and customers who say where they are, made by the same services as in life."""

from datetime import datetime
from typing import Any

from sqlmodel import Session

from models import BillingProfile, SellerProfile
from services.parties.billing_profiles import BillingDetails, SellersTerms, change_billing_profile
from services.parties.seller_profiles import SellerDetails, change_seller

WHERE: dict[str, dict[str, str]] = {
    "ON": {"city": "Toronto", "region": "ON", "postal_code": "M5V 2T6", "country": "CA"},
    "QC": {"city": "Montréal", "region": "QC", "postal_code": "H3B 1A7", "country": "CA"},
    "AB": {"city": "Calgary", "region": "AB", "postal_code": "T2P 1J9", "country": "CA"},
    "DE": {"city": "Berlin", "region": "", "postal_code": "10115", "country": "DE"},
    "OR": {"city": "Portland", "region": "OR", "postal_code": "97204", "country": "US"},
}
REGISTERED = (("ca_gst_hst", "123456782RT0001"), ("ca_qst", "1234567890TQ0001"))


def seller(session: Session, *, at: datetime, **changes: Any) -> SellerProfile:
    """Tallystick Inc. of Toronto, registered for GST/HST and QST."""
    said: dict[str, Any] = {
        "legal_name": "Tallystick Inc.", "address_lines": ["1 King Street West"], **WHERE["ON"],
        "email": "billing@tallystick.example", "registrations": REGISTERED,
        "bank_details": (("Account", "001-12345-6789012"),),
    }  # fmt: skip
    return change_seller(session, details=SellerDetails(**(said | changes)), by="an operator", at=at)


def billed_in(
    session: Session, tenant_id: str, place: str, *, at: datetime, terms: SellersTerms | None = None, **changes: Any
) -> BillingProfile:
    """The customer's billing details, in one of the places of WHERE."""
    said: dict[str, Any] = {
        "legal_name": "Acme Industries Ltd.", "address_lines": ["77 Front Street"], **WHERE[place],
        "emails": ["ap@acme.example"],
    }  # fmt: skip
    details = BillingDetails(**(said | changes))
    return change_billing_profile(session, tenant_id=tenant_id, details=details, by="its owner", at=at, terms=terms)
