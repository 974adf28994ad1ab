"""The usage page in words: one pool of one period at a time, for pools count different things and are never added."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlmodel import Session, col, select

from models import BillingPeriod, Subscription, Tenant
from services import wording
from services.assets.snapshots import list_sites
from services.credits.pool_balances import Holder
from services.errors import NotFound
from services.price_books.books import plan_version
from services.price_books.plans import Plan
from services.rules.periods import business_date
from services.subscriptions.finding import read_subscription
from services.tenants import read_tenant
from services.usage.figures import Figure, read_figures
from services.usage.reports import UsageSum
from services.usage.rollups import PeriodUse, months_until, read_monthly_use, read_period_use
from services.usage.wording import counted_micro, share, share_width

PERIODS_SHOWN, MONTHS_SHOWN = 12, 6
SERIES_MAX = 6
"""Event types with a colour of their own in the trend; the rest are one series, for nobody tells 20 colours apart."""

SITES_SHOWN_MAX = 50


@dataclass(frozen=True)
class Choice:
    """Something to choose: what is sent, and what is read."""

    value: str
    label: str


@dataclass(frozen=True)
class UseRow:
    """One event type, site, month or day. `share_width` is the width of its bar in percent."""

    name: str
    units: str
    credits: str
    beyond: str
    events: str
    share: str
    share_width: str


@dataclass(frozen=True)
class Bars:
    """One series of a chart: a height for each label, in millionths of a credit, and the words for it."""

    name: str
    heights_micro: tuple[int, ...]
    worded: tuple[str, ...]


@dataclass(frozen=True)
class UsageView:
    """One pool in one period. Without a subscription only the empty lists; `has_usage` covers the six months too."""

    has_subscription: bool = False
    has_usage: bool = False
    plan_name: str = ""
    period: str = ""
    period_start: str = ""
    periods: tuple[Choice, ...] = ()
    pool: str = ""
    pools: tuple[Choice, ...] = ()
    unit: str = ""
    figures: tuple[Figure, ...] = ()
    types: tuple[UseRow, ...] = ()
    total_credits: str = ""
    total_events: str = ""
    sites: tuple[UseRow, ...] = ()
    months: tuple[str, ...] = ()
    month_bars: tuple[Bars, ...] = ()
    month_rows: tuple[UseRow, ...] = ()
    days: tuple[str, ...] = ()
    day_bars: Bars = Bars("", (), ())
    day_rows: tuple[UseRow, ...] = ()


EMPTY_USAGE = UsageView()


def read_usage(
    session: Session,
    *,
    tenant_id: str,
    at: datetime,
    subscription_id: str | None = None,
    period_start: str | None = None,
    pool: str | None = None,
) -> UsageView:
    """Use in the period that starts at `period_start` (a value of `periods`), the running one where none is given.

    Without an id it is the main or only subscription. Raises NotFound for an unknown customer or period; a pool the
    period's plan does not have is its first one.
    """
    tenant = read_tenant(session, tenant_id=tenant_id)
    try:
        subscription = read_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id)
    except NotFound:
        return EMPTY_USAGE
    periods = _periods(session, subscription)
    period = _chosen(periods, subscription, period_start)
    plan = plan_version(session, version_id=period.plan_version_id)
    chosen = plan.pools.get(pool or "") or next(iter(plan.pools.values()))
    event_types = [meter.code for meter in plan.meters.values() if meter.pool == chosen.code]
    use = read_period_use(session, period=period, event_types=event_types, timezone=tenant.timezone)
    today = business_date(at, tenant.timezone)
    months = months_until(today, MONTHS_SHOWN)
    monthly = read_monthly_use(session, subscription=subscription, event_types=event_types, months=months)
    is_running = _is_running(period, subscription)
    running = Holder(subscription, plan, tenant.timezone) if is_running else None
    return UsageView(
        has_subscription=True,
        has_usage=bool(use.total.events or monthly),
        plan_name=plan.name,
        period=wording.span(period.starts_at, period.ends_at, tenant.timezone),
        period_start=_key(period),
        periods=tuple(_period_choice(each, subscription, tenant.timezone) for each in periods),
        pool=chosen.code,
        pools=tuple(Choice(each.code, each.name) for each in plan.pools.values()),
        unit=wording.plural(chosen.unit),
        figures=read_figures(session, period=period, running=running, plan=plan, pool=chosen, use=use, at=at),
        types=_type_rows(use, plan),
        total_credits=wording.micro(use.total.credits_micro),
        total_events=wording.number(use.total.events),
        sites=_site_rows(session, tenant, use),
        months=tuple(wording.month(month) for month in months),
        month_bars=_month_bars(monthly, plan, months),
        month_rows=_month_rows(monthly, months),
        days=tuple(day.isoformat() for day in use.by_day),
        day_bars=_bars(chosen.name, list(use.by_day.values())),
        day_rows=tuple(_row(wording.day(day), total, use) for day, total in use.by_day.items() if day <= today),
    )


def _periods(session: Session, subscription: Subscription) -> list[BillingPeriod]:
    statement = select(BillingPeriod).where(
        BillingPeriod.tenant_id == subscription.tenant_id, BillingPeriod.subscription_id == subscription.id
    )
    return list(session.exec(statement.order_by(col(BillingPeriod.starts_at).desc()).limit(PERIODS_SHOWN)))


def _chosen(periods: Sequence[BillingPeriod], subscription: Subscription, wanted: str | None) -> BillingPeriod:
    for period in periods:
        if _key(period) == wanted or (not wanted and _is_running(period, subscription)):
            return period
    raise NotFound("There is no such period among the last twelve; choose one from the list.", field="period_start")


def _is_running(period: BillingPeriod, subscription: Subscription) -> bool:
    """Whether it is the period that runs, or its last part where the plan changed within it."""
    starts_at = period.part_of or period.starts_at
    return starts_at == subscription.current_period_start and period.ends_at >= subscription.current_period_end


def _key(period: BillingPeriod) -> str:
    return period.starts_at.astimezone(UTC).isoformat()


def _period_choice(period: BillingPeriod, subscription: Subscription, timezone: str) -> Choice:
    span = wording.span(period.starts_at, period.ends_at, timezone)
    is_running = _is_running(period, subscription)
    return Choice(_key(period), f"{span} (running)" if is_running else span)


def _type_rows(use: PeriodUse, plan: Plan) -> tuple[UseRow, ...]:
    most_first = sorted(use.by_type.items(), key=lambda item: (-item[1].credits_micro, item[0]))
    rows = []
    for code, total in most_first:
        meter = plan.meters[code]
        rows.append(_row(meter.name, total, use, units=counted_micro(total.units_micro, meter.unit)))
    return tuple(rows)


def _site_rows(session: Session, tenant: Tenant, use: PeriodUse) -> tuple[UseRow, ...]:
    """Every site, used or not, where there are any; what named no site is a row too."""
    names = {site.code: site.name or site.code for site in list_sites(session, tenant_id=tenant.id)}
    if not names:
        return ()
    totals = {code: use.by_site.get(code, UsageSum()) for code in names} | dict(use.by_site)
    most_first = sorted(totals.items(), key=lambda item: (-item[1].credits_micro, item[0]))
    return tuple(_row(names.get(code) or "No site named", total, use) for code, total in most_first[:SITES_SHOWN_MAX])


def _month_bars(monthly: dict[str, dict[date, UsageSum]], plan: Plan, months: list[date]) -> tuple[Bars, ...]:
    """The event types used most, each a series in the order of the price book; the others together as one."""
    most_first = sorted(monthly, key=lambda code: -sum(total.credits_micro for total in monthly[code].values()))
    several = len(most_first) > SERIES_MAX + 1
    own = set(most_first[:SERIES_MAX] if several else most_first)
    bars = [_bars(meter.name, list(monthly[code].values())) for code, meter in plan.meters.items() if code in own]
    if several:
        others = [code for code in most_first if code not in own]
        sums = [_sum([monthly[code][month] for code in others]) for month in months]
        bars.append(_bars(f"{len(others)} other types", sums))
    return tuple(bars)


def _month_rows(monthly: dict[str, dict[date, UsageSum]], months: list[date]) -> tuple[UseRow, ...]:
    sums = {month: _sum([totals[month] for totals in monthly.values()]) for month in months}
    whole = PeriodUse(total=_sum(list(sums.values())))
    return tuple(_row(wording.month(month), total, whole) for month, total in sums.items())


def _sum(totals: list[UsageSum]) -> UsageSum:
    whole = UsageSum()
    for total in totals:
        whole.add(total.units_micro, total.credits_micro, total.overage_micro, total.events)
    return whole


def _bars(name: str, totals: list[UsageSum]) -> Bars:
    return Bars(
        name=name,
        heights_micro=tuple(total.credits_micro for total in totals),
        worded=tuple(wording.micro(total.credits_micro) for total in totals),
    )


def _row(name: str, total: UsageSum, use: PeriodUse, *, units: str = "") -> UseRow:
    part, whole = total.credits_micro, use.total.credits_micro
    return UseRow(
        name=name,
        units=units,
        credits=wording.micro(part),
        beyond=wording.micro(total.overage_micro),
        events=wording.number(total.events),
        share=share(part, whole),
        share_width=share_width(part, whole),
    )
