"""What a better plant saved, by two methods that are never mixed, and the fee on it.

downtime-cost prices one difference, so nothing counts twice; kpi-delta adds KPIs up as the customer's first
contract did, and says where they overlap. A KPI that got worse lowers the total in both. What the terms price
besides is added on top (`added_savings.py`). Hours, rates of stock and own KPIs are a year's: a shorter period has its
share of them.
"""

from decimal import Decimal
from fractions import Fraction

from services.rules.added_savings import added, added_needs, both
from services.rules.money import Money, round_half_away
from services.rules.price_models import check_rate
from services.rules.savings import Measurements, Number, Part, Savings, Terms, make_part, present
from services.rules.violations import InvalidQuantity, InvalidRate, MissingMeasurement

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
    "savings_by",
]

DOWNTIME_COST = "downtime-cost"
KPI_DELTA = "kpi-delta"
METHODS = (DOWNTIME_COST, KPI_DELTA)


def savings_by(method: str, baseline: Measurements, actual: Measurements, terms: Terms) -> Savings:
    """The savings by one of METHODS. Raises what the method raises."""
    return {DOWNTIME_COST: downtime_cost, KPI_DELTA: kpi_delta}[method](baseline, actual, terms)


def downtime_cost(baseline: Measurements, actual: Measurements, terms: Terms) -> Savings:
    """C(baseline) - C(actual), where C = N·(MTTR·(downtime_rate + labour_rate) + parts_cost).

    N = operating hours·A / MTBF failures, with A measured, or else MTBF / (MTBF + MTTR); where nothing failed N and C
    are zero. Fewer failures are priced at the old cost of one, shorter repairs over the failures that still happened:
    the two parts sum to the difference exactly. Raises MissingMeasurement naming all that is absent, and
    InvalidQuantity where A is not measured and longer repairs would look like savings.
    """
    sides = (("baseline", baseline), ("actual", actual))
    needs: dict[str, Decimal | None] = {}
    for kpi in ("mtbf_hours", "mttr_hours"):
        needs |= {f"{name} {kpi}": getattr(side, kpi) for name, side in sides if not side.nothing_failed}
    rates = {"downtime_rate": terms.downtime_rate, "labour_rate": terms.labour_rate, "parts_cost": terms.parts_cost}
    given = present(needs | rates | added_needs(baseline, actual, terms))
    numbers = [Number("operating_hours", terms.hours, "hours")]
    costs = []
    for name, side in sides:
        failures, each, found = _cost_of(name, side, given, terms)
        costs.append((failures, each))
        numbers += found
    (before, old_cost), (after, new_cost) = costs
    old = old_cost if old_cost is not None else new_cost or Fraction()
    new = new_cost if new_cost is not None else old
    amounts = {"fewer_failures": (before - after) * old, "shorter_repairs": after * (old - new)}
    return _savings(DOWNTIME_COST, terms, amounts, numbers, given)


def kpi_delta(baseline: Measurements, actual: Measurements, terms: Terms) -> Savings:
    """The KPIs the terms price, each on its own and added up.

    Availability Δ%/100·operating hours·availability_cost; failures avoided·failure_cost; repair hours
    saved·repair_cost, where a side has operating hours / MTBF failures with MTTR each, and none where nothing
    failed. `overlapping` says that two or more of these were added, though a failure avoided is availability
    gained too. Raises MissingMeasurement.
    """
    needs = _kpi_needs(baseline, actual, terms) | added_needs(baseline, actual, terms)
    if not needs and not _is_priced(terms):
        raise MissingMeasurement(("a rate for at least one KPI",))
    given = present(needs)
    numbers = [Number("operating_hours", terms.hours, "hours")]
    amounts: dict[str, Fraction] = {}
    if terms.availability_cost is not None:
        points = given["actual availability_pct"] - given["baseline availability_pct"]
        numbers.append(Number("operating_hours_gained", points / 100 * terms.hours, "hours"))
        amounts["availability"] = numbers[-1].value * Fraction(terms.availability_cost)
    if terms.failure_cost is not None:
        avoided = _failures("baseline", given, terms) - _failures("actual", given, terms)
        numbers.append(Number("failures_avoided", avoided, "failures"))
        amounts["mtbf"] = avoided * Fraction(terms.failure_cost)
    if terms.repair_cost is not None:
        saved = _repair_hours("baseline", given, terms) - _repair_hours("actual", given, terms)
        numbers.append(Number("repair_hours_saved", saved, "hours"))
        amounts["mttr"] = saved * Fraction(terms.repair_cost)
    return _savings(KPI_DELTA, terms, amounts, numbers, given, overlapping=len(amounts) > 1)


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


def _cost_of(
    name: str, side: Measurements, given: dict[str, Fraction], terms: Terms
) -> tuple[Fraction, Fraction | None, list[Number]]:
    """(failures, what one costs, the numbers on the way) of a side; no cost of one where nothing failed."""
    if side.nothing_failed:
        none = (("failures", "failures"), ("cost", terms.currency))
        return Fraction(), None, [Number(f"{name}_{what}", Fraction(), unit) for what, unit in none]
    mtbf, mttr = given[f"{name} mtbf_hours"], given[f"{name} mttr_hours"]
    an_hour = given["downtime_rate"] + given["labour_rate"]
    if side.availability_pct is None:
        _check_repairs_cost(an_hour * mtbf, given["parts_cost"])
    availability = mtbf / (mtbf + mttr) if side.availability_pct is None else Fraction(side.availability_pct) / 100
    failures = terms.hours * availability / mtbf
    each = mttr * an_hour + given["parts_cost"]
    numbers = [
        Number(f"{name}_availability", availability, "share"),
        Number(f"{name}_failures", failures, "failures"),
        Number(f"{name}_cost_per_failure", each, terms.currency),
        Number(f"{name}_cost", failures * each, terms.currency),
    ]
    return failures, each, numbers


def _check_repairs_cost(between_failures: Fraction, parts_cost: Fraction) -> None:
    """N falls as repairs take longer, where A follows from both: the hours must cost more than the parts they spare."""
    if parts_cost > between_failures:
        raise InvalidQuantity(
            "The parts of a failure cost more than the hours between two, so longer repairs would look like savings; "
            "measure the availability, too."
        )


def _failures(name: str, given: dict[str, Fraction], terms: Terms) -> Fraction:
    mtbf = given.get(f"{name} mtbf_hours")
    return Fraction() if mtbf is None else terms.hours / mtbf


def _repair_hours(name: str, given: dict[str, Fraction], terms: Terms) -> Fraction:
    return _failures(name, given, terms) * given.get(f"{name} mttr_hours", Fraction())


def _kpi_needs(baseline: Measurements, actual: Measurements, terms: Terms) -> dict[str, Decimal | None]:
    needs: dict[str, Decimal | None] = {}
    if terms.availability_cost is not None:
        needs |= both("availability_pct", baseline.availability_pct, actual.availability_pct)
    for name, side in (("baseline", baseline), ("actual", actual)):
        if side.nothing_failed:
            continue
        if terms.failure_cost is not None or terms.repair_cost is not None:
            needs[f"{name} mtbf_hours"] = side.mtbf_hours
        if terms.repair_cost is not None:
            needs[f"{name} mttr_hours"] = side.mttr_hours
    return needs


def _is_priced(terms: Terms) -> bool:
    return any(rate is not None for rate in (terms.availability_cost, terms.failure_cost, terms.repair_cost))


def _savings(
    method: str,
    terms: Terms,
    amounts: dict[str, Fraction],
    numbers: list[Number],
    given: dict[str, Fraction],
    *,
    overlapping: bool = False,
) -> Savings:
    on_top, more = added(given, terms)
    parts = tuple(make_part(name, amount, terms.currency) for name, amount in (amounts | on_top).items())
    return Savings(method, terms.currency, parts, (*numbers, *more), overlapping)
