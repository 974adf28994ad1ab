"""Our invoice follows those that carry it at Stripe: paid once all are paid, past due once a payment failed."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, func, select

from models import BillingReason, Dunning, Invoice, InvoiceStatus, StripeEvent, StripeInvoice, StripeInvoicePart
from services.invoices.finding import mark_invoice_paid, read_invoice
from services.invoices.notices import announce_failed_payment
from services.invoices.transitions import UNPAID, mark_uncollectible, void_invoice
from services.payments import dunning
from services.payments.mirror import OPEN, PAID, UNCOLLECTIBLE, VOID, parts_of
from services.payments.standing import settle_standing
from services.top_ups.lots import note_failed_payment

FAILED_EVENT = "invoice.payment_failed"


def settle_invoice(session: Session, *, tenant_id: str, invoice_id: str, at: datetime) -> None:
    """Bring our invoice, its dunning and the subscription's status in step with what Stripe says of its parts.

    Credits that are not paid are not granted, so no service is stopped for them: they are not dunned.

    The caller holds the lock on the tenant's head.
    """
    invoice = read_invoice(session, tenant_id=tenant_id, invoice_id=invoice_id).invoice
    parts = parts_of(session, tenant_id=tenant_id, invoice_id=invoice_id)
    if not _is_whole(parts):
        return
    _show_where_to_pay(session, invoice, parts)
    _follow(session, invoice, parts, at=at)
    if invoice.status in (InvoiceStatus.PAID, InvoiceStatus.VOID, InvoiceStatus.UNCOLLECTIBLE):
        dunning.end_dunning(session, invoice=invoice, at=at)
    elif failed := [part for part in parts if _has_failed(part)]:
        failed_at = _failed_at(session, parts, at=at)
        if invoice.billing_reason == BillingReason.TOP_UP:
            note_failed_payment(session, invoice=invoice, failed_at=failed_at, at=at)
        else:
            dunning.begin_dunning(session, invoice=invoice, failed_at=failed_at)
        for part in failed:
            announce_failed_payment(session, invoice=invoice, part=part, at=at)
    settle_standing(session, tenant_id=tenant_id, subscription_id=invoice.subscription_id, at=at)


def _follow(session: Session, invoice: Invoice, parts: Sequence[StripeInvoice], *, at: datetime) -> None:
    states = {part.status for part in parts}
    named = {"tenant_id": invoice.tenant_id, "invoice_id": invoice.id}
    if states == {PAID}:
        paid_at = max(invoice.issued_at, *(part.paid_at or at for part in parts))
        reference = ", ".join(part.payment_id or part.stripe_id for part in parts)[:120]
        if invoice.status in UNPAID:
            mark_invoice_paid(session, **named, reference=reference, at=paid_at)
    elif states == {VOID} and invoice.status in UNPAID:
        void_invoice(session, **named, at=at)
    elif UNCOLLECTIBLE in states and invoice.status == InvoiceStatus.OPEN:
        mark_uncollectible(session, **named, at=at)


def _is_whole(parts: Sequence[StripeInvoice]) -> bool:
    """Whether the parts make up the invoice; while one of two is still to be made, nothing can be said of it."""
    kinds = {part.part for part in parts}
    return StripeInvoicePart.WHOLE in kinds or kinds == {StripeInvoicePart.BASE, StripeInvoicePart.REST}


def _has_failed(part: StripeInvoice) -> bool:
    return part.status == OPEN and part.payment_attempts > 0 and part.payment_error is not None


def _failed_at(session: Session, parts: Sequence[StripeInvoice], *, at: datetime) -> datetime:
    """When the first payment failed, as the events tell it."""
    statement = select(func.min(col(StripeEvent.created_at))).where(
        col(StripeEvent.object_id).in_([part.stripe_id for part in parts]), StripeEvent.type == FAILED_EVENT
    )
    return session.exec(statement).one() or at


def _show_where_to_pay(session: Session, invoice: Invoice, parts: Sequence[StripeInvoice]) -> None:
    open_first = sorted(parts, key=lambda part: part.status != OPEN)
    invoice.stripe_hosted_url = open_first[0].hosted_url
    session.add(invoice)
    session.flush()


def is_dunned(session: Session, *, tenant_id: str, invoice_id: str) -> bool:
    """Whether a payment of the invoice failed and it is not settled yet."""
    row = session.get(Dunning, (tenant_id, invoice_id))
    return row is not None and row.ended_at is None
