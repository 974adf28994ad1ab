"""A customer's tax numbers. They are taken as they come, and verified at once where a registry exists."""

from typing import Any

from services.stripe_sandbox.documents import Document
from services.stripe_sandbox.errors import ResourceMissing
from services.stripe_sandbox.operations import Call, Operation, list_table, page
from services.stripe_sandbox.parameters import ID, Table, required
from services.stripe_sandbox.world import World

TAX_ID_FIELDS: Table = {"type": required(ID), "value": required(ID)}
VERIFIED_TYPES = ("eu_vat", "gb_vat", "au_abn")


def add_tax_id(world: World, customer: Document, given: dict[str, Any]) -> Document:
    country = given["value"][:2] if given["type"] == "eu_vat" else given["type"][:2].upper()
    status = "verified" if given["type"] in VERIFIED_TYPES else "unavailable"
    tax_id = {
        "id": world.new_id("tax_id"),
        "object": "tax_id",
        "country": country,
        "created": world.now_for(customer),
        "customer": customer["id"],
        "customer_account": None,
        "livemode": False,
        "owner": {"customer": customer["id"], "customer_account": None, "type": "customer"},
        "type": given["type"],
        "value": given["value"],
        "verification": {"status": status, "verified_address": None, "verified_name": None},
    }
    return world.add("tax_id", tax_id, "customer.tax_id.created")


def create_tax_id(world: World, call: Call) -> Document:
    return add_tax_id(world, world.get("customer", call.ids[0], param="customer"), call.params)


def _tax_id(world: World, call: Call) -> Document:
    found = world.get("tax_id", call.id)
    if found["customer"] != call.ids[0]:
        raise ResourceMissing("tax id", call.id)
    return found


def delete_tax_id(world: World, call: Call) -> Document:
    found = _tax_id(world, call)
    world.emit("customer.tax_id.deleted", found)
    return world.remove("tax_id", found)


def list_tax_ids(world: World, call: Call) -> Document:
    customer = world.get("customer", call.ids[0], param="customer")
    return page(world, call, "tax_id", where={"customer": customer["id"]})


OPERATIONS = [
    Operation("POST", "/v1/customers/{id}/tax_ids", create_tax_id, TAX_ID_FIELDS),
    Operation("GET", "/v1/customers/{id}/tax_ids", list_tax_ids, list_table()),
    Operation("GET", "/v1/customers/{customer}/tax_ids/{id}", _tax_id),
    Operation("DELETE", "/v1/customers/{customer}/tax_ids/{id}", delete_tax_id),
]
