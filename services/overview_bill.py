"""The lines of the running bill, worded: what each is for, and how its amount came about."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from models import InvoiceLine, LineKind
from services import wording
from services.invoices.line_views import share_words
from services.rules import discounts, pricing
from services.rules.money import Money
from services.usage.wording import counted

DATED = frozenset({LineKind.BASE, LineKind.PRORATION, LineKind.ADJUSTMENT, LineKind.CARRIED})
"""Kinds of lines whose working is no quantity times a price: the days they are for say more."""


@dataclass(frozen=True)
class BillLineView:
    description: str
    detail: str
    amount: str


def bill_line_view(line: InvoiceLine, currency: str, timezone: str) -> BillLineView:
    """One line: the days it is for, or the working of its amount."""
    amount = wording.amount(line.amount_minor, currency)
    if line.kind in DATED:
        return BillLineView(
            line.description, f"For {wording.span(line.period_start, line.period_end, timezone)}", amount
        )
    return BillLineView(line.description, _working(line, currency), amount)


def _working(line: InvoiceLine, currency: str) -> str:
    """The quantity and its price, tier by tier where there are several: 50,000 × $0.005 + 37,500 × $0.008."""
    if line.kind == LineKind.GAIN_SHARE:
        return share_words(line, currency)
    if line.kind == LineKind.DISCOUNT:
        of = wording.money(Money.parse(line.sources["of"], currency))
        return f"{wording.promotion(discounts.from_document(line.pricing, currency))} {of}"
    if len(line.steps) > 1:
        parts = (f"{wording.number(Decimal(s['quantity']))} × {_step_price(s, currency)}" for s in line.steps)
        return " + ".join(parts)
    price = wording.price_of(pricing.from_document(line.pricing), currency, line.unit)
    return f"{counted(line.quantity, line.unit)}, {price}"


def _step_price(step: Mapping[str, str], currency: str) -> str:
    fee = Decimal(step["flat_fee"])
    price = wording.rate(Decimal(step["unit_price"]), currency)
    return f"{price} + {wording.rate(fee, currency)}" if fee else price
