"""How a line for use adds up, in one sentence that a person can check with a pencil."""

from decimal import Decimal

from models import InvoiceLine, LineKind
from services import wording
from services.rules import pricing
from services.rules.money import Money, minor_digits
from services.rules.pricing import PerUnit
from services.usage.wording import counted


def records(line: InvoiceLine) -> str:
    """How many records of use a line sums: 12,412 records; "" where it is not about use."""
    return "" if line.usage_count is None else counted_records(line.usage_count)


def counted_records(count: int) -> str:
    """12,412 records, 1 record."""
    return f"{count:,} record{'' if count == 1 else 's'}"


def sum_in_words(line: InvoiceLine, currency: str) -> str:
    """12,412 records, 1,500,000 credits used, 500,000 beyond your allowance × $0.002 = $1,000.00."""
    match line.kind:
        case LineKind.OVERAGE:
            return _overage(line, currency)
        case LineKind.LATE_USAGE | LineKind.CORRECTION:
            return _difference(line, currency)
    return ""


def _overage(line: InvoiceLine, currency: str) -> str:
    counted_in = f"{records(line)}, " if line.usage_count is not None else ""
    used = counted(Decimal(line.sources["used_credits"]), line.unit)
    beyond = f"{wording.number(line.quantity)} beyond your allowance"
    return f"{counted_in}{used} used, {beyond}{_priced(line, currency)}."


def _priced(line: InvoiceLine, currency: str) -> str:
    """× the price = the amount, where one price applies to all; else where to find how it was worked out."""
    amount = wording.amount(line.amount_minor, currency)
    charge = pricing.from_document(line.pricing)
    is_one_price = isinstance(charge.model, PerUnit) and len(line.steps) == 1
    if not is_one_price or Decimal(line.steps[0]["quantity"]) != line.quantity:
        return f", priced step by step as shown: {amount}"
    exact = Decimal(line.steps[0]["amount"])
    product = f" × {wording.rate(Decimal(line.steps[0]['unit_price']), currency)} = "
    if exact == Decimal(Money(line.amount_minor, currency).amount_minor).scaleb(-minor_digits(currency)):
        return f"{product}{amount}"
    return f"{product}{wording.rate(exact, currency)}, charged as {amount}"


def _difference(line: InvoiceLine, currency: str) -> str:
    counted_in = f"{records(line)} of that period by now, " if line.usage_count is not None else ""
    beyond, before = (Decimal(line.sources[name]) for name in ("overage", "billed_before"))
    change = "more" if line.quantity >= 0 else "fewer"
    amount = wording.amount(line.amount_minor, currency)
    return (
        f"{counted_in}{counted(beyond, line.unit)} beyond its allowance, {wording.number(before)} billed before:"
        f" {wording.number(abs(line.quantity))} {change}, {amount}."
    )
