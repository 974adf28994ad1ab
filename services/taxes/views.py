"""The taxes of a bill in words: what each is of and comes to, or why none is due."""

from collections.abc import Sequence
from dataclasses import dataclass

from models import CreditNoteTax, InvoiceTax
from services import wording
from services.rules.decimals import text_of
from services.rules.taxes import Tax


@dataclass(frozen=True)
class TaxView:
    """A tax under the subtotal; `amount` is "" where `name` is the reason why none is due."""

    name: str
    amount: str


def tax_views(taxes: Sequence[InvoiceTax], currency: str) -> tuple[TaxView, ...]:
    """The taxes in their order: HST 13 % (Ontario), or the reason."""
    return tuple(
        TaxView(tax.reason, "") if tax.reason else TaxView(tax_name(tax), wording.amount(tax.amount_minor, currency))
        for tax in taxes
    )


def tax_name(tax: InvoiceTax | CreditNoteTax) -> str:
    """HST 13 % (ON)."""
    return f"{tax.name} {text_of(tax.rate)} % ({tax.region or tax.country})"


def tax_words(tax: Tax, currency: str) -> str:
    """The same with its amount, or why none is due: HST 13 % (ON) $1,170.00."""
    if tax.reason:
        return f"no tax: {tax.reason}"
    place = tax.place.region or tax.place.country
    return f"{tax.name} {text_of(tax.rate)} % ({place}) {wording.amount(tax.amount_minor, currency)}"
