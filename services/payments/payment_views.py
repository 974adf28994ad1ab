"""The payment of one invoice as its customer reads it: how it is paid, its parts, and what was given back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from models import (
    CreditNote,
    Invoice,
    InvoiceStatus,
    Refund,
    RefundStatus,
    StripeCustomer,
    StripeInvoice,
    StripeInvoicePart,
)
from models.base import ID_MAX
from services import wording
from services.invoices.finding import read_invoice
from services.payments.mirror import DRAFT, OPEN, PAID, parts_of
from services.payments.note_views import NoteStateView, note_states
from services.payments.payment_lines import NO_LINE, PaymentLine, is_charged, payable, payment_lines, web_address
from services.tenants import read_tenant

REFUNDS_SHOWN_MAX = 50
PART_NAMES = {
    StripeInvoicePart.WHOLE: "The whole invoice",
    StripeInvoicePart.BASE: "Base fee",
    StripeInvoicePart.REST: "Everything else",
}
REFUND_WORDS = {
    RefundStatus.PENDING: "On its way",
    RefundStatus.SUCCEEDED: "Given back",
    RefundStatus.FAILED: "Failed",
    RefundStatus.CANCELED: "Canceled",
}


@dataclass(frozen=True)
class PartView:
    """An invoice at Stripe that carries ours, or a part of it."""

    name: str
    number: str
    amount: str
    status: str
    status_word: str
    pay_url: str
    pdf_url: str


@dataclass(frozen=True)
class RefundView:
    """Money on its way back to a card, or arrived there."""

    amount: str
    when: str
    reason: str
    status: str
    status_word: str
    error: str


@dataclass(frozen=True)
class PaymentView:
    """All about the payment of one invoice. `is_disputed` where the customer's bank was asked to take it back."""

    line: PaymentLine = NO_LINE
    card: str = ""
    is_disputed: bool = False
    parts: tuple[PartView, ...] = ()
    refunds: tuple[RefundView, ...] = ()
    notes: tuple[NoteStateView, ...] = ()


NO_PAYMENT = PaymentView()


def read_payment(session: Session, *, tenant_id: str, invoice_id: str, at: datetime) -> PaymentView:
    """How one invoice is paid. Raises NotFound, also where it is another customer's."""
    tenant = read_tenant(session, tenant_id=tenant_id)
    invoice = read_invoice(session, tenant_id=tenant_id, invoice_id=invoice_id[:ID_MAX]).invoice
    parts = parts_of(session, tenant_id=tenant_id, invoice_id=invoice.id)
    lines = payment_lines(session, tenant_id, [invoice], {invoice.id: parts}, timezone=tenant.timezone, at=at)
    return PaymentView(
        line=lines[invoice.id],
        card=_card(session, tenant_id, parts) if invoice.status in (InvoiceStatus.OPEN, InvoiceStatus.PAID) else "",
        is_disputed=any(part.is_disputed for part in parts),
        parts=tuple(_part(part, is_one_of_two=payable(parts) > 1) for part in parts),
        refunds=_refunds(session, invoice, tenant.timezone),
        notes=note_states(session, invoice=invoice),
    )


def _card(session: Session, tenant_id: str, parts: Sequence[StripeInvoice]) -> str:
    """The card that is charged by itself; of what paid an invoice long ago nothing is kept here."""
    if not is_charged(parts):
        return ""
    found = session.get(StripeCustomer, (tenant_id, parts[0].account))
    return "" if found is None or found.is_deleted else found.card or ""


def _part(part: StripeInvoice, *, is_one_of_two: bool) -> PartView:
    """Each has its own way to pay where both are still to be paid."""
    return PartView(
        name=PART_NAMES[part.part or StripeInvoicePart.WHOLE],
        number=part.number or "",
        amount=wording.amount(part.total_minor, part.currency),
        status={PAID: "paid", DRAFT: "scheduled"}.get(part.status, part.status),
        status_word="Being prepared" if part.status == DRAFT else part.status.capitalize(),
        pay_url=web_address(part.hosted_url) if part.status == OPEN and is_one_of_two else "",
        pdf_url=web_address(part.pdf_url),
    )


def _refunds(session: Session, invoice: Invoice, timezone: str) -> tuple[RefundView, ...]:
    statement = (
        select(Refund, CreditNote.reason)
        .join(
            CreditNote,
            (col(CreditNote.tenant_id) == Refund.tenant_id) & (col(CreditNote.id) == Refund.credit_note_id),
            isouter=True,
        )
        .where(Refund.tenant_id == invoice.tenant_id, Refund.invoice_id == invoice.id)
        .order_by(col(Refund.created_at), Refund.id)
        .limit(REFUNDS_SHOWN_MAX)
    )
    return tuple(
        RefundView(
            amount=wording.amount(refund.amount_minor, refund.currency),
            when=wording.moment_day(refund.settled_at or refund.created_at, timezone),
            reason=why or refund.reason,
            status={RefundStatus.SUCCEEDED: "settled"}.get(refund.status, refund.status.value),
            status_word=REFUND_WORDS[refund.status],
            error=refund.error or "",
        )
        for refund, why in session.exec(statement)
    )
