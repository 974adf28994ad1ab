"""Find an invoice again, and note that it was paid."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from models import (
    BillingReason,
    Invoice,
    InvoiceLine,
    InvoiceStatus,
    InvoiceTax,
    NoticeType,
)
from services.errors import Conflict, NotFound
from services.invoices.credit_notes import amount_left
from services.invoices.notices import announce_invoice
from services.invoices.receipts import write_payment_receipt
from services.invoices.taxes import read_taxes
from services.rules.money import Money
from services.tenants import lock_head
from services.top_ups.lots import settle_purchase

PAGE_MAX = 200


@dataclass(frozen=True, slots=True)
class InvoiceDocument:
    """An invoice with its lines and its taxes in order. A preview is not stored and has no number."""

    invoice: Invoice
    lines: tuple[InvoiceLine, ...]
    taxes: tuple[InvoiceTax, ...] = ()


def list_invoices(
    session: Session,
    *,
    tenant_id: str,
    limit: int = PAGE_MAX,
    before_number: int | None = None,
    subscription_id: str | None = None,
) -> list[Invoice]:
    """The tenant's invoices, or those of one subscription, newest first; `before_number` is the last one already seen.

    The number tells the order: those of several periods closed at once were issued at the same moment.
    """
    statement = select(Invoice).where(Invoice.tenant_id == tenant_id, col(Invoice.number).is_not(None))
    if before_number is not None:
        statement = statement.where(col(Invoice.number) < before_number)
    if subscription_id is not None:
        statement = statement.where(Invoice.subscription_id == subscription_id)
    return list(session.exec(statement.order_by(col(Invoice.number).desc()).limit(min(limit, PAGE_MAX))))


def read_invoice(session: Session, *, tenant_id: str, invoice_id: str) -> InvoiceDocument:
    """One invoice with its lines and taxes. Raises NotFound, also where it is another tenant's."""
    invoice = session.get(Invoice, (tenant_id, invoice_id))
    if invoice is None:
        raise NotFound("There is no such invoice.", field="invoice_id")
    statement = (
        select(InvoiceLine)
        .where(InvoiceLine.tenant_id == tenant_id, InvoiceLine.invoice_id == invoice_id)
        .order_by(col(InvoiceLine.position))
    )
    taxes = read_taxes(session, tenant_id=tenant_id, invoice_id=invoice_id)
    return InvoiceDocument(invoice, tuple(session.exec(statement)), taxes)


def find_invoice_tenant(session: Session, *, invoice_id: str) -> str:
    """Whose invoice it is, for an operator who names only the invoice. Raises NotFound."""
    tenant_id = session.exec(select(Invoice.tenant_id).where(Invoice.id == invoice_id)).first()
    if tenant_id is None:
        raise NotFound("There is no such invoice.", field="invoice_id")
    return tenant_id


def mark_invoice_paid(
    session: Session, *, tenant_id: str, invoice_id: str, at: datetime, reference: str | None = None
) -> Invoice:
    """Note the payment of what its credit notes leave of an invoice. Marking it again changes nothing.

    One that was given up as uncollectible can be paid after all. Raises NotFound, and Conflict where the invoice is
    void or still a draft.
    """
    lock_head(session, tenant_id=tenant_id)
    invoice = read_invoice(session, tenant_id=tenant_id, invoice_id=invoice_id).invoice
    if invoice.status == InvoiceStatus.PAID:
        return invoice
    if invoice.status not in (InvoiceStatus.OPEN, InvoiceStatus.UNCOLLECTIBLE):
        raise Conflict(f"Only an open invoice can be paid; this one is {invoice.status}.")
    settle(session, invoice=invoice, reference=reference, at=at)
    return invoice


def settle(session: Session, *, invoice: Invoice, reference: str | None, at: datetime) -> None:
    """Note that nothing more is to be paid, with the receipt that says how much was. The caller holds the lock."""
    invoice.status, invoice.paid_at, invoice.payment_reference = InvoiceStatus.PAID, at, reference
    paid = Money(max(0, amount_left(session, invoice=invoice)), invoice.currency)
    write_payment_receipt(session, invoice=invoice, paid=paid, at=at)
    session.add(invoice)
    session.flush()
    announce_invoice(session, invoice=invoice, type=NoticeType.INVOICE_PAID, at=at)
    if invoice.billing_reason == BillingReason.TOP_UP:
        settle_purchase(session, invoice=invoice, at=at)
