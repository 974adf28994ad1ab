"""What a quantity costs: exact major units, with the steps that lead there. Rounding is the line's affair."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import ceil

from services.rules import decimals
from services.rules.price_documents import from_document, to_document
from services.rules.price_models import (
    RATE_MAX,
    TIERS_MAX,
    ZERO,
    Charge,
    Flat,
    Graduated,
    Package,
    PerUnit,
    PriceModel,
    Tier,
    Volume,
)
from services.rules.violations import InvalidQuantity

__all__ = [
    "QUANTITY_MAX",
    "RATE_MAX",
    "TIERS_MAX",
    "Charge",
    "Flat",
    "Graduated",
    "Package",
    "PerUnit",
    "PriceModel",
    "Rated",
    "RatedStep",
    "Tier",
    "Volume",
    "from_document",
    "rate",
    "to_document",
]

QUANTITY_MAX = Decimal(10**15)
"""Units on one line: a thousand of the largest events."""


@dataclass(frozen=True, slots=True)
class RatedStep:
    """One row of the working: `amount` = `quantity` × `unit_price` + `flat_fee`, in major units.

    `from_quantity` (excluded) to `to_quantity` (included) is the stretch of billable units it covers.
    `quantity` counts what `unit_price` is charged for: units, started packages, or none for a flat amount.
    """

    from_quantity: Decimal
    to_quantity: Decimal
    quantity: Decimal
    unit_price: Decimal
    flat_fee: Decimal
    amount: Fraction


@dataclass(frozen=True, slots=True)
class Rated:
    """A quantity with its exact `amount` in major units and the steps that were applied."""

    quantity: Decimal
    billable_quantity: Decimal
    amount: Fraction
    steps: tuple[RatedStep, ...]

    @property
    def adjustment(self) -> Fraction:
        """What the line's minimum added, or its maximum took off (below zero), on top of the steps."""
        return self.amount - sum((step.amount for step in self.steps), Fraction())


def rate(charge: Charge, quantity: Decimal) -> Rated:
    """Price a quantity: included units first, then the model, then the line's minimum and maximum.

    A flat amount and a minimum are due even where nothing was used. Nothing is rounded here.
    Raises InvalidQuantity below zero, above QUANTITY_MAX, or finer than 12 decimals.
    """
    _check_quantity(quantity)
    billable = max(ZERO, decimals.EXACT.subtract(quantity, charge.included))
    steps = tuple(_steps(charge.model, billable))
    amount = sum((step.amount for step in steps), Fraction())
    if charge.minimum is not None:
        amount = max(amount, Fraction(charge.minimum))
    if charge.maximum is not None:
        amount = min(amount, Fraction(charge.maximum))
    return Rated(quantity, billable, amount, steps)


def _check_quantity(quantity: Decimal) -> None:
    if not isinstance(quantity, Decimal) or not decimals.is_exact(quantity):
        raise InvalidQuantity("A quantity to price must be a finite decimal.")
    if not ZERO <= quantity <= QUANTITY_MAX:
        raise InvalidQuantity(f"A quantity to price must be from 0 to {QUANTITY_MAX:,}.")
    if decimals.decimals_of(quantity) > decimals.DECIMALS_MAX:
        raise InvalidQuantity(f"A quantity to price has at most {decimals.DECIMALS_MAX} decimals.")


def _steps(model: PriceModel, billable: Decimal) -> Iterator[RatedStep]:
    if isinstance(model, Flat):
        yield _step(ZERO, billable, ZERO, ZERO, model.amount)
    elif billable == 0:
        return
    elif isinstance(model, PerUnit):
        yield _step(ZERO, billable, billable, model.unit_price, ZERO)
    elif isinstance(model, Package):
        started = Decimal(ceil(Fraction(billable) / Fraction(model.package_size)))
        yield _step(ZERO, billable, started, model.package_price, ZERO)
    elif isinstance(model, Graduated):
        yield from _graduated_steps(model.tiers, billable)
    else:
        tier = next(tier for tier in model.tiers if tier.up_to is None or billable <= tier.up_to)
        yield _step(ZERO, billable, billable, tier.unit_price, tier.flat_fee)


def _graduated_steps(tiers: tuple[Tier, ...], billable: Decimal) -> Iterator[RatedStep]:
    reached = ZERO
    for tier in tiers:
        end = billable if tier.up_to is None else min(billable, tier.up_to)
        if end <= reached:
            return
        yield _step(reached, end, decimals.EXACT.subtract(end, reached), tier.unit_price, tier.flat_fee)
        reached = end


def _step(
    from_quantity: Decimal, to_quantity: Decimal, quantity: Decimal, unit_price: Decimal, flat_fee: Decimal
) -> RatedStep:
    amount = Fraction(quantity) * Fraction(unit_price) + Fraction(flat_fee)
    return RatedStep(from_quantity, to_quantity, quantity, unit_price, flat_fee, amount)
