"""What a gain-share compares and what comes out: measurements, sealed terms, and savings part by part."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Final

from services.rules import decimals
from services.rules.money import Money, minor_digits, to_money, total
from services.rules.price_models import check_rate
from services.rules.violations import InvalidQuantity, InvalidRate, MissingMeasurement

MEASUREMENT_MAX = Decimal(10**15)
MEASURED: Final = ("availability_pct", "mtbf_hours", "mttr_hours", "inventory_value", "overtime_hours")
RATE_NAMES: Final = (
    "operating_hours", "downtime_rate", "labour_rate", "parts_cost", "availability_cost", "failure_cost",
    "repair_cost", "carrying_rate_pct", "overtime_rate",
)  # fmt: skip
HIGHER, LOWER = "higher", "lower"


@dataclass(frozen=True, slots=True)
class Measurements:
    """One side of the comparison; None where a number was not measured.

    Availability in percent, MTBF and MTTR in hours, inventory in major units of the terms' currency. Overtime in hours:
    of a year in a baseline, of the period in what was measured. `own` are KPIs of the plan, by code. Where
    `nothing_failed` there is no time between failures and none to repair.

    Raises InvalidQuantity for a number below zero, an availability over 100 or an MTBF of zero.
    """

    availability_pct: Decimal | None = None
    mtbf_hours: Decimal | None = None
    mttr_hours: Decimal | None = None
    inventory_value: Decimal | None = None
    overtime_hours: Decimal | None = None
    own: Mapping[str, Decimal] = field(default_factory=dict)
    nothing_failed: bool = False

    def __post_init__(self) -> None:
        named = {name: getattr(self, name) for name in MEASURED} | dict(self.own)
        for name, value in named.items():
            if value is not None and not (decimals.is_exact(value) and 0 <= value <= MEASUREMENT_MAX):
                raise InvalidQuantity(f"{name} must be a finite number, zero or more.")
        if self.availability_pct is not None and self.availability_pct > 100:
            raise InvalidQuantity("availability_pct is at most 100.")
        if self.mtbf_hours is not None and self.mtbf_hours == 0:
            raise InvalidQuantity("mtbf_hours must be above zero.")
        if self.nothing_failed and not self.mtbf_hours is self.mttr_hours is None:
            raise InvalidQuantity("Where nothing failed there is no time between failures and none to repair.")


@dataclass(frozen=True, slots=True)
class OwnRate:
    """What a year of one unit of a plan's own KPI is worth, in major units, and which way is better.

    Raises InvalidRate.
    """

    better: str
    value_rate: Decimal

    def __post_init__(self) -> None:
        check_rate(self.value_rate, "value_rate")
        if self.better not in (HIGHER, LOWER):
            raise InvalidRate(f"Of a KPI either {HIGHER} or {LOWER} is better.")


@dataclass(frozen=True, slots=True)
class Terms:
    """What the sealed baselines fix besides their measurements. No rate has a default; None leaves a part out.

    Rates in major units of `currency`: `downtime_rate`, `labour_rate` and `overtime_rate` per hour,
    `parts_cost` per failure; for kpi-delta `availability_cost` per operating hour gained, `failure_cost` per
    failure avoided, `repair_cost` per repair hour saved. `carrying_rate_pct` in percent a year. `operating_hours` are
    those of a year, of which the period compared is `year_share`. `own` are the rates of the plan's own KPIs.
    Raises InvalidRate.
    """

    currency: str
    operating_hours: Decimal
    downtime_rate: Decimal | None = None
    labour_rate: Decimal | None = None
    parts_cost: Decimal | None = None
    availability_cost: Decimal | None = None
    failure_cost: Decimal | None = None
    repair_cost: Decimal | None = None
    carrying_rate_pct: Decimal | None = None
    overtime_rate: Decimal | None = None
    own: Mapping[str, OwnRate] = field(default_factory=dict)
    year_share: Fraction = Fraction(1)

    def __post_init__(self) -> None:
        minor_digits(self.currency)
        for name in RATE_NAMES:
            value = getattr(self, name)
            if value is not None:
                check_rate(value, name)
        if not 0 < self.year_share <= 1:
            raise InvalidRate("A period is at most a year, and not empty.")

    @property
    def hours(self) -> Fraction:
        """The operating hours of the period."""
        return Fraction(self.operating_hours) * self.year_share


@dataclass(frozen=True, slots=True)
class Part:
    """One line of the breakdown: exact major units, and the same rounded once. Below zero: it got worse."""

    name: str
    amount: Fraction
    money: Money


@dataclass(frozen=True, slots=True)
class Number:
    """An intermediate result a person can check, with its unit."""

    name: str
    value: Fraction
    unit: str


@dataclass(frozen=True, slots=True)
class Savings:
    """The breakdown of one comparison; its total is the sum of its rounded parts."""

    method: str
    currency: str
    parts: tuple[Part, ...]
    numbers: tuple[Number, ...]
    overlapping: bool = False

    @property
    def total(self) -> Money:
        return total((part.money for part in self.parts), self.currency)

    @property
    def amount(self) -> Fraction:
        """Exact major units, before any part was rounded."""
        return sum((part.amount for part in self.parts), Fraction())


def make_part(name: str, amount: Fraction, currency: str) -> Part:
    return Part(name, amount, to_money(amount, currency))


def present(values: Mapping[str, Decimal | None]) -> dict[str, Fraction]:
    """The numbers as exact fractions. Raises MissingMeasurement naming every one that is None."""
    missing = tuple(name for name, value in values.items() if value is None)
    if missing:
        raise MissingMeasurement(missing)
    return {name: Fraction(value) for name, value in values.items() if value is not None}
