"""What a gain-share compares and what comes out: measurements, sealed terms, and savings part by part."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from fractions import Fraction

from services.rules import decimals
from services.rules.money import Money, minor_digits, to_money, total
from services.rules.price_models import check_rate
from services.rules.violations import InvalidQuantity, MissingMeasurement

MEASUREMENT_MAX = Decimal(10**15)


@dataclass(frozen=True, slots=True)
class Measurements:
    """One side of the comparison; None where a number was not measured.

    Availability in percent, MTBF, MTTR and overtime in hours, inventory in major units of the terms' currency.
    Raises InvalidQuantity for a number below zero, an availability over 100 or an MTBF of zero.
    """

    availability_pct: Decimal | None = None
    mtbf_hours: Decimal | None = None
    mttr_hours: Decimal | None = None
    inventory_value: Decimal | None = None
    overtime_hours: Decimal | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and not (decimals.is_exact(value) and 0 <= value <= MEASUREMENT_MAX):
                raise InvalidQuantity(f"{field.name} must be a finite number, zero or more.")
        if self.availability_pct is not None and self.availability_pct > 100:
            raise InvalidQuantity("availability_pct is at most 100.")
        if self.mtbf_hours is not None and self.mtbf_hours == 0:
            raise InvalidQuantity("mtbf_hours must be above zero.")


@dataclass(frozen=True, slots=True)
class Terms:
    """What the sealed baseline fixes besides its measurements. No rate has a default; None leaves a part out.

    Rates in major units of `currency`: `downtime_rate`, `labour_rate` and `overtime_rate` per hour,
    `parts_cost` per failure; for kpi-delta `availability_cost` per operating hour gained, `failure_cost` per
    failure avoided, `repair_cost` per repair hour saved. `carrying_rate_pct` in percent. Raises InvalidRate.
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

    def __post_init__(self) -> None:
        minor_digits(self.currency)
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name != "currency" and value is not None:
                check_rate(value, field.name)


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
