"""Invoices: drafts of ours and of a renewal, the lines we put on them, and what becomes of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from services.gateways.stripe.client import Stripe, given, without_none
from services.gateways.stripe.discounts import DISCOUNTS
from services.gateways.stripe.facts import InvoiceFacts
from services.gateways.stripe.invoice_facts import invoice_facts
from services.gateways.stripe.reading import id_or_none, seconds_of

LINES_A_CALL: Final = 100
NUMBER_FIELD: Final = "Tallystick invoice"
"""What our own number is called on the page and the PDF of Stripe's, which carry a number of its own too."""

EXPANDED: Final = ["payments", *DISCOUNTS]
EXPANDED_TO_READ: Final = ["payments.data.payment.payment_intent", *DISCOUNTS]


@dataclass(frozen=True, slots=True)
class DraftLine:
    """A line of ours in whole minor units, below zero for what is given back. No coupon reduces it."""

    amount_minor: int
    description: str
    period_start: datetime
    period_end: datetime
    metadata: Mapping[str, str]


def read_invoice(stripe: Stripe, *, invoice_id: str) -> InvoiceFacts:
    """The invoice as it is now, with all its lines and payments, and why the last payment failed."""
    expand = {"expand": EXPANDED_TO_READ}
    return invoice_facts(stripe, stripe.call(stripe.v1.invoices.retrieve, given(invoice_id), expand))


def list_invoices(
    stripe: Stripe,
    *,
    customer_id: str | None = None,
    subscription_id: str | None = None,
    created_from: datetime | None = None,
) -> Iterator[InvoiceFacts]:
    """Newest first, with all their lines and payments."""
    params = without_none(
        customer=None if customer_id is None else given(customer_id),
        subscription=None if subscription_id is None else given(subscription_id),
        created=None if created_from is None else {"gte": seconds_of(created_from)},
        expand=[f"data.{path}" for path in EXPANDED],
    )
    for invoice in stripe.listed(stripe.v1.invoices.list, **params):
        yield invoice_facts(stripe, invoice)


def open_draft(
    stripe: Stripe,
    *,
    key: str,
    customer_id: str,
    currency: str,
    days_until_due: int | None,
    number: str,
    metadata: Mapping[str, str],
) -> InvoiceFacts:
    """An empty draft that waits for us. With `days_until_due` it is sent to be paid, without it the card is charged."""
    params = {
        "customer": given(customer_id),
        "currency": currency.lower(),
        "auto_advance": False,
        "pending_invoice_items_behavior": "exclude",
        "metadata": dict(metadata),
        **_terms(days_until_due, number),
    }
    return _answered(stripe, stripe.v1.invoices.create, params, key=key)


def hold_draft(stripe: Stripe, *, key: str, invoice_id: str) -> InvoiceFacts:
    """Keep a draft from being finalised by Stripe itself, an hour after it was made."""
    return _answered(stripe, stripe.v1.invoices.update, given(invoice_id), {"auto_advance": False}, key=key)


def add_lines(stripe: Stripe, *, key: str, invoice_id: str, lines: Sequence[DraftLine]) -> InvoiceFacts:
    """Put lines on a draft, all or none of them. Raises ValueError for none and for more than LINES_A_CALL."""
    if not 0 < len(lines) <= LINES_A_CALL:
        raise ValueError(f"a call adds between 1 and {LINES_A_CALL} lines")
    params = {"lines": [_line(line) for line in lines]}
    return _answered(stripe, stripe.v1.invoices.add_lines, given(invoice_id), params, key=key)


def set_terms(
    stripe: Stripe,
    *,
    key: str,
    invoice_id: str,
    days_until_due: int | None,
    number: str,
    metadata: Mapping[str, str],
) -> InvoiceFacts:
    """Say on a draft which invoice of ours it is and, with `days_until_due`, that it is sent to be paid."""
    params = {**_terms(days_until_due, number), "metadata": dict(metadata)}
    return _answered(stripe, stripe.v1.invoices.update, given(invoice_id), params, key=key)


def finalize_invoice(stripe: Stripe, *, key: str, invoice_id: str) -> InvoiceFacts:
    """Make it due. Stripe goes on by itself: it charges the card, or reminds."""
    return _answered(stripe, stripe.v1.invoices.finalize_invoice, given(invoice_id), {"auto_advance": True}, key=key)


def finalize_uncollected(stripe: Stripe, *, key: str, invoice_id: str) -> InvoiceFacts:
    """Take a draft out of its state without asking anybody for money."""
    return _answered(stripe, stripe.v1.invoices.finalize_invoice, given(invoice_id), {"auto_advance": False}, key=key)


def send_invoice(stripe: Stripe, *, key: str, invoice_id: str) -> InvoiceFacts:
    """Have it e-mailed to the customer now."""
    return _answered(stripe, stripe.v1.invoices.send_invoice, given(invoice_id), {}, key=key)


def void_invoice(stripe: Stripe, *, key: str, invoice_id: str) -> InvoiceFacts:
    """Take back an open invoice as if it had never been due."""
    return _answered(stripe, stripe.v1.invoices.void_invoice, given(invoice_id), {}, key=key)


def mark_uncollectible(stripe: Stripe, *, key: str, invoice_id: str) -> InvoiceFacts:
    """Give up on it; it can still be paid."""
    return _answered(stripe, stripe.v1.invoices.mark_uncollectible, given(invoice_id), {}, key=key)


def pay_elsewhere(stripe: Stripe, *, key: str, invoice_id: str) -> InvoiceFacts:
    """Mark it paid: the money came by another way."""
    return _answered(stripe, stripe.v1.invoices.pay, given(invoice_id), {"paid_out_of_band": True}, key=key)


def find_invoice_of_payment(stripe: Stripe, *, payment_id: str) -> str | None:
    """The invoice that a payment intent pays or paid; None where it is no invoice's."""
    payment = {"type": "payment_intent", "payment_intent": given(payment_id)}
    page = stripe.call(stripe.v1.invoice_payments.list, {"payment": payment, "limit": 1})
    found = page["data"]
    return id_or_none(found[0]["invoice"]) if found else None


def _answered(stripe: Stripe, ask: Any, *args: Any, key: str) -> InvoiceFacts:
    *ids, params = args
    return invoice_facts(stripe, stripe.call(ask, *ids, {**params, "expand": EXPANDED}, key=key))


def _terms(days_until_due: int | None, number: str) -> dict[str, Any]:
    terms: dict[str, Any] = {"custom_fields": [{"name": NUMBER_FIELD, "value": number}]}
    if days_until_due is not None:
        terms |= {"collection_method": "send_invoice", "days_until_due": days_until_due}
    return terms


def _line(line: DraftLine) -> dict[str, Any]:
    return {
        "amount": line.amount_minor,
        "description": line.description,
        "discountable": False,
        "period": {"start": seconds_of(line.period_start), "end": seconds_of(line.period_end)},
        "metadata": dict(line.metadata),
    }
