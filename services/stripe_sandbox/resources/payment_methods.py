"""Payment methods: cards, from test numbers or Stripe's special ids."""

from typing import Any

from services.stripe_sandbox.billing.cards import DEFAULT_EXPIRY, SPECIAL_TOKENS, attach, new_card, usable_method
from services.stripe_sandbox.documents import Document
from services.stripe_sandbox.errors import ResourceMissing, StripeError
from services.stripe_sandbox.operations import Call, Operation, list_table, page
from services.stripe_sandbox.parameters import (
    ADDRESS,
    ID,
    INTEGER,
    METADATA,
    STRING,
    Table,
    address_of,
    clearable,
    merged_metadata,
    one_of,
    required,
    shape,
)
from services.stripe_sandbox.resources.customers import live_customer
from services.stripe_sandbox.world import World

REDISPLAY = one_of("always", "limited", "unspecified")
BILLING_DETAILS = shape(
    {"address": clearable(ADDRESS), "email": STRING, "name": STRING, "phone": STRING, "tax_id": STRING}
)
CARD = shape({"cvc": ID, "exp_month": INTEGER, "exp_year": INTEGER, "number": ID, "token": ID})
CREATE_FIELDS: Table = {
    "allow_redisplay": REDISPLAY, "billing_details": BILLING_DETAILS, "card": CARD, "metadata": METADATA, "type": ID,
}  # fmt: skip
UPDATE_FIELDS: Table = {
    "allow_redisplay": REDISPLAY,
    "billing_details": BILLING_DETAILS,
    "card": shape({"exp_month": INTEGER, "exp_year": INTEGER}),
    "metadata": METADATA,
}


def create_payment_method(world: World, call: Call) -> Document:
    params = call.params
    if params.get("type", "card") != "card" or "card" not in params:
        raise StripeError("The sandbox creates payment methods of the type card only.", param="type")
    card, details = params["card"], _details(params)
    metadata = merged_metadata({}, params.get("metadata"))
    if "token" in card:
        if card["token"] not in SPECIAL_TOKENS:
            raise ResourceMissing("token", card["token"], "card[token]")
        number, expiry = SPECIAL_TOKENS[card["token"]], DEFAULT_EXPIRY
    else:
        for name in ("number", "exp_month", "exp_year"):
            if name not in card:
                param = f"card[{name}]"
                raise StripeError(f"Missing required param: {param}.", code="parameter_missing", param=param)
        number, expiry = card["number"], (card["exp_month"], card["exp_year"])
    method = new_card(world, number, *expiry, billing_details=details, metadata=metadata)
    return world.change("payment_method", method, call.given("allow_redisplay"))


def _details(params: dict[str, Any]) -> Document:
    details = dict(params.get("billing_details", {}))
    if "address" in details:
        details["address"] = address_of(details["address"] or {})
    return details


def read_payment_method(world: World, call: Call) -> Document:
    return usable_method(world, call.id, "id")


def update_payment_method(world: World, call: Call) -> Document:
    method = usable_method(world, call.id, "id")
    changes = {
        **call.given("allow_redisplay"),
        "billing_details": {**method["billing_details"], **_details(call.params)},
        "card": {**method["card"], **call.params.get("card", {})},
        "metadata": merged_metadata(method["metadata"], call.params.get("metadata")),
    }
    return world.change("payment_method", method, changes, "payment_method.updated")


def attach_payment_method(world: World, call: Call) -> Document:
    return attach(world, call.id, live_customer(world, call.params["customer"]))


def detach_payment_method(world: World, call: Call) -> Document:
    """Take a payment method from its customer, and from wherever it was the default."""
    method = usable_method(world, call.id, "id")
    if method["customer"] is None:
        raise StripeError("The payment method you provided is not attached to a customer so detachment is impossible.")
    customer = world.get("customer", method["customer"])
    detached = world.change("payment_method", method, {"customer": None, "_detached": True})
    world.emit("payment_method.detached", detached, previous={"customer": method["customer"]})
    settings = customer.get("invoice_settings", {})
    if settings.get("default_payment_method") == method["id"]:
        changes = {"invoice_settings": {**settings, "default_payment_method": None}}
        world.change("customer", customer, changes, "customer.updated")
    for subscription in world.store.where("subscription", customer=customer["id"]):
        if subscription["default_payment_method"] == method["id"]:
            world.change(
                "subscription", subscription, {"default_payment_method": None}, "customer.subscription.updated"
            )
    return detached


def list_payment_methods(world: World, call: Call) -> Document:
    """Those of a customer. Without one Stripe lists none that the sandbox has."""
    asked, params = call.ids[0] if call.ids else call.params.get("customer"), call.params
    if asked is not None:
        live_customer(world, asked)
    return page(
        world, call, "payment_method", where={"customer": asked},
        keep=lambda method: method["customer"] is not None
        and params.get("type", method["type"]) == method["type"]
        and params.get("allow_redisplay", method["allow_redisplay"]) == method["allow_redisplay"],
    )  # fmt: skip


def read_customers_payment_method(world: World, call: Call) -> Document:
    method = usable_method(world, call.id, "id")
    if method["customer"] != call.ids[0]:
        raise ResourceMissing("PaymentMethod", call.id)
    return method


OF_CUSTOMER: Table = list_table(type=ID, allow_redisplay=REDISPLAY)
OPERATIONS = [
    Operation("POST", "/v1/payment_methods", create_payment_method, CREATE_FIELDS),
    Operation("GET", "/v1/payment_methods", list_payment_methods, {**OF_CUSTOMER, "customer": ID}),
    Operation("GET", "/v1/payment_methods/{id}", read_payment_method),
    Operation("POST", "/v1/payment_methods/{id}", update_payment_method, UPDATE_FIELDS),
    Operation("POST", "/v1/payment_methods/{id}/attach", attach_payment_method, {"customer": required(ID)}),
    Operation("POST", "/v1/payment_methods/{id}/detach", detach_payment_method),
    Operation("GET", "/v1/customers/{id}/payment_methods", list_payment_methods, OF_CUSTOMER),
    Operation("GET", "/v1/customers/{customer}/payment_methods/{id}", read_customers_payment_method),
]
