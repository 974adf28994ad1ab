"""The four figures on top of the usage page: used, left, beyond the allowance, events."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, select

from models import BillingPeriod, CreditGrant
from services import wording
from services.credits.pool_balances import Holder, read_balances
from services.credits.pool_views import held_text
from services.price_books.plans import Plan, Pool
from services.rules import money, pricing
from services.rules.quantities import from_micro
from services.usage.rollups import PeriodUse


@dataclass(frozen=True)
class Figure:
    """One number with its name and a few words under it."""

    label: str
    value: str
    hint: str


def read_figures(
    session: Session,
    *,
    period: BillingPeriod,
    running: Holder | None,
    plan: Plan,
    pool: Pool,
    use: PeriodUse,
    at: datetime,
) -> tuple[Figure, ...]:
    """How one pool did in a period; `running` is its subscription where the period is the one that runs."""
    is_running = running is not None
    return (
        _used_figure(use, plan, pool),
        _running_left(session, running, pool, at) if running else _left_unused(session, period, pool),
        _beyond_figure(use, plan, pool, is_running=is_running),
        Figure("Events", wording.number(use.total.events), _of_types(use)),
    )


def _used_figure(use: PeriodUse, plan: Plan, pool: Pool) -> Figure:
    unit = wording.plural(pool.unit)
    per = "day" if pool.resets_daily else "month"
    included = f"{wording.micro(plan.allowance_micro(pool.code))} a {per} included"
    return Figure(f"{unit[0].upper()}{unit[1:]} used", wording.micro(use.total.credits_micro), included)


def _running_left(session: Session, holder: Holder, pool: Pool, at: datetime) -> Figure:
    balances = read_balances(session, holders=[holder], at=at)[holder.subscription.id]
    balance = next((each for each in balances if each.pool.code == pool.code), None)
    left = wording.micro(balance.remaining_micro if balance else 0)
    held = held_text(balance) if balance else ""
    besides = f", {held}" if held else ""
    if pool.resets_daily:
        return Figure("Left today", left, f"renewed every day{besides}")
    until = wording.moment_day(holder.subscription.current_period_end, holder.timezone)
    return Figure("Left", left, f"until {until}{besides}")


def _left_unused(session: Session, period: BillingPeriod, pool: Pool) -> Figure:
    statement = select(CreditGrant.expired_micro).where(
        CreditGrant.tenant_id == period.tenant_id,
        CreditGrant.subscription_id == period.subscription_id,
        CreditGrant.pool == pool.code,
        CreditGrant.effective_at >= period.starts_at,
        CreditGrant.effective_at < period.ends_at,
    )
    expired = wording.micro(sum(session.exec(statement)))
    return Figure("Unused", expired, "expired day by day" if pool.resets_daily else "expired with the period")


def _beyond_figure(use: PeriodUse, plan: Plan, pool: Pool, *, is_running: bool) -> Figure:
    label, beyond_micro, charge = "Beyond the allowance", use.total.overage_micro, plan.overage.get(pool.code)
    beyond = wording.micro(beyond_micro)
    if charge is None:
        return Figure(label, beyond, "more is refused on this plan")
    price = wording.price_of(charge, plan.currency, pool.unit)
    if not beyond_micro:
        return Figure(label, beyond, f"then {price}" if is_running else price)
    cost = money.to_money(pricing.rate(charge, from_micro(beyond_micro)).amount, plan.currency)
    return Figure(label, beyond, f"{wording.money(cost)}{' so far' if is_running else ''}, {price}")


def _of_types(use: PeriodUse) -> str:
    return f"of {len(use.by_type):,} type{'' if len(use.by_type) == 1 else 's'}" if use.by_type else "none recorded"
