"""Savings that either method adds on top: stock, overtime, and the KPIs that a plan names itself."""

from decimal import Decimal
from fractions import Fraction
from typing import Final

from services.rules.savings import LOWER, Measurements, Number, Terms

OWN_PREFIX: Final = "kpi."
"""Before the code of a plan's own KPI in the name of its part, so that it is never taken for one of ours."""


GAINED: Final = "_gained"


def added_needs(baseline: Measurements, actual: Measurements, terms: Terms) -> dict[str, Decimal | None]:
    """The measurements that the terms put a price on, by name."""
    needs: dict[str, Decimal | None] = {}
    if terms.carrying_rate_pct is not None:
        needs |= both("inventory_value", baseline.inventory_value, actual.inventory_value)
    if terms.overtime_rate is not None:
        needs |= both("overtime_hours", baseline.overtime_hours, actual.overtime_hours)
    for code in terms.own:
        needs |= both(code, baseline.own.get(code), actual.own.get(code))
    return needs


def added(given: dict[str, Fraction], terms: Terms) -> tuple[dict[str, Fraction], list[Number]]:
    """The exact amount of each part, and the numbers on the way. Stock and own KPIs are worth their rate a year;
    overtime is what the period's share of the baseline's year exceeds that of the period."""
    amounts: dict[str, Fraction] = {}
    numbers: list[Number] = []
    if terms.carrying_rate_pct is not None:
        freed = given["baseline inventory_value"] - given["actual inventory_value"]
        numbers.append(Number("inventory_freed", freed, terms.currency))
        amounts["inventory"] = freed * Fraction(terms.carrying_rate_pct) / 100 * terms.year_share
    if terms.overtime_rate is not None:
        saved = given["baseline overtime_hours"] * terms.year_share - given["actual overtime_hours"]
        numbers.append(Number("overtime_hours_saved", saved, "hours"))
        amounts["overtime"] = saved * Fraction(terms.overtime_rate)
    for code, rate in terms.own.items():
        rise = given[f"actual {code}"] - given[f"baseline {code}"]
        gained = -rise if rate.better == LOWER else rise
        numbers.append(Number(f"{OWN_PREFIX}{code}{GAINED}", gained, "units"))
        amounts[f"{OWN_PREFIX}{code}"] = gained * Fraction(rate.value_rate) * terms.year_share
    return amounts, numbers


def both(kpi: str, baseline: Decimal | None, actual: Decimal | None) -> dict[str, Decimal | None]:
    """A KPI of either side, by the names that refusals use."""
    return {f"baseline {kpi}": baseline, f"actual {kpi}": actual}
