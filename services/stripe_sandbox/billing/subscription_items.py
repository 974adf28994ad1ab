"""A subscription's items: which price and how many, and the period they are in."""

from collections.abc import Sequence
from typing import Any

from services.stripe_sandbox.billing.discounts import DISCOUNTS, redeem
from services.stripe_sandbox.documents import Document, list_of, shown
from services.stripe_sandbox.errors import StripeError
from services.stripe_sandbox.parameters import (
    BOOLEAN,
    COUNT,
    CURRENCY,
    DECIMAL,
    ID,
    INTEGER,
    METADATA,
    Table,
    clearable,
    list_of_shapes,
    merged_metadata,
    required,
    shape,
)
from services.stripe_sandbox.parameters import list_of as list_parser
from services.stripe_sandbox.resources.prices import INTERVAL, TAX_BEHAVIOR, new_price
from services.stripe_sandbox.world import World

ITEMS_MAX = 20
RECURRING_PRICE_DATA = shape({
    "currency": required(CURRENCY),
    "product": required(ID),
    "recurring": required(shape({"interval": required(INTERVAL), "interval_count": INTEGER})),
    "tax_behavior": TAX_BEHAVIOR,
    "unit_amount": INTEGER,
    "unit_amount_decimal": DECIMAL,
})  # fmt: skip
ITEM_FIELDS: Table = {
    "discounts": DISCOUNTS,
    "metadata": METADATA,
    "price": ID,
    "price_data": RECURRING_PRICE_DATA,
    "quantity": COUNT,
    "tax_rates": clearable(list_parser(ID)),
}
NEW_ITEMS = list_of_shapes(ITEM_FIELDS)
CHANGED_ITEMS = list_of_shapes({**ITEM_FIELDS, "id": ID, "deleted": BOOLEAN, "clear_usage": BOOLEAN})


def price_named(world: World, given: dict[str, Any], param: str) -> Document:
    """The recurring price of an item's parameters. Raises StripeError where it is missing, archived or one-time."""
    if "price_data" in given:
        return new_price(world, {**given["price_data"], "active": False})
    if "price" not in given:
        raise StripeError(f"Missing required param: {param}[price].", code="parameter_missing", param=f"{param}[price]")
    price = world.get("price", given["price"], param=f"{param}[price]")
    if not price["active"]:
        raise StripeError(f"The price specified is inactive: {price['id']}.", param=f"{param}[price]")
    if price["type"] != "recurring":
        message = (
            f"The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`: "
            f"{price['id']}"
        )
        raise StripeError(message, param=f"{param}[price]")
    return price


def new_item(world: World, subscription: Document, given: dict[str, Any], param: str) -> Document:
    price = price_named(world, given, param)
    customer = world.get("customer", subscription["customer"])
    identifier = world.new_id("subscription_item")
    item = {
        "id": identifier,
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": world.now_for(subscription),
        "current_period_end": subscription["_period"][1],
        "current_period_start": subscription["_period"][0],
        "current_trial": None,
        "discounts": redeem(
            world, given.get("discounts", []), customer, f"{param}[discounts]",
            subscription=subscription["id"], subscription_item=identifier,
        ),
        "metadata": merged_metadata({}, given.get("metadata")),
        "plan": plan_of(price),
        "price": shown(price),
        "quantity": given.get("quantity", 1),
        "subscription": subscription["id"],
        "tax_rates": [shown(world.get("tax_rate", rate, param="tax_rates")) for rate in given.get("tax_rates") or []],
    }  # fmt: skip
    if price["recurring"]["usage_type"] == "metered":
        del item["quantity"]
    return world.add("subscription_item", item)


def changed_item(world: World, item: Document, given: dict[str, Any], param: str) -> Document:
    """The item with another price, quantity or metadata."""
    changes: dict[str, Any] = {}
    if "price" in given or "price_data" in given:
        price = price_named(world, given, param)
        if price["recurring"]["usage_type"] == "licensed":
            changes["quantity"] = item.get("quantity", 1)
        changes |= {"price": shown(price), "plan": plan_of(price)}
    if "quantity" in given:
        changes["quantity"] = given["quantity"]
    if "metadata" in given:
        changes["metadata"] = merged_metadata(item["metadata"], given["metadata"])
    if "tax_rates" in given:
        rates = given["tax_rates"] or []
        changes["tax_rates"] = [shown(world.get("tax_rate", rate, param="tax_rates")) for rate in rates]
    if "discounts" in given:
        subscription = world.get("subscription", item["subscription"])
        customer = world.get("customer", subscription["customer"])
        holder = {"subscription": subscription["id"], "subscription_item": item["id"]}
        changes["discounts"] = redeem(world, given["discounts"], customer, f"{param}[discounts]", **holder)
    return world.change("subscription_item", item, changes)


def plan_of(price: Document) -> Document:
    """The price in the older form that items still carry."""
    recurring = price["recurring"]
    transform = price["transform_quantity"]
    return {
        "id": price["id"],
        "object": "plan",
        "active": price["active"],
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "billing_scheme": price["billing_scheme"],
        "created": price["created"],
        "currency": price["currency"],
        "interval": recurring["interval"],
        "interval_count": recurring["interval_count"],
        "livemode": False,
        "metadata": price["metadata"],
        "meter": recurring["meter"],
        "nickname": price["nickname"],
        "product": price["product"],
        "tiers_mode": price["tiers_mode"],
        "transform_usage": transform,
        "trial_period_days": recurring["trial_period_days"],
        "usage_type": recurring["usage_type"],
    }


def items_of(world: World, subscription_id: str) -> list[Document]:
    return world.store.where("subscription_item", subscription=subscription_id)


def shown_items(world: World, subscription_id: str) -> Document:
    """The list a subscription shows of its items."""
    items = [shown(item) for item in items_of(world, subscription_id)]
    return list_of(items, f"/v1/subscription_items?subscription={subscription_id}")


def with_period(world: World, subscription: Document, period: tuple[int, int]) -> dict[str, Any]:
    """Move the items to a period; the changes this makes to the subscription."""
    changes = {"current_period_start": period[0], "current_period_end": period[1]}
    for item in items_of(world, subscription["id"]):
        world.change("subscription_item", item, changes)
    return {"_period": list(period), "items": shown_items(world, subscription["id"])}


def check_together(prices: Sequence[Document]) -> None:
    """Raises StripeError unless the prices share a currency and an interval, and no price is there twice."""
    if not 1 <= len(prices) <= ITEMS_MAX:
        raise StripeError(f"A subscription has 1 to {ITEMS_MAX} items.", code="parameter_missing", param="items")
    intervals = {(price["recurring"]["interval"], price["recurring"]["interval_count"]) for price in prices}
    if len(intervals) > 1:
        raise StripeError("All prices on a subscription must have the same `recurring.interval`.", param="items")
    if len({price["currency"] for price in prices}) > 1:
        raise StripeError("All prices on a subscription must have the same currency.", param="items")
    if len({price["id"] for price in prices}) < len(prices):
        raise StripeError("A subscription cannot have multiple items with the same price.", param="items")
