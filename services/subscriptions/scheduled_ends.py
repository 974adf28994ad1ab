"""Let what was scheduled be so: an end at its moment, whenever that is noticed, all else as a period begins."""

from datetime import datetime

from sqlmodel import Session, col, select

from models import ChangeKind, ChangeStatus, NoticeType, ScheduledChange, Subscription, SubscriptionStatus
from services.price_books.plans import Plan
from services.rules.periods import Period
from services.subscriptions.ends import end_subscription
from services.subscriptions.finding import plan_of, read_subscription
from services.subscriptions.notices import announce_change, announce_status
from services.subscriptions.scheduled_changes import Terms, ends_by, put_aside
from services.tenants import lock_head


def end_if_due(session: Session, *, subscription: Subscription, at: datetime) -> bool:
    """End a subscription whose scheduled end has come. The caller holds the lock on the tenant's head."""
    change = ends_by(session, subscription=subscription, at=at)
    if change is None:
        return False
    put_aside(session, subscription=subscription, status=ChangeStatus.APPLIED, at=at)
    end_subscription(
        session,
        tenant_id=subscription.tenant_id,
        subscription_id=subscription.id,
        ended_at=change.effective_at,
        at=at,
    )
    session.refresh(subscription)
    return True


def ends_due(session: Session, *, at: datetime) -> list[tuple[str, str]]:
    """(tenant, subscription) of every scheduled end that has come, the longest overdue first."""
    statement = (
        select(ScheduledChange.tenant_id, ScheduledChange.subscription_id)
        .where(
            ScheduledChange.status == ChangeStatus.SCHEDULED,
            ScheduledChange.kind == ChangeKind.CANCEL,
            col(ScheduledChange.effective_at) <= at,
        )
        .order_by(col(ScheduledChange.effective_at), ScheduledChange.tenant_id, ScheduledChange.subscription_id)
    )
    return [(tenant_id, subscription_id) for tenant_id, subscription_id in session.exec(statement)]


def end_scheduled(session: Session, *, tenant_id: str, subscription_id: str, at: datetime) -> bool:
    """End one of `ends_due`; False where somebody else has."""
    lock_head(session, tenant_id=tenant_id)
    subscription = read_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id)
    session.refresh(subscription)
    return end_if_due(session, subscription=subscription, at=at)


def take_change(session: Session, subscription: Subscription, following: Period, terms: Terms, at: datetime) -> Plan:
    """Let what was scheduled for the next period be so, which has these terms. Answers the plan it is rated with."""
    if terms.change is None:
        return terms.plan
    was = (plan_of(session, subscription), subscription.interval.value)
    status = subscription.status
    put_aside(session, subscription=subscription, status=ChangeStatus.APPLIED, at=at)
    subscription.plan_version_id, subscription.interval = terms.plan.version_id, terms.interval
    if terms.pauses:
        subscription.status = SubscriptionStatus.PAUSED
        subscription.rests_since = subscription.rests_since or following.starts_at
        announce_status(session, subscription=subscription, before=status, occurrence=terms.change.id, at=at)
        return terms.plan
    announce_change(
        session,
        subscription=subscription,
        type=NoticeType.SUBSCRIPTION_CHANGED,
        before=was,
        then=(terms.plan, terms.interval.value),
        effective_at=following.starts_at,
        occurrence=terms.change.id,
        at=at,
    )
    return terms.plan
