"""A charge as whole numbers, for where a price is asked after every event: equal to `pricing.rate` to the last digit.

Prices and quantities have at most 12 decimals, so every amount is a whole number of 10^-24 major units.
"""

from bisect import bisect_left
from collections.abc import Callable
from decimal import Decimal
from itertools import accumulate

from services.rules.price_models import Charge, Flat, Graduated, Package, PerUnit, PriceModel, Tier, Volume
from services.rules.quantities import MICRO

PICO = 10**12
AMOUNT_SCALE = PICO * PICO
"""How many of the units an amount is counted in make one major unit."""

_PICO_IN_MICRO = PICO // MICRO
_Amount = Callable[[int], int]


class PriceCurve:
    """What use beyond the lots of a pool costs, as a function of how much it is."""

    __slots__ = ("_falls_after", "_included", "_maximum", "_minimum", "_of_billable")

    def __init__(self, charge: Charge) -> None:
        self._included = _pico(charge.included)
        self._minimum = 0 if charge.minimum is None else _pico(charge.minimum) * PICO
        self._maximum = None if charge.maximum is None else _pico(charge.maximum) * PICO
        self._of_billable = _compiled(charge.model)
        self._falls_after: list[int] = []
        if isinstance(charge.model, Volume):
            ends, _, _ = _columns(charge.model.tiers)
            self._falls_after = [(end + self._included) // _PICO_IN_MICRO for end in ends]

    def amount(self, quantity_micro: int) -> int:
        """The exact price of a quantity in millionths; of nothing it is nothing, not even the minimum."""
        if not quantity_micro:
            return 0
        amount = max(self._of_billable(max(0, quantity_micro * _PICO_IN_MICRO - self._included)), self._minimum)
        return amount if self._maximum is None else min(amount, self._maximum)

    def most(self, least_micro: int, most_micro: int) -> int:
        """The highest price of any quantity from the one to the other: only a volume price ever falls, after a tier."""
        ends = (micro for micro in self._falls_after if least_micro < micro < most_micro)
        return max(map(self.amount, (least_micro, most_micro, *ends)))


def to_minor(amount: int, minor_digits: int) -> int:
    """An amount of a curve in minor units, rounded once, half away from zero."""
    minor_scale = AMOUNT_SCALE // int(10**minor_digits)
    return (2 * amount + minor_scale) // (2 * minor_scale)


def _compiled(model: PriceModel) -> _Amount:
    """Billable units in 10^-12 to their amount."""
    if isinstance(model, Flat):
        flat = _pico(model.amount) * PICO
        return lambda billable: flat
    if isinstance(model, PerUnit):
        unit_price = _pico(model.unit_price)
        return lambda billable: billable * unit_price
    if isinstance(model, Package):
        size, price = _pico(model.package_size), _pico(model.package_price) * PICO
        return lambda billable: -(-billable // size) * price
    return _graduated(model.tiers) if isinstance(model, Graduated) else _volume(model.tiers)


def _graduated(tiers: tuple[Tier, ...]) -> _Amount:
    ends, prices, fees = _columns(tiers)
    starts = [0, *ends]
    whole = [(end - start) * price + fee for start, end, price, fee in zip(starts, ends, prices, fees, strict=False)]
    before = list(accumulate(whole, initial=0))

    def amount(billable: int) -> int:
        if not billable:
            return 0
        tier = bisect_left(ends, billable)
        return before[tier] + fees[tier] + (billable - starts[tier]) * prices[tier]

    return amount


def _volume(tiers: tuple[Tier, ...]) -> _Amount:
    ends, prices, fees = _columns(tiers)

    def amount(billable: int) -> int:
        if not billable:
            return 0
        tier = bisect_left(ends, billable)
        return billable * prices[tier] + fees[tier]

    return amount


def _columns(tiers: tuple[Tier, ...]) -> tuple[list[int], list[int], list[int]]:
    """Where each tier but the open one ends, the unit prices, and the fees as amounts."""
    ends = [_pico(tier.up_to) for tier in tiers if tier.up_to is not None]
    return ends, [_pico(tier.unit_price) for tier in tiers], [_pico(tier.flat_fee) * PICO for tier in tiers]


def _pico(value: Decimal) -> int:
    numerator, denominator = value.as_integer_ratio()
    pico, rest = divmod(numerator * PICO, denominator)
    assert not rest, "a price model has checked that its rates have at most 12 decimals"
    return pico
