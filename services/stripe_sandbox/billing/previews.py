"""What the next invoice would be: the change is made, its invoice read, and everything taken back."""

from copy import deepcopy
from typing import Any

from services.stripe_sandbox.billing import drafts
from services.stripe_sandbox.billing.discounts import redeem
from services.stripe_sandbox.billing.invoice_items import new_invoice_item
from services.stripe_sandbox.billing.lines import summed
from services.stripe_sandbox.billing.renewals import next_period
from services.stripe_sandbox.billing.subscription_changes import change_subscription
from services.stripe_sandbox.billing.subscriptions import start_subscription
from services.stripe_sandbox.documents import Document
from services.stripe_sandbox.errors import StripeError
from services.stripe_sandbox.world import World

UNSENT = {
    "amount_paid": 0, "attempt_count": 0, "attempted": False, "effective_at": None, "ending_balance": None,
    "hosted_invoice_url": None, "invoice_pdf": None, "number": None, "status": "draft",
    "status_transitions": {
        "finalized_at": None, "marked_uncollectible_at": None, "paid_at": None, "voided_at": None,
    },
}  # fmt: skip


def preview_invoice(world: World, params: dict[str, Any]) -> Document:
    """The invoice for the parameters of `invoices.create_preview`. The caller takes the changes back.

    Raises StripeError where neither a customer nor a subscription is named.
    """
    planned = deepcopy(world.faults.payments)
    try:
        invoice = _previewed(world, params)
    finally:
        world.faults.payments = planned
    return {**invoice, **UNSENT, "id": f"upcoming_{invoice['id']}", "amount_remaining": invoice["amount_due"]}


def _previewed(world: World, params: dict[str, Any]) -> Document:
    details = params.get("subscription_details", {})
    if "subscription" in params:
        subscription = world.get("subscription", params["subscription"], param="subscription")
        customer = world.get("customer", subscription["customer"])
        invoice = _of_subscription(world, subscription, details)
    elif "customer" not in params:
        raise StripeError("Missing required param: customer.", code="parameter_missing", param="customer")
    else:
        customer = world.get("customer", params["customer"], param="customer")
        invoice = _of_new_subscription(world, customer, details) if details.get("items") else _of_none(world, customer)
    if "discounts" in params:
        discounts = redeem(world, params["discounts"], customer, invoice=invoice["id"])
        invoice = drafts.resum(world, invoice, discounts=discounts)
    for item in params.get("invoice_items", []):
        world.store.put("invoice", {**world.get("invoice", invoice["id"]), "status": "draft"})
        given = {name: value for name, value in item.items() if name != "price"}
        if "price" in item:
            given["pricing"] = {"price": item["price"]}
        new_invoice_item(world, customer, {**given, "invoice": invoice["id"]})
    return world.get("invoice", invoice["id"])


def _of_subscription(world: World, subscription: Document, details: dict[str, Any]) -> Document:
    """The invoice a change bills at once, or else the next renewal's with what the change leaves pending."""
    if details:
        before = subscription["latest_invoice"]
        subscription = change_subscription(world, subscription, details)
        if subscription["latest_invoice"] != before:
            return world.get("invoice", subscription["latest_invoice"])
    start, end = subscription["_period"]
    ends = subscription["cancel_at_period_end"] or subscription["status"] in ("canceled", "incomplete_expired")
    if ends:
        message = f"No upcoming invoices for subscription: {subscription['id']}"
        raise StripeError(message, code="invoice_upcoming_none")
    subscription = world.change("subscription", subscription, {"status": "active"})
    invoice = drafts.draft_for_subscription(
        world, subscription, reason="upcoming", period=(start, end), charged=next_period(subscription)
    )
    return world.change("invoice", invoice, {"created": end, "next_payment_attempt": end + drafts.GRACE_SECONDS})


def _of_new_subscription(world: World, customer: Document, details: dict[str, Any]) -> Document:
    known = ("billing_cycle_anchor", "cancel_at_period_end", "default_tax_rates", "items", "metadata",
             "proration_behavior", "trial_end")  # fmt: skip
    params = {name: details[name] for name in known if name in details}
    anchor = params.pop("billing_cycle_anchor", {}).get("timestamp")
    if anchor is not None:
        params["billing_cycle_anchor"] = anchor
    params |= {"customer": customer["id"], "payment_behavior": "default_incomplete"}
    subscription = start_subscription(world, params)
    if subscription["latest_invoice"] is None:
        raise StripeError("No upcoming invoices for customer: nothing is billed now.", code="invoice_upcoming_none")
    return world.get("invoice", subscription["latest_invoice"])


def _of_none(world: World, customer: Document) -> Document:
    at = world.now_for(customer)
    currency = customer["currency"] or "usd"
    invoice = drafts.blank_invoice(world, customer, reason="upcoming", currency=currency, period=(at, at))
    drafts.take_pending_items(world, invoice, None)
    return world.add("invoice", invoice | summed(world, invoice))
