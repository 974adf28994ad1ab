"""Tax rates: a percentage on top of an amount, or contained in it."""

from services.stripe_sandbox.documents import Document
from services.stripe_sandbox.errors import StripeError
from services.stripe_sandbox.operations import CREATED, Call, Operation, list_table, page
from services.stripe_sandbox.parameters import (
    BOOLEAN,
    ID,
    METADATA,
    NUMBER,
    STRING,
    Table,
    merged_metadata,
    required,
)
from services.stripe_sandbox.world import World

UPDATE_FIELDS: Table = {
    "active": BOOLEAN, "country": STRING, "description": STRING, "display_name": ID, "jurisdiction": STRING,
    "metadata": METADATA, "state": STRING, "tax_type": ID,
}  # fmt: skip
CREATE_FIELDS: Table = {
    **UPDATE_FIELDS,
    "display_name": required(ID),
    "inclusive": required(BOOLEAN),
    "percentage": required(NUMBER),
}
PLAIN = tuple(name for name in UPDATE_FIELDS if name != "metadata")


def create_tax_rate(world: World, call: Call) -> Document:
    params = call.params
    if not 0 <= params["percentage"] <= 100:
        raise StripeError("percentage must be between 0 and 100.", param="percentage")
    tax_rate = {
        "id": world.new_id("tax_rate"),
        "object": "tax_rate",
        "active": True,
        "country": None,
        "created": world.now(),
        "description": None,
        "effective_percentage": None,
        "flat_amount": None,
        "inclusive": params["inclusive"],
        "jurisdiction": None,
        "jurisdiction_level": None,
        "livemode": False,
        "metadata": merged_metadata({}, params.get("metadata")),
        "percentage": params["percentage"],
        "rate_type": "percentage",
        "state": None,
        "tax_type": None,
    } | call.given(*PLAIN)
    return world.add("tax_rate", tax_rate, "tax_rate.created")


def read_tax_rate(world: World, call: Call) -> Document:
    return world.get("tax_rate", call.id)


def update_tax_rate(world: World, call: Call) -> Document:
    tax_rate = world.get("tax_rate", call.id)
    changes = call.given(*PLAIN)
    changes["metadata"] = merged_metadata(tax_rate["metadata"], call.params.get("metadata"))
    return world.change("tax_rate", tax_rate, changes, "tax_rate.updated")


def list_tax_rates(world: World, call: Call) -> Document:
    asked = call.given("active", "inclusive")
    return page(world, call, "tax_rate", keep=lambda rate: all(rate[name] == value for name, value in asked.items()))


OPERATIONS = [
    Operation("POST", "/v1/tax_rates", create_tax_rate, CREATE_FIELDS),
    Operation("GET", "/v1/tax_rates", list_tax_rates, list_table(**CREATED, active=BOOLEAN, inclusive=BOOLEAN)),
    Operation("GET", "/v1/tax_rates/{id}", read_tax_rate),
    Operation("POST", "/v1/tax_rates/{id}", update_tax_rate, UPDATE_FIELDS),
]
