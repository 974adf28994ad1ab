"""Payments as a customer reads them: how an invoice is paid, what failed, and what was given back."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from models import (
    Collection,
    CreditNote,
    Dunning,
    Invoice,
    InvoiceStatus,
    Refund,
    RefundStatus,
    StripeCustomer,
    StripeInvoice,
    StripeInvoicePart,
    Subscription,
)
from models.base import ID_MAX
from services import wording
from services.invoices.finding import read_invoice
from services.payments.mirror import DRAFT, OPEN, PAID, parts_of
from services.payments.note_views import NoteStateView, note_states
from services.standing import is_late
from services.tenants import read_tenant

REFUNDS_SHOWN_MAX = 50
SENT = "send_invoice"
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
class PaymentLine:
    """How an invoice's payment stands, in a sentence. `tone` is a badge's or a notice's; `has_failed` while it is
    open, and a payment failed."""

    words: str = ""
    detail: str = ""
    tone: str = "plain"
    pay_url: str = ""
    has_failed: bool = False


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

    line: PaymentLine = PaymentLine()
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
    lines = _lines(session, tenant_id, [invoice], {invoice.id: parts}, timezone=tenant.timezone, at=at)
    return PaymentView(
        line=lines[invoice.id],
        card=_card(session, tenant_id, parts) if invoice.status in (InvoiceStatus.OPEN, InvoiceStatus.PAID) else "",
        is_disputed=any(part.is_disputed for part in parts),
        parts=tuple(_part(part, is_one_of_two=_payable(parts) > 1) for part in parts),
        refunds=_refunds(session, invoice, tenant.timezone),
        notes=note_states(session, invoice=invoice),
    )


def read_payment_lines(
    session: Session, *, tenant_id: str, invoice_ids: Sequence[str], at: datetime
) -> dict[str, PaymentLine]:
    """How each of a page of invoices is paid, by its id, in a fixed number of queries."""
    tenant = read_tenant(session, tenant_id=tenant_id)
    invoices = session.exec(
        select(Invoice).where(Invoice.tenant_id == tenant_id, col(Invoice.id).in_(invoice_ids))
    ).all()
    by_invoice: dict[str, list[StripeInvoice]] = {}
    statement = select(StripeInvoice).where(
        StripeInvoice.tenant_id == tenant_id, col(StripeInvoice.invoice_id).in_(invoice_ids)
    )
    for part in session.exec(statement.order_by(col(StripeInvoice.part), StripeInvoice.stripe_id)):
        by_invoice.setdefault(str(part.invoice_id), []).append(part)
    return _lines(session, tenant_id, invoices, by_invoice, timezone=tenant.timezone, at=at)


def web_address(url: str | None) -> str:
    """An address a browser may be sent to; "" for anything else."""
    return url if url and url.startswith(("https://", "http://")) else ""


def _lines(
    session: Session,
    tenant_id: str,
    invoices: Sequence[Invoice],
    parts: dict[str, list[StripeInvoice]],
    *,
    timezone: str,
    at: datetime,
) -> dict[str, PaymentLine]:
    unpaid = [invoice for invoice in invoices if invoice.status == InvoiceStatus.OPEN]
    failed = _failed_at(session, tenant_id, [invoice.id for invoice in unpaid])
    collected = _collections(session, tenant_id, {invoice.subscription_id for invoice in unpaid})
    lines = {}
    for invoice in invoices:
        if invoice.status == InvoiceStatus.OPEN:
            is_automatic = collected.get(invoice.subscription_id) == Collection.AUTOMATIC
            lines[invoice.id] = _open_line(
                invoice,
                parts.get(invoice.id, []),
                failed_at=failed.get(invoice.id),
                is_automatic=is_automatic,
                timezone=timezone,
                at=at,
            )
        else:
            lines[invoice.id] = _settled_line(invoice, parts.get(invoice.id, []), timezone)
    return lines


def _settled_line(invoice: Invoice, parts: Sequence[StripeInvoice], timezone: str) -> PaymentLine:
    if invoice.status == InvoiceStatus.VOID:
        return PaymentLine("Void: nothing is to be paid")
    if invoice.status == InvoiceStatus.UNCOLLECTIBLE:
        return PaymentLine("Given up: counted as uncollectible", tone="bad", pay_url=_pay_url(parts))
    if invoice.paid_at is None:
        return PaymentLine("Not final yet")
    if not invoice.total_minor:
        return PaymentLine("Nothing was to be paid", tone="good")
    paid_on = f"Paid on {wording.moment_day(invoice.paid_at, timezone)}"
    return PaymentLine(paid_on, "Collected automatically" if _is_charged(parts) else "", tone="good")


def _open_line(
    invoice: Invoice,
    parts: Sequence[StripeInvoice],
    *,
    failed_at: datetime | None,
    is_automatic: bool,
    timezone: str,
    at: datetime,
) -> PaymentLine:
    due_on = wording.moment_day(invoice.due_at, timezone)
    pay_url = _pay_url(parts)
    if failed_at is not None:
        reason = next((part.payment_error for part in parts if part.payment_error), "")
        words = f"Payment failed on {wording.moment_day(failed_at, timezone)}" + (f": {reason}" if reason else "")
        return PaymentLine(words, _next_try(parts, timezone), "bad", pay_url, has_failed=True)
    tone, was = ("warn", "was due") if is_late(invoice, at) else ("note", "due")
    if any(part.collection_method == SENT for part in parts) or not (parts or is_automatic):
        return PaymentLine(f"Sent: pay by transfer, {was} {due_on}", "", tone, pay_url)
    if any(part.status == OPEN for part in parts):
        return PaymentLine(f"Open, {was} {due_on}", "Collected automatically", tone, pay_url)
    return PaymentLine(f"Open, {was} {due_on}", "Collected automatically in a moment", tone)


def _next_try(parts: Sequence[StripeInvoice], timezone: str) -> str:
    planned = [part.next_payment_attempt_at for part in parts if part.next_payment_attempt_at is not None]
    if not planned:
        return "No other try is planned: pay it on the payment page"
    return f"Next try on {wording.moment_day(min(planned), timezone)}"


def _pay_url(parts: Iterable[StripeInvoice]) -> str:
    return next((web_address(part.hosted_url) for part in parts if part.status == OPEN and part.hosted_url), "")


def _is_charged(parts: Sequence[StripeInvoice]) -> bool:
    return bool(parts) and all(part.collection_method != SENT for part in parts)


def _failed_at(session: Session, tenant_id: str, invoice_ids: Sequence[str]) -> dict[str, datetime]:
    statement = select(Dunning.invoice_id, Dunning.failed_at).where(
        Dunning.tenant_id == tenant_id, col(Dunning.invoice_id).in_(invoice_ids), col(Dunning.ended_at).is_(None)
    )
    return dict(session.exec(statement).all())


def _collections(session: Session, tenant_id: str, ids: Iterable[str]) -> dict[str, Collection]:
    statement = select(Subscription.id, Subscription.collection).where(
        Subscription.tenant_id == tenant_id, col(Subscription.id).in_(list(ids))
    )
    return {each: Collection(way) for each, way in session.exec(statement)}


def _card(session: Session, tenant_id: str, parts: Sequence[StripeInvoice]) -> str:
    """The card that is charged by itself; of what paid an invoice long ago nothing is kept here."""
    if not _is_charged(parts):
        return ""
    found = session.get(StripeCustomer, (tenant_id, parts[0].account))
    return "" if found is None or found.is_deleted else found.card or ""


def _payable(parts: Sequence[StripeInvoice]) -> int:
    return sum(part.status == OPEN for part in parts)


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
