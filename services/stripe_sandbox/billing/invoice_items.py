"""Invoice items: an amount or a price and quantity, waiting for an invoice or put on a draft."""

from decimal import Decimal
from typing import Any

from services.stripe_sandbox.billing.amounts import price_amount, rounded
from services.stripe_sandbox.billing.discounts import DISCOUNTS, redeem
from services.stripe_sandbox.billing.drafts import put_on_invoice, resum, tax_rates_named
from services.stripe_sandbox.billing.lines import pricing_of
from services.stripe_sandbox.documents import Document
from services.stripe_sandbox.errors import StripeError
from services.stripe_sandbox.parameters import (
    BOOLEAN,
    COUNT,
    CURRENCY,
    DECIMAL,
    ID,
    INTEGER,
    METADATA,
    STRING,
    Table,
    clearable,
    list_of,
    merged_metadata,
    plain,
    required,
    shape,
)
from services.stripe_sandbox.resources.prices import TAX_BEHAVIOR, new_price
from services.stripe_sandbox.world import World

PRICE_DATA_FIELDS: Table = {
    "currency": required(CURRENCY), "product": required(ID), "tax_behavior": TAX_BEHAVIOR, "unit_amount": INTEGER,
    "unit_amount_decimal": DECIMAL,
}  # fmt: skip
CHARGED: Table = {
    "amount": INTEGER,
    "description": STRING,
    "discountable": BOOLEAN,
    "discounts": DISCOUNTS,
    "metadata": METADATA,
    "period": shape({"end": required(INTEGER), "start": required(INTEGER)}),
    "price_data": shape(PRICE_DATA_FIELDS),
    "pricing": shape({"price": ID}),
    "quantity": COUNT,
    "quantity_decimal": DECIMAL,
    "tax_rates": clearable(list_of(ID)),
}
"""What a line can be given, on its own or as an invoice item."""
WAYS = ("amount", "pricing", "price_data", "unit_amount_decimal")
LINES_MAX = 250


def check_one_way(params: dict[str, Any]) -> None:
    """Raises StripeError where an amount is said in two ways."""
    ways = [name for name in WAYS if name in params]
    if len(ways) > 1:
        message = f"You may only specify one of these parameters: {', '.join(ways)}."
        raise StripeError(message, code="parameters_exclusive", param=ways[1])
    if "amount" in params and "quantity" in params:
        message = "You may only specify one of these parameters: amount, quantity."
        raise StripeError(message, code="parameters_exclusive", param="quantity")


def priced(world: World, params: dict[str, Any], currency: str | None) -> dict[str, Any]:
    """Amount, currency, quantity and pricing from the parameters that say what something costs."""
    check_one_way(params)
    quantity = Decimal(params.get("quantity_decimal", params.get("quantity", 1)))
    counted = {"quantity": int(quantity), "quantity_decimal": plain(quantity)}
    price = _price(world, params)
    if price is not None:
        if currency is not None and price["currency"] != currency:
            message = f"The currency of the price ({price['currency']}) is not that of the invoice ({currency})."
            raise StripeError(message, param="pricing")
        pricing = pricing_of(price, price["unit_amount_decimal"])
        return {"amount": price_amount(price, quantity), "currency": price["currency"], "pricing": pricing, **counted}
    if currency is None:
        raise StripeError("Missing required param: currency.", code="parameter_missing", param="currency")
    if "unit_amount_decimal" in params:
        unit = params["unit_amount_decimal"]
        amount = rounded(Decimal(unit) * quantity)
        return {"amount": amount, "currency": currency, "pricing": pricing_of(None, unit), **counted}
    if "amount" not in params:
        raise StripeError("Missing required param: amount.", code="parameter_missing", param="amount")
    amount = params["amount"]
    one = {"quantity": 1, "quantity_decimal": "1"}
    return {"amount": amount, "currency": currency, "pricing": pricing_of(None, str(amount)), **one}


def _price(world: World, params: dict[str, Any]) -> Document | None:
    if "price_data" in params:
        return new_price(world, {**params["price_data"], "active": False})
    if "price" not in params.get("pricing", {}):
        return None
    price = world.get("price", params["pricing"]["price"], param="pricing[price]")
    if price["type"] != "one_time":
        message = (
            "The price specified is set to `type=recurring` but this field only accepts prices with `type=one_time`."
        )
        raise StripeError(message, param="pricing[price]")
    return price


def new_invoice_item(world: World, customer: Document, params: dict[str, Any]) -> Document:
    """An invoice item, put on its draft at once where it names one."""
    invoice = _draft(world, params, customer)
    item = place_invoice_item(world, customer, invoice, params)
    if invoice is not None:
        resum(world, invoice)
    return item


def place_invoice_item(world: World, customer: Document, invoice: Document | None, params: dict[str, Any]) -> Document:
    """An invoice item, pending or on a draft, whose sums the caller brings up to date."""
    currency = params.get("currency") or (invoice["currency"] if invoice else None)
    costs = priced(world, params, currency)
    if invoice is not None and costs["currency"] != invoice["currency"]:
        message = f"The currency of the item ({costs['currency']}) is not that of the invoice."
        raise StripeError(message, param="currency")
    at = world.now_for(customer)
    identifier = world.new_id("invoiceitem")
    item = {
        "id": identifier,
        "object": "invoiceitem",
        **costs,
        "customer": customer["id"],
        "customer_account": None,
        "date": at,
        "description": params.get("description"),
        "discountable": params.get("discountable", costs["amount"] >= 0),
        "discounts": redeem(world, params.get("discounts", []), customer, invoice_item=identifier),
        "invoice": invoice["id"] if invoice else None,
        "livemode": False,
        "metadata": merged_metadata({}, params.get("metadata")),
        "parent": _parent(world, params),
        "period": params.get("period") or {"end": at, "start": at},
        "proration": False,
        "tax_rates": tax_rates_named(world, params.get("tax_rates"), "tax_rates"),
        "test_clock": customer["test_clock"],
        "_pending_for": None if invoice else customer["id"],
    }
    world.add("invoiceitem", item, "invoiceitem.created")
    if invoice is not None:
        put_on_invoice(world, item, invoice)
    return world.get("invoiceitem", identifier)


def _draft(world: World, params: dict[str, Any], customer: Document) -> Document | None:
    if "invoice" not in params:
        return None
    invoice = world.get("invoice", params["invoice"], param="invoice")
    check_draft(world, invoice, adding=1)
    if invoice["customer"] != customer["id"]:
        message = f"The invoice {invoice['id']} belongs to another customer."
        raise StripeError(message, param="invoice")
    return invoice


def check_draft(world: World, invoice: Document, *, adding: int = 0) -> None:
    """Raises StripeError unless the invoice is a draft, with room for the lines to be added."""
    if invoice["status"] != "draft":
        message = "You can't modify an invoice that is not a draft."
        raise StripeError(message, code="invoice_not_editable", param="invoice")
    if len(world.store.where("line_item", invoice=invoice["id"])) + adding > LINES_MAX:
        raise StripeError(f"An invoice has at most {LINES_MAX} lines.", param="invoice")


def _parent(world: World, params: dict[str, Any]) -> Document | None:
    if "subscription" not in params:
        return None
    subscription = world.get("subscription", params["subscription"], param="subscription")
    details = {"subscription": subscription["id"]}
    return {"subscription_details": details, "type": "subscription_details"}


def item_changes(world: World, item: Document, params: dict[str, Any]) -> dict[str, Any]:
    """What the parameters change of an invoice item, or of a line."""
    changes: dict[str, Any] = {}
    recount = {"quantity", "quantity_decimal"} & set(params)
    if recount or {"amount", "pricing", "price_data", "unit_amount_decimal"} & set(params):
        changes |= priced(world, _with_present_price(item, params), item["currency"])
        changes.pop("currency")
    changes |= {name: params[name] for name in ("description", "discountable", "period") if name in params}
    if "metadata" in params:
        changes["metadata"] = merged_metadata(item["metadata"], params["metadata"])
    return changes


def _with_present_price(item: Document, params: dict[str, Any]) -> dict[str, Any]:
    """A new quantity alone is priced as before."""
    if any(name in params for name in WAYS):
        return params
    details = item["pricing"].get("price_details")
    if details is not None:
        return {**params, "pricing": {"price": details["price"]}}
    return {**params, "unit_amount_decimal": item["pricing"]["unit_amount_decimal"]}
