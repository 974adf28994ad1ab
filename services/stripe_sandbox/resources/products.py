"""Products: what is sold."""

from typing import Any

from services.stripe_sandbox.documents import Document
from services.stripe_sandbox.errors import StripeError
from services.stripe_sandbox.operations import CREATED, Call, Operation, list_table, page
from services.stripe_sandbox.parameters import (
    BOOLEAN,
    ID,
    METADATA,
    STRING,
    Table,
    clearable,
    list_of,
    list_of_shapes,
    merged_metadata,
    one_of,
    required,
    shape,
)
from services.stripe_sandbox.world import World

TAX_DETAILS = shape({"performance_location": STRING, "tax_code": STRING})
FIELDS: Table = {
    "active": BOOLEAN,
    "description": STRING,
    "images": list_of(ID),
    "marketing_features": list_of_shapes({"name": required(ID)}),
    "metadata": METADATA,
    "name": ID,
    "shippable": BOOLEAN,
    "statement_descriptor": STRING,
    "tax_code": STRING,
    "tax_details": clearable(TAX_DETAILS),
    "unit_label": STRING,
    "url": STRING,
}
CREATE_FIELDS: Table = {**FIELDS, "id": ID, "name": required(ID), "type": one_of("good", "service")}
UPDATE_FIELDS: Table = {**FIELDS, "default_price": ID}
PLAIN = tuple(name for name in UPDATE_FIELDS if name not in ("metadata", "tax_details"))


def new_product(world: World, params: dict[str, Any]) -> Document:
    identifier = params.get("id") or world.new_id("product")
    if world.store.find("product", identifier):
        raise StripeError(f"Product already exists: {identifier}", code="resource_already_exists", param="id")
    now = world.now()
    product = {
        "id": identifier,
        "object": "product",
        "active": True,
        "created": now,
        "default_price": None,
        "description": None,
        "images": [],
        "livemode": False,
        "marketing_features": [],
        "metadata": {},
        "name": params["name"],
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": None,
        "tax_code": None,
        "tax_details": None,
        "type": params.get("type", "service"),
        "unit_label": None,
        "updated": now,
        "url": None,
    }
    return world.add("product", product | _changes(product, params), "product.created")


def _changes(product: Document, params: dict[str, Any]) -> Document:
    changes = {name: params[name] for name in PLAIN if name in params}
    if "metadata" in params:
        changes["metadata"] = merged_metadata(product["metadata"], params["metadata"])
    if "tax_details" in params:
        given = params["tax_details"]
        changes["tax_details"] = given and {"performance_location": None, "tax_code": None, **given}
    return changes


def create_product(world: World, call: Call) -> Document:
    return new_product(world, call.params)


def read_product(world: World, call: Call) -> Document:
    return world.get("product", call.id)


def update_product(world: World, call: Call) -> Document:
    product = world.get("product", call.id)
    changes = _changes(product, call.params)
    if "default_price" in changes:
        price = world.get("price", changes["default_price"], param="default_price")
        if price["product"] != product["id"]:
            message = f"The price specified must belong to the product {product['id']}."
            raise StripeError(message, param="default_price")
    if any(product[name] != value for name, value in changes.items()):
        changes["updated"] = world.now()
    return world.change("product", product, changes, "product.updated")


def delete_product(world: World, call: Call) -> Document:
    product = world.get("product", call.id)
    if world.store.where("price", product=product["id"]):
        raise StripeError("This product cannot be deleted because it has one or more user-created prices.")
    world.emit("product.deleted", product)
    return world.remove("product", product)


def list_products(world: World, call: Call) -> Document:
    params = call.params

    def keep(product: Document) -> bool:
        wanted = all(product[name] == params[name] for name in ("active", "shippable", "type", "url") if name in params)
        return wanted and product["id"] in params.get("ids", [product["id"]])

    return page(world, call, "product", keep=keep)


FILTERS: Table = {
    **CREATED, "active": BOOLEAN, "ids": list_of(ID), "shippable": BOOLEAN, "type": ID, "url": ID,
}  # fmt: skip
OPERATIONS = [
    Operation("POST", "/v1/products", create_product, CREATE_FIELDS),
    Operation("GET", "/v1/products", list_products, list_table(**FILTERS)),
    Operation("GET", "/v1/products/{id}", read_product),
    Operation("POST", "/v1/products/{id}", update_product, UPDATE_FIELDS),
    Operation("DELETE", "/v1/products/{id}", delete_product),
]
