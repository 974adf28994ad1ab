"""Which KPIs a customer can be measured by: five that everybody has, and those that its plan adds."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlmodel import Session

from services.errors import Unprocessable
from services.price_books.plans import Plan
from services.rules.kpi_periods import Combining
from services.rules.savings import HIGHER, LOWER
from services.subscriptions.choice import live_subscriptions
from services.subscriptions.finding import list_subscriptions, plan_of
from services.tenants import read_tenant

HOURS, PERCENT = "hours", "%"
_SAME_UNITS = {"h": HOURS, "hour": HOURS, "percent": PERCENT, "pct": PERCENT}
"""Other ways to write a unit that mean the very same."""


@dataclass(frozen=True, slots=True)
class Kpi:
    """A KPI: the unit of its values, which way is better (HIGHER or LOWER), and how its stretches become one figure."""

    code: str
    name: str
    unit: str
    better: str
    combining: Combining
    is_own: bool = False
    """Whether the plan adds it."""


def kpis_of(session: Session, *, tenant_id: str) -> dict[str, Kpi]:
    """All of a customer's KPIs by code, the built-in ones first. Raises NotFound for an unknown customer."""
    currency = read_tenant(session, tenant_id=tenant_id).currency
    found = {kpi.code: kpi for kpi in _built_in(currency)}
    plan = gain_share_plan(session, tenant_id=tenant_id)
    if plan is not None and plan.gain_share is not None:
        for own in plan.gain_share.kpis:
            found[own.code] = Kpi(own.code, own.name, own.unit, own.better, Combining.MEAN, is_own=True)
    return found


def find_kpi(kpis: Mapping[str, Kpi], code: str) -> Kpi:
    """Raises Unprocessable naming those there are."""
    if code not in kpis:
        raise Unprocessable(f"{code!r} is not one of {', '.join(kpis)}.", field="kpi")
    return kpis[code]


def check_unit(kpi: Kpi, unit: str | None) -> str:
    """The KPI's unit, which is the only one its values are taken in. Raises Unprocessable."""
    if unit is not None and _SAME_UNITS.get(unit, unit) != kpi.unit:
        raise Unprocessable(
            f"{kpi.name} is measured in {kpi.unit}; convert it and send the unit {kpi.unit}.", field="unit"
        )
    return kpi.unit


def gain_share_plan(session: Session, *, tenant_id: str) -> Plan | None:
    """The plan whose gain-share counts: of several live ones the first that has it, the main one's in front.

    The last one's where none is live, and None where there never was one.
    """
    found = live_subscriptions(session, tenant_id=tenant_id) or list_subscriptions(session, tenant_id=tenant_id)[:1]
    plans = [plan_of(session, each) for each in found]
    return next((plan for plan in plans if plan.gain_share is not None), plans[0] if plans else None)


def _built_in(currency: str) -> tuple[Kpi, ...]:
    return (
        Kpi("availability_pct", "Availability", PERCENT, HIGHER, Combining.UP_SHARE),
        Kpi("mtbf_hours", "Mean time between failures", HOURS, HIGHER, Combining.BETWEEN_FAILURES),
        Kpi("mttr_hours", "Mean time to repair", HOURS, LOWER, Combining.OF_REPAIRS),
        Kpi("inventory_value", "Spare parts in stock", currency, LOWER, Combining.MEAN),
        Kpi("overtime_hours", "Overtime", HOURS, LOWER, Combining.SUM),
    )
