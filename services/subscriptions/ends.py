"""End a subscription: its last period is cut where it ended, takes late events for its grace, and closes one last time.

What was used until then is billed. Base fees that were charged before stay charged; none is charged for the period that
the end cuts, nor after it.
"""

from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from models import BillingPeriod, PeriodStatus, Subscription, SubscriptionStatus
from services.closing.period_ends import PERIOD_MIN, after_last_event
from services.closing.period_parts import running_part_start
from services.credits import lots as credit_lots
from services.errors import Unprocessable
from services.subscriptions.finding import read_subscription
from services.subscriptions.notices import announce_end
from services.subscriptions.standing import RESTING, leave_out_rest
from services.tenants import lock_head

AHEAD_MAX = timedelta(minutes=5)
"""Another clock may say when it ended, and run ahead of ours."""


def end_subscription(
    session: Session, *, tenant_id: str, subscription_id: str, ended_at: datetime, at: datetime
) -> Subscription:
    """End a subscription at `ended_at`, but not before its last event, nor before the period that runs.

    Ending it again changes nothing. Raises NotFound, and Unprocessable for an end in the future.
    """
    lock_head(session, tenant_id=tenant_id)
    subscription = read_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id)
    session.refresh(subscription)
    if subscription.status == SubscriptionStatus.CANCELED:
        return subscription
    if ended_at > at + AHEAD_MAX:
        raise Unprocessable("ended_at is in the future; end it when it ends.", field="ended_at")
    earliest = max(ended_at, running_part_start(session, subscription) + PERIOD_MIN)
    end = after_last_event(session, subscription, since=earliest)
    if subscription.status in RESTING:
        leave_out_rest(session, subscription, end)
    subscription.status, subscription.canceled_at = SubscriptionStatus.CANCELED, end
    subscription.rests_since = None
    subscription.current_period_end = min(subscription.current_period_end, end)
    session.add(subscription)
    _cut_periods(session, subscription, end, at)
    announce_end(session, subscription=subscription, at=at)
    return subscription


def _cut_periods(session: Session, subscription: Subscription, end: datetime, at: datetime) -> None:
    """The open period in which it ended ends there; one that was opened after it is closed empty."""
    statement = select(BillingPeriod).where(
        BillingPeriod.tenant_id == subscription.tenant_id,
        BillingPeriod.subscription_id == subscription.id,
        BillingPeriod.status == PeriodStatus.OPEN,
        col(BillingPeriod.ends_at) > end,
    )
    for row in session.exec(statement.execution_options(populate_existing=True)).all():
        if row.starts_at < end:
            row.ends_at = end
        else:
            row.status, row.closed_at = PeriodStatus.CLOSED, at
            credit_lots.expire_window(session, subscription=subscription, window=(row.starts_at, row.ends_at), at=at)
        session.add(row)
    session.flush()
