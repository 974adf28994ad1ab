"""Closing a draft: its number, its pages, the customer's credit, and the first attempt to collect."""

from typing import Any

from services.stripe_sandbox.billing import standing
from services.stripe_sandbox.billing.balances import record_balance_change
from services.stripe_sandbox.billing.drafts import customer_details, due_date_of
from services.stripe_sandbox.billing.intents import intent_for_invoice
from services.stripe_sandbox.billing.lines import summed
from services.stripe_sandbox.billing.payments import cancel_intents, collect, mark_paid, refuse_too_large
from services.stripe_sandbox.documents import Document
from services.stripe_sandbox.errors import StripeError
from services.stripe_sandbox.world import World


def finalize(world: World, invoice: Document, *, auto_advance: bool | None = None) -> Document:
    """Open a draft. One with nothing to pay is paid at once; one that advances by itself is collected next.

    Raises StripeError where it is no draft, or its amount is more than one automatic payment can hold.
    """
    if invoice["status"] != "draft":
        raise StripeError(
            "This invoice is already finalized, you can't re-finalize a non-draft invoice.", code="invoice_not_editable"
        )
    at = world.now_for(invoice)
    customer = world.get("customer", invoice["customer"])
    advance = invoice["auto_advance"] if auto_advance is None else auto_advance
    opened = {**invoice, "starting_balance": customer["balance"]}
    opened |= {**customer_details(world, customer), **summed(world, opened)}
    if invoice["collection_method"] == "charge_automatically":
        refuse_too_large(opened["amount_due"])
    opened["ending_balance"] = _apply_balance(world, opened, customer)
    opened |= _opening(world, invoice, customer, at) | {"auto_advance": advance}
    changes = {name: value for name, value in opened.items() if invoice.get(name) != value}
    invoice = world.change("invoice", invoice, changes, "invoice.updated")
    world.emit("invoice.finalized", invoice)
    if invoice["amount_due"] == 0:
        return mark_paid(world, invoice)
    due: dict[str, int | None] = {}
    if invoice["collection_method"] == "send_invoice":
        due["overdue"] = invoice["due_date"]
    else:
        intent_for_invoice(world, invoice)
        due["collect"] = at if advance else None
    return world.schedule("invoice", invoice, **due)


def finalize_and_collect(world: World, invoice: Document) -> Document:
    """Open a draft and try to collect it in the same breath."""
    invoice = finalize(world, invoice)
    if invoice["status"] == "open" and (invoice["_due"] or {}).get("collect"):
        invoice = collect(world, world.schedule("invoice", invoice, collect=None))
    return invoice


def _apply_balance(world: World, invoice: Document, customer: Document) -> int:
    """Use the customer's credit, or add to it where the invoice is below zero; the balance that is left."""
    balance: int = customer["balance"]
    remainder = invoice["total"] + balance
    ending: int = min(0, remainder)
    if ending != balance:
        record_balance_change(
            world, customer, ending - balance, "applied_to_invoice",
            currency=invoice["currency"], invoice=invoice["id"], apply=True,
        )  # fmt: skip
    return ending


def _opening(world: World, invoice: Document, customer: Document, at: int) -> dict[str, Any]:
    customer = world.get("customer", customer["id"])
    sequence = customer["next_invoice_sequence"]
    world.change(
        "customer", customer,
        {"next_invoice_sequence": sequence + 1, "currency": customer["currency"] or invoice["currency"]},
    )  # fmt: skip
    page = f"{world.public_url}/pay/{invoice['_secret']}"
    return {
        "automatically_finalizes_at": None,
        "due_date": due_date_of(invoice, at),
        "effective_at": invoice["effective_at"] or at,
        "hosted_invoice_url": page,
        "invoice_pdf": f"{page}/pdf",
        "last_finalization_error": None,
        "next_payment_attempt": None,
        "number": invoice["number"] or f"{customer['invoice_prefix']}-{sequence:04d}",
        "status": "open",
        "status_transitions": {**invoice["status_transitions"], "finalized_at": at},
        "_due": {},
    }


def finalize_by_itself(world: World, invoice: Document) -> None:
    """The draft's hour is over. One that cannot be opened stays a draft and says why."""
    if invoice["status"] != "draft" or not invoice["auto_advance"]:
        return
    try:
        finalize_and_collect(world, invoice)
    except StripeError as refusal:
        error = {"type": "invalid_request_error", "code": refusal.code, "message": refusal.message}
        stopped = {"auto_advance": False, "automatically_finalizes_at": None, "next_payment_attempt": None}
        changes = {**stopped, "last_finalization_error": error}
        invoice = world.change("invoice", world.get("invoice", invoice["id"]), changes, "invoice.updated")
        world.emit("invoice.finalization_failed", invoice)


def fall_overdue(world: World, invoice: Document) -> None:
    """A sent invoice passed its due date unpaid."""
    if invoice["status"] == "open":
        world.emit("invoice.overdue", invoice)
        standing.after_failure(world, invoice, last=False)


def void(world: World, invoice: Document) -> Document:
    """Take an open or written-off invoice back; credit it used returns to the customer."""
    if invoice["status"] not in ("open", "uncollectible"):
        raise StripeError(
            f"You can only void an open or uncollectible invoice; this one is {invoice['status']}.",
            code="invoice_not_editable",
        )
    cancel_intents(world, invoice, "void_invoice")
    used = (invoice["ending_balance"] or 0) - invoice["starting_balance"]
    if used:
        record_balance_change(
            world, world.get("customer", invoice["customer"]), -used, "unapplied_from_invoice",
            currency=invoice["currency"], invoice=invoice["id"], apply=True,
        )  # fmt: skip
    return _give_up(world, invoice, "void", "voided_at", "invoice.voided")


def mark_uncollectible(world: World, invoice: Document) -> Document:
    if invoice["status"] != "open":
        message = f"You can only mark an open invoice as uncollectible; this one is {invoice['status']}."
        raise StripeError(message, code="invoice_not_editable")
    return _give_up(world, invoice, "uncollectible", "marked_uncollectible_at", "invoice.marked_uncollectible")


def _give_up(world: World, invoice: Document, status: str, moment: str, event: str) -> Document:
    transitions = {**invoice["status_transitions"], moment: world.now_for(invoice)}
    changes = {
        "auto_advance": False, "next_payment_attempt": None, "status": status, "status_transitions": transitions,
        "_due": {},
    }  # fmt: skip
    invoice = world.change("invoice", invoice, changes, "invoice.updated")
    world.emit(event, invoice)
    standing.after_giving_up(world, invoice)
    return invoice


WORKS = {"finalize": finalize_by_itself, "overdue": fall_overdue}
