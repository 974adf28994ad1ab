"""Credit notes and refunds, and the payments they give back."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from services.gateways.stripe.client import Stripe, given, without_none
from services.gateways.stripe.facts import ChargeFacts, CreditNoteFacts, RefundFacts
from services.gateways.stripe.reading import id_of, id_or_none, metadata_of, moment

GiveBack = Literal["reduce", "refund", "balance", "elsewhere"]

_WAYS: Final[Mapping[GiveBack, str | None]] = {
    "reduce": None,
    "refund": "refund_amount",
    "balance": "credit_amount",
    "elsewhere": "out_of_band_amount",
}


def create_credit_note(
    stripe: Stripe,
    *,
    key: str,
    invoice_id: str,
    amount_minor: int,
    description: str,
    memo: str | None,
    give_back: GiveBack,
    metadata: Mapping[str, str],
) -> CreditNoteFacts:
    """One line that takes `amount_minor` (above zero) back.

    An open invoice is reduced by it. Of a paid one the money goes to the card, to the customer's balance for later
    invoices, or back by a way of ours.
    """
    if amount_minor <= 0:
        raise ValueError("a credit note is above zero")
    line = {"type": "custom_line_item", "description": description, "quantity": 1, "unit_amount": amount_minor}
    way = _WAYS[give_back]
    back = {} if way is None else {way: amount_minor}
    params = without_none(invoice=given(invoice_id), lines=[line], memo=memo or None, metadata=dict(metadata), **back)
    return _note(stripe.call(stripe.v1.credit_notes.create, params, key=key))


def read_credit_note(stripe: Stripe, *, credit_note_id: str) -> CreditNoteFacts:
    """The credit note as it is now."""
    return _note(stripe.call(stripe.v1.credit_notes.retrieve, given(credit_note_id)))


def list_credit_notes(stripe: Stripe, *, invoice_id: str) -> Iterator[CreditNoteFacts]:
    """Those of one invoice, newest first."""
    return map(_note, stripe.listed(stripe.v1.credit_notes.list, invoice=given(invoice_id)))


def create_refund(
    stripe: Stripe, *, key: str, payment_id: str, amount_minor: int, metadata: Mapping[str, str]
) -> RefundFacts:
    """Give back part of a payment, named by its payment intent (pi_…) or charge (ch_…)."""
    if amount_minor <= 0:
        raise ValueError("a refund is above zero")
    params = {**_of_payment(payment_id), "amount": amount_minor, "metadata": dict(metadata)}
    return _refund(stripe.call(stripe.v1.refunds.create, params, key=key))


def read_refund(stripe: Stripe, *, refund_id: str) -> RefundFacts:
    """The refund as it is now."""
    return _refund(stripe.call(stripe.v1.refunds.retrieve, given(refund_id)))


def list_refunds(stripe: Stripe, *, payment_id: str) -> Iterator[RefundFacts]:
    """Those of one payment, newest first."""
    return map(_refund, stripe.listed(stripe.v1.refunds.list, **_of_payment(payment_id)))


def read_charge(stripe: Stripe, *, charge_id: str) -> ChargeFacts:
    """The charge as it is now."""
    charge = stripe.call(stripe.v1.charges.retrieve, given(charge_id))
    return ChargeFacts(
        id=charge["id"],
        customer_id=id_or_none(charge["customer"]),
        payment_id=id_or_none(charge["payment_intent"]),
        amount_minor=charge["amount"],
        refunded_minor=charge["amount_refunded"],
        is_disputed=charge["disputed"],
    )


def _of_payment(payment_id: str) -> dict[str, Any]:
    is_charge = given(payment_id).startswith(("ch_", "py_"))
    return {"charge" if is_charge else "payment_intent": payment_id}


def _note(note: Mapping[str, Any]) -> CreditNoteFacts:
    refunds = (id_or_none(made["refund"]) for made in note["refunds"])
    return CreditNoteFacts(
        id=note["id"],
        invoice_id=id_of(note["invoice"], what="invoice"),
        customer_id=id_of(note["customer"], what="customer"),
        status=note["status"],
        number=note["number"],
        total_minor=note["total"],
        currency=note["currency"].upper(),
        reason=note["reason"],
        memo=note["memo"],
        refund_ids=tuple(refund for refund in refunds if refund is not None),
        created_at=moment(note["created"]),
        metadata=metadata_of(note),
    )


def _refund(refund: Mapping[str, Any]) -> RefundFacts:
    return RefundFacts(
        id=refund["id"],
        status=refund["status"] or "pending",
        amount_minor=refund["amount"],
        currency=refund["currency"].upper(),
        payment_id=id_or_none(refund["payment_intent"]),
        charge_id=id_or_none(refund["charge"]),
        reason=refund["reason"],
        error=refund.get("failure_reason"),
        created_at=moment(refund["created"]),
        metadata=metadata_of(refund),
    )
