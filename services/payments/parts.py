"""How an invoice of ours is carried at Stripe: whole, or its base fee and the rest apart, each with its taxes.

Stripe's own tax rates may stand on the base fee, since a plan that is bought on its page is to show its price with
tax there. What it put on top already counts; the remainder of our taxes goes on as lines, so both come to the same.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from models import Invoice, InvoiceLine, InvoiceTax, LineKind, StripeInvoice, StripeInvoicePart
from services.invoices.finding import InvoiceDocument
from services.rules.decimals import text_of
from services.rules.taxes import percentage_of

BASE_KINDS: Final = frozenset({LineKind.BASE, LineKind.DISCOUNT})
"""Lines that come with a renewal: the fee, and the promotions on it."""

FEE_MARK: Final = "fee"
"""Tells the line that makes up for another plan's base fee."""

ONE_PAYMENT_MINOR_MAX: Final = 99_999_999
"""What one payment can collect by itself, 999,999.99; larger invoices are sent, to be paid by transfer."""


class TaxLine(NamedTuple):
    """What is still to be charged of a tax: a line of its own at Stripe, told from others by `mark`."""

    mark: str
    description: str
    amount_minor: int


def amount_of_part(document: InvoiceDocument, part: StripeInvoicePart | None, parts: Sequence[StripeInvoice]) -> int:
    """What a part of an invoice must come to, in minor units; `parts` are all that carry it."""
    if part == StripeInvoicePart.WHOLE:
        return document.invoice.total_minor
    carried_minor = carried_base(document, parts) + tax_on_base(parts)
    return carried_minor if part == StripeInvoicePart.BASE else document.invoice.total_minor - carried_minor


def tax_on_base(parts: Sequence[StripeInvoice]) -> int:
    """The tax that Stripe put on a base fee that is carried apart from the rest."""
    return sum(row.tax_minor for row in parts if row.part == StripeInvoicePart.BASE)


def carried_base(document: InvoiceDocument, parts: Sequence[StripeInvoice]) -> int:
    """What the base fee comes to where it is carried apart: ours, or a lower or higher one that Stripe charged before
    it heard of a change, and that the rest makes up for. A fee above all there is to pay is for a person to give back.
    """
    for row in parts:
        is_other = row.part == StripeInvoicePart.BASE and brings_other_fee(document, row)
        if is_other and row.total_minor <= document.invoice.total_minor:
            return row.total_minor - row.tax_minor
    return base_minor(document)


def brings_other_fee(document: InvoiceDocument, row: StripeInvoice) -> bool:
    """Whether a renewal was made with the fee of another plan than the invoice's, or by a subscription at Stripe that
    took the place of one with the promotions, and knows nothing of them.
    """
    gross = sum(line.amount_minor for line in renewed_lines(document) if line.kind == LineKind.BASE)
    lacks_promotions = row.fee_off_minor == 0 and gross != base_minor(document)
    return row.fee_minor is not None and (row.fee_minor != gross or lacks_promotions)


def renewed_lines(document: InvoiceDocument) -> list[InvoiceLine]:
    """The lines that come with a renewal: the base fee of the last term and what promotions take off it.

    One of a term before, in which the subscription came back from a rest, is put on like any other.
    """
    starts = [line.period_start for line in document.lines if line.kind == LineKind.BASE]
    last = max(starts, default=None)
    return [line for line in document.lines if line.kind in BASE_KINDS and line.period_start == last]


def positions_to_add(document: InvoiceDocument, *, with_base: bool) -> list[int]:
    """The numbers of the lines that we put on a draft: all of them, or those that do not come with a renewal."""
    renewed = set() if with_base else {line.position for line in renewed_lines(document)}
    return [line.position for line in document.lines if line.position not in renewed]


def taxes_to_add(document: InvoiceDocument, *, carried_minor: int) -> list[TaxLine]:
    """What is left to charge of each tax where Stripe charges `carried_minor` of them already.

    Where that is what each is of the base fee, each tax has its line; else one line makes up the difference.
    """
    on_base = [percentage_of(base_minor(document), tax.rate) for tax in document.taxes]
    if carried_minor in (0, sum(on_base)):
        carried = on_base if carried_minor else [0 for _ in on_base]
        left = [(tax, tax.amount_minor - minor) for tax, minor in zip(document.taxes, carried, strict=True)]
        return [TaxLine(f"tax:{tax.position}", tax_words(tax), minor) for tax, minor in left if minor]
    difference_minor = document.invoice.tax_minor - carried_minor
    return [TaxLine("tax", "Taxes, beyond those charged already", difference_minor)] if difference_minor else []


def tax_words(tax: InvoiceTax) -> str:
    """HST 13 % (CA-ON)."""
    place = "-".join(filter(None, (tax.country, tax.region)))
    return f"{tax.name} {text_of(tax.rate)} % ({place})"


def is_sent(invoice: Invoice) -> bool:
    """Whether it is too large to be charged by itself."""
    return invoice.total_minor > ONE_PAYMENT_MINOR_MAX


def base_minor(document: InvoiceDocument) -> int:
    """What the base fee comes to that a renewal brings, after promotions, in minor units."""
    return sum(line.amount_minor for line in renewed_lines(document))
