"""A free plan is had once: nobody starts it beside itself, or over and over, for another allowance."""

from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from models import ChangeStatus, ScheduledChange, Subscription, SubscriptionStatus, Tenant
from services.errors import SubscriptionConflict
from services.price_books.books import plan_version
from services.price_books.plans import Plan
from services.rules.periods import business_date, period_at

_TICK = timedelta(microseconds=1)


def check_free_once(
    session: Session, *, plan: Plan, tenant: Tenant, starts_at: datetime, changed: Subscription | None = None
) -> None:
    """Whether the tenant could be on a free plan from then on, `changed` being moved to it. Any other plan may be had.

    Raises SubscriptionConflict where another subscription is on a free plan of the book or will be, or was in a period
    that would still run had it not ended: its allowance was given for all of it. What is free by contract was agreed.
    """
    if not plan.is_free or plan.only_for is not None:
        return
    _check_not_scheduled(session, plan, tenant, changed)
    others = select(Subscription).where(Subscription.tenant_id == tenant.id)
    for other in session.exec(others).all():
        theirs = plan_version(session, version_id=other.plan_version_id)
        is_another = changed is None or other.id != changed.id
        if not is_another or not _is_the_same_gift(theirs, plan):
            continue
        if other.status != SubscriptionStatus.CANCELED:
            raise SubscriptionConflict(
                f"Subscription {other.id} is on {theirs.name} already; a free plan is had once, so choose a paid one.",
                field="plan_code",
            )
        free_from = _ran_until(other, tenant)
        if starts_at < free_from:
            day = business_date(free_from, tenant.timezone)
            raise SubscriptionConflict(
                f"{theirs.name} was ended within its period, which had its allowance already. It can be started again "
                f"from {day} on, and a paid plan at any time.",
                field="plan_code",
            )


def _is_the_same_gift(theirs: Plan, plan: Plan) -> bool:
    """Whether a plan is a free one of the same book, and for anybody."""
    return theirs.is_free and theirs.book_code == plan.book_code and theirs.only_for is None


def _check_not_scheduled(session: Session, plan: Plan, tenant: Tenant, changed: Subscription | None) -> None:
    waiting = (
        select(ScheduledChange)
        .join(
            Subscription,
            (col(Subscription.tenant_id) == ScheduledChange.tenant_id)
            & (col(Subscription.id) == ScheduledChange.subscription_id),
        )
        .where(
            ScheduledChange.tenant_id == tenant.id,
            ScheduledChange.status == ChangeStatus.SCHEDULED,
            col(ScheduledChange.plan_version_id).is_not(None),
            Subscription.status != SubscriptionStatus.CANCELED,
        )
        .order_by(col(ScheduledChange.effective_at), ScheduledChange.id)
    )
    for change in session.exec(waiting).all():
        is_another = changed is None or change.subscription_id != changed.id
        theirs = plan_version(session, version_id=change.plan_version_id or "")
        if is_another and _is_the_same_gift(theirs, plan):
            day = business_date(change.effective_at, tenant.timezone)
            raise SubscriptionConflict(
                f"Subscription {change.subscription_id} changes to {theirs.name} on {day}; a free plan is had once, so "
                "choose a paid one, or withdraw that change first.",
                field="plan_code",
            )


def _ran_until(ended: Subscription, tenant: Tenant) -> datetime:
    """Where the last period of one that has ended would have."""
    assert ended.canceled_at is not None
    last = max(ended.anchor_at, ended.canceled_at - _TICK)
    return period_at(ended.anchor_at, tenant.timezone, last).ends_at
