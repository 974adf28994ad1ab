"""The newest events in words, page by page."""

from dataclasses import dataclass

from sqlmodel import Session, col, func, select

from models import Subscription, TenantHead, UsageDaily, UsageEvent
from services import wording
from services.price_books.plans import Plan
from services.subscriptions.finding import plan_of
from services.tenants import read_tenant
from services.usage.reports import list_events
from services.usage.wording import counted_micro

EVENTS_SHOWN = 50


@dataclass(frozen=True)
class EventRow:
    """One event as it was metered. `is_beyond`: some of it was beyond the allowance.

    `seq` is the number of its receipt. Where it corrects an earlier event, `corrects` is the number of that one's.
    """

    seq: str
    receipt: str
    time: str
    kind: str
    units: str
    credits: str
    event_id: str
    site: str
    is_beyond: bool
    corrects: str


@dataclass(frozen=True)
class EventsView:
    """One page, newest first. `newer` and `older` are the `before_seq` of the pages beside it, 0 for none."""

    rows: tuple[EventRow, ...] = ()
    shown: str = ""
    newer: int = 0
    older: int = 0


EMPTY_EVENTS = EventsView()


def read_events(
    session: Session, *, tenant_id: str, subscription_id: str | None = None, before_seq: int = 0
) -> EventsView:
    """The newest events recorded before the one numbered `before_seq`; the newest of all where it is 0.

    Of one subscription where it is named, else of all. Raises NotFound for an unknown customer.
    """
    tenant = read_tenant(session, tenant_id=tenant_id)
    found = list_events(
        session,
        tenant_id=tenant_id,
        subscription_id=subscription_id,
        limit=EVENTS_SHOWN + 1,
        before_seq=before_seq or None,
    )
    rows = found[:EVENTS_SHOWN]
    plans = _plans(session, tenant_id, {event.subscription_id for event in rows})
    count = _count(session, tenant_id, subscription_id)
    return EventsView(
        rows=tuple(event_row(event, plans.get(event.subscription_id), tenant.timezone) for event in rows),
        shown=f"{len(rows):,} of {count:,}" if rows else "",
        newer=_newer_page(session, tenant_id, subscription_id, before_seq) if before_seq > 0 else 0,
        older=rows[-1].seq if len(found) > EVENTS_SHOWN else 0,
    )


def event_row(event: UsageEvent, plan: Plan | None, timezone: str) -> EventRow:
    """One event in words; by its codes where there is no plan that names them."""
    meter = plan.meters.get(event.event_type) if plan else None
    pool = plan.pools.get(event.pool) if plan else None
    return EventRow(
        seq=str(event.seq),
        receipt=wording.number(event.seq),
        time=wording.moment(event.occurred_at, timezone),
        kind=meter.name if meter else event.event_type,
        units=counted_micro(event.units_micro, meter.unit) if meter else wording.micro(event.units_micro),
        credits=counted_micro(event.credits_micro, pool.unit) if pool else wording.micro(event.credits_micro),
        event_id=event.event_id,
        site=event.site,
        is_beyond=event.overage_micro > 0,
        corrects="" if event.corrects_seq is None else str(event.corrects_seq),
    )


def _newer_page(session: Session, tenant_id: str, subscription_id: str | None, from_seq: int) -> int:
    """The `before_seq` of the page before the one that begins below `from_seq`; 0 where there is none."""
    statement = select(UsageEvent.seq).where(UsageEvent.tenant_id == tenant_id, col(UsageEvent.seq) >= from_seq)
    if subscription_id is not None:
        statement = statement.where(UsageEvent.subscription_id == subscription_id)
    newer = session.exec(statement.order_by(col(UsageEvent.seq)).limit(EVENTS_SHOWN)).all()
    return newer[-1] + 1 if newer else 0


def _count(session: Session, tenant_id: str, subscription_id: str | None) -> int:
    """How many events there are, from what counts them anyway."""
    if subscription_id is None:
        return session.get_one(TenantHead, tenant_id).event_count
    of_it = (UsageDaily.tenant_id == tenant_id, UsageDaily.subscription_id == subscription_id)
    return int(session.exec(select(func.coalesce(func.sum(UsageDaily.events), 0)).where(*of_it)).one())


def _plans(session: Session, tenant_id: str, subscription_ids: set[str]) -> dict[str, Plan]:
    """The plans that name the meters. An event whose type one does not have any more is shown by its code."""
    statement = select(Subscription).where(
        Subscription.tenant_id == tenant_id, col(Subscription.id).in_(subscription_ids)
    )
    return {each.id: plan_of(session, each) for each in session.exec(statement)}
