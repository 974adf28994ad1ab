"""Change a subscription's plan or interval: now, charged by the second, or as the running term ends.

A dearer plan takes effect now: the unused part of the fee paid is credited and the rest of the term charged at the new
one. A cheaper plan, and a year that becomes months, wait for the end of what is paid; so does a plan that the period
had before, for its allowance was given then. A change never pays money back.
"""

from datetime import datetime, timedelta

from sqlmodel import Session

from models import ChangeKind, ChangeStatus, Interval, NoticeType, Subscription
from services.closing.fees_in_force import fee_changed_at
from services.closing.period_ends import PERIOD_MIN, after_last_event
from services.closing.period_parts import cut_period, running_part_start
from services.errors import Conflict, Unprocessable
from services.identifiers import new_id
from services.invoices.pending_lines import add_pending_lines
from services.subscriptions.change_preview import PlanChange, Wanted, When, plan_asked, work_out_change
from services.subscriptions.finding import read_subscription
from services.subscriptions.notices import announce_change
from services.subscriptions.scheduled_changes import check_not_begun, put_aside, schedule
from services.tenants import lock_head

PREVIEWED_WITHIN = timedelta(minutes=15)
"""How long ago the preview may be that a change is to come to."""


def change_plan(
    session: Session,
    *,
    tenant_id: str,
    at: datetime,
    plan_code: str | None = None,
    version_id: str | None = None,
    subscription_id: str | None = None,
    interval: Interval | None = None,
    when: When | None = None,
    since: datetime | None = None,
    by: str = "",
) -> PlanChange:
    """Put a subscription on another plan or interval, now or as its term ends; where it is not said, whichever fits.

    The plan is named by its code, or by the version that was agreed. A change now is charged from `since` on, which may
    be the moment of a preview a little while ago, so that it comes to what that said.

    Raises NotFound, UnknownPlan, Unprocessable for a plan the customer cannot have or a time that does not fit, and
    SubscriptionConflict and Conflict where the subscription cannot be changed as it stands.
    """
    lock_head(session, tenant_id=tenant_id)
    subscription = read_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id)
    session.refresh(subscription)
    then = plan_asked(session, subscription, plan_code, version_id)
    wanted = Wanted(then, interval or subscription.interval, when)
    change = work_out_change(session, subscription, wanted, _moment(session, subscription, since, at))
    was = (change.before, subscription.interval.value)
    change_id = _change_now(session, change, at) if change.when == When.NOW else _change_later(session, change, by, at)
    announce_change(
        session,
        subscription=subscription,
        type=_TYPES[change.when],
        before=was,
        then=(change.then, change.interval.value),
        effective_at=change.effective_at,
        occurrence=change_id,
        at=at,
    )
    return change


_TYPES = {
    When.NOW: NoticeType.SUBSCRIPTION_CHANGED,
    When.PERIOD_END: NoticeType.SUBSCRIPTION_CHANGE_SCHEDULED,
}


def _moment(session: Session, subscription: Subscription, since: datetime | None, at: datetime) -> datetime:
    if since is None:
        return at
    begun_at = running_part_start(session, subscription)
    earliest = max(at - PREVIEWED_WITHIN, begun_at, fee_changed_at(session, subscription=subscription) or begun_at)
    if not earliest <= since <= at:
        raise Unprocessable("This preview is too old, or something changed since; look again.", field="since")
    return since


def _change_now(session: Session, change: PlanChange, at: datetime) -> str:
    subscription, then = change.subscription, change.then
    change_id = new_id("chg")
    check_not_begun(session, subscription, subscription.current_period_end)
    if then.version_id != change.before.version_id:
        earliest = running_part_start(session, subscription) + PERIOD_MIN
        cut_at = max(earliest, after_last_event(session, subscription, since=change.effective_at))
        if cut_at >= subscription.current_period_end:
            raise Conflict("The period is about to end; change the plan once the next one runs.")
        cut_period(
            session,
            subscription=subscription,
            before=change.before,
            then=then,
            cut_at=cut_at,
            since=change.effective_at,
            at=at,
        )
    add_pending_lines(session, subscription=subscription, lines=change.lines, at=at, key=f"change:{change_id}")
    put_aside(session, subscription=subscription, status=ChangeStatus.REPLACED, at=at)
    subscription.plan_version_id, subscription.interval = then.version_id, change.interval
    if change.fee is not None and then.base_price:
        subscription.base_paid_from, subscription.base_paid_until = change.fee.term.starts_at, change.fee.term.ends_at
    session.add(subscription)
    session.flush()
    return change_id


def _change_later(session: Session, change: PlanChange, by: str, at: datetime) -> str:
    scheduled = schedule(
        session,
        subscription=change.subscription,
        kind=ChangeKind.PLAN,
        plan=change.then,
        interval=change.interval,
        effective_at=change.effective_at,
        by=by,
        at=at,
    )
    return scheduled.id
