"""How a subscription stands: which status may follow which, and what a rest means for its base fee.

trialing, active, past_due   run: use is metered, periods close
paused, suspended            rest: nothing is metered; the period in which that began closes, no later one does
canceled                     ended, for good: `ends`

Any of the first five may follow any other, for payments fail and holds are lifted in whatever order they become known;
but that only a running trial is trialing again. What was used before a rest is billed as its period ends, without a fee
for the next one. Periods spent at rest close one by one once it is over. No base fee is charged for those; that of the
period in which the rest ends is, if it was not before.
"""

from collections.abc import Mapping
from datetime import datetime

from sqlmodel import Session

from models import Subscription, SubscriptionStatus
from services.closing.base_fees import base_fee_lines, note_paid
from services.closing.fees_in_force import fee_from
from services.closing.period_ends import after_last_event, running_period
from services.errors import SubscriptionConflict
from services.invoices.pending_lines import add_pending_lines
from services.rules.periods import period_at
from services.subscriptions.finding import LIVE, plan_of, read_subscription
from services.subscriptions.notices import announce_status
from services.tenants import lock_head, read_tenant

RESTING = frozenset({SubscriptionStatus.PAUSED, SubscriptionStatus.SUSPENDED})
MAY_FOLLOW: Mapping[SubscriptionStatus, frozenset[SubscriptionStatus]] = {
    **{status: frozenset({*LIVE, SubscriptionStatus.CANCELED}) - {status} for status in LIVE},
    SubscriptionStatus.CANCELED: frozenset(),
}


def set_status(
    session: Session, *, tenant_id: str, subscription_id: str, status: SubscriptionStatus, at: datetime
) -> Subscription:
    """Let a subscription stand so from now on. The status it has already changes nothing.

    `end_subscription` ends it. Raises NotFound, and SubscriptionConflict where the status cannot follow.
    """
    head = lock_head(session, tenant_id=tenant_id)
    subscription = read_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id)
    session.refresh(subscription)
    before = subscription.status
    if before == status:
        return subscription
    is_end, is_trial = status == SubscriptionStatus.CANCELED, status == SubscriptionStatus.TRIALING
    if status not in MAY_FOLLOW[before] or is_end or (is_trial and not in_trial(subscription)):
        raise SubscriptionConflict(f"A subscription that is {before} cannot become {status}.")
    rests_since = subscription.rests_since
    if status in RESTING and rests_since is None:
        rests_since = after_last_event(session, subscription, since=at)
    subscription.status, subscription.rests_since = status, rests_since if status in RESTING else None
    if before in RESTING and status not in RESTING:
        leave_out_rest(session, subscription, at)
        charge_return(session, subscription, at)
    session.add(subscription)
    session.flush()
    announce_status(session, subscription=subscription, before=before, occurrence=str(head.version), at=at)
    return subscription


def in_trial(subscription: Subscription) -> bool:
    """Whether the running period is the trial."""
    trial_ends_at = subscription.trial_ends_at
    return trial_ends_at is not None and subscription.current_period_end <= trial_ends_at


def leave_out_rest(session: Session, subscription: Subscription, at: datetime) -> None:
    """Let no base fee fall due before the period in which the rest ends."""
    if at < subscription.current_period_end:
        return
    tenant = read_tenant(session, tenant_id=subscription.tenant_id)
    period = period_at(subscription.anchor_at, tenant.timezone, at)
    due_at = subscription.base_paid_until
    if due_at is None or due_at < period.starts_at:
        subscription.base_paid_from, subscription.base_paid_until = None, period.starts_at


def charge_return(session: Session, subscription: Subscription, at: datetime) -> None:
    """Let the base fee of the period it comes back in wait for its closing invoice, where it was not charged.

    Where the period before is still to be closed, its invoice brings that fee.
    """
    paid_until, period = subscription.base_paid_until, running_period(subscription)
    is_charged = paid_until is not None and paid_until > period.starts_at
    if at >= period.ends_at or is_charged or in_trial(subscription):
        return
    plan = plan_of(session, subscription)
    timezone = read_tenant(session, tenant_id=subscription.tenant_id).timezone
    interval = subscription.interval
    fee = fee_from(
        session, subscription=subscription, timezone=timezone, plan=plan, interval=interval, before=None, at=at
    )
    lines = base_fee_lines(session, subscription=subscription, plan=plan, term=fee.term)
    key = f"return:{subscription.id}:{fee.term.starts_at.isoformat()}"
    add_pending_lines(session, subscription=subscription, lines=lines, at=at, key=key)
    note_paid(subscription, lines)
