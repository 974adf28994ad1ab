"""The rows of a document's table: a line, what it was counted from, and under it each tier that was applied."""

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

from services.billing_documents.document import BillingDocument, DocumentLine
from services.billing_documents.wording import Wording
from services.rules import pricing
from services.rules.money import Money, minor_digits
from services.rules.pricing import Charge, Flat, Package, PerUnit
from services.rules.violations import InvalidRate

STEPS_TOGETHER_MAX = 20
"""A line with more tiers than these may be broken over pages; any other stands on one."""


def line_row(line: DocumentLine, document: BillingDocument, say: Wording) -> dict[str, Any]:
    """One line with its sub-rows, in words. `together`: it is not to be broken over pages."""
    charge = _charge(line)
    steps = list(_steps(line, charge, say))
    return {
        "title": say.title(line, document),
        "details": [text for text in _details(line, say) if text],
        "quantity": _quantity(line, say),
        "rate": _rate(line, charge, say),
        "amount": say.formats.amount(line.amount_minor),
        "steps": steps,
        "together": len(steps) <= STEPS_TOGETHER_MAX,
    }


def _charge(line: DocumentLine) -> Charge | None:
    """The price of a line; None where its amount is no price of a quantity, as a promotion's or an adjustment's."""
    if not line.has_quantity:
        return None
    try:
        return pricing.from_document(line.pricing)
    except InvalidRate:
        return None


def _quantity(line: DocumentLine, say: Wording) -> str:
    return say.counted(line.quantity, line.unit) if line.has_quantity else ""


def _details(line: DocumentLine, say: Wording) -> Iterator[str]:
    records = "" if line.records is None else say.records(line.records)
    untaxed = "" if line.is_taxed else say["untaxed"]
    yield " · ".join(part for part in (say.formats.span(line.starts_on, line.ends_on), records, untaxed) if part)
    yield say.counts(line)


def _rate(line: DocumentLine, charge: Charge | None, say: Wording) -> str:
    """The one price that applies to all of it; "" where there are tiers, whose rows have theirs."""
    if line.kind == "gain_share":
        return say.formats.percent(Decimal(line.sources["share_pct"]))
    if charge is None:
        return say.promotion(line) if line.kind == "discount" else ""
    model = charge.model
    if isinstance(model, Flat):
        return say.formats.rate(model.amount)
    if isinstance(model, PerUnit):
        return say.formats.rate(model.unit_price)
    return ""


def _steps(line: DocumentLine, charge: Charge | None, say: Wording) -> Iterator[dict[str, str]]:
    if charge is None or isinstance(charge.model, Flat):
        return
    if not isinstance(charge.model, PerUnit):
        for step in line.steps:
            yield _step(step, charge, line.unit, say)
    yield from _difference(line, charge, say)


def _step(step: Any, charge: Charge, unit: str, say: Wording) -> dict[str, str]:
    first, last = Decimal(step["from"]), Decimal(step["to"])
    fee, quantity = Decimal(step["flat_fee"]), Decimal(step["quantity"])
    rate = say.formats.rate(Decimal(step["unit_price"]))
    counted = say.formats.number(quantity)
    if isinstance(charge.model, Package):
        counted = f"{counted} {say['package'] if quantity == 1 else say['packages']}"
        rate = f"{rate} / {say.formats.number(charge.model.package_size)}"
    return {
        "title": say.stretch(is_first=not first, quantity=last - first, unit=unit),
        "quantity": counted,
        "rate": f"{rate} + {say.formats.rate(fee)} {say['flat_fee']}" if fee else rate,
        "amount": say.formats.rate(Decimal(step["amount"])),
    }


def _difference(line: DocumentLine, charge: Charge, say: Wording) -> Iterator[dict[str, str]]:
    """Why the amount is not what the steps add up to: a minimum, a maximum, or the one rounding to the minor unit."""
    if not line.steps:
        return
    exact = sum((Decimal(step["amount"]) for step in line.steps), Decimal(0))
    currency = say.formats.currency
    label, amount = "", exact
    if charge.minimum is not None and exact < charge.minimum:
        label, amount = say["minimum"], charge.minimum
    elif charge.maximum is not None and exact > charge.maximum:
        label, amount = say["maximum"], charge.maximum
    elif Fraction(exact) != Fraction(Money(line.amount_minor, currency).amount_minor, 10 ** minor_digits(currency)):
        label = say["exactly"]
    if label:
        yield {"title": label, "quantity": "", "rate": "", "amount": say.formats.rate(amount)}
