"""Credit notes, as the API offers them."""

from services.stripe_sandbox.billing.credit_notes import issue_credit_note, void_credit_note
from services.stripe_sandbox.documents import Document
from services.stripe_sandbox.operations import CREATED, Call, Operation, list_table, page
from services.stripe_sandbox.parameters import (
    COUNT,
    DECIMAL,
    ID,
    INTEGER,
    METADATA,
    STRING,
    Table,
    clearable,
    list_of,
    list_of_shapes,
    merged_metadata,
    one_of,
    required,
)
from services.stripe_sandbox.world import World

LINE: Table = {
    "amount": INTEGER,
    "description": STRING,
    "invoice_line_item": ID,
    "metadata": METADATA,
    "quantity": COUNT,
    "tax_rates": clearable(list_of(ID)),
    "type": required(one_of("custom_line_item", "invoice_line_item")),
    "unit_amount": INTEGER,
    "unit_amount_decimal": DECIMAL,
}
CREATE_FIELDS: Table = {
    "amount": COUNT,
    "credit_amount": COUNT,
    "effective_at": INTEGER,
    "email_type": one_of("credit_note", "none"),
    "invoice": required(ID),
    "lines": list_of_shapes(LINE),
    "memo": STRING,
    "metadata": METADATA,
    "out_of_band_amount": COUNT,
    "reason": one_of("duplicate", "fraudulent", "order_change", "product_unsatisfactory"),
    "refund_amount": COUNT,
    "refunds": list_of_shapes({"amount_refunded": INTEGER, "refund": ID, "type": one_of("refund")}),
}


def create_credit_note(world: World, call: Call) -> Document:
    return issue_credit_note(world, world.get("invoice", call.params["invoice"], param="invoice"), call.params)


def preview_credit_note(world: World, call: Call) -> Document:
    """What it would be. Nothing is kept."""
    call.keep = False
    return create_credit_note(world, call)


def preview_lines(world: World, call: Call) -> Document:
    note = preview_credit_note(world, call)
    return page(world, call, "credit_note_line_item", where={"_credit_note": note["id"]}, oldest_first=True)


def read_credit_note(world: World, call: Call) -> Document:
    return world.get("credit_note", call.id)


def update_credit_note(world: World, call: Call) -> Document:
    note = world.get("credit_note", call.id)
    metadata = merged_metadata(note["metadata"], call.params.get("metadata"))
    return world.change("credit_note", note, {**call.given("memo"), "metadata": metadata}, "credit_note.updated")


def void(world: World, call: Call) -> Document:
    return void_credit_note(world, world.get("credit_note", call.id))


def list_credit_notes(world: World, call: Call) -> Document:
    return page(world, call, "credit_note", where=call.given("customer", "invoice"))


def list_lines(world: World, call: Call) -> Document:
    note = world.get("credit_note", call.ids[0])
    return page(world, call, "credit_note_line_item", where={"_credit_note": note["id"]}, oldest_first=True)


OPERATIONS = [
    Operation("POST", "/v1/credit_notes", create_credit_note, CREATE_FIELDS),
    Operation("GET", "/v1/credit_notes", list_credit_notes, list_table(**CREATED, customer=ID, invoice=ID)),
    Operation("GET", "/v1/credit_notes/preview", preview_credit_note, CREATE_FIELDS),
    Operation("GET", "/v1/credit_notes/preview/lines", preview_lines, list_table(**CREATE_FIELDS)),
    Operation("GET", "/v1/credit_notes/{id}", read_credit_note),
    Operation("POST", "/v1/credit_notes/{id}", update_credit_note, {"memo": STRING, "metadata": METADATA}),
    Operation("POST", "/v1/credit_notes/{id}/void", void),
    Operation("GET", "/v1/credit_notes/{id}/lines", list_lines, list_table()),
]
