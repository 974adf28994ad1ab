"""What the button on a plan does for a customer who has one: change to it, or change how the own one is paid for."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from models import Interval, ScheduledChange, Subscription
from services import wording
from services.errors import Conflict, SubscriptionConflict, UnknownPlan, Unprocessable
from services.price_books.plans import Plan
from services.subscriptions.arrears import why_plan_waits
from services.subscriptions.change_preview import check_changeable, preview_change
from services.subscriptions.change_wording import change_words
from services.subscriptions.offered_terms import OWN
from services.subscriptions.scheduled_changes import waiting_change
from services.subscriptions.standing import RESTING
from services.tenants import read_tenant


@dataclass(frozen=True)
class ChangeStep:
    """What a button says and what it asks for; `coming` in its place where that is scheduled already.

    `terms` are as in `offered_terms`.
    """

    words: str = ""
    plan_code: str = ""
    interval: str = ""
    coming: str = ""
    terms: str = OWN


NO_STEP = ChangeStep()


def why_not_changed(subscription: Subscription, at: datetime) -> str:
    """Why nothing about the subscription can be changed as it stands, "" where something can."""
    try:
        check_changeable(subscription, at)
    except (SubscriptionConflict, Conflict) as refusal:
        return refusal.detail
    return ""


def why_plan_not_changed(session: Session, subscription: Subscription, at: datetime) -> str:
    """Why its plan cannot be changed as it stands, "" where it can."""
    if subscription.status in RESTING:
        return f"Your subscription is {subscription.status}; its plan can be changed once it runs again."
    return why_plan_waits(session, subscription=subscription) or why_not_changed(subscription, at)


def change_step(
    session: Session, *, subscription: Subscription, current: Plan, plan: Plan, at: datetime, terms: str = OWN
) -> ChangeStep:
    """The step to a plan; for the plan the customer is on, that to the other interval. NO_STEP where there is none."""
    is_own = plan.version_id == current.version_id
    if is_own and not plan.base_price:
        return NO_STEP
    interval = _other(subscription.interval) if is_own else subscription.interval
    try:
        change = preview_change(
            session,
            tenant_id=subscription.tenant_id,
            subscription_id=subscription.id,
            version_id=plan.version_id,
            interval=interval,
            at=at,
        )
    except (UnknownPlan, Unprocessable, SubscriptionConflict, Conflict):
        return NO_STEP
    waiting = waiting_change(session, subscription=subscription)
    if waiting is not None and (waiting.plan_version_id, waiting.interval) == (plan.version_id, interval):
        return ChangeStep(coming=_coming(session, waiting))
    return ChangeStep(change_words(change), plan.qualified_code, interval.value, terms=terms)


def _other(interval: Interval) -> Interval:
    return Interval.MONTH if interval == Interval.YEAR else Interval.YEAR


def _coming(session: Session, waiting: ScheduledChange) -> str:
    timezone = read_tenant(session, tenant_id=waiting.tenant_id).timezone
    return f"Scheduled: by the {waiting.interval} from {wording.moment_day(waiting.effective_at, timezone)} on"
