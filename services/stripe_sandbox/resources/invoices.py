"""Invoices, as the API offers them: made, changed, listed. What becomes of them is in `invoice_actions`."""

from typing import Any

from services.stripe_sandbox.billing import drafts
from services.stripe_sandbox.billing.discounts import DISCOUNTS, redeem
from services.stripe_sandbox.billing.drafts import GRACE_SECONDS
from services.stripe_sandbox.billing.lines import summed
from services.stripe_sandbox.documents import OF_SUBSCRIPTION, Document
from services.stripe_sandbox.errors import StripeError
from services.stripe_sandbox.operations import CREATED, Call, Operation, list_table, page, within
from services.stripe_sandbox.parameters import (
    BOOLEAN,
    COUNT,
    CURRENCY,
    ID,
    INTEGER,
    METADATA,
    RANGE,
    STRING,
    Table,
    clearable,
    list_of,
    merged_metadata,
    one_of,
)
from services.stripe_sandbox.resources.customers import CUSTOM_FIELDS, live_customer
from services.stripe_sandbox.world import World

COLLECTION = one_of("charge_automatically", "send_invoice")
STATUS = one_of("draft", "open", "paid", "uncollectible", "void")
UPDATE_FIELDS: Table = {
    "auto_advance": BOOLEAN,
    "collection_method": COLLECTION,
    "custom_fields": CUSTOM_FIELDS,
    "days_until_due": COUNT,
    "default_payment_method": STRING,
    "default_tax_rates": clearable(list_of(ID)),
    "description": STRING,
    "discounts": DISCOUNTS,
    "due_date": INTEGER,
    "effective_at": clearable(INTEGER),
    "footer": STRING,
    "metadata": METADATA,
    "number": STRING,
    "statement_descriptor": STRING,
}
CREATE_FIELDS: Table = {
    **UPDATE_FIELDS,
    "currency": CURRENCY,
    "customer": ID,
    "pending_invoice_items_behavior": one_of("exclude", "include"),
    "subscription": ID,
}
EDITABLE_WHEN_OPEN = {"auto_advance", "default_payment_method", "description", "footer", "metadata", "custom_fields"}
PLAIN = (
    "collection_method", "custom_fields", "default_payment_method", "description", "due_date", "effective_at",
    "footer", "number", "statement_descriptor",
)  # fmt: skip


def create_invoice(world: World, call: Call) -> Document:
    """A draft without lines, unless pending items are to be included. It advances by itself only where asked to."""
    params = call.params
    subscription = None
    if "subscription" in params:
        subscription = world.get("subscription", params["subscription"], param="subscription")
    named: str | None = params.get("customer") or (subscription["customer"] if subscription else None)
    if named is None:
        raise StripeError("Missing required param: customer.", code="parameter_missing", param="customer")
    customer = live_customer(world, named)
    at = world.now_for(customer)
    currency = params.get("currency") or (subscription or customer)["currency"] or "usd"
    invoice = drafts.blank_invoice(
        world, customer, reason="manual", currency=currency, period=(at, at), subscription=subscription,
        collection_method=params.get("collection_method", "charge_automatically"),
        auto_advance=params.get("auto_advance", False),
    )  # fmt: skip
    if subscription is not None:
        invoice |= {"default_payment_method": subscription["default_payment_method"]}
    given = {name: value for name, value in params.items() if name != "auto_advance"}
    invoice |= changes_from(world, invoice, customer, given)
    if params.get("pending_invoice_items_behavior") == "include":
        drafts.take_pending_items(world, invoice, subscription)
    return world.add("invoice", invoice | summed(world, invoice), "invoice.created")


def changes_from(world: World, invoice: Document, customer: Document, params: dict[str, Any]) -> dict[str, Any]:
    """The fields of an invoice that these parameters set."""
    changes: dict[str, Any] = {name: params[name] for name in PLAIN if name in params}
    sent = changes.get("collection_method", invoice["collection_method"]) == "send_invoice"
    if not sent and ("due_date" in params or "days_until_due" in params):
        message = "You can only set due_date or days_until_due if collection_method is send_invoice."
        raise StripeError(message, param="due_date" if "due_date" in params else "days_until_due")
    if sent and invoice["status"] == "draft":
        changes["next_payment_attempt"] = None
    if "due_date" in params and "days_until_due" in params:
        raise StripeError("You may only specify one of these parameters: due_date, days_until_due.", param="due_date")
    if "days_until_due" in params:
        changes["_days_until_due"] = params["days_until_due"]
    if params.get("default_payment_method"):
        method = world.store.find("payment_method", params["default_payment_method"])
        if method is None or method["customer"] != customer["id"]:
            message = f"No such PaymentMethod: '{params['default_payment_method']}'"
            raise StripeError(message, code="resource_missing", param="default_payment_method")
    if "default_tax_rates" in params:
        rates = drafts.tax_rates_named(world, params["default_tax_rates"], "default_tax_rates")
        changes["default_tax_rates"] = rates
    if "discounts" in params:
        changes["discounts"] = redeem(world, params["discounts"], customer, invoice=invoice["id"])
    if "metadata" in params:
        changes["metadata"] = merged_metadata(invoice["metadata"], params["metadata"])
    if "auto_advance" in params:
        changes |= _advance(world, invoice, on=params["auto_advance"])
    return changes


def _advance(world: World, invoice: Document, *, on: bool) -> dict[str, Any]:
    """Turning it on gives a draft an hour, and an open invoice its next attempt now; off stops both."""
    at = world.now_for(invoice)
    draft = invoice["status"] == "draft"
    kept = {work: due for work, due in invoice["_due"].items() if work == "overdue"}
    charged = invoice["collection_method"] == "charge_automatically"
    if on and draft:
        finalizes_at = invoice["automatically_finalizes_at"] or at + GRACE_SECONDS
        return {
            "auto_advance": True, "automatically_finalizes_at": finalizes_at,
            "next_payment_attempt": finalizes_at if charged else None,
            "_due": {**kept, "finalize": finalizes_at},
        }  # fmt: skip
    if on:
        return {"auto_advance": True, "_due": {**kept, "collect": at} if charged else kept}
    return {
        "auto_advance": False, "automatically_finalizes_at": None, "next_payment_attempt": None, "_due": kept,
    }  # fmt: skip


def read_invoice(world: World, call: Call) -> Document:
    return world.get("invoice", call.id)


def update_invoice(world: World, call: Call) -> Document:
    """Change a draft; of a finalised invoice only what does not alter its amount."""
    invoice, params = world.get("invoice", call.id), call.params
    fixed = set(params) - EDITABLE_WHEN_OPEN
    if invoice["status"] != "draft" and fixed:
        message = f"Finalized invoices can't be updated in this way: {', '.join(sorted(fixed))}."
        raise StripeError(message, code="invoice_not_editable", param=min(fixed))
    changes = changes_from(world, invoice, world.get("customer", invoice["customer"]), params)
    if invoice["status"] == "draft":
        return drafts.resum(world, invoice, **changes)
    return world.change("invoice", invoice, changes, "invoice.updated")


def delete_invoice(world: World, call: Call) -> Document:
    """Delete a draft that no subscription made; its items go with it."""
    invoice = world.get("invoice", call.id)
    if invoice["status"] != "draft" or invoice["billing_reason"] != "manual":
        message = "You can only delete one-off draft invoices."
        raise StripeError(message, code="invoice_not_editable")
    for item in world.store.where("invoiceitem", invoice=invoice["id"]):
        world.store.remove("invoiceitem", item["id"])
    for line in world.store.where("line_item", invoice=invoice["id"]):
        world.store.remove("line_item", line["id"])
    world.emit("invoice.deleted", invoice)
    return world.remove("invoice", invoice)


def list_invoices(world: World, call: Call) -> Document:
    params = call.params

    def keep(invoice: Document) -> bool:
        wanted = all(invoice[name] == params[name] for name in ("collection_method", "status") if name in params)
        return wanted and within(invoice["due_date"], params.get("due_date"))

    where = {"customer": params.get("customer"), OF_SUBSCRIPTION: params.get("subscription")}
    return page(world, call, "invoice", where=where, keep=keep)


def list_lines(world: World, call: Call) -> Document:
    """The lines in the order they were added."""
    invoice = world.get("invoice", call.ids[0], param="invoice")
    return page(world, call, "line_item", where={"invoice": invoice["id"]}, oldest_first=True)


FILTERS: Table = {
    **CREATED, "collection_method": COLLECTION, "customer": ID, "due_date": RANGE, "status": STATUS, "subscription": ID,
}  # fmt: skip
OPERATIONS = [
    Operation("POST", "/v1/invoices", create_invoice, CREATE_FIELDS),
    Operation("GET", "/v1/invoices", list_invoices, list_table(**FILTERS)),
    Operation("GET", "/v1/invoices/{id}", read_invoice),
    Operation("POST", "/v1/invoices/{id}", update_invoice, UPDATE_FIELDS),
    Operation("DELETE", "/v1/invoices/{id}", delete_invoice),
    Operation("GET", "/v1/invoices/{id}/lines", list_lines, list_table()),
]
