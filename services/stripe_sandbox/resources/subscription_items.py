"""Subscription items on their own: each change is a change of the subscription."""

from typing import Any

from services.stripe_sandbox.billing.subscription_changes import change_subscription
from services.stripe_sandbox.billing.subscription_items import ITEM_FIELDS, items_of
from services.stripe_sandbox.documents import Document
from services.stripe_sandbox.operations import Call, Operation, list_table, page
from services.stripe_sandbox.parameters import BOOLEAN, ID, INTEGER, Table, required
from services.stripe_sandbox.resources.subscriptions import PAYMENT_BEHAVIOR, PRORATION
from services.stripe_sandbox.world import World

CHANGE: Table = {"payment_behavior": PAYMENT_BEHAVIOR, "proration_behavior": PRORATION, "proration_date": INTEGER}
UPDATE_FIELDS: Table = {**ITEM_FIELDS, **CHANGE, "off_session": BOOLEAN}
OF_CHANGE = ("payment_behavior", "proration_behavior", "proration_date", "off_session")


def _change(world: World, subscription_id: str, item: dict[str, Any], params: dict[str, Any]) -> None:
    subscription = world.get("subscription", subscription_id, param="subscription")
    how = {name: params[name] for name in OF_CHANGE if name in params}
    change_subscription(world, subscription, {**how, "items": [item]})


def create_item(world: World, call: Call) -> Document:
    given = {name: value for name, value in call.params.items() if name in ITEM_FIELDS}
    _change(world, call.params["subscription"], given, call.params)
    return items_of(world, call.params["subscription"])[-1]


def read_item(world: World, call: Call) -> Document:
    return world.get("subscription_item", call.id)


def update_item(world: World, call: Call) -> Document:
    item = world.get("subscription_item", call.id)
    given = {name: value for name, value in call.params.items() if name in ITEM_FIELDS}
    _change(world, item["subscription"], {**given, "id": item["id"]}, call.params)
    return world.get("subscription_item", call.id)


def delete_item(world: World, call: Call) -> Document:
    item = world.get("subscription_item", call.id)
    _change(world, item["subscription"], {"id": item["id"], "deleted": True}, call.params)
    return {"id": item["id"], "object": "subscription_item", "deleted": True}


def list_items(world: World, call: Call) -> Document:
    world.get("subscription", call.params["subscription"], param="subscription")
    return page(world, call, "subscription_item", where=call.given("subscription"))


OPERATIONS = [
    Operation("POST", "/v1/subscription_items", create_item, {**ITEM_FIELDS, **CHANGE, "subscription": required(ID)}),
    Operation("GET", "/v1/subscription_items", list_items, list_table(subscription=required(ID))),
    Operation("GET", "/v1/subscription_items/{id}", read_item),
    Operation("POST", "/v1/subscription_items/{id}", update_item, UPDATE_FIELDS),
    Operation("DELETE", "/v1/subscription_items/{id}", delete_item, {**CHANGE, "clear_usage": BOOLEAN}),
]
