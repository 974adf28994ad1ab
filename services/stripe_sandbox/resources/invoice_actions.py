"""What becomes of an invoice: finalised, paid, sent, voided, written off; its lines changed; a preview of one."""

from typing import Any

from services.stripe_sandbox.billing.discounts import redeem
from services.stripe_sandbox.billing.drafts import put_on_invoice, resum
from services.stripe_sandbox.billing.finalization import finalize, mark_uncollectible, void
from services.stripe_sandbox.billing.invoice_items import CHARGED, check_draft, item_changes, place_invoice_item
from services.stripe_sandbox.billing.payments import pay_invoice
from services.stripe_sandbox.documents import Document
from services.stripe_sandbox.errors import ResourceMissing, StripeError
from services.stripe_sandbox.operations import Call, Operation
from services.stripe_sandbox.parameters import (
    BOOLEAN,
    ID,
    METADATA,
    Table,
    list_of_shapes,
    merged_metadata,
    one_of,
    required,
)
from services.stripe_sandbox.world import World

PAY_FIELDS: Table = {"forgive": BOOLEAN, "off_session": BOOLEAN, "paid_out_of_band": BOOLEAN, "payment_method": ID}
ADDED_LINE: Table = {**CHARGED, "invoice_item": ID}
UPDATED_LINE: Table = {**CHARGED, "id": required(ID)}
REMOVED_LINE: Table = {"behavior": required(one_of("delete", "unassign")), "id": required(ID)}


def finalize_invoice(world: World, call: Call) -> Document:
    """Open a draft. One that advances by itself is collected the moment after."""
    return finalize(world, world.get("invoice", call.id), auto_advance=call.params.get("auto_advance"))


def pay(world: World, call: Call) -> Document:
    """Pay now; a draft is finalised first."""
    params = call.params
    invoice = world.get("invoice", call.id)
    if invoice["status"] == "draft":
        invoice = finalize(world, invoice, auto_advance=False)
        if invoice["status"] == "paid":
            return invoice
    return pay_invoice(
        world, invoice,
        payment_method=params.get("payment_method"), paid_out_of_band=params.get("paid_out_of_band", False),
    )  # fmt: skip


def send(world: World, call: Call) -> Document:
    """Say that it was sent; no mail leaves the sandbox. A draft is finalised first."""
    invoice = world.get("invoice", call.id)
    if invoice["collection_method"] != "send_invoice":
        raise StripeError("You can only send an invoice whose collection_method is send_invoice.")
    if invoice["status"] == "draft":
        invoice = finalize(world, invoice)
    if invoice["status"] not in ("open", "paid"):
        raise StripeError(f"This invoice cannot be sent: it is {invoice['status']}.", code="invoice_not_editable")
    world.emit("invoice.sent", invoice)
    return invoice


def void_invoice(world: World, call: Call) -> Document:
    return void(world, world.get("invoice", call.id))


def mark_invoice_uncollectible(world: World, call: Call) -> Document:
    return mark_uncollectible(world, world.get("invoice", call.id))


def add_lines(world: World, call: Call) -> Document:
    """Add new lines, or pending items, to a draft: all of them or none."""
    invoice = world.get("invoice", call.id)
    check_draft(world, invoice, adding=len(call.params["lines"]))
    customer = world.get("customer", invoice["customer"])
    for place, line in enumerate(call.params["lines"]):
        if "invoice_item" in line:
            _take_item(world, invoice, line["invoice_item"], f"lines[{place}][invoice_item]")
        else:
            place_invoice_item(world, customer, invoice, line)
    return _with_metadata(world, call)


def _take_item(world: World, invoice: Document, identifier: str, param: str) -> None:
    item = world.get("invoiceitem", identifier, param=param, noun="invoiceitem")
    if item["invoice"] is not None or item["customer"] != invoice["customer"]:
        raise StripeError(f"The invoice item {identifier} is not pending for this customer.", param=param)
    put_on_invoice(world, item, invoice)


def _with_metadata(world: World, call: Call) -> Document:
    invoice = world.get("invoice", call.id)
    metadata = merged_metadata(invoice["metadata"], call.params.get("invoice_metadata"))
    return resum(world, invoice, metadata=metadata)


def _line(world: World, invoice: Document, identifier: str, param: str) -> Document:
    line = world.get("line_item", identifier, param=param, noun="invoice line item")
    if line["invoice"] != invoice["id"]:
        raise ResourceMissing("invoice line item", identifier, param)
    return line


def update_lines(world: World, call: Call) -> Document:
    """Change lines of a draft, and the invoice items they came from."""
    invoice = world.get("invoice", call.id)
    check_draft(world, invoice)
    for place, given in enumerate(call.params["lines"]):
        change_line(world, _line(world, invoice, given["id"], f"lines[{place}][id]"), given)
    return _with_metadata(world, call)


def update_line(world: World, call: Call) -> Document:
    invoice = world.get("invoice", call.ids[0], param="invoice")
    check_draft(world, invoice)
    change_line(world, _line(world, invoice, call.id, "line_item"), call.params)
    resum(world, world.get("invoice", invoice["id"]))
    return world.get("line_item", call.id)


def change_line(world: World, line: Document, given: dict[str, Any]) -> None:
    changes = item_changes(world, line, given)
    if "discounts" in given:
        invoice = world.get("invoice", line["invoice"])
        changes["discounts"] = redeem(world, given["discounts"], world.get("customer", invoice["customer"]))
    item_id = ((line["parent"] or {}).get("invoice_item_details") or {}).get("invoice_item")
    if item_id is not None:
        item = world.get("invoiceitem", item_id)
        world.change("invoiceitem", item, changes)
    if "amount" in changes:
        changes["subtotal"] = changes["amount"]
    if "tax_rates" in given:
        changes["_tax_rates"] = given["tax_rates"]
    world.change("line_item", line, changes)


def remove_lines(world: World, call: Call) -> Document:
    """Take lines off a draft: their items are deleted, or wait for another invoice."""
    invoice = world.get("invoice", call.id)
    check_draft(world, invoice)
    for place, given in enumerate(call.params["lines"]):
        line = _line(world, invoice, given["id"], f"lines[{place}][id]")
        item_id = ((line["parent"] or {}).get("invoice_item_details") or {}).get("invoice_item")
        if item_id is not None:
            item = world.get("invoiceitem", item_id)
            if given["behavior"] == "delete":
                world.store.remove("invoiceitem", item_id)
            else:
                pending = {"invoice": None, "_pending_for": item["customer"], "_line": None}
                world.change("invoiceitem", item, pending)
        world.store.remove("line_item", line["id"])
    return _with_metadata(world, call)


def changing_lines(line: Table) -> Table:
    return {"lines": required(list_of_shapes(line)), "invoice_metadata": METADATA}


OPERATIONS = [
    Operation("POST", "/v1/invoices/{id}/finalize", finalize_invoice, {"auto_advance": BOOLEAN}),
    Operation("POST", "/v1/invoices/{id}/pay", pay, PAY_FIELDS),
    Operation("POST", "/v1/invoices/{id}/send", send),
    Operation("POST", "/v1/invoices/{id}/void", void_invoice),
    Operation("POST", "/v1/invoices/{id}/mark_uncollectible", mark_invoice_uncollectible),
    Operation("POST", "/v1/invoices/{id}/add_lines", add_lines, changing_lines(ADDED_LINE)),
    Operation("POST", "/v1/invoices/{id}/update_lines", update_lines, changing_lines(UPDATED_LINE)),
    Operation("POST", "/v1/invoices/{id}/remove_lines", remove_lines, changing_lines(REMOVED_LINE)),
    Operation("POST", "/v1/invoices/{invoice}/lines/{id}", update_line, CHARGED),
]
