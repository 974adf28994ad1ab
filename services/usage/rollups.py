"""Use of one pool, summed from the daily roll-ups in every way the usage page shows it. No event is read.

All sums are made of whole millionths, so those by event type, by day and by site each add up to the same total.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, select
from sqlmodel import Session

from models import BillingPeriod, Subscription, UsageDaily, table_of
from services.rules.periods import business_date
from services.usage.reports import UsageSum


@dataclass(frozen=True, slots=True)
class PeriodUse:
    """One period. `by_day` has every business day of it in order, used or not; the others only what was used."""

    total: UsageSum = field(default_factory=UsageSum)
    by_type: dict[str, UsageSum] = field(default_factory=lambda: defaultdict(UsageSum))
    by_day: dict[date, UsageSum] = field(default_factory=lambda: defaultdict(UsageSum))
    by_site: dict[str, UsageSum] = field(default_factory=lambda: defaultdict(UsageSum))


def read_period_use(
    session: Session, *, period: BillingPeriod, event_types: Collection[str], timezone: str
) -> PeriodUse:
    """What was used of these event types in one billing period, as it is billed."""
    days = _days(period, timezone)
    use = PeriodUse()
    for day in days:
        use.by_day[day] = UsageSum()
    c = table_of(UsageDaily).c
    columns = (c.day, c.event_type, c.site, c.units_micro, c.credits_micro, c.overage_micro, c.events)
    statement = select(*columns).where(
        _of(period.tenant_id, period.subscription_id, event_types, since=days[0]),
        c.day <= days[-1] + timedelta(days=1),
        c.period_start == period.starts_at,
    )
    for day, event_type, site, *sums in session.execute(statement):
        for total in (use.total, use.by_type[event_type], use.by_day[day], use.by_site[site]):
            total.add(*sums)
    return use


def read_monthly_use(
    session: Session, *, subscription: Subscription, event_types: Collection[str], months: Sequence[date]
) -> dict[str, dict[date, UsageSum]]:
    """What each event type used in each business month of `months` (their first days, in order); missing ones are zero.

    A type that was not used in any of them is left out.
    """
    c = table_of(UsageDaily).c
    sums = [func.sum(column) for column in (c.units_micro, c.credits_micro, c.overage_micro, c.events)]
    statement = (
        select(c.day, c.event_type, *sums)
        .where(_of(subscription.tenant_id, subscription.id, event_types, since=months[0]))
        .group_by(c.day, c.event_type, c.period_start)  # what one period holds is sure to fit SQLite's 64-bit sums
    )
    use: dict[str, dict[date, UsageSum]] = defaultdict(lambda: {month: UsageSum() for month in months})
    for day, event_type, *totals in session.execute(statement):
        month = day.replace(day=1)
        if month in use[event_type]:
            use[event_type][month].add(*(int(total) for total in totals))
    return use


def months_until(last: date, count: int) -> list[date]:
    """The first days of `count` calendar months in order, the last of them the month of `last`."""
    newest = last.year * 12 + last.month - 1
    return [date(index // 12, index % 12 + 1, 1) for index in range(newest - count + 1, newest + 1)]


def _of(tenant_id: str, subscription_id: str, event_types: Collection[str], *, since: date) -> ColumnElement[bool]:
    c = table_of(UsageDaily).c
    return and_(
        c.tenant_id == tenant_id,
        c.subscription_id == subscription_id,
        c.day >= since,
        c.event_type.in_(event_types),
    )


def _days(period: BillingPeriod, timezone: str) -> list[date]:
    first = business_date(period.starts_at, timezone)
    last = business_date(period.ends_at - datetime.resolution, timezone)
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
