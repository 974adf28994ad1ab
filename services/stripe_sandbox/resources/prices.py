"""Prices: what a unit of a product costs, once or each period. Rates are decimal cents: $0.005 is `0.5`."""

from decimal import Decimal
from typing import Any

from services.stripe_sandbox.documents import Document
from services.stripe_sandbox.errors import StripeError
from services.stripe_sandbox.operations import CREATED, Call, Operation, list_table, page
from services.stripe_sandbox.parameters import (
    BOOLEAN,
    COUNT,
    CURRENCY,
    DECIMAL,
    ID,
    INTEGER,
    METADATA,
    STRING,
    Table,
    either,
    list_of,
    list_of_shapes,
    merged_metadata,
    one_of,
    required,
    shape,
)
from services.stripe_sandbox.resources.products import new_product
from services.stripe_sandbox.world import World

INTERVAL = one_of("day", "month", "week", "year")
USAGE = one_of("licensed", "metered")
TAX_BEHAVIOR = one_of("exclusive", "inclusive", "unspecified")
TIER: Table = {
    "flat_amount": COUNT, "flat_amount_decimal": DECIMAL, "unit_amount": COUNT, "unit_amount_decimal": DECIMAL,
    "up_to": required(either(one_of("inf"), INTEGER)),
}  # fmt: skip
RECURRING: Table = {
    "interval": required(INTERVAL), "interval_count": INTEGER, "meter": ID, "trial_period_days": COUNT,
    "usage_type": USAGE,
}  # fmt: skip
PRODUCT_DATA: Table = {
    "active": BOOLEAN, "id": ID, "metadata": METADATA, "name": required(ID), "statement_descriptor": STRING,
    "tax_code": STRING, "unit_label": STRING,
}  # fmt: skip
CREATE_FIELDS: Table = {
    "active": BOOLEAN,
    "billing_scheme": one_of("per_unit", "tiered"),
    "currency": required(CURRENCY),
    "lookup_key": ID,
    "metadata": METADATA,
    "nickname": STRING,
    "product": ID,
    "product_data": shape(PRODUCT_DATA),
    "recurring": shape(RECURRING),
    "tax_behavior": TAX_BEHAVIOR,
    "tiers": list_of_shapes(TIER),
    "tiers_mode": one_of("graduated", "volume"),
    "transfer_lookup_key": BOOLEAN,
    "transform_quantity": shape({"divide_by": required(INTEGER), "round": required(one_of("down", "up"))}),
    "unit_amount": INTEGER,
    "unit_amount_decimal": DECIMAL,
}
UPDATE_FIELDS: Table = {
    "active": BOOLEAN, "lookup_key": STRING, "metadata": METADATA, "nickname": STRING, "tax_behavior": TAX_BEHAVIOR,
    "transfer_lookup_key": BOOLEAN,
}  # fmt: skip
INTERVAL_COUNT_MAX = {"day": 1095, "week": 156, "month": 36, "year": 3}


def amount_pair(integer: int | None, decimal: str | None) -> tuple[int | None, str | None]:
    """An amount in both of Stripe's forms; the integer one is null where the amount is not whole."""
    if decimal is None:
        return (None, None) if integer is None else (integer, str(integer))
    exact = Decimal(decimal)
    return (int(exact) if exact == exact.to_integral_value() else None), decimal


def new_price(world: World, params: dict[str, Any]) -> Document:
    """A price from the parameters of `prices.create`, or of any `price_data` (with `_hidden` prices inactive)."""
    tiered = params.get("billing_scheme") == "tiered"
    _check_amounts(params, tiered=tiered)
    product = _product(world, params)
    unit_amount, unit_amount_decimal = amount_pair(params.get("unit_amount"), params.get("unit_amount_decimal"))
    price = {
        "id": world.new_id("price"),
        "object": "price",
        "active": params.get("active", True),
        "billing_scheme": "tiered" if tiered else "per_unit",
        "created": world.now(),
        "currency": params["currency"],
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": None,
        "metadata": merged_metadata({}, params.get("metadata")),
        "nickname": params.get("nickname"),
        "product": product["id"],
        "recurring": _recurring(params.get("recurring")),
        "tax_behavior": params.get("tax_behavior", "unspecified"),
        "tiers_mode": params.get("tiers_mode"),
        "transform_quantity": params.get("transform_quantity"),
        "type": "recurring" if params.get("recurring") else "one_time",
        "unit_amount": unit_amount,
        "unit_amount_decimal": unit_amount_decimal,
        "_tiers": _tiers(params.get("tiers", [])),
    }
    if params.get("lookup_key"):
        _take_lookup_key(world, params["lookup_key"], price, transfer=params.get("transfer_lookup_key", False))
        price["lookup_key"] = params["lookup_key"]
    return world.add("price", price, "price.created")


def _product(world: World, params: dict[str, Any]) -> Document:
    if ("product" in params) == ("product_data" in params):
        raise StripeError("Specify exactly one of product or product_data.", code="parameter_missing", param="product")
    if "product_data" in params:
        return new_product(world, params["product_data"])
    return world.get("product", params["product"], param="product")


def _check_amounts(params: dict[str, Any], *, tiered: bool) -> None:
    flat = [name for name in ("unit_amount", "unit_amount_decimal") if name in params]
    if tiered:
        if not params.get("tiers") or "tiers_mode" not in params:
            raise StripeError("Tiered prices need `tiers` and `tiers_mode`.", code="parameter_missing", param="tiers")
        if flat:
            raise StripeError("Tiered prices have no unit amount.", code="parameter_unknown", param=flat[0])
        return
    if "tiers" in params or "tiers_mode" in params:
        raise StripeError("`tiers` needs `billing_scheme` to be `tiered`.", param="billing_scheme")
    if len(flat) != 1:
        message = "Specify exactly one of unit_amount or unit_amount_decimal."
        raise StripeError(message, code="parameter_missing", param="unit_amount")
    if Decimal(params[flat[0]]) < 0:
        raise StripeError("This value must be greater than or equal to 0.", param=flat[0])


def _recurring(given: dict[str, Any] | None) -> Document | None:
    if given is None:
        return None
    count = given.get("interval_count", 1)
    if not 1 <= count <= INTERVAL_COUNT_MAX[given["interval"]]:
        raise StripeError("Prices recur at least every three years.", param="recurring[interval_count]")
    return {
        "interval": given["interval"],
        "interval_count": count,
        "meter": given.get("meter"),
        "trial_period_days": given.get("trial_period_days"),
        "usage_type": given.get("usage_type", "licensed"),
    }


def _tiers(given: list[dict[str, Any]]) -> list[Document]:
    tiers, floor = [], 0
    for place, tier in enumerate(given):
        last = place == len(given) - 1
        if (tier["up_to"] == "inf") != last or (not last and tier["up_to"] <= floor):
            message = "Tiers go up, and the last one, and only that, is up to inf."
            raise StripeError(message, param=f"tiers[{place}][up_to]")
        up_to = None if last else tier["up_to"]
        floor = up_to or floor
        unit, unit_decimal = amount_pair(tier.get("unit_amount"), tier.get("unit_amount_decimal"))
        flat, flat_decimal = amount_pair(tier.get("flat_amount"), tier.get("flat_amount_decimal"))
        tiers.append({
            "flat_amount": flat, "flat_amount_decimal": flat_decimal,
            "unit_amount": unit, "unit_amount_decimal": unit_decimal, "up_to": up_to,
        })  # fmt: skip
    return tiers


def _take_lookup_key(world: World, key: str, price: Document, *, transfer: bool) -> None:
    for holder in world.store.where("price", lookup_key=key):
        if holder["id"] == price["id"]:
            continue
        if not transfer:
            raise StripeError(
                f"A price (`{holder['id']}`) already uses that lookup key. To set it on the new price, pass "
                "transfer_lookup_key=true.",
                param="lookup_key",
            )
        world.change("price", holder, {"lookup_key": None}, "price.updated")


def create_price(world: World, call: Call) -> Document:
    return new_price(world, call.params)


def read_price(world: World, call: Call) -> Document:
    return world.get("price", call.id)


def update_price(world: World, call: Call) -> Document:
    price, params = world.get("price", call.id), call.params
    changes = call.given("active", "lookup_key", "nickname", "tax_behavior")
    if params.get("lookup_key"):
        _take_lookup_key(world, params["lookup_key"], price, transfer=params.get("transfer_lookup_key", False))
    changes["metadata"] = merged_metadata(price["metadata"], params.get("metadata"))
    return world.change("price", price, changes, "price.updated")


def list_prices(world: World, call: Call) -> Document:
    params = call.params
    keys = params.get("lookup_keys")

    def keep(price: Document) -> bool:
        wanted = all(price[name] == params[name] for name in ("active", "currency", "type") if name in params)
        recurring = price["recurring"] or {}
        cycles = all(recurring.get(name) == value for name, value in params.get("recurring", {}).items())
        return wanted and cycles and (keys is None or price["lookup_key"] in keys)

    where = {"product": params.get("product"), "lookup_key": keys[0] if keys and len(keys) == 1 else None}
    return page(world, call, "price", where=where, keep=keep)


FILTERS: Table = {
    **CREATED, "active": BOOLEAN, "currency": CURRENCY, "lookup_keys": list_of(ID), "product": ID,
    "recurring": shape({"interval": INTERVAL, "meter": ID, "usage_type": USAGE}),
    "type": one_of("one_time", "recurring"),
}  # fmt: skip
INCLUDABLE = {("price", "tiers"): lambda world, price: world.get("price", price["id"])["_tiers"]}
OPERATIONS = [
    Operation("POST", "/v1/prices", create_price, CREATE_FIELDS),
    Operation("GET", "/v1/prices", list_prices, list_table(**FILTERS)),
    Operation("GET", "/v1/prices/{id}", read_price),
    Operation("POST", "/v1/prices/{id}", update_price, UPDATE_FIELDS),
]
