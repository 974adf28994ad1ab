"""Periods whose grace has passed: which there are, and taking some of them so that no other process does."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement
from sqlmodel import Session, and_, col, exists, func, or_, select

from models import BillingPeriod, PeriodStatus, Subscription, SubscriptionStatus, TenantHead
from services.closing.period_ends import grace

BILLED = (SubscriptionStatus.TRIALING, SubscriptionStatus.ACTIVE, SubscriptionStatus.PAST_DUE)

Subscribed = tuple[str, str]
"""(tenant, subscription)."""


def due_subscriptions(session: Session, *, at: datetime) -> list[Subscribed]:
    """Of every period whose grace has passed, the longest overdue first.

    Of those that rest, the one in which that began; of those that have ended, the last one while it is open.
    """
    return [(tenant_id, subscription_id) for tenant_id, subscription_id in session.execute(_due(at))]


def claim_due(session: Session, *, at: datetime, limit: int, leaving: Collection[Subscribed] = ()) -> list[Subscribed]:
    """Up to `limit` of them, whose customers' books are locked until the transaction ends.

    Those whose customers' books another process has just now are passed over, and so is what is in `leaving`.
    """
    statement = _due(at).join(TenantHead, col(TenantHead.tenant_id) == Subscription.tenant_id)
    claimed = session.execute(statement.limit(limit + len(leaving)).with_for_update(of=TenantHead, skip_locked=True))
    wanted = ((tenant_id, subscription_id) for tenant_id, subscription_id in claimed)
    return [pair for pair in wanted if pair not in leaving][:limit]


def overdue_since(session: Session, *, at: datetime) -> tuple[int, datetime | None]:
    """How many periods wait to be closed, and since when the one that has waited longest."""
    statement = select(func.count(), func.min(Subscription.current_period_end)).where(*_is_due(at))
    count, earliest = session.exec(statement).one()
    return count, None if earliest is None else earliest + grace()


def _due(at: datetime) -> Any:
    order = (col(Subscription.current_period_end), Subscription.tenant_id, Subscription.id)
    return select(Subscription.tenant_id, Subscription.id).where(*_is_due(at)).order_by(*order)


def _is_due(at: datetime) -> tuple[ColumnElement[bool], ...]:
    is_open = exists().where(
        col(BillingPeriod.tenant_id) == Subscription.tenant_id,
        col(BillingPeriod.subscription_id) == Subscription.id,
        col(BillingPeriod.starts_at) == Subscription.current_period_start,
        col(BillingPeriod.status) == PeriodStatus.OPEN,
    )
    ended = and_(col(Subscription.status) == SubscriptionStatus.CANCELED, is_open)
    ran = col(Subscription.rests_since) > col(Subscription.current_period_start)
    return col(Subscription.current_period_end) <= at - grace(), or_(col(Subscription.status).in_(BILLED), ran, ended)
