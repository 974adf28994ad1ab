"""Who a bill is from and to, as it was copied into the invoice when that was made, and the taxes on it."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from sqlmodel import Session, col, select

from models import CreditNote, CreditNoteTax, Invoice, InvoiceTax, Tenant
from services.billing_documents.document import DocumentTax, Party, PaymentDetail, Registration
from services.settings import settings


def seller_of(invoice: Invoice) -> Party:
    """Who sold; our host stands for the identifier that EN 16931 asks of a seller."""
    said = invoice.parties.get("remit_to", {})
    host = urlsplit(settings().portal_address).hostname or ""
    return _party(
        said,
        name=settings().seller_name,
        email=said.get("email", ""),
        registrations=said.get("registrations", ()),
        identifier=host,
    )


def buyer_of(invoice: Invoice, tenant: Tenant) -> Party:
    """Who bought. A customer who had given no details is named and nothing more."""
    said = invoice.parties.get("bill_to", {})
    emails = said.get("emails", ())
    return _party(
        said,
        name=tenant.name,
        email=emails[0] if emails else "",
        registrations=said.get("tax_ids", ()),
        identifier=tenant.id,
    )


def payment_details_of(invoice: Invoice) -> tuple[PaymentDetail, ...]:
    """What somebody needs who pays by transfer."""
    details = invoice.parties.get("remit_to", {}).get("bank_details", ())
    return tuple(PaymentDetail(each["label"], each["value"]) for each in details)


def document_taxes(rows: Iterable[InvoiceTax | CreditNoteTax]) -> tuple[DocumentTax, ...]:
    """Taxes in their order."""
    return tuple(
        DocumentTax(
            category=str(row.category),
            code=row.code,
            name=row.name,
            region=row.region,
            rate=row.rate,
            base_minor=row.base_minor,
            amount_minor=row.amount_minor,
            reason=row.reason,
        )
        for row in rows
    )


def credit_note_taxes(session: Session, note: CreditNote) -> tuple[DocumentTax, ...]:
    """What a credit note takes back of each tax."""
    statement = (
        select(CreditNoteTax)
        .where(CreditNoteTax.tenant_id == note.tenant_id, CreditNoteTax.credit_note_id == note.id)
        .order_by(col(CreditNoteTax.position))
    )
    return document_taxes(session.exec(statement).all())


def _party(
    said: Mapping[str, Any], *, name: str, email: str, registrations: Iterable[Mapping[str, str]], identifier: str
) -> Party:
    return Party(
        name=said.get("name") or name,
        address_lines=tuple(said.get("address", ())),
        city=said.get("city", ""),
        region=said.get("region", ""),
        postal_code=said.get("postal_code", ""),
        country=said.get("country", ""),
        email=email,
        registrations=tuple(Registration(each["kind"], each["value"]) for each in registrations),
        identifier=identifier,
    )
