"""How an invoice of ours is carried at Stripe: whole, or its base fee and the rest apart."""

from typing import Final

from models import Invoice, LineKind, StripeInvoicePart
from services.invoices import InvoiceDocument

BASE_KINDS: Final = frozenset({LineKind.BASE, LineKind.DISCOUNT})
"""Lines that come with a renewal: the fee, and the promotions on it."""

ONE_PAYMENT_MINOR_MAX: Final = 99_999_999
"""What one payment can collect by itself, 999,999.99; larger invoices are sent, to be paid by transfer."""


def amount_of_part(document: InvoiceDocument, part: StripeInvoicePart | None) -> int:
    """What a part of an invoice must come to, in minor units."""
    if part == StripeInvoicePart.WHOLE:
        return document.invoice.total_minor
    wants_base = part == StripeInvoicePart.BASE
    return sum(line.amount_minor for line in document.lines if (line.kind in BASE_KINDS) == wants_base)


def positions_to_add(document: InvoiceDocument, *, with_base: bool) -> list[int]:
    """The numbers of the lines that we put on a draft: all of them, or those that do not come with a renewal."""
    return [line.position for line in document.lines if with_base or line.kind not in BASE_KINDS]


def is_sent(invoice: Invoice) -> bool:
    """Whether it is too large to be charged by itself."""
    return invoice.total_minor > ONE_PAYMENT_MINOR_MAX
