"""Paying an invoice: which card, what becomes of the attempt, and when it is tried again."""

from services.stripe_sandbox.billing import standing
from services.stripe_sandbox.billing.amounts import CHARGE_MAX
from services.stripe_sandbox.billing.cards import (
    DECLINED_AT_ONCE,
    FAILS_ON_CHARGE,
    NEEDS_ACTION,
    declined,
    usable_method,
)
from services.stripe_sandbox.billing.intents import intent_for_invoice, new_charge
from services.stripe_sandbox.clock import DAY
from services.stripe_sandbox.documents import Document, shown
from services.stripe_sandbox.errors import CardDeclined, StripeError
from services.stripe_sandbox.world import World

RETRY_DAYS = (3, 5, 7)
"""Days from each failed automatic attempt to the next; after the last one the subscription is unpaid."""
ATTEMPTED = "_attempts"


def pay_invoice(
    world: World,
    invoice: Document,
    *,
    payment_method: str | None = None,
    paid_out_of_band: bool = False,
    authenticated: bool = False,
) -> Document:
    """Pay an open invoice now and give it back paid.

    `authenticated` says that a person confirmed the payment. Raises CardDeclined where the payment fails, with the
    attempt on record, and StripeError where the invoice cannot be paid or there is nothing to pay with.
    """
    if invoice["status"] == "paid":
        raise StripeError("Invoice is already paid", code="invoice_already_paid")
    if invoice["status"] not in ("open", "uncollectible"):
        raise StripeError(
            f"This invoice can no longer be paid: it is {invoice['status']}.", code="invoice_not_editable"
        )
    if paid_out_of_band:
        return settle_out_of_band(world, invoice)
    method = method_for(world, invoice, payment_method)
    if method is None:
        raise no_payment_method()
    refuse_too_large(invoice["amount_remaining"])
    invoice, refusal = attempt(world, invoice, method, authenticated=authenticated)
    if refusal is not None:
        raise refusal
    return invoice


def refuse_too_large(amount: int) -> None:
    """Raises StripeError above what one PaymentIntent holds."""
    if amount > CHARGE_MAX:
        raise StripeError("Amount must be no more than $999,999.99", code="amount_too_large", param="amount")


def no_payment_method() -> StripeError:
    return StripeError(
        "This customer has no attached payment source or default payment method. Please consider adding a default "
        "payment method. For more information, visit https://stripe.com/docs/billing/subscriptions/payment-methods-setting",
        code="resource_missing",
    )


def method_for(world: World, invoice: Document, named: str | None = None) -> Document | None:
    """The payment method to charge: the one named, the invoice's, the subscription's, then the customer's."""
    customer = world.get("customer", invoice["customer"])
    if named is not None:
        given = usable_method(world, named)
        if given["customer"] not in (None, customer["id"]):
            raise StripeError("The payment method does not belong to this customer.", param="payment_method")
        return given
    subscription = standing.subscription_of(world, invoice)
    candidates = (
        invoice["default_payment_method"],
        subscription and subscription["default_payment_method"],
        customer.get("invoice_settings", {}).get("default_payment_method"),
    )
    for identifier in candidates:
        method = world.store.find("payment_method", identifier) if identifier else None
        if method is not None and method["customer"] == customer["id"]:
            return method
    return None


def attempt(
    world: World, invoice: Document, method: Document, *, authenticated: bool = False
) -> tuple[Document, CardDeclined | None]:
    """Charge a card for what remains. The refusal, where there is one, is on record and its events are told."""
    intent = intent_for_invoice(world, invoice)
    refusal = _verdict(world, invoice, method, authenticated=authenticated)
    if refusal is None:
        return _succeed(world, invoice, intent, method), None
    if refusal.code == "invoice_payment_intent_requires_action":
        intent = _ask_for_action(world, intent, method)
    else:
        intent = _decline(world, intent, method, refusal)
    refusal.more["payment_intent"] = shown(intent)
    return _record_failure(world, invoice, needs_action=intent["status"] == "requires_action"), refusal


def _verdict(world: World, invoice: Document, method: Document, *, authenticated: bool) -> CardDeclined | None:
    planned = world.faults.next_payment(invoice["customer"])
    behaviour = method["_behaviour"]
    if planned is not None and not planned.action_required:
        return declined(planned.decline_code)
    if planned is not None or (behaviour == NEEDS_ACTION and not authenticated):
        return CardDeclined(
            "This payment requires additional user action before it can be completed successfully. Payment can be "
            "completed using the PaymentIntent associated with the invoice.",
            code="invoice_payment_intent_requires_action",
        )
    return declined("generic_decline") if behaviour in (DECLINED_AT_ONCE, FAILS_ON_CHARGE) else None


def _succeed(world: World, invoice: Document, intent: Document, method: Document) -> Document:
    charge = new_charge(world, intent, method, None)
    paid = {
        "amount_received": intent["amount"], "last_payment_error": None, "latest_charge": charge["id"],
        "next_action": None, "payment_method": method["id"], "status": "succeeded",
    }  # fmt: skip
    intent = world.change("payment_intent", intent, paid)
    world.emit("payment_intent.succeeded", intent)
    at = world.now_for(invoice)
    for payment in world.store.where("invoice_payment", payment__payment_intent=intent["id"]):
        transitions = {"canceled_at": None, "paid_at": at}
        done = {"amount_paid": intent["amount"], "status": "paid", "status_transitions": transitions}
        world.emit("invoice_payment.paid", world.change("invoice_payment", payment, done))
    standing.remember_method(world, invoice, method)
    return mark_paid(
        world, invoice,
        amount_paid=invoice["amount_paid"] + intent["amount"], attempt_count=invoice["attempt_count"] + 1,
    )  # fmt: skip


def _ask_for_action(world: World, intent: Document, method: Document) -> Document:
    asked = {
        "next_action": {"type": "use_stripe_sdk", "use_stripe_sdk": {}},
        "payment_method": method["id"],
        "status": "requires_action",
    }
    intent = world.change("payment_intent", intent, asked)
    world.emit("payment_intent.requires_action", intent)
    return intent


def _decline(world: World, intent: Document, method: Document, refusal: CardDeclined) -> Document:
    charge = new_charge(world, intent, method, refusal)
    refusal.more["charge"] = charge["id"]
    error = {
        "charge": charge["id"], "code": refusal.code, "decline_code": refusal.more["decline_code"],
        "message": refusal.message, "payment_method": shown(method), "type": "card_error",
    }  # fmt: skip
    failed = {"last_payment_error": error, "latest_charge": charge["id"], "status": "requires_payment_method"}
    intent = world.change("payment_intent", intent, failed)
    world.emit("payment_intent.payment_failed", intent)
    return intent


def _record_failure(world: World, invoice: Document, *, needs_action: bool) -> Document:
    changes = {"attempt_count": invoice["attempt_count"] + 1, "attempted": True}
    invoice = world.change("invoice", invoice, changes, "invoice.updated")
    world.emit("invoice.payment_failed", invoice)
    if needs_action:
        world.emit("invoice.payment_action_required", invoice)
    return invoice


def collect(world: World, invoice: Document) -> Document:
    """An automatic attempt on an open invoice. A failure is followed by the next try, or by the last consequence."""
    if invoice["status"] != "open" or invoice["collection_method"] != "charge_automatically":
        return invoice
    method = method_for(world, invoice)
    if method is None:
        invoice = _record_failure(world, invoice, needs_action=False)
    else:
        invoice, refusal = attempt(world, invoice, method)
        if refusal is None:
            return invoice
    tried = invoice.get(ATTEMPTED, 0) + 1
    renewal = invoice["billing_reason"] != "subscription_create"
    again = tried <= len(RETRY_DAYS) and renewal and invoice["auto_advance"]
    at = world.now_for(invoice) + DAY * RETRY_DAYS[tried - 1] if again else None
    changes = {
        "next_payment_attempt": at,
        ATTEMPTED: tried,
        "_due": {**invoice["_due"], "collect": at} if again else {},
    }
    invoice = world.change("invoice", invoice, changes, "invoice.updated")
    standing.after_failure(world, invoice, last=not again)
    return world.get("invoice", invoice["id"])


def settle_out_of_band(world: World, invoice: Document) -> Document:
    """Paid by other means: no charge; its PaymentIntent is cancelled."""
    cancel_intents(world, invoice, "abandoned")
    remaining = invoice["amount_remaining"]
    return mark_paid(world, invoice, amount_paid=invoice["amount_paid"] + remaining, amount_paid_off_stripe=remaining)


def mark_paid(world: World, invoice: Document, **changes: int) -> Document:
    """The invoice is settled; its subscription is told."""
    at = world.now_for(invoice)
    settled = {
        "amount_remaining": 0,
        "attempted": True,
        "auto_advance": False,
        "next_payment_attempt": None,
        "status": "paid",
        "status_transitions": {**invoice["status_transitions"], "paid_at": at},
        "_due": {},
    }
    invoice = world.change("invoice", invoice, {**settled, **changes}, "invoice.updated")
    world.emit("invoice.paid", invoice)
    world.emit("invoice.payment_succeeded", invoice)
    standing.after_payment(world, invoice)
    return invoice


def cancel_intents(world: World, invoice: Document, reason: str) -> None:
    """Give up the open payments of an invoice that is settled otherwise."""
    at = world.now_for(invoice)
    for payment in world.store.where("invoice_payment", invoice=invoice["id"]):
        if payment["status"] != "open":
            continue
        transitions = {"canceled_at": at, "paid_at": None}
        world.change("invoice_payment", payment, {"status": "canceled", "status_transitions": transitions})
        intent = world.get("payment_intent", payment["payment"]["payment_intent"])
        canceled = {"canceled_at": at, "cancellation_reason": reason, "next_action": None, "status": "canceled"}
        world.emit("payment_intent.canceled", world.change("payment_intent", intent, canceled))


WORKS = {"collect": collect}
