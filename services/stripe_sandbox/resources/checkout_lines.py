"""The lines of a checkout session or payment link: prices checked, amounts worked out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from services.stripe_sandbox.billing.amounts import price_amount, rounded, shares, tax_of
from services.stripe_sandbox.documents import Document, list_of, new_id, shown
from services.stripe_sandbox.errors import StripeError
from services.stripe_sandbox.parameters import (
    BOOLEAN,
    COUNT,
    CURRENCY,
    DECIMAL,
    ID,
    INTEGER,
    METADATA,
    Table,
    required,
    shape,
)
from services.stripe_sandbox.parameters import list_of as list_of_values
from services.stripe_sandbox.resources.prices import PRODUCT_DATA, RECURRING, TAX_BEHAVIOR, new_price
from services.stripe_sandbox.world import World

LINES_MAX: Final = 100
RECURRING_MAX: Final = 20
QUANTITY_MAX: Final = 999_999
PAGE_DEFAULT: Final = 10

LINE_FIELDS: Final[Table] = {
    "adjustable_quantity": shape({"enabled": required(BOOLEAN), "minimum": INTEGER, "maximum": INTEGER}),
    "metadata": METADATA,
    "price": ID,
    "price_data": shape(
        {
            "currency": required(CURRENCY),
            "product": ID,
            "product_data": shape(PRODUCT_DATA),
            "recurring": shape(RECURRING),
            "tax_behavior": TAX_BEHAVIOR,
            "unit_amount": COUNT,
            "unit_amount_decimal": DECIMAL,
        }
    ),
    "quantity": COUNT,
    "tax_rates": list_of_values(ID),
}


@dataclass(frozen=True, slots=True)
class Totals:
    """What a session's lines come to, in minor units."""

    lines: tuple[Document, ...]
    subtotal: int
    discount: int
    tax: int
    total: int


def read_lines(world: World, given: Sequence[Mapping[str, Any]], mode: str) -> list[Document]:
    """The lines with their prices. Raises StripeError where they do not fit each other or the mode."""
    if not given:
        raise StripeError("Missing required param: line_items.", code="parameter_missing", param="line_items")
    if len(given) > LINES_MAX:
        raise StripeError(f"You may only specify up to {LINES_MAX} line items.", param="line_items")
    lines = [_line(world, line, f"line_items[{place}]") for place, line in enumerate(given)]
    recurring = [line for line in lines if line["price"]["type"] == "recurring"]
    if mode == "subscription" and not recurring:
        raise StripeError(
            "You must provide at least one recurring price in `subscription` mode when using prices.",
            param="line_items",
        )
    if mode == "payment" and recurring:
        raise StripeError(
            "You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or use "
            "only one-time prices.",
            param="line_items",
        )
    if len(recurring) > RECURRING_MAX:
        raise StripeError(f"You may only specify up to {RECURRING_MAX} recurring prices.", param="line_items")
    if len({line["currency"] for line in lines}) > 1:
        raise StripeError("All prices must have the same currency.", param="line_items")
    cycles = {
        (line["price"]["recurring"]["interval"], line["price"]["recurring"]["interval_count"]) for line in recurring
    }
    if len(cycles) > 1:
        raise StripeError("All recurring prices must have the same billing interval.", param="line_items")
    return lines


def _line(world: World, given: Mapping[str, Any], name: str) -> Document:
    price = _price(world, given, name)
    if not price["active"]:
        raise StripeError(
            "The price specified is inactive. This field only accepts active prices.", param=f"{name}[price]"
        )
    recurring = price["recurring"] or {}
    is_metered = recurring.get("usage_type") == "metered"
    quantity = given.get("quantity")
    if is_metered and quantity is not None:
        raise StripeError("Quantity should not be specified where usage_type is `metered`.", param=f"{name}[quantity]")
    if not is_metered and (quantity is None or not 1 <= quantity <= QUANTITY_MAX):
        raise StripeError("Quantity is required. Add `quantity` to the line item.", param=f"{name}[quantity]")
    product = world.get("product", price["product"])
    for rate in given.get("tax_rates") or []:
        world.get("tax_rate", rate, param=f"{name}[tax_rates]")
    adjustable = {"enabled": False, "maximum": None, "minimum": None, **(given.get("adjustable_quantity") or {})}
    return {
        "id": new_id("li"),
        "object": "item",
        "adjustable_quantity": adjustable if adjustable["enabled"] else None,
        "currency": price["currency"],
        "description": product["name"],
        "metadata": given.get("metadata") or {},
        "price": shown(price),
        "quantity": quantity,
        "_tax_rates": given.get("tax_rates") or [],
        "_tiers": price["_tiers"],
    }


def _price(world: World, given: Mapping[str, Any], name: str) -> Document:
    if "price" in given and "price_data" in given:
        raise StripeError("You may only specify one of these parameters: price, price_data.", param=name)
    if "price" in given:
        return world.get("price", given["price"], param=f"{name}[price]")
    if "price_data" not in given:
        raise StripeError(f"Missing required param: {name}[price].", code="parameter_missing", param=f"{name}[price]")
    return new_price(world, given["price_data"])


def line_amount(line: Mapping[str, Any]) -> int:
    """What a line's units cost, in minor units. Metered prices cost nothing in advance."""
    if line["quantity"] is None:
        return 0
    return price_amount({**line["price"], "_tiers": line["_tiers"]}, line["quantity"])


def add_up(world: World, lines: Sequence[Document], coupon: Mapping[str, Any] | None, *, free: bool = False) -> Totals:
    """Each line with its amounts, and their sums. `free` is a trial: recurring prices cost nothing yet."""
    subtotals = [0 if free and line["price"]["type"] == "recurring" else line_amount(line) for line in lines]
    discounts = _discounts(lines, subtotals, coupon)
    whole: list[Document] = []
    for line, subtotal, discount in zip(lines, subtotals, discounts, strict=True):
        extra, included = _taxes(world, line, subtotal - discount)
        amounts = {
            "amount_subtotal": subtotal,
            "amount_discount": discount,
            "amount_tax": extra + included,
            "amount_total": subtotal - discount + extra,
        }
        whole.append({**line, **amounts})
    return Totals(
        lines=tuple(whole),
        subtotal=sum(subtotals),
        discount=sum(discounts),
        tax=sum(line["amount_tax"] for line in whole),
        total=sum(line["amount_total"] for line in whole),
    )


def _discounts(lines: Sequence[Document], subtotals: Sequence[int], coupon: Mapping[str, Any] | None) -> list[int]:
    if coupon is None:
        return [0] * len(lines)
    only = coupon["_applies_to"]
    bases = [
        subtotal if not only or line["price"]["product"] in only else 0
        for line, subtotal in zip(lines, subtotals, strict=True)
    ]
    if coupon["percent_off"] is not None:
        total = rounded(Decimal(sum(bases)) * Decimal(str(coupon["percent_off"])) / 100)
    else:
        total = min(int(coupon["amount_off"]), sum(bases))
    return shares(total, bases)


def _taxes(world: World, line: Document, base: int) -> tuple[int, int]:
    """Tax on top of the amount, and tax within it."""
    extra = included = 0
    for identifier in line["_tax_rates"]:
        rate = world.get("tax_rate", identifier)
        tax = tax_of(base, rate["percentage"], inclusive=rate["inclusive"])
        if rate["inclusive"]:
            included += tax
        else:
            extra += tax
    return extra, included


def page_of_lines(lines: Sequence[Document], params: Mapping[str, Any], url: str) -> Document:
    """One page of a session's lines, in their order."""
    shown_lines = [shown(line) for line in lines]
    ids = [line["id"] for line in shown_lines]
    start = ids.index(params["starting_after"]) + 1 if params.get("starting_after") in ids else 0
    limit = params.get("limit", PAGE_DEFAULT)
    data = shown_lines[start : start + limit]
    return list_of(data, url, has_more=start + limit < len(ids))
