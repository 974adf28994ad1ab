"""Coupons and promotion codes: what is taken off, and the words a customer types for it."""

from typing import Any

from services.stripe_sandbox.documents import Document, random_text
from services.stripe_sandbox.errors import StripeError
from services.stripe_sandbox.operations import CREATED, Call, Operation, list_table, page
from services.stripe_sandbox.parameters import (
    BOOLEAN,
    CURRENCY,
    ID,
    INTEGER,
    METADATA,
    NUMBER,
    STRING,
    Table,
    list_of,
    merged_metadata,
    one_of,
    required,
    shape,
)
from services.stripe_sandbox.world import World

COUPON_FIELDS: Table = {
    "amount_off": INTEGER,
    "applies_to": shape({"products": list_of(ID)}),
    "currency": CURRENCY,
    "duration": one_of("forever", "once", "repeating"),
    "duration_in_months": INTEGER,
    "id": ID,
    "max_redemptions": INTEGER,
    "metadata": METADATA,
    "name": STRING,
    "percent_off": NUMBER,
    "redeem_by": INTEGER,
}
RESTRICTIONS = shape(
    {"first_time_transaction": BOOLEAN, "minimum_amount": INTEGER, "minimum_amount_currency": CURRENCY}
)
PROMOTION_CODE_FIELDS: Table = {
    "active": BOOLEAN,
    "code": ID,
    "customer": ID,
    "expires_at": INTEGER,
    "max_redemptions": INTEGER,
    "metadata": METADATA,
    "promotion": required(shape({"coupon": required(ID), "type": required(one_of("coupon"))})),
    "restrictions": RESTRICTIONS,
}
CODE_LENGTH = 8


def create_coupon(world: World, call: Call) -> Document:
    params = call.params
    _check_coupon(params)
    identifier = params.get("id") or random_text(CODE_LENGTH)
    if world.store.find("coupon", identifier):
        raise StripeError(f"Coupon already exists: {identifier}", code="resource_already_exists", param="id")
    coupon = {
        "id": identifier,
        "object": "coupon",
        "amount_off": params.get("amount_off"),
        "created": world.now(),
        "currency": params.get("currency") if "amount_off" in params else None,
        "duration": params.get("duration", "once"),
        "duration_in_months": params.get("duration_in_months"),
        "livemode": False,
        "max_redemptions": params.get("max_redemptions"),
        "metadata": merged_metadata({}, params.get("metadata")),
        "name": params.get("name"),
        "percent_off": params.get("percent_off"),
        "redeem_by": params.get("redeem_by"),
        "times_redeemed": 0,
        "valid": True,
        "_applies_to": params.get("applies_to", {}).get("products", []),
    }
    return world.add("coupon", coupon, "coupon.created")


def _check_coupon(params: dict[str, Any]) -> None:
    if ("amount_off" in params) == ("percent_off" in params):
        message = "Specify exactly one of amount_off or percent_off."
        raise StripeError(message, code="parameter_missing", param="percent_off")
    if "amount_off" in params and "currency" not in params:
        raise StripeError("You must pass currency when passing amount_off.", code="parameter_missing", param="currency")
    if not 0 < params.get("percent_off", 100) <= 100:
        raise StripeError("percent_off must be greater than 0 and at most 100.", param="percent_off")
    if params.get("amount_off", 1) <= 0:
        raise StripeError("amount_off must be greater than 0.", param="amount_off")
    if (params.get("duration") == "repeating") != ("duration_in_months" in params):
        message = "duration_in_months is needed where duration is repeating, and only there."
        raise StripeError(message, code="parameter_missing", param="duration_in_months")


def update_coupon(world: World, call: Call) -> Document:
    coupon = world.get("coupon", call.id)
    changes = call.given("name")
    changes["metadata"] = merged_metadata(coupon["metadata"], call.params.get("metadata"))
    return world.change("coupon", coupon, changes, "coupon.updated")


def delete_coupon(world: World, call: Call) -> Document:
    """Discounts already given stay; their coupon stays readable through them."""
    coupon = world.get("coupon", call.id)
    world.emit("coupon.deleted", coupon)
    world.change("coupon", coupon, {"deleted": True, "valid": False})
    return {"id": coupon["id"], "object": "coupon", "deleted": True}


def read_coupon(world: World, call: Call) -> Document:
    return world.get("coupon", call.id)


def list_coupons(world: World, call: Call) -> Document:
    return page(world, call, "coupon")


def create_promotion_code(world: World, call: Call) -> Document:
    params = call.params
    coupon = world.get("coupon", params["promotion"]["coupon"], param="promotion[coupon]")
    code = params.get("code") or random_text(CODE_LENGTH).upper()
    if any(promotion["active"] for promotion in world.store.where("promotion_code", code=code)):
        raise StripeError("An active promotion code with this code already exists.", param="code")
    if "customer" in params:
        world.get("customer", params["customer"], param="customer")
    promotion_code = {
        "id": world.new_id("promotion_code"),
        "object": "promotion_code",
        "active": params.get("active", True) and coupon["valid"],
        "code": code,
        "created": world.now(),
        "customer": params.get("customer"),
        "customer_account": None,
        "expires_at": params.get("expires_at"),
        "livemode": False,
        "max_redemptions": params.get("max_redemptions"),
        "metadata": merged_metadata({}, params.get("metadata")),
        "promotion": {"coupon": coupon["id"], "type": "coupon"},
        "restrictions": {
            "first_time_transaction": False, "minimum_amount": None, "minimum_amount_currency": None,
            **params.get("restrictions", {}),
        },
        "times_redeemed": 0,
    }  # fmt: skip
    return world.add("promotion_code", promotion_code, "promotion_code.created")


def read_promotion_code(world: World, call: Call) -> Document:
    return world.get("promotion_code", call.id)


def update_promotion_code(world: World, call: Call) -> Document:
    promotion_code = world.get("promotion_code", call.id)
    changes = call.given("active")
    changes["metadata"] = merged_metadata(promotion_code["metadata"], call.params.get("metadata"))
    return world.change("promotion_code", promotion_code, changes, "promotion_code.updated")


def list_promotion_codes(world: World, call: Call) -> Document:
    params = call.params
    return page(
        world, call, "promotion_code",
        where={"code": params.get("code"), "promotion.coupon": params.get("coupon")},
        keep=lambda found: all(found[name] == params[name] for name in ("active", "customer") if name in params),
    )  # fmt: skip


FILTERS: Table = {**CREATED, "active": BOOLEAN, "code": ID, "coupon": ID, "customer": ID}
INCLUDABLE = {
    ("coupon", "applies_to"): lambda world, coupon: {"products": world.get("coupon", coupon["id"])["_applies_to"]},
}
OPERATIONS = [
    Operation("POST", "/v1/coupons", create_coupon, COUPON_FIELDS),
    Operation("GET", "/v1/coupons", list_coupons, list_table(**CREATED)),
    Operation("GET", "/v1/coupons/{id}", read_coupon),
    Operation("POST", "/v1/coupons/{id}", update_coupon, {"metadata": METADATA, "name": STRING}),
    Operation("DELETE", "/v1/coupons/{id}", delete_coupon),
    Operation("POST", "/v1/promotion_codes", create_promotion_code, PROMOTION_CODE_FIELDS),
    Operation("GET", "/v1/promotion_codes", list_promotion_codes, list_table(**FILTERS)),
    Operation("GET", "/v1/promotion_codes/{id}", read_promotion_code),
    Operation("POST", "/v1/promotion_codes/{id}", update_promotion_code, {"active": BOOLEAN, "metadata": METADATA}),
]
