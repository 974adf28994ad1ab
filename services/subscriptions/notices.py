"""What notices tell of subscriptions, put together in one place."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlmodel import Session, and_, col, select

from models import Notice, NoticeType, Subscription, SubscriptionStatus
from services.notice_shapes import SubscriptionChangeData, SubscriptionData, SubscriptionStatusData
from services.notices import announce
from services.price_books.books import plan_version
from services.price_books.plans import Plan
from services.tenants import lock_head

TRIAL_ENDING_AHEAD: Final = timedelta(days=3)

_RESTS: Final = (SubscriptionStatus.PAUSED, SubscriptionStatus.SUSPENDED)
_TYPES: Final[Mapping[SubscriptionStatus, NoticeType]] = {
    SubscriptionStatus.TRIALING: NoticeType.SUBSCRIPTION_ACTIVATED,
    SubscriptionStatus.ACTIVE: NoticeType.SUBSCRIPTION_ACTIVATED,
    SubscriptionStatus.PAST_DUE: NoticeType.SUBSCRIPTION_PAST_DUE,
    SubscriptionStatus.PAUSED: NoticeType.SUBSCRIPTION_PAUSED,
    SubscriptionStatus.SUSPENDED: NoticeType.SUBSCRIPTION_SUSPENDED,
}


def announce_start(session: Session, *, subscription: Subscription, at: datetime) -> None:
    """Tell that a subscription began, on trial or not."""
    data = SubscriptionData(**_facts(session, subscription))
    _announce(session, subscription, NoticeType.SUBSCRIPTION_STARTED, data, at)


def announce_end(session: Session, *, subscription: Subscription, at: datetime) -> None:
    """Tell that a subscription ended."""
    data = SubscriptionData(**_facts(session, subscription))
    _announce(session, subscription, NoticeType.SUBSCRIPTION_CANCELED, data, at)


def announce_status(
    session: Session, *, subscription: Subscription, before: SubscriptionStatus, occurrence: str, at: datetime
) -> None:
    """Tell that a subscription stands otherwise from now on: resumed where a rest ended, else by its new status."""
    runs_again = before in _RESTS and subscription.status in (SubscriptionStatus.ACTIVE, SubscriptionStatus.TRIALING)
    type = NoticeType.SUBSCRIPTION_RESUMED if runs_again else _TYPES[subscription.status]
    data = SubscriptionStatusData(**_facts(session, subscription), previous_status=before.value)
    _announce(session, subscription, type, data, at, occurrence=occurrence)


def announce_change(
    session: Session,
    *,
    subscription: Subscription,
    type: NoticeType,
    before: tuple[Plan, str],
    then: tuple[Plan, str],
    effective_at: datetime,
    occurrence: str,
    at: datetime,
) -> None:
    """Tell that a (plan, interval) gives way to another, now (SUBSCRIPTION_CHANGED) or later (…CHANGE_SCHEDULED)."""
    data = SubscriptionChangeData(
        **change_facts(session, subscription, before=before, then=then, effective_at=effective_at)
    )
    _announce(session, subscription, type, data, at, occurrence=occurrence)


def change_facts(
    session: Session, subscription: Subscription, *, before: tuple[Plan, str], then: tuple[Plan, str],
    effective_at: datetime,
) -> dict[str, Any]:  # fmt: skip
    """What every notice of a change of (plan, interval) tells."""
    return _facts(session, subscription) | {
        "from_plan_code": before[0].qualified_code,
        "from_interval": before[1],
        "to_plan_code": then[0].qualified_code,
        "to_interval": then[1],
        "effective_at": effective_at,
    }


def trials_ending(session: Session, *, at: datetime) -> list[tuple[str, str]]:
    """(tenant, subscription) of trials that end within TRIAL_ENDING_AHEAD and were not told of, the soonest first."""
    statement = (
        select(Subscription, Notice.occurrence)
        .outerjoin(
            Notice,
            and_(
                col(Notice.tenant_id) == Subscription.tenant_id,
                col(Notice.type) == NoticeType.SUBSCRIPTION_TRIAL_ENDING.value,
                col(Notice.subject_id) == Subscription.id,
            ),
        )
        .where(
            Subscription.status == SubscriptionStatus.TRIALING,
            col(Subscription.trial_ends_at) > at,
            col(Subscription.trial_ends_at) <= at + TRIAL_ENDING_AHEAD,
        )
        .order_by(col(Subscription.trial_ends_at), col(Subscription.tenant_id), col(Subscription.id))
    )
    ends: dict[tuple[str, str], str] = {}
    told: set[tuple[str, str, str]] = set()
    for subscription, occurrence in session.exec(statement):
        ends[subscription.tenant_id, subscription.id] = _trial_end(subscription)
        told.add((subscription.tenant_id, subscription.id, occurrence or ""))
    return [subject for subject, end in ends.items() if (*subject, end) not in told]


def announce_trial_ending(session: Session, *, tenant_id: str, subscription_id: str, at: datetime) -> bool:
    """Tell that a trial ends soon, once for each end it was given; False where it does not (any more)."""
    lock_head(session, tenant_id=tenant_id)
    subscription = session.get_one(Subscription, (tenant_id, subscription_id), populate_existing=True)
    ends_at = subscription.trial_ends_at
    if subscription.status != SubscriptionStatus.TRIALING or ends_at is None:
        return False
    if not at < ends_at <= at + TRIAL_ENDING_AHEAD:
        return False
    data = SubscriptionData(**_facts(session, subscription))
    type, occurrence = NoticeType.SUBSCRIPTION_TRIAL_ENDING, _trial_end(subscription)
    _announce(session, subscription, type, data, at, occurrence=occurrence)
    return True


def _trial_end(subscription: Subscription) -> str:
    assert subscription.trial_ends_at is not None
    return subscription.trial_ends_at.isoformat()


def _announce(
    session: Session, subscription: Subscription, type: NoticeType, data: SubscriptionData, at: datetime, *,
    occurrence: str = "",
) -> None:  # fmt: skip
    announce(
        session,
        tenant_id=subscription.tenant_id,
        type=type,
        subject_id=subscription.id,
        occurrence=occurrence,
        data=data,
        at=at,
    )


def _facts(session: Session, subscription: Subscription) -> dict[str, Any]:
    plan = plan_version(session, version_id=subscription.plan_version_id)
    return {
        "subscription_id": subscription.id,
        "plan_code": plan.qualified_code,
        "plan_name": plan.name,
        "status": subscription.status.value,
        "interval": subscription.interval.value,
        "started_at": subscription.started_at,
        "current_period_start": subscription.current_period_start,
        "current_period_end": subscription.current_period_end,
        "trial_ends_at": subscription.trial_ends_at,
        "canceled_at": subscription.canceled_at,
    }
