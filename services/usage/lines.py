"""The lines that come from usage: overage of the closing period, and what arrived late for periods already closed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from models import BillingPeriod, LineKind, PeriodStatus, PoolUsage, Subscription, UsageDaily
from services.bulk_rows import write_held
from services.closing.period_parts import period_document, whole_of
from services.closing.questions import Question
from services.invoices.lines import Line, worded_steps
from services.price_books.books import plan_version
from services.price_books.plans import Plan
from services.rules import money, pricing
from services.rules.periods import Period, business_date
from services.rules.pricing import Rated
from services.rules.quantities import from_micro, plain_micro
from services.usage.ranges import UsageRange, period_ranges


@dataclass(frozen=True, slots=True)
class Use:
    """What a period, or a part of one, used: its counters, and its receipts by pool. It is read once."""

    counters: Sequence[PoolUsage]
    receipts: Mapping[str, UsageRange]


def use_of(session: Session, *, subscription: Subscription, period_start: datetime) -> Use:
    """What was used so far of the period that starts then."""
    return Use(
        COUNTERS.ask(session, subscription.tenant_id, subscription.id, period_start),
        period_ranges(session, subscription=subscription, period_start=period_start),
    )


def overage_lines(
    session: Session, *, subscription: Subscription, plan: Plan, period: Period, use: Use, part_of: Period | None = None
) -> list[Line]:
    """Use beyond the lots of each pool, also where its price for that is nothing yet: later use is billed from there.

    Where nothing went beyond, not even a minimum is due. `part_of` is the whole period, where this is a part of one.
    """
    lines = []
    for pool, (used_micro, overage_micro, _) in _pool_totals(use).items():
        charge = plan.overage.get(pool)
        if charge is None or not overage_micro:
            continue
        rated = pricing.rate(charge, from_micro(overage_micro))
        sources = _usage_sources(session, subscription=subscription, plan=plan, pool=pool, period=period)
        sources["used_credits"] = plain_micro(used_micro)
        if part_of is not None:
            sources["part_of"] = period_document(part_of)
        line = _overage_line(plan, pool, rated=rated, period=period, sources=sources)
        lines.append(replace(line, usage=use.receipts[pool]))
    return lines


def late_lines(session: Session, *, subscription: Subscription, before: datetime, timezone: str) -> list[Line]:
    """Overage that arrived after its period was closed, at that period's own prices: the difference it makes there."""
    lines = []
    for closed in BILLED_SHORT.ask(session, subscription.tenant_id, subscription.id, before):
        plan = plan_version(session, version_id=closed.plan_version_id)
        period = Period(0, closed.starts_at, closed.ends_at)
        whole = whole_of(session, subscription=subscription, part=closed)
        use = use_of(session, subscription=subscription, period_start=closed.starts_at)
        for pool, (_, overage_micro, billed_micro) in _pool_totals(use).items():
            charge = plan.overage.get(pool)
            if charge is not None and overage_micro > billed_micro:
                since = business_date(closed.starts_at, timezone)
                line = _late_line(plan, pool, overage=(overage_micro, billed_micro), period=period, since=since)
                if whole is not None:
                    line.sources["part_of"] = period_document(whole)
                lines.append(replace(line, usage=use.receipts[pool]))
    return lines


def mark_overage_billed(
    session: Session, *, subscription: Subscription, uses: Iterable[Use], late: set[datetime]
) -> None:
    """Remember that the overage of these uses, and of the periods that late usage is billed of, is on an invoice."""
    rows = [row for use in uses for row in use.counters]
    for period_start in sorted(late):
        rows += COUNTERS.ask(session, subscription.tenant_id, subscription.id, period_start)
    for row in rows:
        row.billed_overage_micro = row.overage_micro
    write_held(session)


def _overage_line(plan: Plan, pool: str, *, rated: Rated, period: Period, sources: dict[str, Any]) -> Line:
    terms, charge = plan.pools[pool], plan.overage[pool]
    included = plan.allowances.get(pool, Decimal(0))
    per = " a day" if terms.resets_daily else ""
    return Line(
        kind=LineKind.OVERAGE,
        description=f"{terms.name} beyond the {included:,f} included{per}",
        quantity=rated.quantity,
        unit=terms.unit,
        amount=money.to_money(rated.amount, plan.currency),
        period=period,
        plan_version_id=plan.version_id,
        pricing=pricing.to_document(charge),
        steps=worded_steps(rated),
        sources=sources,
    )


def _late_line(plan: Plan, pool: str, *, overage: tuple[int, int], period: Period, since: date) -> Line:
    terms, charge = plan.pools[pool], plan.overage[pool]
    overage_micro, billed_micro = overage
    now = money.to_money(plan.overage_exact(pool, overage_micro), plan.currency)
    before = money.to_money(plan.overage_exact(pool, billed_micro), plan.currency)
    return Line(
        kind=LineKind.LATE_USAGE,
        description=f"Late usage from the period of {since}: {terms.name}",
        quantity=from_micro(overage_micro - billed_micro),
        unit=terms.unit,
        amount=now - before,
        period=period,
        plan_version_id=plan.version_id,
        pricing=pricing.to_document(charge),
        sources={"pool": pool, "overage": plain_micro(overage_micro), "billed_before": plain_micro(billed_micro)},
    )


def _usage_sources(
    session: Session, *, subscription: Subscription, plan: Plan, pool: str, period: Period
) -> dict[str, Any]:
    """How much of each event type the period holds: what the line can be opened to."""
    meters = {meter.code for meter in plan.meters.values() if meter.pool == pool}
    totals: dict[str, list[int]] = {}
    for day in USE_BY_DAY.ask(session, subscription.tenant_id, subscription.id, period.starts_at):
        if day.event_type in meters:
            row = totals.setdefault(day.event_type, [0, 0, 0])
            for index, value in enumerate((day.units_micro, day.credits_micro, day.events)):
                row[index] += value
    worded = {
        code: {"units": plain_micro(units), "credits": plain_micro(credits), "events": events}
        for code, (units, credits, events) in totals.items()
    }
    return {"pool": pool, "event_types": worded}


def _pool_totals(use: Use) -> dict[str, tuple[int, int, int]]:
    """(used, overage, billed overage) of each pool over all windows of a period, in millionths of a credit."""
    totals: dict[str, tuple[int, int, int]] = {}
    for row in use.counters:
        used, overage, billed = totals.get(row.pool, (0, 0, 0))
        totals[row.pool] = (
            used + row.used_micro,
            overage + row.overage_micro,
            billed + row.billed_overage_micro,
        )
    return dict(sorted(totals.items()))


_KEY = (Subscription.tenant_id, Subscription.id, Subscription.current_period_start)
COUNTERS = Question(
    lambda tenant, subscription, period: (
        select(PoolUsage)
        .where(
            PoolUsage.tenant_id == tenant,
            PoolUsage.subscription_id == subscription,
            PoolUsage.period_start == period,
        )
        .execution_options(populate_existing=True)
    ),
    *_KEY,
)
USE_BY_DAY = Question(
    lambda tenant, subscription, period: (
        select(UsageDaily.event_type, UsageDaily.units_micro, UsageDaily.credits_micro, UsageDaily.events)
        .where(
            UsageDaily.tenant_id == tenant,
            UsageDaily.subscription_id == subscription,
            UsageDaily.period_start == period,
        )
        .order_by(UsageDaily.event_type)
    ),
    *_KEY,
)


def _billed_short(tenant: Any, subscription: Any, before: Any) -> SelectOfScalar[BillingPeriod]:
    behind = select(PoolUsage.period_start).where(
        PoolUsage.tenant_id == tenant,
        PoolUsage.subscription_id == subscription,
        col(PoolUsage.overage_micro) > col(PoolUsage.billed_overage_micro),
    )
    return (
        select(BillingPeriod)
        .where(
            BillingPeriod.tenant_id == tenant,
            BillingPeriod.subscription_id == subscription,
            BillingPeriod.status == PeriodStatus.CLOSED,
            BillingPeriod.ends_at <= before,
            col(BillingPeriod.starts_at).in_(behind),
        )
        .order_by(col(BillingPeriod.starts_at))
    )


BILLED_SHORT = Question(_billed_short, *_KEY)
