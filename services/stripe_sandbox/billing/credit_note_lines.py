"""The lines of a credit note: parts of an invoice's lines, or amounts of their own."""

from decimal import Decimal
from typing import Any

from services.stripe_sandbox.billing.amounts import rounded
from services.stripe_sandbox.billing.discounts import total_amounts
from services.stripe_sandbox.billing.lines import tax_entry, total_taxes
from services.stripe_sandbox.documents import Document, shown
from services.stripe_sandbox.errors import ResourceMissing, StripeError
from services.stripe_sandbox.parameters import merged_metadata
from services.stripe_sandbox.world import World


def credit_note_lines(world: World, note_id: str, invoice: Document, params: dict[str, Any]) -> list[Document]:
    """The lines that the parameters of `credit_notes.create` ask for, by `amount` or `lines`. Raises StripeError."""
    if ("amount" in params) == ("lines" in params):
        message = "Specify exactly one of amount or lines."
        raise StripeError(message, code="parameter_missing", param="amount")
    if "amount" in params:
        description = params.get("memo") or f"Credit for {invoice['number']}"
        return [_line(world, note_id, params["amount"], description)]
    lines = []
    for place, given in enumerate(params["lines"]):
        param = f"lines[{place}]"
        if given["type"] == "invoice_line_item":
            lines.append(_credited_line(world, note_id, invoice, given, param))
        else:
            lines.append(_custom_line(world, note_id, given, param))
    return lines


def _line(world: World, note_id: str, amount: int, description: str | None, **more: Any) -> Document:
    line = {
        "id": world.new_id("credit_note_line_item"),
        "object": "credit_note_line_item",
        "amount": amount,
        "description": description,
        "discount_amount": 0,
        "discount_amounts": [],
        "livemode": False,
        "metadata": {},
        "pretax_credit_amounts": [],
        "quantity": 1,
        "tax_rates": [],
        "taxes": [],
        "type": "custom_line_item",
        "unit_amount": amount,
        "unit_amount_decimal": str(amount),
        "_credit_note": note_id,
    } | more
    return world.add("credit_note_line_item", line)


def _custom_line(world: World, note_id: str, given: dict[str, Any], param: str) -> Document:
    unit = given.get("unit_amount_decimal", given.get("unit_amount"))
    if unit is None or "description" not in given:
        message = f"Missing required param: {param}[unit_amount]."
        raise StripeError(message, code="parameter_missing", param=f"{param}[unit_amount]")
    quantity = given.get("quantity", 1)
    amount = rounded(Decimal(unit) * quantity)
    rates = [world.get("tax_rate", rate, param=f"{param}[tax_rates]") for rate in given.get("tax_rates") or []]
    return _line(
        world, note_id, amount, given["description"],
        quantity=quantity, tax_rates=[shown(rate) for rate in rates], taxes=[tax_entry(rate, amount) for rate in rates],
        metadata=merged_metadata({}, given.get("metadata")),
        unit_amount=given.get("unit_amount"), unit_amount_decimal=str(unit),
    )  # fmt: skip


def _credited_line(world: World, note_id: str, invoice: Document, given: dict[str, Any], param: str) -> Document:
    """Part of an invoice's line, with its share of that line's discounts and taxes."""
    identifier = given.get("invoice_line_item", "")
    line = world.store.find("line_item", identifier)
    if line is None or line["invoice"] != invoice["id"]:
        raise ResourceMissing("invoice line item", identifier, f"{param}[invoice_line_item]")
    amount = given.get("amount")
    quantity = given.get("quantity")
    if amount is None:
        whole = line["amount"]
        amount = whole if quantity is None else rounded(Decimal(whole) * quantity / Decimal(line["quantity_decimal"]))
    if abs(amount) > abs(line["amount"]):
        message = f"The amount to credit ({amount}) is more than the line's ({line['amount']})."
        raise StripeError(message, param=f"{param}[amount]")
    share = Decimal(amount) / line["amount"] if line["amount"] else Decimal(0)
    discounts = [{**one, "amount": rounded(one["amount"] * share)} for one in line["discount_amounts"]]
    taxes = [
        {**tax, "amount": rounded(tax["amount"] * share), "taxable_amount": rounded(tax["taxable_amount"] * share)}
        for tax in line["taxes"]
    ]
    return _line(
        world, note_id, amount, given.get("description") or line["description"],
        discount_amount=sum(one["amount"] for one in discounts), discount_amounts=discounts,
        invoice_line_item=line["id"], quantity=quantity, taxes=taxes, type="invoice_line_item",
        metadata=merged_metadata({}, given.get("metadata")),
        unit_amount=None, unit_amount_decimal=line["pricing"]["unit_amount_decimal"],
    )  # fmt: skip


def sums_of(lines: list[Document]) -> dict[str, Any]:
    """A credit note's sums over its lines."""
    taxes = [tax for line in lines for tax in line["taxes"]]
    discounts = total_amounts([line["discount_amounts"] for line in lines])
    discount = sum(one["amount"] for one in discounts)
    subtotal = sum(line["amount"] for line in lines)
    exclusive = sum(tax["amount"] for tax in taxes if tax["tax_behavior"] == "exclusive")
    inclusive = sum(tax["amount"] for tax in taxes if tax["tax_behavior"] == "inclusive")
    return {
        "discount_amount": discount,
        "discount_amounts": discounts,
        "subtotal": subtotal,
        "subtotal_excluding_tax": subtotal - inclusive,
        "total": subtotal - discount + exclusive,
        "total_excluding_tax": subtotal - discount - inclusive,
        "total_taxes": total_taxes(taxes),
    }
