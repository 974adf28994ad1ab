"""What was used, summed by day, month, event type or site; and the events themselves, page by page.

Whole business days come from the roll-ups. Where a range starts or ends inside a day, only that ragged end is
summed from its events, so the answer is exact and the cost does not grow with the number of events.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, func, select
from sqlmodel import Session, col

from models import UsageDaily, UsageEvent, table_of
from services.credits.pool_balances import Holder, read_balances
from services.errors import Unprocessable
from services.rules.periods import business_date, check_timezone, day_bounds
from services.subscriptions.finding import plan_of, read_subscription
from services.tenants import read_tenant

RANGE_DAYS_MAX = 10 * 366
EVENTS_PAGE_MAX = 200
Moment = datetime | date


class GroupBy(StrEnum):
    DAY = "day"
    MONTH = "month"
    EVENT_TYPE = "event_type"
    SITE = "site"


@dataclass(slots=True)
class UsageSum:
    """Units, credits and overage in millionths, and how many events."""

    units_micro: int = 0
    credits_micro: int = 0
    overage_micro: int = 0
    events: int = 0

    def add(self, units_micro: int, credits_micro: int, overage_micro: int, events: int) -> None:
        self.units_micro += units_micro
        self.credits_micro += credits_micro
        self.overage_micro += overage_micro
        self.events += events


@dataclass(frozen=True, slots=True)
class UsageSummary:
    """Use in [starts_at, ends_at), in all and by group. `remaining_micro` is what can be spent now, in all pools."""

    starts_at: datetime
    ends_at: datetime
    group_by: GroupBy
    remaining_micro: int
    total: UsageSum = field(default_factory=UsageSum)
    groups: dict[str, UsageSum] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Row:
    day: date
    event_type: str
    site: str
    sums: tuple[int, int, int, int]


def read_summary(
    session: Session,
    *,
    tenant_id: str,
    at: datetime,
    subscription_id: str | None = None,
    starts: Moment | None = None,
    ends: Moment | None = None,
    group_by: GroupBy = GroupBy.DAY,
) -> UsageSummary:
    """Sum the use between two moments; the running period where neither is given.

    A date means midnight of that business day; the end is excluded. Raises Unprocessable for a range that is
    empty or longer than RANGE_DAYS_MAX days, and NotFound where there is no subscription.
    """
    timezone = read_tenant(session, tenant_id=tenant_id).timezone
    subscription = read_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id)
    starts_at = _moment(starts, timezone) or subscription.current_period_start
    ends_at = _moment(ends, timezone) or (subscription.current_period_end if starts is None else at)
    _check_range(starts_at, ends_at)
    holder = Holder(subscription, plan_of(session, subscription), timezone)
    balances = read_balances(session, holders=[holder], at=at)[subscription.id]
    summary = UsageSummary(starts_at, ends_at, group_by, sum(balance.remaining_micro for balance in balances))
    for row in usage_rows(
        session, tenant_id=tenant_id, subscription_id=subscription.id, range_=(starts_at, ends_at), timezone=timezone
    ):
        summary.total.add(*row.sums)
        summary.groups.setdefault(_group_key(row, group_by), UsageSum()).add(*row.sums)
    return summary


def usage_rows(
    session: Session, *, tenant_id: str, subscription_id: str, range_: tuple[datetime, datetime], timezone: str
) -> Iterator[_Row]:
    """Use in a half-open range by day, event type and site, in that order within each source."""
    starts_at, ends_at = range_
    first_day, last_day = business_date(starts_at, timezone), business_date(ends_at, timezone)
    whole_from = first_day if day_bounds(first_day, timezone)[0] == starts_at else first_day + timedelta(days=1)
    if whole_from > last_day:  # both ends inside one day
        yield from _event_rows(session, tenant_id, subscription_id, range_, first_day)
        return
    head = (starts_at, day_bounds(whole_from, timezone)[0])
    tail = (day_bounds(last_day, timezone)[0], ends_at)
    yield from _event_rows(session, tenant_id, subscription_id, head, first_day)
    yield from _daily_rows(session, tenant_id, subscription_id, whole_from, last_day)
    yield from _event_rows(session, tenant_id, subscription_id, tail, last_day)


def list_events(
    session: Session,
    *,
    tenant_id: str,
    limit: int = EVENTS_PAGE_MAX,
    before_seq: int | None = None,
    subscription_id: str | None = None,
    event_type: str | None = None,
) -> list[UsageEvent]:
    """The tenant's events, newest first; `before_seq` is the last one already seen."""
    statement = select(UsageEvent).where(col(UsageEvent.tenant_id) == tenant_id)
    if before_seq is not None:
        statement = statement.where(col(UsageEvent.seq) < before_seq)
    if subscription_id is not None:
        statement = statement.where(col(UsageEvent.subscription_id) == subscription_id)
    if event_type is not None:
        statement = statement.where(col(UsageEvent.event_type) == event_type)
    page = statement.order_by(col(UsageEvent.seq).desc()).limit(min(limit, EVENTS_PAGE_MAX))
    return list(session.scalars(page))


def _moment(value: Moment | None, timezone: str) -> datetime | None:
    if value is None or isinstance(value, datetime):
        return None if value is None else value.astimezone(UTC)
    return datetime.combine(value, time(), check_timezone(timezone)).astimezone(UTC)


def _check_range(starts_at: datetime, ends_at: datetime) -> None:
    if ends_at <= starts_at:
        raise Unprocessable("`to` must be after `from`; it is not part of the range.", field="to")
    if ends_at - starts_at > timedelta(days=RANGE_DAYS_MAX):
        raise Unprocessable(f"Ask for at most {RANGE_DAYS_MAX:,} days at once.", field="from")


def _group_key(row: _Row, group_by: GroupBy) -> str:
    match GroupBy(group_by):
        case GroupBy.DAY:
            return row.day.isoformat()
        case GroupBy.MONTH:
            return f"{row.day:%Y-%m}"
        case GroupBy.EVENT_TYPE:
            return row.event_type
        case GroupBy.SITE:
            return row.site


def _daily_rows(session: Session, tenant_id: str, subscription_id: str, first: date, end: date) -> Iterator[_Row]:
    c = table_of(UsageDaily).c
    conditions = (c.tenant_id == tenant_id, c.subscription_id == subscription_id, c.day >= first, c.day < end)
    columns = (c.day, c.event_type, c.site, c.units_micro, c.credits_micro, c.overage_micro, c.events)
    for day, event_type, site, *sums in session.execute(
        select(*columns).where(*conditions).order_by(c.day, c.event_type, c.site)
    ):
        yield _Row(day, event_type, site, tuple(sums))


def _event_rows(
    session: Session, tenant_id: str, subscription_id: str, range_: tuple[datetime, datetime], day: date
) -> Iterator[_Row]:
    starts_at, ends_at = range_
    if starts_at >= ends_at:
        return
    c = table_of(UsageEvent).c
    sums: tuple[ColumnElement[int], ...] = (
        func.sum(c.units_micro),
        func.sum(c.credits_micro),
        func.sum(c.overage_micro),
        func.count(),
    )
    statement = (
        select(c.event_type, c.site, *sums)
        .where(
            c.tenant_id == tenant_id,
            c.subscription_id == subscription_id,
            c.occurred_at >= starts_at,
            c.occurred_at < ends_at,
        )
        .group_by(c.event_type, c.site, c.period_start)  # what one period holds is sure to fit SQLite's 64-bit sums
        .order_by(c.event_type, c.site)
    )
    for event_type, site, *totals in session.execute(statement):
        units, credits, overage, events = (int(total) for total in totals)
        yield _Row(day, event_type, site, (units, credits, overage, events))
