"""Amounts, quantities and prices in the standard's terms: two decimals, prices never below zero."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

from services.billing_documents.document import BillingDocument, DocumentKind, DocumentLine
from services.e_invoice.refusals import NotExpressible
from services.rules.decimals import round_half_away, text_of
from services.rules.money import Money, minor_digits

DECIMALS_MAX: Final = 2
"""BR-DEC: no amount has more. A currency with three, such as the Kuwaiti dinar, cannot be written."""

EACH: Final = "C62"
UNIT_CODES: Final = {"month": "MON", "year": "ANN", "day": "DAY", "hour": "HUR"}
"""UN/ECE Recommendation 20; what has no code of its own is counted in ones, and its name stands in the description."""


@dataclass(frozen=True, slots=True)
class Priced:
    """BT-129, 130, 146, 149: so many units at a price for each `per_quantity` of them. Only the quantity has a sign."""

    quantity: Decimal
    unit_code: str
    price: str
    per_quantity: Decimal


class Amounts:
    """A document's amounts as the standard writes them: those of a credit note are above zero where money goes back."""

    def __init__(self, document: BillingDocument) -> None:
        self.currency = document.currency
        self.sign = -1 if document.kind == DocumentKind.CREDIT_NOTE else 1
        self._digits = minor_digits(document.currency)
        if self._digits > DECIMALS_MAX:
            raise NotExpressible(f"amounts of {document.currency} have {self._digits} decimals, and two are the most")

    def text(self, amount_minor: int) -> str:
        """An amount of the document, turned round where it is a credit note."""
        return Money(self.sign * amount_minor, self.currency).plain()

    def priced(self, line: DocumentLine) -> Priced:
        """A line's quantity and price, of which the product is exactly its amount.

        One price for all units stays as it is. Tiers, minimums and roundings have no single price, so the amount is
        given as the price of the whole quantity (BT-149).
        """
        amount_minor = self.sign * line.amount_minor
        quantity = abs(line.quantity) or Decimal(1)
        code = UNIT_CODES.get(line.unit, EACH)
        signed = -quantity if amount_minor < 0 else quantity
        each = line.pricing.get("unit_price") if line.pricing.get("model") == "per_unit" else None
        if each is not None and self._minor(quantity, str(each)) == abs(amount_minor):
            return Priced(signed, code, text_of(Decimal(str(each))), Decimal(1))
        return Priced(signed, code, Money(abs(amount_minor), self.currency).plain(), quantity)

    def _minor(self, quantity: Decimal, price: str) -> int:
        return round_half_away(Fraction(quantity) * Fraction(Decimal(price)) * 10**self._digits)
