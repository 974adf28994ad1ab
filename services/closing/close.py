"""Close a period: one invoice, the next allowance, the next period. However often it runs, once."""

from datetime import datetime

import structlog
from sqlmodel import Session, select

from models import BillingPeriod, BillingReason, Invoice, Subscription, SubscriptionStatus
from services.closing.lines import closing_lines, used_parts
from services.closing.period_ends import (
    awaits_last_close,
    following_period,
    forced_period,
    grace,
    rests_by,
    running_period,
    year_goes_on,
)
from services.closing.questions import Question
from services.closing.steps import Close, carry_out, work_out
from services.errors import PeriodNotEnded, SubscriptionConflict
from services.invoices.finding import InvoiceDocument
from services.invoices.issuing import draft_invoice
from services.subscriptions.finding import plan_of, read_subscription
from services.subscriptions.scheduled_changes import bring_forward, ends_by
from services.subscriptions.scheduled_ends import end_if_due
from services.tenants import lock_head, read_tenant

log = structlog.get_logger()


def close_period(
    session: Session, *, tenant_id: str, at: datetime, subscription_id: str | None = None, force: bool = False
) -> Invoice:
    """Close the period that has ended, invoice it, grant the next allowance and move on.

    Asking again while the next period runs answers with the invoice already made. `force` ends the running period at
    `at`: it is billed as it stands and a whole new period is anchored there; within a paid year the rest of the month
    is one, so that the year ends with a period. Where events ahead of the
    clock are in it already it ends just after the last of them, and where they have opened the next period, at its
    own end: minutes away in either case.
    Raises PeriodNotEnded while the first period runs, or its grace has not passed; SubscriptionConflict where the
    subscription has rested since the period began, or has ended and leaves nothing to bill; Conflict where Stripe
    renews what is forced to end.
    """
    head = lock_head(session, tenant_id=tenant_id)
    subscription = read_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id)
    session.refresh(subscription)
    end_if_due(session, subscription=subscription, at=at)
    has_ended = subscription.status == SubscriptionStatus.CANCELED
    if has_ended and not awaits_last_close(session, subscription):
        return _last_invoice(session, subscription)
    force = force and not has_ended
    if not force and at < subscription.current_period_end + grace():
        return _already_closed(session, subscription, at)
    if rests_by(subscription, subscription.current_period_start) or (force and subscription.rests_since is not None):
        raise SubscriptionConflict(f"The subscription is {subscription.status}; its periods close once it runs again.")
    period = running_period(subscription)
    if force:
        period = forced_period(session, subscription, at=at)
        if not year_goes_on(subscription, period.ends_at):
            bring_forward(session, subscription=subscription, ends_at=period.ends_at)
        if end_if_due(session, subscription=subscription, at=period.ends_at):
            force, period = False, running_period(subscription)
    close = work_out(session, head=head, subscription=subscription, period=period, forced=force)
    (invoice,) = carry_out(session, [close], at=at)
    if invoice is None:
        raise SubscriptionConflict(_nothing_left(subscription))
    return invoice


def preview_invoice(
    session: Session, *, tenant_id: str, at: datetime, subscription_id: str | None = None
) -> InvoiceDocument:
    """What the running period would be billed if it closed with what is known now. Nothing is stored."""
    tenant = read_tenant(session, tenant_id=tenant_id)
    subscription = read_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id)
    plan = plan_of(session, subscription)
    period = running_period(subscription)
    following = following_period(subscription, tenant, period)
    if ends_by(session, subscription=subscription, at=period.ends_at) is not None:
        following = None
    is_over = subscription.status == SubscriptionStatus.CANCELED and not awaits_last_close(session, subscription)
    parts = used_parts(session, subscription=subscription, period=period)
    lines = closing_lines(session, subscription=subscription, period=period, following=following, parts=parts)
    return draft_invoice(
        session,
        subscription=subscription,
        reason=BillingReason.PERIOD_CLOSE,
        period=period,
        lines=[] if is_over else lines,
        currency=plan.currency,
        at=at,
    )


def close_if_due(session: Session, *, tenant_id: str, subscription_id: str, at: datetime) -> Invoice | None:
    """Close the subscription's oldest unclosed period where its grace has passed; None where there is none.

    None, too, where the last period of one that has ended leaves nothing to bill; then it is closed without an invoice.
    """
    close = due_close(session, tenant_id=tenant_id, subscription_id=subscription_id, at=at)
    return None if close is None else carry_out(session, [close], at=at)[0]


def due_close(session: Session, *, tenant_id: str, subscription_id: str, at: datetime) -> Close | None:
    """What closing that period comes to; None where there is none. The tenant's head stays locked."""
    head = lock_head(session, tenant_id=tenant_id)
    subscription = _read_anew(session, tenant_id, subscription_id)
    end_if_due(session, subscription=subscription, at=at)
    rests = rests_by(subscription, subscription.current_period_start)
    is_over = subscription.status == SubscriptionStatus.CANCELED and not awaits_last_close(session, subscription)
    if rests or is_over or at < subscription.current_period_end + grace():
        return None
    period = running_period(subscription)
    return work_out(session, head=head, subscription=subscription, period=period)


def _read_anew(session: Session, tenant_id: str, subscription_id: str) -> Subscription:
    """The subscription as it is now that its books are locked. Raises NotFound."""
    found = SUBSCRIPTION.ask(session, tenant_id, subscription_id)
    return found[0] if found else read_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id)


def _last_invoice(session: Session, subscription: Subscription) -> Invoice:
    """The one that closed the last period of a subscription that has ended."""
    row = session.get_one(BillingPeriod, (subscription.tenant_id, subscription.id, subscription.current_period_start))
    if row.invoice_id is None:
        raise SubscriptionConflict(_nothing_left(subscription))
    return session.get_one(Invoice, (subscription.tenant_id, row.invoice_id))


def _nothing_left(subscription: Subscription) -> str:
    return f"The subscription ended on {subscription.canceled_at:%Y-%m-%d}; nothing is left to bill."


def _already_closed(session: Session, subscription: Subscription, at: datetime) -> Invoice:
    statement = (
        select(Invoice)
        .where(
            Invoice.tenant_id == subscription.tenant_id,
            Invoice.subscription_id == subscription.id,
            Invoice.billing_reason == BillingReason.PERIOD_CLOSE,
            Invoice.period_end == subscription.current_period_start,
        )
        .limit(1)
    )
    invoice = session.exec(statement).first()
    ends_at = subscription.current_period_end
    if invoice is not None and at < ends_at:
        return invoice
    if at < ends_at:
        raise PeriodNotEnded(f"The period runs until {ends_at:%Y-%m-%d %H:%M} UTC; preview it until then.")
    ready = ends_at + grace()
    raise PeriodNotEnded(f"The period has ended but takes late events until {ready:%Y-%m-%d %H:%M} UTC; close it then.")


SUBSCRIPTION = Question(
    lambda tenant, subscription: (
        select(Subscription)
        .where(Subscription.tenant_id == tenant, Subscription.id == subscription)
        .execution_options(populate_existing=True)
    ),
    Subscription.tenant_id,
    Subscription.id,
)
