"""Who a bill is from and to, in which language, and what taxes are on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from sqlmodel import Session

from models import CreditNote, Invoice, Tenant
from services.billing_documents.document import DocumentTax, Party, PaymentDetail
from services.settings import settings

ENGLISH = "en"


@dataclass(frozen=True, slots=True)
class Standing:
    """What a document says besides its lines."""

    seller: Party
    buyer: Party
    language: str = ENGLISH
    purchase_order: str = ""
    payment_details: Sequence[PaymentDetail] = ()
    taxes: Sequence[DocumentTax] = ()


def standing_of(session: Session, *, invoice: Invoice, tenant: Tenant, note: CreditNote | None = None) -> Standing:
    """The parties to an invoice, or to a credit note on it."""
    host = urlsplit(settings().portal_address).hostname or ""
    return Standing(seller=Party(name=host, identifier=host), buyer=Party(name=tenant.name, identifier=tenant.id))
