"""What a subscription becomes later: one change waits at a time, and a later one takes its place."""

from datetime import datetime
from typing import NamedTuple

from sqlmodel import Session, col, select

from models import BillingPeriod, ChangeKind, ChangeStatus, Interval, ScheduledChange, Subscription
from services.closing.questions import Question
from services.errors import Conflict, NotFound
from services.identifiers import new_id
from services.price_books.books import plan_version
from services.price_books.plans import Plan
from services.subscriptions.finding import plan_of, read_subscription
from services.tenants import lock_head

CHANGES_SHOWN_MAX = 200


class Terms(NamedTuple):
    """What a period that begins is rated and charged by, the change that makes it so, and whether a pause begins."""

    plan: Plan
    interval: Interval
    change: ScheduledChange | None = None

    @property
    def pauses(self) -> bool:
        return self.change is not None and self.change.kind == ChangeKind.PAUSE


def waiting_change(session: Session, *, subscription: Subscription) -> ScheduledChange | None:
    """The change that waits, if any."""
    return next(iter(CHANGE_THAT_WAITS.ask(session, subscription.tenant_id, subscription.id)), None)


def terms_from(session: Session, *, subscription: Subscription, starts_at: datetime) -> Terms:
    """The plan and interval of a period that begins then, with what was scheduled for it."""
    plan, interval = plan_of(session, subscription), subscription.interval
    change = waiting_change(session, subscription=subscription)
    if change is None or change.effective_at > starts_at:
        return Terms(plan, interval)
    if change.plan_version_id is None or change.interval is None:
        return Terms(plan, interval, change)
    return Terms(plan_version(session, version_id=change.plan_version_id), change.interval, change)


def ends_by(session: Session, *, subscription: Subscription, at: datetime) -> ScheduledChange | None:
    """The scheduled end of a subscription, where it lies at that moment or before."""
    change = waiting_change(session, subscription=subscription)
    if change is None or change.kind != ChangeKind.CANCEL or change.effective_at > at:
        return None
    return change


def stops_at(session: Session, *, subscription: Subscription) -> datetime | None:
    """From when on nothing is metered, because an end or a pause is scheduled; None where neither is."""
    change = waiting_change(session, subscription=subscription)
    return None if change is None or change.kind == ChangeKind.PLAN else change.effective_at


def list_changes(session: Session, *, tenant_id: str, subscription_id: str) -> list[ScheduledChange]:
    """Everything that was scheduled for a subscription, newest first, with what became of it."""
    statement = select(ScheduledChange).where(
        ScheduledChange.tenant_id == tenant_id, ScheduledChange.subscription_id == subscription_id
    )
    newest_first = statement.order_by(col(ScheduledChange.created_at).desc(), col(ScheduledChange.id).desc())
    return list(session.exec(newest_first.limit(CHANGES_SHOWN_MAX)))


def schedule(
    session: Session,
    *,
    subscription: Subscription,
    kind: ChangeKind,
    effective_at: datetime,
    by: str,
    at: datetime,
    plan: Plan | None = None,
    interval: Interval | None = None,
) -> ScheduledChange:
    """Let a change wait, in the place of the one that waits. The caller holds the lock on the tenant's head.

    Raises Conflict where usage has opened the period already that it would change.
    """
    check_not_begun(session, subscription, effective_at)
    put_aside(session, subscription=subscription, status=ChangeStatus.REPLACED, at=at)
    change = ScheduledChange(
        tenant_id=subscription.tenant_id,
        id=new_id("chg"),
        subscription_id=subscription.id,
        kind=kind,
        plan_version_id=None if plan is None else plan.version_id,
        interval=interval,
        effective_at=effective_at,
        created_at=at,
        created_by=by,
    )
    session.add(change)
    session.flush()
    return change


def withdraw_change(session: Session, *, tenant_id: str, subscription_id: str, at: datetime) -> ScheduledChange:
    """Let the subscription go on as it is. Raises NotFound where nothing waits, and Conflict where it has begun."""
    lock_head(session, tenant_id=tenant_id)
    subscription = read_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id)
    change = waiting_change(session, subscription=subscription)
    if change is None:
        raise NotFound("No change is scheduled for this subscription.")
    if change.effective_at <= at:
        raise Conflict("This change takes effect already; make another one instead.")
    check_not_begun(session, subscription, change.effective_at)
    put_aside(session, subscription=subscription, status=ChangeStatus.WITHDRAWN, at=at)
    return change


def put_aside(session: Session, *, subscription: Subscription, status: ChangeStatus, at: datetime) -> None:
    """Note what became of the change that waits, if one does."""
    change = waiting_change(session, subscription=subscription)
    if change is not None:
        change.status, change.decided_at = status, at
        session.add(change)
        session.flush()


def bring_forward(session: Session, *, subscription: Subscription, ends_at: datetime) -> None:
    """Let what waits for the end of the running period take effect where that is forced to end earlier."""
    change = waiting_change(session, subscription=subscription)
    if change is not None and ends_at < change.effective_at == subscription.current_period_end:
        change.effective_at = ends_at
        session.add(change)
        session.flush()


def check_not_begun(session: Session, subscription: Subscription, starts_at: datetime) -> None:
    """Raises Conflict where the period that begins then is open: its use is rated already."""
    if session.get(BillingPeriod, (subscription.tenant_id, subscription.id, starts_at)) is not None:
        raise Conflict(
            f"Use of the period from {starts_at:%Y-%m-%d %H:%M} UTC on is rated already; change the plan once it runs."
        )


CHANGE_THAT_WAITS = Question(
    lambda tenant, subscription: (
        select(ScheduledChange)
        .where(
            ScheduledChange.tenant_id == tenant,
            ScheduledChange.subscription_id == subscription,
            ScheduledChange.status == ChangeStatus.SCHEDULED,
        )
        .execution_options(populate_existing=True)
    ),
    Subscription.tenant_id,
    Subscription.id,
)
