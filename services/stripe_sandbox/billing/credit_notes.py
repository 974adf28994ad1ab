"""Credit notes: what is taken off a finalised invoice, and where that goes.

On what is still owed it lowers what remains. On what was paid it is refunded, credited to the customer's balance, or
settled outside Stripe, and these three must add up to it.
"""

from typing import Any

from services.stripe_sandbox.billing.balances import record_balance_change
from services.stripe_sandbox.billing.credit_note_lines import credit_note_lines, sums_of
from services.stripe_sandbox.billing.payments import mark_paid
from services.stripe_sandbox.billing.refunds import refund_charge
from services.stripe_sandbox.documents import Document, list_of, shown
from services.stripe_sandbox.errors import StripeError
from services.stripe_sandbox.parameters import merged_metadata
from services.stripe_sandbox.world import World

EMBEDDED_MAX = 10
SETTLEMENTS = ("credit_amount", "out_of_band_amount", "refund_amount")


def issue_credit_note(world: World, invoice: Document, params: dict[str, Any]) -> Document:
    """Issue one from the parameters of `credit_notes.create`. Raises StripeError for more than can be credited."""
    if invoice["status"] not in ("open", "paid", "uncollectible"):
        message = f"You cannot create a credit note for an invoice that is {invoice['status']}."
        raise StripeError(message, param="invoice")
    identifier = world.new_id("credit_note")
    lines = credit_note_lines(world, identifier, invoice, params)
    sums = sums_of(lines)
    total = sums["total"]
    credited = invoice["pre_payment_credit_notes_amount"] + invoice["post_payment_credit_notes_amount"]
    if not 0 < total <= invoice["total"] - credited:
        left = invoice["total"] - credited
        message = f"The credit note's total ({total}) must be above zero and at most what is left to credit ({left})."
        raise StripeError(message, param="amount")
    before = 0 if invoice["status"] == "paid" else min(total, invoice["amount_remaining"])
    settled = _settlement(params, total - before)
    note = (
        _note(world, invoice, params, identifier, lines)
        | sums
        | {
            "amount": total,
            "out_of_band_amount": settled["out_of_band_amount"] or None,
            "post_payment_amount": total - before,
            "pre_payment_amount": before,
            "type": "pre_payment" if before == total else "mixed" if before else "post_payment",
        }
    )
    note |= _settle(world, invoice, note, settled, params)
    world.add("credit_note", note, "credit_note.created")
    _take_off(world, world.get("invoice", invoice["id"]), before, total - before)
    return note


def _note(world: World, invoice: Document, params: dict[str, Any], identifier: str, lines: list[Document]) -> Document:
    """A credit note without its sums."""
    number = len(world.store.where("credit_note", invoice=invoice["id"])) + 1
    return {
        "id": identifier,
        "object": "credit_note",
        "amount_shipping": 0,
        "created": world.now_for(invoice),
        "currency": invoice["currency"],
        "customer": invoice["customer"],
        "customer_account": None,
        "customer_balance_transaction": None,
        "effective_at": params.get("effective_at") or world.now_for(invoice),
        "invoice": invoice["id"],
        "lines": list_of(
            [shown(line) for line in lines[:EMBEDDED_MAX]],
            f"/v1/credit_notes/{identifier}/lines",
            has_more=len(lines) > EMBEDDED_MAX,
        ),
        "livemode": False,
        "memo": params.get("memo"),
        "metadata": merged_metadata({}, params.get("metadata")),
        "number": f"{invoice['number']}-CN-{number:02d}",
        "pdf": f"{world.public_url}/pay/{invoice['_secret']}/pdf",
        "pretax_credit_amounts": [],
        "reason": params.get("reason"),
        "refunds": [],
        "shipping_cost": None,
        "status": "issued",
        "voided_at": None,
    }


def _settlement(params: dict[str, Any], after_payment: int) -> dict[str, int]:
    """How what was paid already is given back. Raises StripeError unless it adds up."""
    settled = {name: params.get(name, 0) for name in SETTLEMENTS}
    linked = sum(refund.get("amount_refunded", 0) for refund in params.get("refunds", []))
    given = sum(settled.values()) + linked
    if given != after_payment:
        raise StripeError(
            f"The sum of credit amount, refund amount and out of band amount ({given}) must equal the part of the "
            f"credit note that was paid already ({after_payment}).",
            param="credit_amount",
        )
    return settled


def _settle(
    world: World, invoice: Document, note: Document, settled: dict[str, int], params: dict[str, Any]
) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if settled["credit_amount"]:
        transaction = record_balance_change(
            world, world.get("customer", invoice["customer"]), -settled["credit_amount"], "credit_note",
            currency=invoice["currency"], invoice=invoice["id"], credit_note=note["id"], apply=True,
        )  # fmt: skip
        changes["customer_balance_transaction"] = transaction["id"]
    refunds = []
    if settled["refund_amount"]:
        refund = refund_charge(world, charge_of(world, invoice), {"amount": settled["refund_amount"]})
        refunds.append(_refund_entry(refund["id"], refund["amount"]))
    for place, linked in enumerate(params.get("refunds", [])):
        refund = world.get("refund", linked.get("refund", ""), param=f"refunds[{place}][refund]")
        refunds.append(_refund_entry(refund["id"], linked.get("amount_refunded", refund["amount"])))
    return {**changes, "refunds": refunds}


def _refund_entry(refund: str, amount: int) -> Document:
    return {"amount_refunded": amount, "payment_record_refund": None, "refund": refund, "type": "refund"}


def charge_of(world: World, invoice: Document) -> Document:
    """The charge that paid an invoice. Raises StripeError where it was not paid by one."""
    for payment in world.store.where("invoice_payment", invoice=invoice["id"]):
        if payment["status"] == "paid":
            intent = world.get("payment_intent", payment["payment"]["payment_intent"])
            return world.get("charge", intent["latest_charge"])
    raise StripeError("There is no charge to refund: the invoice was not paid through Stripe.", param="refund_amount")


def _take_off(world: World, invoice: Document, before: int, after: int) -> None:
    remaining = invoice["amount_remaining"] - before
    changes = {
        "amount_due": invoice["amount_due"] - before,
        "amount_remaining": remaining,
        "post_payment_credit_notes_amount": invoice["post_payment_credit_notes_amount"] + after,
        "pre_payment_credit_notes_amount": invoice["pre_payment_credit_notes_amount"] + before,
    }
    if before and remaining == 0:
        mark_paid(world, invoice, **changes)
    else:
        world.change("invoice", invoice, changes, "invoice.updated")


def void_credit_note(world: World, note: Document) -> Document:
    """Take a credit note back while its invoice is open. Raises StripeError."""
    invoice = world.get("invoice", note["invoice"])
    if note["status"] == "void" or invoice["status"] != "open" or note["type"] != "pre_payment":
        raise StripeError("You can only void a credit note that is issued and whose invoice is open.")
    _take_off(world, invoice, -note["pre_payment_amount"], 0)
    changes = {"status": "void", "voided_at": world.now_for(invoice)}
    voided = world.change("credit_note", note, changes)
    world.emit("credit_note.voided", voided)
    return voided
