"""How the savings of a calculation and the fee came about, step by step: facts in no language, for pages and reports.

All of it is read from the calculation's document; nothing is looked up, so a stored run says the same for ever.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from services.gain_share.baseline_terms import VALUE_RATE
from services.rules.added_savings import GAINED, OWN_PREFIX
from services.rules.gain_share import DOWNTIME_COST
from services.rules.money import Money
from services.rules.savings import LOWER

HOURS, FAILURES, DAYS, PERCENT = "hours", "failures", "days", "%"
SAVINGS, KEPT, FEE = "savings", "kept", "fee"
_PRICES: Final = {"availability": "availability_cost", "mtbf": "failure_cost", "mttr": "repair_cost"}
_COUNTED: Final = {"availability": "operating_hours_gained", "mtbf": "failures_avoided", "mttr": "repair_hours_saved"}


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with its unit: HOURS, FAILURES, DAYS, PERCENT, a currency (major units), or that of a plan's own KPI."""

    value: Decimal
    unit: str


@dataclass(frozen=True, slots=True)
class WorkStep:
    """One step: what it is called, the figures and signs it is worked out from, and what comes out.

    Parts of the savings are called "part " and their name. `terms` are empty where there is nothing to work out.
    """

    name: str
    terms: tuple[Figure | str, ...]
    result: Figure


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of the waterfall, from one amount to another, in minor units. SAVINGS and FEE stand on zero."""

    name: str
    from_minor: int
    to_minor: int

    @property
    def amount_minor(self) -> int:
        return self.to_minor - self.from_minor

    @property
    def shown_minor(self) -> int:
        """The amount as people read it: what the customer keeps is no loss, though its bar leads down to the fee."""
        return abs(self.amount_minor) if self.name == KEPT else self.amount_minor


def work_steps(calculation: Mapping[str, Any]) -> tuple[WorkStep, ...]:
    """Every intermediate number in the order it is worked out, then the parts, the savings and the fee."""
    return tuple(_Working(calculation).steps())


def waterfall(calculation: Mapping[str, Any]) -> tuple[Bar, ...]:
    """From the parts to the savings, and by what the customer keeps to the fee; of a loss nothing is kept."""
    currency = calculation["currency"]
    bars, reached = [], 0
    for part in calculation["parts"]:
        after = reached + Money.parse(part["amount"], currency).amount_minor
        bars.append(Bar(part["name"], reached, after))
        reached = after
    fee = Money.parse(calculation["fee"], currency).amount_minor
    assert reached == Money.parse(calculation["savings"], currency).amount_minor, "the parts sum to the savings"
    kept = [Bar(KEPT, reached, fee)] if reached > 0 else []
    return (*bars, Bar(SAVINGS, 0, reached), *kept, Bar(FEE, 0, fee))


class _Working:
    def __init__(self, calculation: Mapping[str, Any]) -> None:
        self._calculation = calculation
        self._currency: str = calculation["currency"]
        self._terms = {name: Decimal(text) for name, text in calculation["terms"].items()}
        self._numbers = {each["name"]: Decimal(each["value"]) for each in calculation["numbers"]}
        self._before = {each["kpi"]: Decimal(each["value"]) for each in calculation["baselines"]}
        self._after = {
            each["kpi"]: Decimal(each["value"]) for each in calculation["actual"] if each["value"] is not None
        }
        year = calculation["year"]
        self._is_whole_year = year["days"] == year["of"]
        self._of_year: tuple[Figure | str, ...] = (
            () if self._is_whole_year else ("×", Figure(Decimal(year["days"]), DAYS), "÷", _days(year["of"]))
        )

    def steps(self) -> Iterator[WorkStep]:
        operating = Figure(self._terms["operating_hours"], HOURS)
        yield WorkStep("operating_hours", (operating, *self._of_year), self._number("operating_hours", HOURS))
        if self._calculation["method"] == DOWNTIME_COST:
            for side, values in (("baseline", self._before), ("actual", self._after)):
                yield from self._cost(side, values)
            yield from self._downtime_parts()
        else:
            yield from self._kpi_parts()
        yield from self._added()
        yield self._savings()
        yield self._fee()

    def _cost(self, side: str, values: Mapping[str, Decimal]) -> Iterator[WorkStep]:
        """Failures of a side and what they cost; none where nothing failed."""
        failures = self._number(f"{side}_failures", FAILURES)
        cost = self._number(f"{side}_cost", self._currency)
        if f"{side}_cost_per_failure" not in self._numbers:
            yield WorkStep(f"{side}_failures", (), failures)
            return
        between, repair = Figure(values["mtbf_hours"], HOURS), Figure(values["mttr_hours"], HOURS)
        up = Figure(self._numbers[f"{side}_availability"] * 100, PERCENT)
        if "availability_pct" not in values:
            yield WorkStep(f"{side}_availability", (between, "÷", "(", between, "+", repair, ")"), up)
        hours, each = self._number("operating_hours", HOURS), self._each(side)
        yield WorkStep(f"{side}_failures", (hours, "×", up, "÷", between), failures)
        an_hour = ("(", self._rate("downtime_rate"), "+", self._rate("labour_rate"), ")")
        yield WorkStep(f"{side}_cost_per_failure", (repair, "×", *an_hour, "+", self._rate("parts_cost")), each)
        yield WorkStep(f"{side}_cost", (failures, "×", each), cost)

    def _downtime_parts(self) -> Iterator[WorkStep]:
        before, after = (self._number(f"{side}_failures", FAILURES) for side in ("baseline", "actual"))
        old, new = self._each("baseline"), self._each("actual")
        yield self._part("fewer_failures", "(", before, "-", after, ")", "×", old)
        yield self._part("shorter_repairs", after, "×", "(", old, "-", new, ")")

    def _kpi_parts(self) -> Iterator[WorkStep]:
        amounts = self._amounts()
        for name, counted in _COUNTED.items():
            if name in amounts:
                found = self._number(counted, FAILURES if name == "mtbf" else HOURS)
                yield WorkStep(counted, tuple(self._counted(name)), found)
                yield self._part(name, found, "×", self._rate(_PRICES[name]))

    def _counted(self, name: str) -> Iterator[Figure | str]:
        hours = self._number("operating_hours", HOURS)
        if name == "availability":
            points = (Figure(side["availability_pct"], PERCENT) for side in (self._after, self._before))
            after, before = points
            yield from ("(", after, "-", before, ")", "×", hours)
            return
        for sign, side in (("", self._before), ("-", self._after)):
            if sign:
                yield sign
            if "mtbf_hours" not in side:
                yield Figure(Decimal(0), FAILURES if name == "mtbf" else HOURS)
                continue
            yield from (hours, "÷", Figure(side["mtbf_hours"], HOURS))
            if name == "mttr":
                yield from ("×", Figure(side["mttr_hours"], HOURS))

    def _added(self) -> Iterator[WorkStep]:
        amounts = self._amounts()
        if "inventory" in amounts:
            before, after = (Figure(side["inventory_value"], self._currency) for side in (self._before, self._after))
            freed = self._number("inventory_freed", self._currency)
            yield WorkStep("inventory_freed", (before, "-", after), freed)
            carrying = Figure(self._terms["carrying_rate_pct"], PERCENT)
            yield self._part("inventory", freed, "×", carrying, *self._of_year)
        if "overtime" in amounts:
            before, after = (Figure(side["overtime_hours"], HOURS) for side in (self._before, self._after))
            saved = self._number("overtime_hours_saved", HOURS)
            yield WorkStep("overtime_hours_saved", (before, *self._of_year, "-", after), saved)
            yield self._part("overtime", saved, "×", self._rate("overtime_rate"))
        for code, own in self._calculation["own"].items():
            yield from self._own(code, own)

    def _own(self, code: str, own: Mapping[str, str]) -> Iterator[WorkStep]:
        before, after = (Figure(side[code], own["unit"]) for side in (self._before, self._after))
        gained = self._number(f"{OWN_PREFIX}{code}{GAINED}", own["unit"])
        better = (before, "-", after) if own["better"] == LOWER else (after, "-", before)
        yield WorkStep(f"{OWN_PREFIX}{code}{GAINED}", better, gained)
        price = Figure(Decimal(own[VALUE_RATE]), self._currency)
        yield self._part(f"{OWN_PREFIX}{code}", gained, "×", price, *self._of_year)

    def _savings(self) -> WorkStep:
        amounts = [Figure(amount, self._currency) for amount in self._amounts().values()]
        total = Figure(Decimal(self._calculation["savings"]), self._currency)
        return WorkStep(SAVINGS, tuple(_between(amounts, "+")), total)

    def _fee(self) -> WorkStep:
        savings = Figure(Decimal(self._calculation["savings"]), self._currency)
        share = Figure(Decimal(self._calculation["share_pct"]), PERCENT)
        fee = Figure(Decimal(self._calculation["fee"]), self._currency)
        return WorkStep(FEE, (savings, "×", share) if savings.value > 0 else (), fee)

    def _part(self, name: str, *terms: Figure | str) -> WorkStep:
        return WorkStep(f"part {name}", terms, Figure(self._amounts()[name], self._currency))

    def _each(self, side: str) -> Figure:
        """What a failure costs on a side; as on the other where nothing failed on this one."""
        other = {"baseline": "actual", "actual": "baseline"}[side]
        found = (self._numbers.get(f"{name}_cost_per_failure") for name in (side, other))
        return Figure(next((value for value in found if value is not None), Decimal(0)), self._currency)

    def _amounts(self) -> dict[str, Decimal]:
        return {part["name"]: Decimal(part["amount"]) for part in self._calculation["parts"]}

    def _number(self, name: str, unit: str) -> Figure:
        return Figure(self._numbers[name], unit)

    def _rate(self, name: str) -> Figure:
        return Figure(self._terms[name], self._currency)


def _between(figures: Sequence[Figure], sign: str) -> Iterable[Figure | str]:
    for place, figure in enumerate(figures):
        if place:
            yield sign
        yield figure


def _days(count: int) -> Figure:
    return Figure(Decimal(count), DAYS)
