"""Customers: who is billed, and their credit balance."""

from typing import Any

from services.stripe_sandbox.billing.balances import record_balance_change
from services.stripe_sandbox.billing.cancellation import cancel_now
from services.stripe_sandbox.billing.cards import attach
from services.stripe_sandbox.documents import Document, list_of, random_text, shown
from services.stripe_sandbox.errors import ResourceMissing, StripeError
from services.stripe_sandbox.operations import CREATED, Call, Operation, list_table, page
from services.stripe_sandbox.parameters import (
    ADDRESS,
    CURRENCY,
    ID,
    INTEGER,
    METADATA,
    STRING,
    Table,
    address_of,
    clearable,
    list_of_shapes,
    merged_metadata,
    one_of,
    required,
    shape,
)
from services.stripe_sandbox.parameters import list_of as list_parser
from services.stripe_sandbox.resources.tax_ids import TAX_ID_FIELDS, add_tax_id
from services.stripe_sandbox.world import World

CUSTOM_FIELDS = clearable(list_of_shapes({"name": required(ID), "value": required(ID)}))
FIELDS: Table = {
    "address": clearable(ADDRESS),
    "balance": INTEGER,
    "business_name": STRING,
    "description": STRING,
    "email": STRING,
    "individual_name": STRING,
    "invoice_prefix": ID,
    "invoice_settings": shape({
        "custom_fields": CUSTOM_FIELDS,
        "default_payment_method": STRING,
        "footer": STRING,
        "rendering_options": clearable(shape({"amount_tax_display": STRING, "template": STRING})),
    }),
    "metadata": METADATA,
    "name": STRING,
    "next_invoice_sequence": INTEGER,
    "phone": STRING,
    "preferred_locales": list_parser(ID),
    "shipping": clearable(shape({"address": required(ADDRESS), "name": required(ID), "phone": STRING})),
    "tax_exempt": clearable(one_of("exempt", "none", "reverse")),
}  # fmt: skip
CREATE_FIELDS: Table = {
    **FIELDS,
    "payment_method": ID,
    "tax_id_data": list_of_shapes(TAX_ID_FIELDS),
    "test_clock": ID,
}
PLAIN = (
    "balance", "business_name", "description", "email", "individual_name", "invoice_prefix", "name",
    "next_invoice_sequence", "phone", "preferred_locales",
)  # fmt: skip
PREFIX_LENGTH = 8


def new_customer(world: World, params: dict[str, Any]) -> Document:
    """A customer from the parameters of `customers.create`, with its tax ids and its payment method attached."""
    test_clock = params.get("test_clock")
    if test_clock is not None:
        world.get("test_helpers.test_clock", test_clock, param="test_clock", noun="test clock")
    customer: Document = {
        "id": world.new_id("customer"),
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": world.now(test_clock),
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": random_text(PREFIX_LENGTH).upper(),
        "invoice_settings": {
            "custom_fields": None, "default_payment_method": None, "footer": None, "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": test_clock,
    }  # fmt: skip
    customer |= changes_from(world, customer, params)
    world.add("customer", customer, "customer.created")
    for tax_id in params.get("tax_id_data", []):
        add_tax_id(world, customer, tax_id)
    if "payment_method" in params:
        attach(world, params["payment_method"], customer)
    return customer


def changes_from(world: World, customer: Document, params: dict[str, Any]) -> Document:
    """The fields of a customer that these parameters set."""
    changes = {name: params[name] for name in PLAIN if name in params}
    if "metadata" in params:
        changes["metadata"] = merged_metadata(customer["metadata"], params["metadata"])
    if "address" in params:
        changes["address"] = address_of(params["address"])
    if "shipping" in params:
        shipping = params["shipping"]
        changes["shipping"] = shipping and {
            "address": address_of(shipping["address"]), "name": shipping["name"], "phone": shipping.get("phone"),
        }  # fmt: skip
    if "tax_exempt" in params:
        changes["tax_exempt"] = params["tax_exempt"] or "none"
    if "invoice_settings" in params:
        changes["invoice_settings"] = _invoice_settings(world, customer, params["invoice_settings"])
    return changes


def _invoice_settings(world: World, customer: Document, given: dict[str, Any]) -> Document:
    rendering = given.get("rendering_options")
    if rendering is not None:
        full = {"amount_tax_display": None, "template": None}
        given = {**given, "rendering_options": {**full, **rendering}}
    method = given.get("default_payment_method")
    if method is not None:
        param = "invoice_settings[default_payment_method]"
        found = world.store.find("payment_method", method)
        if found is None or found["customer"] != customer["id"]:
            raise StripeError(
                f"No such PaymentMethod: '{method}'; the customer does not have a payment method with this ID. It must "
                "be attached before it is the default.",
                code="resource_missing",
                param=param,
            )
    return {**customer["invoice_settings"], **given}


def live_customer(world: World, identifier: str, param: str = "customer") -> Document:
    """The customer. Raises ResourceMissing where there is none, or it was deleted."""
    customer = world.get("customer", identifier, param=param)
    if customer.get("deleted"):
        raise ResourceMissing("customer", identifier, param)
    return customer


def create_customer(world: World, call: Call) -> Document:
    return new_customer(world, call.params)


def read_customer(world: World, call: Call) -> Document:
    return world.get("customer", call.id)


def update_customer(world: World, call: Call) -> Document:
    customer = live_customer(world, call.id, "id")
    changes = changes_from(world, customer, call.params)
    if "balance" in changes:
        delta = changes["balance"] - customer["balance"]
        record_balance_change(world, customer, delta, "adjustment", currency=customer["currency"] or "usd")
    return world.change("customer", customer, changes, "customer.updated")


def delete_customer(world: World, call: Call) -> Document:
    """The customer becomes a stub; its subscriptions end at once."""
    customer = live_customer(world, call.id, "id")
    for subscription in world.store.where("subscription", customer=customer["id"]):
        if subscription["ended_at"] is None:
            cancel_now(world, subscription, reason=None)
    world.emit("customer.deleted", customer)
    stub = {"id": customer["id"], "object": "customer", "deleted": True}
    world.store.put("customer", stub)
    return stub


def list_customers(world: World, call: Call) -> Document:
    return page(world, call, "customer", where=call.given("email", "test_clock"))


def create_balance_transaction(world: World, call: Call) -> Document:
    customer = live_customer(world, call.ids[0])
    params = call.params
    return record_balance_change(
        world, customer, params["amount"], "adjustment",
        currency=params["currency"], description=params.get("description"),
        metadata=merged_metadata({}, params.get("metadata")), apply=True,
    )  # fmt: skip


def list_balance_transactions(world: World, call: Call) -> Document:
    live_customer(world, call.ids[0])
    return page(world, call, "customer_balance_transaction", where={"customer": call.ids[0]})


def read_balance_transaction(world: World, call: Call) -> Document:
    found = world.get("customer_balance_transaction", call.id)
    if found["customer"] != call.ids[0]:
        raise ResourceMissing("customer balance transaction", call.id)
    return found


def embedded(kind: str, path: str, limit: int = 10) -> Any:
    """A field of a customer that lists what belongs to it, only there when expanded."""

    def include(world: World, customer: Document) -> Document:
        found = world.store.where(kind, customer=customer["id"])[::-1]
        return list_of(
            [shown(document) for document in found[:limit]],
            path.format(customer["id"]),
            has_more=len(found) > limit,
        )

    return include


INCLUDABLE = {
    ("customer", "subscriptions"): embedded("subscription", "/v1/customers/{}/subscriptions"),
    ("customer", "tax_ids"): embedded("tax_id", "/v1/customers/{}/tax_ids"),
    ("customer", "sources"): lambda world, customer: list_of([], f"/v1/customers/{customer['id']}/sources"),
}
BALANCE_TRANSACTION_FIELDS: Table = {
    "amount": required(INTEGER), "currency": required(CURRENCY), "description": STRING, "metadata": METADATA,
}  # fmt: skip
OPERATIONS = [
    Operation("POST", "/v1/customers", create_customer, CREATE_FIELDS),
    Operation("GET", "/v1/customers", list_customers, list_table(**CREATED, email=ID, test_clock=ID)),
    Operation("GET", "/v1/customers/{id}", read_customer),
    Operation("POST", "/v1/customers/{id}", update_customer, FIELDS),
    Operation("DELETE", "/v1/customers/{id}", delete_customer),
    Operation(
        "POST", "/v1/customers/{id}/balance_transactions", create_balance_transaction, BALANCE_TRANSACTION_FIELDS
    ),
    Operation("GET", "/v1/customers/{id}/balance_transactions", list_balance_transactions, list_table(**CREATED)),
    Operation("GET", "/v1/customers/{customer}/balance_transactions/{id}", read_balance_transaction),
]
