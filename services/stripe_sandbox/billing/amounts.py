"""Amounts in the smallest unit of the currency: price times quantity, shares of a sum, and tax. Halves round up."""

from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal

from services.stripe_sandbox.documents import Document

CHARGE_MAX = 99_999_999
"""The most one PaymentIntent holds: 999,999.99."""


def rounded(amount: Decimal) -> int:
    """The nearest whole unit, halves away from zero."""
    return int(amount.quantize(Decimal(1), ROUND_HALF_UP))


def price_amount(price: Document, quantity: int | Decimal) -> int:
    """What a quantity of a price costs."""
    units = Decimal(quantity)
    transform = price.get("transform_quantity")
    if transform is not None:
        rounding = ROUND_CEILING if transform["round"] == "up" else ROUND_FLOOR
        units = (units / transform["divide_by"]).quantize(Decimal(1), rounding)
    if price["billing_scheme"] == "per_unit":
        return rounded(Decimal(price["unit_amount_decimal"] or 0) * units)
    tiers = price["_tiers"]
    return _volume_amount(tiers, units) if price["tiers_mode"] == "volume" else _graduated_amount(tiers, units)


def _volume_amount(tiers: Sequence[Document], units: Decimal) -> int:
    tier = next(tier for tier in tiers if tier["up_to"] is None or units <= tier["up_to"])
    return rounded(_tier_amount(tier, units))


def _graduated_amount(tiers: Sequence[Document], units: Decimal) -> int:
    total, floor = Decimal(0), 0
    for tier in tiers:
        inside = units - floor if tier["up_to"] is None else min(units, Decimal(tier["up_to"])) - floor
        total += _tier_amount(tier, inside)
        if tier["up_to"] is None or units <= tier["up_to"]:
            break
        floor = tier["up_to"]
    return rounded(total)


def _tier_amount(tier: Document, units: Decimal) -> Decimal:
    return Decimal(tier["flat_amount_decimal"] or 0) + Decimal(tier["unit_amount_decimal"] or 0) * units


def shares(total: int, weights: Sequence[int]) -> list[int]:
    """Split a total in proportion; what rounding leaves goes to the largest remainders, the earlier first."""
    whole = sum(weights)
    if whole == 0:
        return [0] * len(weights)
    exact = [Decimal(total) * weight / whole for weight in weights]
    parts = [int(share.to_integral_value(ROUND_FLOOR)) for share in exact]
    by_remainder = sorted(range(len(parts)), key=lambda place: (parts[place] - exact[place], place))
    for place in by_remainder[: total - sum(parts)]:
        parts[place] += 1
    return parts


def tax_of(taxable: int, percentage: float, *, inclusive: bool) -> int:
    """The tax on top of an amount, or the tax contained in it."""
    rate = Decimal(str(percentage)) / 100
    base = Decimal(taxable)
    return rounded(base - base / (1 + rate)) if inclusive else rounded(base * rate)
