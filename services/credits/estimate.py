"""What some use would burn and cost, before it is used: the same rules as metering and invoicing, nothing stored."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from sqlmodel import Session

from models import BillingPeriod, Subscription
from services import wording
from services.closing.period_parts import running_part_start
from services.credits.pool_balances import Holder, read_balances
from services.errors import InvalidUnits, NotFound, UnknownEventType
from services.price_books.plans import Meter, Plan, Pool
from services.rules import money
from services.rules.decimals import EXACT
from services.rules.money import Money
from services.rules.periods import period_at
from services.rules.quantities import credits_for, parse_units
from services.rules.violations import RuleViolation
from services.subscriptions.finding import plan_of, read_subscription
from services.tenants import read_tenant
from services.usage.wording import counted_micro


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


@dataclass(frozen=True, slots=True)
class Figures:
    """What some units would burn of a pool, what it has left now, and what went beyond it in the period before.

    Of what reservations hold, `lent_micro` would be burned before anything goes beyond, where that is sold.
    """

    subscription: Subscription
    plan: Plan
    meter: Meter
    pool: Pool
    credits_micro: int
    left_micro: int
    lent_micro: int
    period_overage_micro: int
    period_start: datetime

    @property
    def covered_micro(self) -> int:
        return min(self.left_micro, self.credits_micro) + self.lent_micro

    @property
    def beyond_micro(self) -> int:
        return self.credits_micro - self.covered_micro

    @property
    def is_sold(self) -> bool:
        """Whether the plan has a price for use beyond the pool."""
        return self.pool.code in self.plan.overage

    def added(self, added_micro: int) -> tuple[Money, Fraction]:
        """What more overage adds to the period's line, which is rounded once; and exactly, in major units."""
        plan, before_micro = self.plan, self.period_overage_micro
        before = plan.overage_exact(self.pool.code, before_micro)
        after = plan.overage_exact(self.pool.code, before_micro + added_micro)
        return money.to_money(after, plan.currency) - money.to_money(before, plan.currency), after - before


def list_meters(session: Session, *, tenant_id: str, subscription_id: str | None = None) -> tuple[MeterChoice, ...]:
    """The event types of the subscription's plan, in the order of its price book; none without a subscription."""
    try:
        plan = plan_of(session, read_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id))
    except NotFound:
        return ()
    return tuple(_choice(meter, plan.pools[meter.pool]) for meter in plan.meters.values())


def work_out(
    session: Session,
    *,
    tenant_id: str,
    event_type: str,
    units_micro: int,
    at: datetime,
    subscription_id: str | None = None,
    site: str | None = None,
) -> Figures:
    """What these units would burn at this moment and what is there to burn. Only reads.

    Raises NotFound without a subscription, UnknownEventType for one the plan does not have, and InvalidUnits for units
    that cannot be metered.
    """
    tenant = read_tenant(session, tenant_id=tenant_id)
    subscription = read_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id, site=site)
    plan = plan_of(session, subscription)
    meter = plan.meters.get(event_type)
    if meter is None:
        known = ", ".join(plan.meters)
        raise UnknownEventType(f"{plan.name} does not meter this; event types: {known}.", field="event_type")
    try:
        credits_micro = credits_for(units_micro, meter.credits_per_unit)
    except RuleViolation as violation:
        raise InvalidUnits(violation.message, field="units") from violation
    pool = plan.pools[meter.pool]
    holder, is_opened = _holder_at(session, Holder(subscription, plan, tenant.timezone), at)
    balances = read_balances(session, holders=[holder], at=at)[subscription.id]
    balance = next((each for each in balances if each.pool.code == pool.code), None)
    left_micro = balance.remaining_micro if balance else 0
    if not is_opened and not pool.resets_daily:
        left_micro += plan.allowance_micro(pool.code)
    lent_micro = 0
    if balance and pool.code in plan.overage:
        lent_micro = min(balance.held_micro, max(0, credits_micro - left_micro))
    before_micro = balance.part_overage_micro if balance else 0
    period_start = running_part_start(session, holder.subscription)
    return Figures(subscription, plan, meter, pool, credits_micro, left_micro, lent_micro, before_micro, period_start)


def estimate(
    session: Session,
    *,
    tenant_id: str,
    event_type: str,
    units_text: str,
    at: datetime,
    subscription_id: str | None = None,
) -> EstimateView:
    """The credits these units burn and what that adds to the bill of the running period, exactly.

    Raises what `work_out` raises, and InvalidUnits for a text that is no quantity.
    """
    try:
        units_micro = parse_units(units_text.strip())
    except RuleViolation as violation:
        raise InvalidUnits(violation.message, field="units") from violation
    found = work_out(
        session,
        tenant_id=tenant_id,
        subscription_id=subscription_id,
        event_type=event_type,
        units_micro=units_micro,
        at=at,
    )
    return _view(found, what=counted_micro(units_micro, found.meter.unit))


def _holder_at(session: Session, holder: Holder, at: datetime) -> tuple[Holder, bool]:
    """The subscription as it stands at a moment after the end of a period that is not closed yet, as metering sees it.

    And whether the period of that moment was opened, so that its allowances are there.
    """
    kept = holder.subscription
    if at < kept.current_period_end:
        return holder, True
    period = period_at(kept.anchor_at, holder.timezone, at)
    key = (kept.tenant_id, kept.id, period.starts_at)
    moved = kept.model_dump() | {"current_period_start": period.starts_at, "current_period_end": period.ends_at}
    return replace(holder, subscription=Subscription(**moved)), session.get(BillingPeriod, key) is not None


def _choice(meter: Meter, pool: Pool) -> MeterChoice:
    unit = meter.unit if meter.unit[:1].isdigit() else wording.plural(meter.unit)
    is_named = meter.name.lower().endswith(unit.lower())
    return MeterChoice(
        meter.code, meter.name if is_named else f"{meter.name}, in {unit}", wording.meter_rate(meter, pool)
    )


def _view(found: Figures, *, what: str) -> EstimateView:
    plan, pool = found.plan, found.pool
    nothing = ("", "")
    cost = _worded(found, found.beyond_micro) if found.is_sold else nothing
    used_up = _worded(found, found.credits_micro) if found.is_sold else nothing
    return EstimateView(
        is_made=True,
        what=what,
        credits=counted_micro(found.credits_micro, pool.unit),
        covered=counted_micro(found.covered_micro, pool.unit),
        beyond=counted_micro(found.beyond_micro, pool.unit),
        cost=cost[0],
        cost_exactly=cost[1],
        once_used_up=used_up[0],
        once_used_up_exactly=used_up[1],
        price=wording.price_of(plan.overage[pool.code], plan.currency, pool.unit) if found.is_sold else "",
        is_refused=bool(found.beyond_micro) and not found.is_sold,
    )


def _worded(found: Figures, added_micro: int) -> tuple[str, str]:
    """What more overage adds to the bill in words; and exactly, "" where that is the same."""
    added, exact = found.added(added_micro)
    if exact == Fraction(added.amount_minor, 10 ** money.minor_digits(added.currency)):
        return wording.money(added), ""
    return wording.money(added), f"exactly {wording.rate(decimal_of(exact), added.currency)}"


def decimal_of(exact: Fraction) -> Decimal:
    """A price times a quantity is a finite decimal; EXACT raises if that were ever not so."""
    return EXACT.divide(Decimal(exact.numerator), Decimal(exact.denominator))
