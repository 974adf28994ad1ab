"""Invoice items, as the API offers them."""

from services.stripe_sandbox.billing.discounts import redeem
from services.stripe_sandbox.billing.drafts import resum, tax_rates_named
from services.stripe_sandbox.billing.invoice_items import CHARGED, item_changes, new_invoice_item
from services.stripe_sandbox.documents import Document
from services.stripe_sandbox.errors import StripeError
from services.stripe_sandbox.operations import CREATED, Call, Operation, list_table, page
from services.stripe_sandbox.parameters import BOOLEAN, CURRENCY, DECIMAL, ID, Table, required
from services.stripe_sandbox.resources.customers import live_customer
from services.stripe_sandbox.resources.prices import TAX_BEHAVIOR
from services.stripe_sandbox.world import World

COMMON: Table = {**CHARGED, "tax_behavior": TAX_BEHAVIOR, "unit_amount_decimal": DECIMAL}
CREATE_FIELDS: Table = {**COMMON, "currency": CURRENCY, "customer": required(ID), "invoice": ID, "subscription": ID}
ON_LINE = ("amount", "description", "discountable", "discounts", "metadata", "period", "pricing", "quantity")


def create_invoice_item(world: World, call: Call) -> Document:
    return new_invoice_item(world, live_customer(world, call.params["customer"]), call.params)


def read_invoice_item(world: World, call: Call) -> Document:
    return world.get("invoiceitem", call.id, noun="invoiceitem")


def update_invoice_item(world: World, call: Call) -> Document:
    """Change an item that is pending or on a draft; its line changes with it."""
    item, params = world.get("invoiceitem", call.id, noun="invoiceitem"), call.params
    changes = item_changes(world, item, params)
    if "tax_rates" in params:
        changes["tax_rates"] = tax_rates_named(world, params["tax_rates"], "tax_rates")
    if "discounts" in params:
        customer = world.get("customer", item["customer"])
        changes["discounts"] = redeem(world, params["discounts"], customer, invoice_item=item["id"])
    if item["invoice"] is not None:
        invoice = _draft_of(world, item)
        line = world.get("line_item", item["_line"])
        on_line = {name: changes[name] for name in (*ON_LINE, "quantity_decimal") if name in changes}
        if "amount" in on_line:
            on_line["subtotal"] = on_line["amount"]
        if "tax_rates" in changes:
            on_line["_tax_rates"] = [rate["id"] for rate in changes["tax_rates"]] or None
        world.change("line_item", line, on_line)
        resum(world, invoice)
    return world.change("invoiceitem", item, changes)


def _draft_of(world: World, item: Document) -> Document:
    invoice = world.get("invoice", item["invoice"])
    if invoice["status"] != "draft":
        message = "You can't modify or delete an invoice item that is attached to an invoice that is not a draft."
        raise StripeError(message, code="invoice_not_editable")
    return invoice


def delete_invoice_item(world: World, call: Call) -> Document:
    item = world.get("invoiceitem", call.id, noun="invoiceitem")
    if item["invoice"] is not None:
        invoice = _draft_of(world, item)
        world.store.remove("line_item", item["_line"])
        resum(world, invoice)
    world.emit("invoiceitem.deleted", item)
    return world.remove("invoiceitem", item)


def list_invoice_items(world: World, call: Call) -> Document:
    params = call.params
    pending = params.get("pending")
    return page(
        world, call, "invoiceitem", where=call.given("customer", "invoice"),
        keep=lambda item: pending is None or (item["invoice"] is None) == pending,
    )  # fmt: skip


FILTERS: Table = {**CREATED, "customer": ID, "invoice": ID, "pending": BOOLEAN}
OPERATIONS = [
    Operation("POST", "/v1/invoiceitems", create_invoice_item, CREATE_FIELDS),
    Operation("GET", "/v1/invoiceitems", list_invoice_items, list_table(**FILTERS)),
    Operation("GET", "/v1/invoiceitems/{id}", read_invoice_item),
    Operation("POST", "/v1/invoiceitems/{id}", update_invoice_item, COMMON),
    Operation("DELETE", "/v1/invoiceitems/{id}", delete_invoice_item),
]
