"""What a better plant saved, by two methods that are never mixed, and the fee on it.

downtime-cost prices one difference, so nothing counts twice; kpi-delta adds KPIs up as the customer's first
contract did, and says where they overlap. A KPI that got worse lowers the total in both. Where the terms
price inventory or overtime, that part is added on top: (baseline - actual)·rate.
"""

from decimal import Decimal
from fractions import Fraction

from services.rules.money import Money, round_half_away
from services.rules.price_models import check_rate
from services.rules.savings import Measurements, Number, Part, Savings, Terms, make_part, present
from services.rules.violations import InvalidRate, MissingMeasurement

__all__ = [
    "DOWNTIME_COST",
    "KPI_DELTA",
    "METHODS",
    "Measurements",
    "Number",
    "Part",
    "Savings",
    "Terms",
    "downtime_cost",
    "fee",
    "kpi_delta",
]

DOWNTIME_COST = "downtime-cost"
KPI_DELTA = "kpi-delta"
METHODS = (DOWNTIME_COST, KPI_DELTA)


def downtime_cost(baseline: Measurements, actual: Measurements, terms: Terms) -> Savings:
    """C(baseline) - C(actual), where C = N·(MTTR·(downtime_rate + labour_rate) + parts_cost).

    N = operating_hours·A / MTBF failures, with A measured, or else MTBF / (MTBF + MTTR). Fewer failures are
    priced at the old cost of one, shorter repairs over the failures that still happened: the two parts sum
    to the difference exactly. Raises MissingMeasurement naming all that is absent.
    """
    given = present(
        _both("mtbf_hours", baseline.mtbf_hours, actual.mtbf_hours)
        | _both("mttr_hours", baseline.mttr_hours, actual.mttr_hours)
        | {"downtime_rate": terms.downtime_rate, "labour_rate": terms.labour_rate, "parts_cost": terms.parts_cost}
        | _added_needs(baseline, actual, terms)
    )
    numbers: dict[str, Fraction] = {}
    for name, side in (("baseline", baseline), ("actual", actual)):
        numbers |= _side_numbers(name, side, given, Fraction(terms.operating_hours))
    fewer = numbers["baseline_failures"] - numbers["actual_failures"]
    cheaper = numbers["baseline_cost_per_failure"] - numbers["actual_cost_per_failure"]
    amounts = {
        "fewer_failures": fewer * numbers["baseline_cost_per_failure"],
        "shorter_repairs": numbers["actual_failures"] * cheaper,
    }
    return _savings(DOWNTIME_COST, terms, amounts | _added(given, terms), numbers)


def kpi_delta(baseline: Measurements, actual: Measurements, terms: Terms) -> Savings:
    """The KPIs the terms price, each on its own and added up.

    Availability Δ%/100·operating_hours·availability_cost; failures avoided·failure_cost; repair hours
    saved·repair_cost, over operating_hours / MTBF failures. `overlapping` says that two or more of these
    were added, though a failure avoided is availability gained too. Raises MissingMeasurement.
    """
    needs = _kpi_needs(baseline, actual, terms) | _added_needs(baseline, actual, terms)
    if not needs:
        raise MissingMeasurement(("a rate for at least one KPI",))
    given = present(needs)
    hours = Fraction(terms.operating_hours)
    numbers: dict[str, Fraction] = {}
    amounts: dict[str, Fraction] = {}
    if terms.availability_cost is not None:
        points = given["actual availability_pct"] - given["baseline availability_pct"]
        numbers["operating_hours_gained"] = points / 100 * hours
        amounts["availability"] = numbers["operating_hours_gained"] * Fraction(terms.availability_cost)
    if terms.failure_cost is not None:
        numbers["failures_avoided"] = hours / given["baseline mtbf_hours"] - hours / given["actual mtbf_hours"]
        amounts["mtbf"] = numbers["failures_avoided"] * Fraction(terms.failure_cost)
    if terms.repair_cost is not None:
        shorter = given["baseline mttr_hours"] - given["actual mttr_hours"]
        numbers["repair_hours_saved"] = shorter * hours / given["actual mtbf_hours"]
        amounts["mttr"] = numbers["repair_hours_saved"] * Fraction(terms.repair_cost)
    overlapping = len(amounts) > 1
    return _savings(KPI_DELTA, terms, amounts | _added(given, terms), numbers, overlapping=overlapping)


def fee(savings: Money, share_pct: Decimal, *, min_pct: Decimal, max_pct: Decimal) -> Money:
    """`share_pct` percent of the savings, rounded once; nothing where the total is zero or below.

    Raises InvalidRate for a share outside the plan's bounds, or bounds outside 0 to 100 percent.
    """
    for name, pct in (("min_pct", min_pct), ("max_pct", max_pct), ("share_pct", share_pct)):
        check_rate(pct, name)
    if not min_pct <= max_pct <= 100:
        raise InvalidRate("The bounds of a share must rise and stay within 100 percent.")
    if not min_pct <= share_pct <= max_pct:
        raise InvalidRate(f"Under this plan the share is from {min_pct} to {max_pct} percent.")
    if savings.amount_minor <= 0:
        return Money.zero(savings.currency)
    return Money(round_half_away(savings.amount_minor * Fraction(share_pct) / 100), savings.currency)


def _side_numbers(name: str, side: Measurements, given: dict[str, Fraction], hours: Fraction) -> dict[str, Fraction]:
    mtbf, mttr = given[f"{name} mtbf_hours"], given[f"{name} mttr_hours"]
    measured = side.availability_pct
    availability = mtbf / (mtbf + mttr) if measured is None else Fraction(measured) / 100
    failures = hours * availability / mtbf
    each = mttr * (given["downtime_rate"] + given["labour_rate"]) + given["parts_cost"]
    return {
        f"{name}_availability": availability,
        f"{name}_failures": failures,
        f"{name}_cost_per_failure": each,
        f"{name}_cost": failures * each,
    }


def _both(kpi: str, baseline: Decimal | None, actual: Decimal | None) -> dict[str, Decimal | None]:
    return {f"baseline {kpi}": baseline, f"actual {kpi}": actual}


def _kpi_needs(baseline: Measurements, actual: Measurements, terms: Terms) -> dict[str, Decimal | None]:
    needs: dict[str, Decimal | None] = {}
    if terms.availability_cost is not None:
        needs |= _both("availability_pct", baseline.availability_pct, actual.availability_pct)
    if terms.failure_cost is not None:
        needs |= _both("mtbf_hours", baseline.mtbf_hours, actual.mtbf_hours)
    if terms.repair_cost is not None:
        needs |= _both("mttr_hours", baseline.mttr_hours, actual.mttr_hours)
        needs |= {"actual mtbf_hours": actual.mtbf_hours}
    return needs


def _added_needs(baseline: Measurements, actual: Measurements, terms: Terms) -> dict[str, Decimal | None]:
    needs: dict[str, Decimal | None] = {}
    if terms.carrying_rate_pct is not None:
        needs |= _both("inventory_value", baseline.inventory_value, actual.inventory_value)
    if terms.overtime_rate is not None:
        needs |= _both("overtime_hours", baseline.overtime_hours, actual.overtime_hours)
    return needs


def _added(given: dict[str, Fraction], terms: Terms) -> dict[str, Fraction]:
    amounts: dict[str, Fraction] = {}
    if terms.carrying_rate_pct is not None:
        freed = given["baseline inventory_value"] - given["actual inventory_value"]
        amounts["inventory"] = freed * Fraction(terms.carrying_rate_pct) / 100
    if terms.overtime_rate is not None:
        saved = given["baseline overtime_hours"] - given["actual overtime_hours"]
        amounts["overtime"] = saved * Fraction(terms.overtime_rate)
    return amounts


def _savings(
    method: str,
    terms: Terms,
    amounts: dict[str, Fraction],
    numbers: dict[str, Fraction],
    *,
    overlapping: bool = False,
) -> Savings:
    parts = tuple(make_part(name, amount, terms.currency) for name, amount in amounts.items())
    named = tuple(Number(name, value, _unit(name, terms.currency)) for name, value in numbers.items())
    return Savings(method, terms.currency, parts, named, overlapping)


def _unit(name: str, currency: str) -> str:
    if "cost" in name:
        return currency
    if "failures" in name:
        return "failures"
    return "hours" if "hours" in name else "share"
