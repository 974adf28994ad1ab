"""Prices as people type them on one line, in and out.

per_unit    0.005
flat        100.00
package     1000 for 0.10
graduated   50000 at 0.005, 100000 at 0.004, then 0.003          tiers may add a fee: 50000 at 0.005 + 10
volume      the same
"""

from collections.abc import Mapping
from typing import Any, Final

from services.errors import Unprocessable
from services.rules.decimals import is_plain, text_of
from services.rules.pricing import Charge, Flat, Graduated, Package, PerUnit, Tier

TEXT_MAX: Final = 2_000
TIERED: Final = ("graduated", "volume")
MODELS: Final = ("per_unit", "flat", "package", *TIERED)


def read_price(model: str, text: str, *, field: str) -> dict[str, Any]:
    """The document of a price. Raises Unprocessable, saying how it is written."""
    words = text.strip()
    if model not in MODELS or len(words) > TEXT_MAX:
        raise Unprocessable(f"A price is one of {', '.join(MODELS)}.", field=field)
    if model == "per_unit":
        return {"model": model, "unit_price": _number(words, "0.005", field)}
    if model == "flat":
        return {"model": model, "amount": _number(words, "100.00", field)}
    if model == "package":
        size, found, price = words.partition(" for ")
        if not found:
            raise _refusal("1000 for 0.10", field)
        return {
            "model": model,
            "package_size": _number(size, "1000 for 0.10", field),
            "package_price": _number(price, "1000 for 0.10", field),
        }
    return {"model": model, "tiers": _tiers(words, field)}


def write_price(charge: Charge) -> tuple[str, str]:
    """(model, text) of a price, as `read_price` reads them; its bounds and included units are said apart."""
    model = charge.model
    if isinstance(model, PerUnit):
        return "per_unit", text_of(model.unit_price)
    if isinstance(model, Flat):
        return "flat", text_of(model.amount)
    if isinstance(model, Package):
        return "package", f"{text_of(model.package_size)} for {text_of(model.package_price)}"
    name = "graduated" if isinstance(model, Graduated) else "volume"
    return name, ", ".join(_tier_text(tier, is_only=len(model.tiers) == 1) for tier in model.tiers)


def _tiers(words: str, field: str) -> list[Mapping[str, Any]]:
    example = "50000 at 0.005, then 0.003"
    tiers: list[Mapping[str, Any]] = []
    for part in words.split(","):
        bounds, found, price = part.strip().partition(" at ")
        if not found:
            bounds, price = "", part.strip().removeprefix("then ")
        price, _, fee = price.partition("+")
        tier: dict[str, Any] = {"unit_price": _number(price, example, field)}
        if bounds:
            tier["up_to"] = _number(bounds, example, field)
        if fee:
            tier["flat_fee"] = _number(fee, "50000 at 0.005 + 10, then 0.003", field)
        tiers.append(tier)
    return tiers


def _tier_text(tier: Tier, *, is_only: bool) -> str:
    price = text_of(tier.unit_price) + (f" + {text_of(tier.flat_fee)}" if tier.flat_fee else "")
    if tier.up_to is None:
        return price if is_only else f"then {price}"
    return f"{text_of(tier.up_to)} at {price}"


def _number(text: str, example: str, field: str) -> str:
    plain = text.strip().replace(" ", "")
    if not is_plain(plain):
        raise _refusal(example, field)
    return plain


def _refusal(example: str, field: str) -> Unprocessable:
    return Unprocessable(f"Write the price as {example}, with plain numbers and no thousands separators.", field=field)
