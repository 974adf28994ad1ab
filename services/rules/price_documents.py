"""A charge as a JSON-safe document and back; the document is what a plan version's hash covers."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from services.rules import decimals
from services.rules.price_models import (
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
from services.rules.violations import InvalidRate

Document = Mapping[str, object]

_LINE_KEYS = frozenset({"model", "included", "minimum", "maximum"})
_MODEL_KEYS = {
    "flat": frozenset({"amount"}),
    "per_unit": frozenset({"unit_price"}),
    "package": frozenset({"package_size", "package_price"}),
    "graduated": frozenset({"tiers"}),
    "volume": frozenset({"tiers"}),
}
_TIER_KEYS = frozenset({"up_to", "unit_price", "flat_fee"})

_MODEL_READERS: Mapping[str, Callable[[Document], PriceModel]] = {
    "flat": lambda doc: Flat(_required(doc, "amount")),
    "per_unit": lambda doc: PerUnit(_required(doc, "unit_price")),
    "package": lambda doc: Package(_required(doc, "package_size"), _required(doc, "package_price")),
    "graduated": lambda doc: Graduated(_read_tiers(doc)),
    "volume": lambda doc: Volume(_read_tiers(doc)),
}


def from_document(doc: Mapping[str, object]) -> Charge:
    """Read a charge: `model` and its keys, with optional `included`, `minimum`, `maximum`.

    Numbers are plain decimal strings, ints or Decimals. Raises InvalidRate for an unknown model, a missing
    or unknown key, a float, or a price that cannot be charged.
    """
    name = doc.get("model")
    if not isinstance(name, str) or name not in _MODEL_KEYS:
        raise InvalidRate(f"model must be one of {', '.join(_MODEL_KEYS)}.")
    _refuse_unknown(doc, _LINE_KEYS | _MODEL_KEYS[name])
    return Charge(
        _MODEL_READERS[name](doc),
        included=_optional(doc, "included") or ZERO,
        minimum=_optional(doc, "minimum"),
        maximum=_optional(doc, "maximum"),
    )


def to_document(charge: Charge) -> dict[str, object]:
    """The one document of a charge, without keys that say nothing; `from_document` reads it back equal."""
    doc = _model_document(charge.model)
    if charge.included:
        doc["included"] = decimals.text_of(charge.included)
    if charge.minimum is not None:
        doc["minimum"] = decimals.text_of(charge.minimum)
    if charge.maximum is not None:
        doc["maximum"] = decimals.text_of(charge.maximum)
    return doc


def _model_document(model: PriceModel) -> dict[str, object]:
    text_of = decimals.text_of
    if isinstance(model, Flat):
        return {"model": "flat", "amount": text_of(model.amount)}
    if isinstance(model, PerUnit):
        return {"model": "per_unit", "unit_price": text_of(model.unit_price)}
    if isinstance(model, Package):
        return {
            "model": "package",
            "package_size": text_of(model.package_size),
            "package_price": text_of(model.package_price),
        }
    name = "graduated" if isinstance(model, Graduated) else "volume"
    return {"model": name, "tiers": [_tier_document(tier) for tier in model.tiers]}


def _tier_document(tier: Tier) -> dict[str, object]:
    doc: dict[str, object] = {
        "up_to": None if tier.up_to is None else decimals.text_of(tier.up_to),
        "unit_price": decimals.text_of(tier.unit_price),
    }
    if tier.flat_fee:
        doc["flat_fee"] = decimals.text_of(tier.flat_fee)
    return doc


def _read_tiers(doc: Document) -> tuple[Tier, ...]:
    rows = doc.get("tiers")
    if not isinstance(rows, Sequence) or isinstance(rows, str | bytes) or len(rows) > TIERS_MAX:
        raise InvalidRate(f"tiers must be a list of 1 to {TIERS_MAX} tiers.")
    return tuple(_read_tier(row) for row in rows)


def _read_tier(row: object) -> Tier:
    if not isinstance(row, Mapping):
        raise InvalidRate("Each tier must be an object with up_to and unit_price.")
    _refuse_unknown(row, _TIER_KEYS)
    return Tier(_optional(row, "up_to"), _required(row, "unit_price"), _optional(row, "flat_fee") or ZERO)


def _refuse_unknown(doc: Document, known: frozenset[str]) -> None:
    unknown = sorted(str(key) for key in doc if key not in known)
    if unknown:
        raise InvalidRate(f"Unknown in this price: {', '.join(unknown)}.")


def _required(doc: Document, key: str) -> Decimal:
    value = _optional(doc, key)
    if value is None:
        raise InvalidRate(f"{key} is missing from this price.")
    return value


def _optional(doc: Document, key: str) -> Decimal | None:
    value = doc.get(key)
    if value is None or isinstance(value, Decimal):
        return value
    if isinstance(value, str) and decimals.is_plain(value):
        return Decimal(value)
    if type(value) is int:
        return Decimal(value)
    raise InvalidRate(f'{key} must be a plain decimal string, such as "0.0020".')
