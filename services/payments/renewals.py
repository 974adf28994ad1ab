"""Which renewal at Stripe brings which base fee of ours, and whether one does at all."""

from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session, col, select

from models import (
    BillingReason,
    Invoice,
    InvoiceStatus,
    LineKind,
    StripeCallKind,
    StripeCallStatus,
    StripeInvoice,
    Subscription,
)
from services.closing.period_ends import grace
from services.invoices.finding import read_invoice
from services.payments.links import find_link, links_of, standing_link
from services.payments.mirror import CYCLE, VOID, parts_of
from services.payments.outbox import calls_of
from services.subscriptions.finding import plan_of
from services.tenant_clocks import now_of

RENEWAL_TOLERANCE: Final = timedelta(days=4)
"""How far our period's start may lie from Stripe's: it counts months in UTC, we in the customer's time zone.

The evening of 28 February in Toronto is 1 March in UTC: a month later that makes 28 March and 1 April.
"""

COLLECTED: Final = (InvoiceStatus.OPEN, InvoiceStatus.PAID)


def renews_at(ours: Subscription) -> datetime:
    """When the base fee falls due next, which is when a subscription at Stripe is to charge for the first time."""
    return ours.base_paid_until or ours.current_period_end


def is_renewed(session: Session, ours: Subscription, *, at: datetime) -> bool:
    """Whether ours has a base fee that falls due later on, for one at Stripe to bring."""
    now = now_of(session, tenant_id=ours.tenant_id, at=at)
    return bool(plan_of(session, ours).base_price) and renews_at(ours) > now


def renewed_from(session: Session, invoice: Invoice) -> datetime | None:
    """From when the base fee is that a renewal at Stripe may bring; None where the invoice has none such."""
    if invoice.billing_reason != BillingReason.PERIOD_CLOSE:
        return None
    return _base_starts_at(session, invoice)


def is_awaited(session: Session, subscription: Subscription, starts_at: datetime) -> bool:
    """Whether Stripe renews, or has renewed, for the base fee from then on, and we have only to hear of it.

    Not where it was told to end before, began later, or will charge for the first time a month or a year after. While
    one is being made, it is not known yet.
    """
    tenant_id, subscription_id = subscription.tenant_id, subscription.id
    link = standing_link(session, tenant_id=tenant_id, subscription_id=subscription_id)
    if link is None:
        made = calls_of(session, tenant_id=tenant_id, subject=subscription_id, kind=StripeCallKind.CREATE_SUBSCRIPTION)
        return any(call.status == StripeCallStatus.WAITING and call.attempts for call in made)
    if link.began_at >= starts_at:
        return False
    has_come = link.began_at < link.current_period_start and link.current_period_start >= starts_at - RENEWAL_TOLERANCE
    is_to_come = link.current_period_end <= starts_at + RENEWAL_TOLERANCE and link.ends_for is None
    return has_come or is_to_come


def awaited_from(session: Session, invoice: Invoice) -> datetime:
    """When an invoice is to be at Stripe at the earliest: once it is issued, or as the renewal comes that it waits for.

    Stripe's calendar may be a day behind ours.
    """
    starts_at = renewed_from(session, invoice)
    link = standing_link(session, tenant_id=invoice.tenant_id, subscription_id=invoice.subscription_id)
    if starts_at is None or link is None or link.current_period_end > starts_at + RENEWAL_TOLERANCE:
        return invoice.issued_at
    return max(invoice.issued_at, link.current_period_end)


def is_to_meet(session: Session, row: StripeInvoice, *, at: datetime) -> bool:
    """Whether a renewal at Stripe came before our period ends that it brings the fee after, and waits for that."""
    link = find_link(session, account=row.account, stripe_id=row.stripe_subscription_id or "")
    if link is None or row.billing_reason != CYCLE:
        return False
    ours = session.get_one(Subscription, (link.tenant_id, link.subscription_id))
    closes_at = ours.current_period_end + grace()
    is_waiting = ours.canceled_at is None and closes_at > now_of(session, tenant_id=ours.tenant_id, at=at)
    return is_waiting and _is_near(row.renews_at, ours.current_period_end)


def _base_starts_at(session: Session, invoice: Invoice) -> datetime | None:
    """From when the base fee is that comes with a renewal; one for the period that closes was due at a return."""
    lines = read_invoice(session, tenant_id=invoice.tenant_id, invoice_id=invoice.id).lines
    starts = (line.period_start for line in lines if line.kind == LineKind.BASE)
    return next((start for start in starts if start > invoice.period_start), None)


def renewal_for(session: Session, invoice: Invoice, starts_at: datetime, *, account: str) -> StripeInvoice | None:
    """The renewal at Stripe, not taken yet, that brings this invoice's base fee; it may be of one replaced since."""
    links = links_of(session, tenant_id=invoice.tenant_id, subscription_id=invoice.subscription_id)
    statement = select(StripeInvoice).where(
        StripeInvoice.tenant_id == invoice.tenant_id,
        StripeInvoice.account == account,
        col(StripeInvoice.stripe_subscription_id).in_([link.stripe_id for link in links]),
        StripeInvoice.billing_reason == CYCLE,
        col(StripeInvoice.invoice_id).is_(None),
    )
    near = [row for row in session.exec(statement) if _is_near(row.renews_at, starts_at) and row.status != VOID]
    return min(near, key=lambda row: (row.created_at, row.stripe_id), default=None)


def invoice_for_renewal(session: Session, row: StripeInvoice, subscription_id: str) -> Invoice | None:
    """Our invoice, not carried yet, for the base fee that a renewal brings."""
    assert row.renews_at is not None
    statement = select(Invoice).where(
        Invoice.tenant_id == row.tenant_id,
        Invoice.subscription_id == subscription_id,
        Invoice.billing_reason == BillingReason.PERIOD_CLOSE,
        col(Invoice.status).in_(COLLECTED),
        col(Invoice.period_end) >= row.renews_at - RENEWAL_TOLERANCE,
        col(Invoice.period_end) <= row.renews_at + RENEWAL_TOLERANCE,
    )
    for invoice in session.exec(statement.order_by(col(Invoice.period_end))):
        starts_at = _base_starts_at(session, invoice)
        carried = parts_of(session, tenant_id=row.tenant_id, invoice_id=invoice.id)
        if starts_at is not None and _is_near(row.renews_at, starts_at) and not carried:
            return invoice
    return None


def _is_near(renews_at: datetime | None, starts_at: datetime) -> bool:
    return renews_at is not None and abs(renews_at - starts_at) <= RENEWAL_TOLERANCE
