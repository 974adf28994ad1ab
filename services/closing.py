"""Close a period: one invoice, the next allowance, the next period. However often it runs, once."""

from datetime import datetime

import structlog
from sqlmodel import Session, select

from models import BillingPeriod, BillingReason, Invoice, PeriodStatus, Subscription, SubscriptionStatus, TenantHead
from services import credit_lots, usage_lines
from services.base_fees import note_paid
from services.carried_credit import settle_waiting
from services.closing_lines import UsedPart, closing_lines, use_of_period, used_parts
from services.closing_periods import (
    awaits_last_close,
    following_period,
    forced_period,
    grace,
    rests_by,
    running_period,
    year_goes_on,
)
from services.credit_transfers import carry_over
from services.database import after_commit
from services.errors import PeriodNotEnded, SubscriptionConflict
from services.invoice_lines import Line
from services.invoices import InvoiceDocument, draft_invoice, issue_invoice
from services.questions import Question
from services.rules.periods import Period
from services.scheduled_changes import Terms, bring_forward, ends_by, terms_from
from services.scheduled_ends import end_if_due, take_change
from services.subscription_notices import announce_status
from services.subscriptions import open_period, plan_of, read_subscription
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
    invoice = _close(session, head=head, subscription=subscription, period=period, forced=force, at=at)
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
    head = lock_head(session, tenant_id=tenant_id)
    subscription = _read_anew(session, tenant_id, subscription_id)
    end_if_due(session, subscription=subscription, at=at)
    rests = rests_by(subscription, subscription.current_period_start)
    is_over = subscription.status == SubscriptionStatus.CANCELED and not awaits_last_close(session, subscription)
    if rests or is_over or at < subscription.current_period_end + grace():
        return None
    period = running_period(subscription)
    return _close(session, head=head, subscription=subscription, period=period, forced=False, at=at)


def _read_anew(session: Session, tenant_id: str, subscription_id: str) -> Subscription:
    """The subscription as it is now that its books are locked. Raises NotFound."""
    found = SUBSCRIPTION.ask(session, tenant_id, subscription_id)
    return found[0] if found else read_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id)


def _close(
    session: Session, *, head: TenantHead, subscription: Subscription, period: Period, forced: bool, at: datetime
) -> Invoice | None:
    """Close a period. The last one of a subscription makes no invoice where there is nothing to put on it.

    `head` is locked by the caller. All that is read of the period is read once: nobody else can change it meanwhile.
    """
    tenant_id = subscription.tenant_id
    tenant = read_tenant(session, tenant_id=tenant_id)
    following = following_period(subscription, tenant, period)
    plan = plan_of(session, subscription)
    terms = None if following is None else terms_from(session, subscription=subscription, starts_at=following.starts_at)
    parts = used_parts(session, subscription=subscription, period=period)
    lines = closing_lines(
        session, subscription=subscription, period=period, following=following, parts=parts, terms=terms
    )
    invoice = None
    if lines or following is not None:
        invoice = issue_invoice(
            session,
            head=head,
            subscription=subscription,
            reason=BillingReason.PERIOD_CLOSE,
            period=period,
            lines=lines,
            currency=plan.currency,
            **use_of_period(parts),
            at=at,
        )
        settle_waiting(session, subscription=subscription, invoice=invoice, lines=lines, at=at)
        facts = {"tenant_id": tenant_id, "invoice_id": invoice.id, "total_minor": invoice.total_minor}
        after_commit(session, lambda: log.info("period_closed", **facts))
    _settle(
        session, head=head, subscription=subscription, period=period, parts=parts, lines=lines, invoice=invoice, at=at
    )
    if following is None:
        carry_over(session, tenant_id=tenant_id, at=at)
    if following is not None and terms is not None:
        _move_on(
            session,
            head=head,
            subscription=subscription,
            following=following,
            terms=terms,
            lines=lines,
            forced=forced,
            at=at,
        )
    return invoice


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


def _settle(
    session: Session,
    *,
    head: TenantHead,
    subscription: Subscription,
    period: Period,
    parts: list[UsedPart],
    lines: list[Line],
    invoice: Invoice | None,
    at: datetime,
) -> None:
    """Mark the period closed and its overage billed, and let what is left of its allowances expire."""
    window = (period.starts_at, period.ends_at)
    credit_lots.expire_window(session, head=head, subscription=subscription, window=window, at=at)
    for part in parts:
        row = part.row
        row.status, row.ends_at, row.closed_at = PeriodStatus.CLOSED, part.period.ends_at, at
        row.invoice_id = None if invoice is None else invoice.id
    late = {line.period.starts_at for line in lines if line.kind == "late_usage"}
    usage_lines.mark_overage_billed(session, subscription=subscription, uses=[part.use for part in parts], late=late)


def _move_on(
    session: Session,
    *,
    head: TenantHead,
    subscription: Subscription,
    following: Period,
    terms: Terms,
    lines: list[Line],
    forced: bool,
    at: datetime,
) -> None:
    is_cut = forced and following.starts_at < subscription.current_period_end
    if is_cut and not year_goes_on(subscription, following.starts_at):
        subscription.anchor_at = following.starts_at
    was_trial = subscription.status == SubscriptionStatus.TRIALING
    if was_trial:
        subscription.status, subscription.trial_ends_at = SubscriptionStatus.ACTIVE, following.starts_at
    note_paid(subscription, lines)
    plan = take_change(session, subscription, following, terms, at)
    subscription.period_index = following.index
    subscription.current_period_start = following.starts_at
    subscription.current_period_end = following.ends_at
    open_period(session, head=head, subscription=subscription, plan=plan, period=following, at=at)
    if was_trial and subscription.status == SubscriptionStatus.ACTIVE:
        before, trial = SubscriptionStatus.TRIALING, f"trial:{following.starts_at.isoformat()}"
        announce_status(session, subscription=subscription, before=before, occurrence=trial, at=at)


SUBSCRIPTION = Question(
    lambda tenant, subscription: (
        select(Subscription)
        .where(Subscription.tenant_id == tenant, Subscription.id == subscription)
        .execution_options(populate_existing=True)
    ),
    Subscription.tenant_id,
    Subscription.id,
)
