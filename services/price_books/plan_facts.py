"""A plan in words: its price, what is included, and what comes beyond."""

from dataclasses import dataclass
from decimal import Decimal

from services import wording
from services.price_books.plans import Plan, Pool


@dataclass(frozen=True)
class FactView:
    """One line of a plan: Credits · 1,000,000 a month."""

    name: str
    value: str


def plan_prices(plan: Plan) -> tuple[str, str, str]:
    """The price of a month, what it is per, and the price of a year."""
    if plan.base_price is None:
        return "By contract", "", "Price and terms are agreed with you"
    if not plan.base_price:
        return "Free", "", "No base fee"
    monthly = wording.money(plan.monthly_base())
    if not plan.annual_discount_pct:
        return monthly, "a month", f"{wording.money(plan.annual_base())} a year"
    less = wording.number(plan.annual_discount_pct)
    return monthly, "a month", f"or {wording.money(plan.annual_base())} a year, {less} % less"


def plan_facts(plan: Plan, plans: tuple[Plan, ...]) -> tuple[FactView, ...]:
    """The same names in the same order for every plan of a book, so that cards line up."""
    facts = []
    for pool in plan.pools.values():
        facts.append(FactView(pool.name, _allowance(plan, pool.code)))
        if any(pool.code in other.overage for other in plans):
            facts.append(FactView("Beyond them", _beyond(plan, pool)))
    if any(other.assets for other in plans):
        facts.append(FactView("Assets", _assets(plan)))
    if any(other.sites_max is not None for other in plans):
        facts.append(FactView("Sites", "Any number" if plan.sites_max is None else wording.number(plan.sites_max)))
    if any(other.gain_share for other in plans):
        facts.append(FactView("Gain-share", _gain_share(plan)))
    return tuple(facts)


def _allowance(plan: Plan, pool_code: str) -> str:
    pool = plan.pools[pool_code]
    included = plan.allowances.get(pool_code, Decimal(0))
    return f"{wording.number(included)} a {'day' if pool.resets_daily else 'month'}" if included else "None included"


def _beyond(plan: Plan, pool: Pool) -> str:
    charge = plan.overage.get(pool.code)
    if charge is not None:
        return wording.price_of(charge, plan.currency, pool.unit)
    return "By agreement" if plan.contact_sales else "Not sold"


def _assets(plan: Plan) -> str:
    if plan.assets is None:
        return "Not counted"
    charge = plan.assets.charge
    return f"{wording.number(charge.included)}, then {wording.price_of(charge, plan.currency, 'asset')}"


def _gain_share(plan: Plan) -> str:
    if plan.gain_share is None:
        return "Not included"
    return f"{wording.number(plan.gain_share.min_pct)}–{wording.number(plan.gain_share.max_pct)} % of savings"
