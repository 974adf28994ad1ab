"""Invoice lines: made from a subscription's item or an invoice item, and summed up into the invoice."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from services.stripe_sandbox.billing.amounts import tax_of
from services.stripe_sandbox.billing.discounts import discount_lines, total_amounts
from services.stripe_sandbox.documents import Document, list_of, shown
from services.stripe_sandbox.parameters import plain
from services.stripe_sandbox.world import World

EMBEDDED_MAX = 10


def pricing_of(price: Document | None, unit_amount_decimal: str | None) -> Document:
    """A line's `pricing`; an amount without a price has its unit amount alone."""
    pricing: Document = {"type": "price_details", "unit_amount_decimal": unit_amount_decimal}
    if price is not None:
        pricing["price_details"] = {"price": price["id"], "product": price["product"]}
    return pricing


def add_line(
    world: World,
    *,
    invoice: str,
    amount: int,
    currency: str,
    description: str | None,
    period: tuple[int, int],
    pricing: Document | None,
    parent: Document | None,
    quantity: Decimal | int = 1,
    discountable: bool = True,
    discounts: Sequence[str] = (),
    tax_rates: Sequence[str] | None = None,
    metadata: dict[str, str] | None = None,
    subscription: str | None = None,
) -> Document:
    """A line of a draft. `tax_rates` None means the invoice's own rates."""
    whole = quantity == int(quantity)
    line: dict[str, Any] = {
        "id": world.new_id("line_item"),
        "object": "line_item",
        "amount": amount,
        "currency": currency,
        "description": description,
        "discount_amounts": [],
        "discountable": discountable,
        "discounts": list(discounts),
        "invoice": invoice,
        "livemode": False,
        "metadata": metadata or {},
        "parent": parent,
        "period": {"end": period[1], "start": period[0]},
        "pretax_credit_amounts": [],
        "pricing": pricing,
        "quantity": int(quantity) if whole else None,
        "quantity_decimal": plain(Decimal(quantity)),
        "subscription": subscription,
        "subtotal": amount,
        "taxes": [],
        "_tax_rates": None if tax_rates is None else list(tax_rates),
    }
    return world.add("line_item", line)


def subscription_parent(item: Document, *, proration: bool = False) -> Document:
    """What a line of a subscription's item says of where it comes from."""
    details = {
        "invoice_item": None,
        "proration": proration,
        "proration_details": {"credited_items": None},
        "subscription": item["subscription"],
        "subscription_item": item["id"],
    }
    return {"invoice_item_details": None, "subscription_item_details": details, "type": "subscription_item_details"}


def invoice_item_parent(item: Document) -> Document:
    """What a line of an invoice item says of where it comes from."""
    parent = item["parent"] or {}
    details = {
        "invoice_item": item["id"],
        "proration": item["proration"],
        "proration_details": {"credited_items": None},
        "subscription": (parent.get("subscription_details") or {}).get("subscription"),
    }
    return {"invoice_item_details": details, "subscription_item_details": None, "type": "invoice_item_details"}


def lines_of(world: World, invoice_id: str) -> list[Document]:
    """The invoice's lines in their order."""
    return world.store.where("line_item", invoice=invoice_id)


def summed(world: World, invoice: Document) -> Document:
    """The changes that bring an invoice's sums and its shown lines up to date with its lines."""
    lines = lines_of(world, invoice["id"])
    taken = discount_lines(world, lines, invoice["discounts"])
    default_rates = [rate["id"] for rate in invoice["default_tax_rates"]]
    fresh, taxes = [], []
    for line, amounts in zip(lines, taken, strict=True):
        off = sum(amount["amount"] for amount in amounts)
        rates = default_rates if line["_tax_rates"] is None else line["_tax_rates"]
        line_taxes = [tax_entry(world.get("tax_rate", rate), line["amount"] - off) for rate in rates]
        taxes.extend(line_taxes)
        fresh.append(world.change("line_item", line, {"discount_amounts": amounts, "taxes": line_taxes}))
    discounts = total_amounts(taken)
    subtotal = sum(line["amount"] for line in lines)
    net = subtotal - sum(discount["amount"] for discount in discounts)
    exclusive = sum(tax["amount"] for tax in taxes if tax["tax_behavior"] == "exclusive")
    inclusive = sum(tax["amount"] for tax in taxes if tax["tax_behavior"] == "inclusive")
    total = net + exclusive
    due = max(0, total + invoice["starting_balance"])
    return {
        "amount_due": due,
        "amount_remaining": due,
        "lines": list_of(
            [shown(line) for line in fresh[:EMBEDDED_MAX]],
            f"/v1/invoices/{invoice['id']}/lines",
            has_more=len(fresh) > EMBEDDED_MAX,
        ),
        "subtotal": subtotal,
        "subtotal_excluding_tax": subtotal - inclusive,
        "total": total,
        "total_discount_amounts": discounts,
        "total_excluding_tax": net - inclusive,
        "total_taxes": total_taxes(taxes),
    }


def tax_entry(rate: Document, taxable: int) -> Document:
    """The tax of one rate on an amount, as lines and invoices show it."""
    return {
        "amount": tax_of(taxable, rate["percentage"], inclusive=rate["inclusive"]),
        "tax_behavior": "inclusive" if rate["inclusive"] else "exclusive",
        "tax_rate_details": {"tax_rate": rate["id"]},
        "taxability_reason": "not_available",
        "taxable_amount": taxable,
        "type": "tax_rate_details",
    }


def total_taxes(taxes: Sequence[Document]) -> list[Document]:
    """The sums by tax rate."""
    totals: dict[str, Document] = {}
    for tax in taxes:
        rate = tax["tax_rate_details"]["tax_rate"]
        so_far = totals.get(rate, {**tax, "amount": 0, "taxable_amount": 0})
        totals[rate] = {
            **so_far,
            "amount": so_far["amount"] + tax["amount"],
            "taxable_amount": so_far["taxable_amount"] + tax["taxable_amount"],
        }
    return list(totals.values())
