"""Close a period: one invoice, the next allowance, the next period. However often it runs, once."""

from datetime import datetime, timedelta

import structlog
from sqlmodel import Session, col, func, select

from models import (
    BillingPeriod,
    BillingReason,
    Invoice,
    PeriodStatus,
    Subscription,
    SubscriptionStatus,
    Tenant,
    UsageEvent,
)
from services import credit_lots, invoice_lines, usage_lines
from services.base_fees import base_fee_lines, note_paid, term_due
from services.errors import PeriodNotEnded
from services.invoice_lines import Line
from services.invoices import InvoiceDocument, draft_invoice, issue_invoice
from services.plans import Plan
from services.rules.periods import Period, period_at
from services.settings import settings
from services.subscriptions import open_period, plan_of, read_subscription
from services.tenants import lock_head, read_tenant
from services.usage_ranges import period_ranges, whole_range

BILLED = (SubscriptionStatus.TRIALING, SubscriptionStatus.ACTIVE, SubscriptionStatus.PAST_DUE)
FORCED_PERIOD_MIN = timedelta(milliseconds=1)

log = structlog.get_logger()


def close_period(
    session: Session, *, tenant_id: str, at: datetime, subscription_id: str | None = None, force: bool = False
) -> Invoice:
    """Close the period that has ended, invoice it, grant the next allowance and move on.

    Asking again while the next period runs answers with the invoice already made. `force` ends the running
    period at `at`: it is billed as it stands and a whole new period is anchored there. Where events ahead of the
    clock are in it already it ends just after the last of them, and where they have opened the next period, at its
    own end: minutes away in either case.
    Raises PeriodNotEnded while the first period runs, or its grace has not passed.
    """
    head = lock_head(session, tenant_id=tenant_id)
    tenant = read_tenant(session, tenant_id=tenant_id)
    subscription = read_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id)
    session.refresh(subscription)
    if not force and at < subscription.current_period_end + _grace():
        return _already_closed(session, subscription, at)
    period = _closing_period(session, subscription, force=force, at=at)
    following = _following_period(subscription, tenant, period)
    plan = plan_of(session, subscription)
    lines = _lines(session, subscription=subscription, plan=plan, tenant=tenant, period=period, following=following)
    invoice = issue_invoice(
        session,
        head=head,
        subscription=subscription,
        reason=BillingReason.PERIOD_CLOSE,
        period=period,
        lines=lines,
        currency=plan.currency,
        usage=whole_range(period_ranges(session, subscription=subscription, period_start=period.starts_at)),
        at=at,
    )
    _settle(session, subscription=subscription, period=period, lines=lines, invoice=invoice, at=at)
    _move_on(session, subscription=subscription, plan=plan, following=following, lines=lines, forced=force, at=at)
    log.info("period_closed", tenant_id=tenant_id, invoice_id=invoice.id, total_minor=invoice.total_minor)
    return invoice


def preview_invoice(
    session: Session, *, tenant_id: str, at: datetime, subscription_id: str | None = None
) -> InvoiceDocument:
    """What the running period would be billed if it closed with what is known now. Nothing is stored."""
    tenant = read_tenant(session, tenant_id=tenant_id)
    subscription = read_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id)
    plan = plan_of(session, subscription)
    period = Period(subscription.period_index, subscription.current_period_start, subscription.current_period_end)
    following = _following_period(subscription, tenant, period)
    lines = _lines(session, subscription=subscription, plan=plan, tenant=tenant, period=period, following=following)
    return draft_invoice(
        subscription=subscription,
        reason=BillingReason.PERIOD_CLOSE,
        period=period,
        lines=lines,
        currency=plan.currency,
        at=at,
    )


def due_subscriptions(session: Session, *, at: datetime) -> list[tuple[str, str]]:
    """(tenant, subscription) of every period whose grace has passed, the longest overdue first."""
    statement = (
        select(Subscription.tenant_id, Subscription.id)
        .where(col(Subscription.current_period_end) <= at - _grace(), col(Subscription.status).in_(BILLED))
        .order_by(col(Subscription.current_period_end), Subscription.tenant_id, Subscription.id)
    )
    return [(tenant_id, subscription_id) for tenant_id, subscription_id in session.exec(statement)]


def close_if_due(session: Session, *, tenant_id: str, subscription_id: str, at: datetime) -> Invoice | None:
    """Close the subscription's oldest unclosed period where its grace has passed; None where there is none."""
    lock_head(session, tenant_id=tenant_id)
    subscription = read_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id)
    if subscription.status not in BILLED or at < subscription.current_period_end + _grace():
        return None
    return close_period(session, tenant_id=tenant_id, subscription_id=subscription_id, at=at)


def _grace() -> timedelta:
    return timedelta(minutes=settings().period_grace_minutes)


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
    ready = ends_at + _grace()
    raise PeriodNotEnded(f"The period has ended but takes late events until {ready:%Y-%m-%d %H:%M} UTC; close it then.")


def _closing_period(session: Session, subscription: Subscription, *, force: bool, at: datetime) -> Period:
    starts_at, ends_at = subscription.current_period_start, subscription.current_period_end
    next_is_open = session.get(BillingPeriod, (subscription.tenant_id, subscription.id, ends_at)) is not None
    if force and at < ends_at and not next_is_open:
        ends_at = max(at, starts_at + FORCED_PERIOD_MIN, _after_last_event(session, subscription, since=at))
    return Period(subscription.period_index, starts_at, ends_at)


def _after_last_event(session: Session, subscription: Subscription, *, since: datetime) -> datetime:
    """The first moment after every event of the running period; `since` where none happened that late."""
    statement = select(func.max(col(UsageEvent.occurred_at))).where(
        UsageEvent.tenant_id == subscription.tenant_id,
        UsageEvent.subscription_id == subscription.id,
        UsageEvent.period_start == subscription.current_period_start,
        col(UsageEvent.occurred_at) >= since,
    )
    latest = session.exec(statement).one()
    return since if latest is None else latest + timedelta(microseconds=1)


def _following_period(subscription: Subscription, tenant: Tenant, closing: Period) -> Period:
    cut_short = closing.ends_at < subscription.current_period_end
    anchor = closing.ends_at if cut_short else subscription.anchor_at
    following = period_at(anchor, tenant.timezone, closing.ends_at)
    return Period(closing.index + 1, following.starts_at, following.ends_at)


def _lines(
    session: Session, *, subscription: Subscription, plan: Plan, tenant: Tenant, period: Period, following: Period
) -> list[Line]:
    term = term_due(subscription, timezone=tenant.timezone, following=following)
    fees = [] if term is None else base_fee_lines(session, subscription=subscription, plan=plan, term=term)
    assets = invoice_lines.asset_line(session, tenant_id=tenant.id, plan=plan, period=period)
    return [
        *fees,
        *([] if assets is None else [assets]),
        *usage_lines.overage_lines(session, subscription=subscription, plan=plan, period=period),
        *usage_lines.late_lines(session, subscription=subscription, before=period.starts_at, timezone=tenant.timezone),
    ]


def _settle(
    session: Session, *, subscription: Subscription, period: Period, lines: list[Line], invoice: Invoice, at: datetime
) -> None:
    """Mark the period closed and its overage billed, and let what is left of its allowances expire."""
    billed = {period.starts_at} | {line.period.starts_at for line in lines if line.kind == "late_usage"}
    usage_lines.mark_overage_billed(session, subscription=subscription, periods=billed)
    credit_lots.expire_window(session, subscription=subscription, window=(period.starts_at, period.ends_at), at=at)
    row = session.get_one(BillingPeriod, (subscription.tenant_id, subscription.id, period.starts_at))
    row.status, row.ends_at, row.closed_at, row.invoice_id = PeriodStatus.CLOSED, period.ends_at, at, invoice.id
    session.add(row)
    session.flush()


def _move_on(
    session: Session,
    *,
    subscription: Subscription,
    plan: Plan,
    following: Period,
    lines: list[Line],
    forced: bool,
    at: datetime,
) -> None:
    if forced and following.starts_at < subscription.current_period_end:
        subscription.anchor_at = following.starts_at
    if subscription.status == SubscriptionStatus.TRIALING:
        subscription.status, subscription.trial_ends_at = SubscriptionStatus.ACTIVE, following.starts_at
    note_paid(subscription, lines)
    subscription.period_index = following.index
    subscription.current_period_start = following.starts_at
    subscription.current_period_end = following.ends_at
    session.add(subscription)
    session.flush()
    open_period(session, subscription=subscription, plan=plan, period=following, at=at)
