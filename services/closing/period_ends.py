"""Where a period ends as it closes, and where the next one does: by the calendar, by force or with the subscription."""

from datetime import datetime, timedelta

from sqlmodel import Session, col, func, select

from models import (
    BillingPeriod,
    Collection,
    Interval,
    PeriodStatus,
    StripeSubscription,
    Subscription,
    SubscriptionStatus,
    Tenant,
    UsageEvent,
)
from services.closing.period_parts import running_part_start
from services.errors import Conflict
from services.rules.periods import Period, period_at
from services.settings import settings

PERIOD_MIN = timedelta(milliseconds=1)


def grace() -> timedelta:
    """How long a period that has ended takes late events before it is closed."""
    return timedelta(minutes=settings().period_grace_minutes)


def running_period(subscription: Subscription) -> Period:
    return Period(subscription.period_index, subscription.current_period_start, subscription.current_period_end)


def rests_by(subscription: Subscription, at: datetime) -> bool:
    """Whether it rests, and did so at that moment already."""
    return subscription.rests_since is not None and subscription.rests_since <= at


def year_goes_on(subscription: Subscription, at: datetime) -> bool:
    """Whether a year is paid beyond that moment. A month of it that is cut is gone on with, to its end."""
    paid_until = subscription.base_paid_until
    return subscription.interval == Interval.YEAR and paid_until is not None and paid_until > at


def forced_period(session: Session, subscription: Subscription, *, at: datetime) -> Period:
    """The running period ended at `at`, or just after its last event; at its own end where the next one is open.

    Raises Conflict where Stripe renews it: its base fee would be charged for the same time twice.
    """
    statement = select(StripeSubscription).where(
        StripeSubscription.tenant_id == subscription.tenant_id,
        StripeSubscription.subscription_id == subscription.id,
        col(StripeSubscription.replaced_at).is_(None),
    )
    link = session.exec(statement).first()
    if subscription.collection == Collection.AUTOMATIC and link is not None:
        raise Conflict(
            f"Stripe renews this subscription on {link.current_period_end:%Y-%m-%d %H:%M} UTC, and its period closes "
            "then; it cannot be closed before."
        )
    starts_at, ends_at = subscription.current_period_start, subscription.current_period_end
    next_is_open = session.get(BillingPeriod, (subscription.tenant_id, subscription.id, ends_at)) is not None
    if at < ends_at and not next_is_open:
        part_start = running_part_start(session, subscription)
        cut_at = max(part_start + PERIOD_MIN, after_last_event(session, subscription, since=at))
        ends_at = min(ends_at, cut_at)
    return Period(subscription.period_index, starts_at, ends_at)


def after_last_event(session: Session, subscription: Subscription, *, since: datetime) -> datetime:
    """The first moment after every event of the running period and later; `since` where none happened that late."""
    statement = select(func.max(col(UsageEvent.occurred_at))).where(
        UsageEvent.tenant_id == subscription.tenant_id,
        UsageEvent.subscription_id == subscription.id,
        UsageEvent.period_start >= subscription.current_period_start,
        col(UsageEvent.occurred_at) >= since,
    )
    latest = session.exec(statement).one()
    return since if latest is None else latest + timedelta(microseconds=1)


def following_period(subscription: Subscription, tenant: Tenant, closing: Period) -> Period | None:
    """The period after the one that closes; None where the subscription has ended by then."""
    ended_at = subscription.canceled_at
    if ended_at is not None and closing.ends_at >= ended_at:
        return None
    cut_short = closing.ends_at < subscription.current_period_end
    if cut_short and year_goes_on(subscription, closing.ends_at):
        following = Period(0, closing.ends_at, subscription.current_period_end)
    else:
        anchor = closing.ends_at if cut_short else subscription.anchor_at
        following = period_at(anchor, tenant.timezone, closing.ends_at)
    ends_at = following.ends_at if ended_at is None else min(following.ends_at, ended_at)
    return Period(closing.index + 1, following.starts_at, ends_at)


def awaits_last_close(session: Session, subscription: Subscription) -> bool:
    """Whether an ended subscription has a period that is not closed yet."""
    if subscription.status != SubscriptionStatus.CANCELED:
        return False
    key = (subscription.tenant_id, subscription.id, subscription.current_period_start)
    row = session.get(BillingPeriod, key, populate_existing=True)
    return row is not None and row.status == PeriodStatus.OPEN
