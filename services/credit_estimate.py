"""What some use would burn and cost, before it is used: the same rules as metering and invoicing, nothing stored."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from sqlmodel import Session

from services import wording
from services.errors import InvalidUnits, NotFound, Unprocessable
from services.plans import Meter, Plan, Pool
from services.pool_balances import Holder, PoolBalance, read_balances
from services.rules import money
from services.rules.decimals import EXACT
from services.rules.quantities import credits_for, parse_units
from services.rules.violations import RuleViolation
from services.subscriptions import plan_of, read_subscription
from services.tenants import read_tenant
from services.usage_wording import counted_micro


@dataclass(frozen=True)
class MeterChoice:
    """A meter that can be estimated: its code, its name with the unit to type, and what one of those burns."""

    value: str
    label: str
    rate: str


@dataclass(frozen=True)
class EstimateView:
    """What the units would do now, and `once_used_up`, with no allowance left. `is_refused`: more than can be taken.

    What is charged is rounded once; `…_exactly` is the price before that, "" where it is the same.
    """

    is_made: bool = False
    what: str = ""
    credits: str = ""
    covered: str = ""
    beyond: str = ""
    cost: str = ""
    cost_exactly: str = ""
    once_used_up: str = ""
    once_used_up_exactly: str = ""
    price: str = ""
    is_refused: bool = False


NO_ESTIMATE = EstimateView()


def list_meters(session: Session, *, tenant_id: str) -> tuple[MeterChoice, ...]:
    """The event types of the tenant's plan, in the order of its price book; none without a subscription."""
    try:
        plan = plan_of(session, read_subscription(session, tenant_id=tenant_id))
    except NotFound:
        return ()
    return tuple(_choice(meter, plan.pools[meter.pool]) for meter in plan.meters.values())


def estimate(session: Session, *, tenant_id: str, event_type: str, units_text: str, at: datetime) -> EstimateView:
    """The credits these units burn and what that adds to the bill of the running period, exactly.

    Raises NotFound without a subscription, Unprocessable for an event type the plan does not have, and InvalidUnits
    for units that cannot be metered.
    """
    tenant = read_tenant(session, tenant_id=tenant_id)
    subscription = read_subscription(session, tenant_id=tenant_id)
    plan = plan_of(session, subscription)
    meter = plan.meters.get(event_type)
    if meter is None:
        raise Unprocessable("Choose one of the event types of your plan.", field="event_type")
    try:
        units_micro = parse_units(units_text.strip())
        credits_micro = credits_for(units_micro, meter.credits_per_unit)
        pool = plan.pools[meter.pool]
        holder = Holder(subscription, plan, tenant.timezone)
        balances = read_balances(session, holders=[holder], at=at)[subscription.id]
        balance = next((each for each in balances if each.pool.code == pool.code), None)
        what = counted_micro(units_micro, meter.unit)
        return _view(plan, pool, what=what, credits_micro=credits_micro, balance=balance)
    except RuleViolation as violation:
        raise InvalidUnits(violation.message, field="units") from violation


def _choice(meter: Meter, pool: Pool) -> MeterChoice:
    unit = meter.unit if meter.unit[:1].isdigit() else wording.plural(meter.unit)
    is_named = meter.name.lower().endswith(unit.lower())
    return MeterChoice(
        meter.code, meter.name if is_named else f"{meter.name}, in {unit}", wording.meter_rate(meter, pool)
    )


def _view(plan: Plan, pool: Pool, *, what: str, credits_micro: int, balance: PoolBalance | None) -> EstimateView:
    left_micro = balance.remaining_micro if balance else 0
    before_micro = balance.period_overage_micro if balance else 0
    covered_micro = min(left_micro, credits_micro)
    beyond_micro = credits_micro - covered_micro
    is_sold = pool.code in plan.overage
    nothing = ("", "")
    cost = _added(plan, pool, before_micro=before_micro, added_micro=beyond_micro) if is_sold else nothing
    used_up = _added(plan, pool, before_micro=before_micro, added_micro=credits_micro) if is_sold else nothing
    return EstimateView(
        is_made=True,
        what=what,
        credits=counted_micro(credits_micro, pool.unit),
        covered=counted_micro(covered_micro, pool.unit),
        beyond=counted_micro(beyond_micro, pool.unit),
        cost=cost[0],
        cost_exactly=cost[1],
        once_used_up=used_up[0],
        once_used_up_exactly=used_up[1],
        price=wording.price_of(plan.overage[pool.code], plan.currency, pool.unit) if is_sold else "",
        is_refused=bool(beyond_micro) and not is_sold,
    )


def _added(plan: Plan, pool: Pool, *, before_micro: int, added_micro: int) -> tuple[str, str]:
    """What more overage adds to the period's line, which is rounded once; and exactly, "" where that is the same."""
    before = plan.overage_exact(pool.code, before_micro)
    after = plan.overage_exact(pool.code, before_micro + added_micro)
    added, exact = money.to_money(after, plan.currency) - money.to_money(before, plan.currency), after - before
    if exact == Fraction(added.amount_minor, 10 ** money.minor_digits(plan.currency)):
        return wording.money(added), ""
    # A price times a quantity is a finite decimal; EXACT raises if that were ever not so.
    price = EXACT.divide(Decimal(exact.numerator), Decimal(exact.denominator))
    return wording.money(added), f"exactly {wording.rate(price, plan.currency)}"
