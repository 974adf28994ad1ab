"""What each meter burns, what that costs beyond the allowance, and what the allowance buys."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from services import wording
from services.price_books.plans import Meter, Plan, Pool
from services.rules import decimals
from services.rules.pricing import Charge, PerUnit
from services.usage.wording import counted


@dataclass(frozen=True)
class MeterView:
    """One event type under one plan: 5 credits per 100 frames · $0.01 per 100 frames · 20,000,000 frames."""

    code: str
    name: str
    burns: str
    beyond: str
    buys: str


def meter_views(plan: Plan) -> tuple[MeterView, ...]:
    """The guide to a plan's meters, in the order of its price book."""
    return tuple(_view(plan, meter, plan.pools[meter.pool]) for meter in plan.meters.values())


def _view(plan: Plan, meter: Meter, pool: Pool) -> MeterView:
    return MeterView(
        code=meter.code,
        name=meter.name,
        burns=_burns(meter, pool),
        beyond=_beyond(plan.overage.get(pool.code), meter, pool, plan.currency),
        buys=_buys(plan.allowances.get(pool.code, Decimal(0)), meter, pool),
    )


def _burns(meter: Meter, pool: Pool) -> str:
    if meter.credits_per_unit == 1 and meter.unit == pool.unit:
        return "Counted one by one"
    return wording.meter_rate(meter, pool)


def _beyond(charge: Charge | None, meter: Meter, pool: Pool, currency: str) -> str:
    """The price of one unit of the meter where it follows exactly from the credit's; else the credit's own price."""
    if charge is None:
        return "Not sold"
    model = charge.model
    if isinstance(model, PerUnit):
        price = decimals.EXACT.multiply(model.unit_price, meter.credits_per_unit)
        return f"{wording.rate(price, currency)} per {meter.unit}"
    return wording.price_of(charge, currency, pool.unit)


def _buys(included: Decimal, meter: Meter, pool: Pool) -> str:
    """How much of the meter alone the allowance would cover, whole units."""
    if not included:
        return "None included"
    per = "a day" if pool.resets_daily else "a month"
    if not meter.credits_per_unit:
        return "Any number"
    units = Fraction(included) // Fraction(meter.credits_per_unit)
    return f"{counted(units, meter.unit)} {per}"
