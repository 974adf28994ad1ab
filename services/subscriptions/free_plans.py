"""A free plan is had once: nobody starts it beside itself, or over and over, for another allowance."""

from datetime import datetime, timedelta

from sqlmodel import Session, select

from models import Subscription, SubscriptionStatus, Tenant
from services.errors import SubscriptionConflict
from services.price_books.books import plan_version
from services.price_books.plans import Plan
from services.rules.periods import business_date, period_at

_TICK = timedelta(microseconds=1)


def check_free_once(
    session: Session, *, plan: Plan, tenant: Tenant, starts_at: datetime, changed: Subscription | None = None
) -> None:
    """Whether the tenant could be on a free plan from then on, `changed` being moved to it. Any other plan may be had.

    Raises SubscriptionConflict where another subscription is on a free plan of the book, or was in a period that would
    still run had it not ended: its allowance was given for all of it. What is free by contract was agreed so.
    """
    if not plan.is_free or plan.only_for is not None:
        return
    others = select(Subscription).where(Subscription.tenant_id == tenant.id)
    for other in session.exec(others).all():
        theirs = plan_version(session, version_id=other.plan_version_id)
        is_another = changed is None or other.id != changed.id
        if not is_another or not theirs.is_free or theirs.book_code != plan.book_code or theirs.only_for is not None:
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


def _ran_until(ended: Subscription, tenant: Tenant) -> datetime:
    """Where the last period of one that has ended would have."""
    assert ended.canceled_at is not None
    last = max(ended.anchor_at, ended.canceled_at - _TICK)
    return period_at(ended.anchor_at, tenant.timezone, last).ends_at
