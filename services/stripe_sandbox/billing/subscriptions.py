"""Starting a subscription: its first period, its first invoice, and what the first payment decides."""

from decimal import Decimal
from typing import Any

from services.stripe_sandbox.billing import drafts
from services.stripe_sandbox.billing.anchors import first_anchor, shown_config
from services.stripe_sandbox.billing.cards import usable_method
from services.stripe_sandbox.billing.discounts import after_use, redeem
from services.stripe_sandbox.billing.finalization import finalize, void
from services.stripe_sandbox.billing.payments import attempt, method_for, no_payment_method
from services.stripe_sandbox.billing.periods import boundary_before
from services.stripe_sandbox.billing.subscription_items import (
    check_together,
    items_of,
    new_item,
    shown_items,
)
from services.stripe_sandbox.clock import DAY, HOUR
from services.stripe_sandbox.documents import Document, list_of
from services.stripe_sandbox.errors import StripeError
from services.stripe_sandbox.parameters import merged_metadata
from services.stripe_sandbox.resources.customers import live_customer
from services.stripe_sandbox.world import World

UPDATED = "customer.subscription.updated"
INCOMPLETE_SECONDS = 23 * HOUR
TRIAL_NOTICE_SECONDS = 3 * DAY
CREATE_INVOICE = {"end_behavior": {"billing_cycle_anchor": None, "missing_payment_method": "create_invoice"}}
NO_INVOICE_SETTINGS = {
    "account_tax_ids": None, "custom_fields": None, "description": None, "footer": None, "issuer": {"type": "self"},
}  # fmt: skip


def start_subscription(world: World, params: dict[str, Any]) -> Document:
    """A subscription from the parameters of `subscriptions.create`, with its first invoice as far as it gets.

    The first invoice is finalised and paid at once where it is charged automatically. Raises StripeError for what
    cannot be, and CardDeclined (nothing is kept) for a failed payment under `error_if_incomplete`.
    """
    customer = live_customer(world, params["customer"])
    at = world.now_for(customer)
    trial_end = _trial_end(params, at)
    subscription = _blank(world, customer, params, at, trial_end)
    world.add("subscription", subscription)
    for place, item in enumerate(params["items"]):
        new_item(world, subscription, item, f"items[{place}]")
    items = items_of(world, subscription["id"])
    check_together([item["price"] for item in items])
    subscription |= _first_period(subscription, items, params, at, trial_end)
    for item in items:
        start, end = subscription["_period"]
        world.change("subscription_item", item, {"current_period_start": start, "current_period_end": end})
    subscription |= {"currency": items[0]["price"]["currency"], "items": shown_items(world, subscription["id"])}
    holder = {"subscription": subscription["id"]}
    subscription["discounts"] = redeem(world, params.get("discounts", []), customer, **holder)
    world.add("subscription", subscription)
    subscription = _first_invoice(world, subscription, params, at)
    world.emit("customer.subscription.created", subscription)
    if subscription["status"] == "trialing" and (trial_end or at) - at <= TRIAL_NOTICE_SECONDS:
        world.emit("customer.subscription.trial_will_end", subscription)
    return subscription


def _trial_end(params: dict[str, Any], at: int) -> int | None:
    if "trial_end" in params and "trial_period_days" in params:
        raise StripeError("Specify at most one of trial_end or trial_period_days.", param="trial_end")
    if params.get("trial_period_days"):
        return at + DAY * int(params["trial_period_days"])
    end = params.get("trial_end", "now")
    if end == "now":
        return None
    if end <= at:
        raise StripeError("Invalid timestamp: must be an integer Unix timestamp in the future.", param="trial_end")
    return int(end)


def _blank(world: World, customer: Document, params: dict[str, Any], at: int, trial_end: int | None) -> Document:
    method = params.get("default_payment_method")
    if method is not None and usable_method(world, method, "default_payment_method")["customer"] != customer["id"]:
        message = f"The payment method {method} must be attached to the customer {customer['id']}."
        raise StripeError(message, code="resource_missing", param="default_payment_method")
    identifier = world.new_id("subscription")
    return {
        "id": identifier,
        "object": "subscription",
        "application": None,
        "application_fee_percent": None,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": at,
        "billing_cycle_anchor_config": shown_config(params),
        "billing_mode": {"flexible": {"proration_discounts": "included"}, "type": "flexible", "updated_at": at},
        "billing_schedules": [],
        "billing_thresholds": None,
        "cancel_at": params.get("cancel_at"),
        "cancel_at_period_end": params.get("cancel_at_period_end", False),
        "canceled_at": None,
        "cancellation_details": {"comment": None, "feedback": None, "feedback_option": None, "reason": None},
        "collection_method": params.get("collection_method", "charge_automatically"),
        "created": at,
        "currency": params.get("currency", "usd"),
        "customer": customer["id"],
        "customer_account": None,
        "days_until_due": _days_until_due(params),
        "default_payment_method": method,
        "default_source": None,
        "default_tax_rates": drafts.tax_rates_named(world, params.get("default_tax_rates"), "default_tax_rates"),
        "description": params.get("description"),
        "discounts": [],
        "ended_at": None,
        "invoice_settings": NO_INVOICE_SETTINGS,
        "items": list_of([], f"/v1/subscription_items?subscription={identifier}"),
        "latest_invoice": None,
        "livemode": False,
        "managed_payments": None,
        "metadata": merged_metadata({}, params.get("metadata")),
        "next_pending_invoice_item_invoice": None,
        "on_behalf_of": None,
        "pause_collection": None,
        "payment_settings": {
            "payment_method_options": None, "payment_method_types": None,
            "save_default_payment_method": "off", **params.get("payment_settings", {}),
        },
        "pending_invoice_item_interval": None,
        "pending_setup_intent": None,
        "pending_update": None,
        "schedule": None,
        "start_date": at,
        "status": "trialing" if trial_end else "active",
        "test_clock": customer["test_clock"],
        "transfer_data": None,
        "trial_end": trial_end,
        "trial_settings": trial_settings(params.get("trial_settings")),
        "trial_start": at if trial_end else None,
        "_due": {},
        "_period": [at, at],
    }  # fmt: skip


def _days_until_due(params: dict[str, Any]) -> int | None:
    sent = params.get("collection_method") == "send_invoice"
    if "days_until_due" in params and not sent:
        message = "You can only set days_until_due if collection_method is send_invoice."
        raise StripeError(message, param="days_until_due")
    if sent and "days_until_due" not in params:
        message = "If you want to bill via invoices, days_until_due is needed."
        raise StripeError(message, code="parameter_missing", param="days_until_due")
    days: int | None = params.get("days_until_due")
    return days


def trial_settings(given: dict[str, Any] | None) -> Document:
    behaviour = {**CREATE_INVOICE["end_behavior"], **((given or {}).get("end_behavior") or {})}
    return {"end_behavior": behaviour}


def _first_period(
    subscription: Document, items: list[Document], params: dict[str, Any], at: int, trial_end: int | None
) -> Document:
    """The period begins now and ends with the trial, at the anchor asked for, or after one interval."""
    anchor, end = first_anchor(items[0]["price"]["recurring"], params, at, trial_end)
    cancel_at = params.get("cancel_at")
    due = {"renew": end, "cancel": cancel_at}
    if trial_end is not None and trial_end - at > TRIAL_NOTICE_SECONDS:
        due["trial_notice"] = trial_end - TRIAL_NOTICE_SECONDS
    return {
        "billing_cycle_anchor": anchor,
        "cancel_at": end if subscription["cancel_at_period_end"] else cancel_at,
        "_due": {work: moment for work, moment in due.items() if moment is not None},
        "_period": [at, end],
    }


def _first_invoice(world: World, subscription: Document, params: dict[str, Any], at: int) -> Document:
    start, end = subscription["_period"]
    fraction = Decimal(1)
    if subscription["status"] != "trialing" and subscription["billing_cycle_anchor"] > at:
        if params.get("proration_behavior") == "none":
            return subscription
        fraction = share_of_interval(subscription, start, end)
    invoice = drafts.draft_for_subscription(
        world, subscription, reason="subscription_create", period=(at, at), charged=(start, end), fraction=fraction,
    )  # fmt: skip
    changes = {
        "discounts": after_use(world, subscription["discounts"], invoice["total_discount_amounts"]),
        "latest_invoice": invoice["id"],
    }
    subscription = world.change("subscription", subscription, changes)
    if subscription["collection_method"] == "send_invoice":
        return subscription
    return _collect_first(world, subscription, finalize(world, invoice), params.get("payment_behavior"))


def share_of_interval(subscription: Document, start: int, end: int) -> Decimal:
    """Which part of a full interval lies between two moments of the period that ends at `end`."""
    recurring = subscription["items"]["data"][0]["price"]["recurring"]
    full = boundary_before(
        subscription["billing_cycle_anchor"], recurring["interval"], recurring["interval_count"], end
    )
    return Decimal(end - start) / Decimal(end - full)


def _collect_first(world: World, subscription: Document, invoice: Document, behaviour: str | None) -> Document:
    """Try to pay the first invoice. While it is unpaid the subscription is incomplete, for 23 hours."""
    if invoice["status"] == "paid":
        return subscription
    invoice = world.schedule("invoice", invoice, collect=None)
    if behaviour != "default_incomplete":
        method = method_for(world, invoice)
        if method is None:
            raise no_payment_method()
        _, refusal = attempt(world, invoice, method)
        if refusal is None:
            return world.get("subscription", subscription["id"])
        if behaviour == "error_if_incomplete":
            refusal.undo = True
            raise refusal
    due = {"expire_incomplete": world.now_for(subscription) + INCOMPLETE_SECONDS}
    return world.change("subscription", subscription, {"status": "incomplete", "_due": due})


def expire_incomplete(world: World, subscription: Document) -> None:
    """The first payment did not come within 23 hours: the subscription never began."""
    if subscription["status"] != "incomplete":
        return
    invoice = world.get("invoice", subscription["latest_invoice"])
    if invoice["status"] == "open":
        void(world, invoice)
    at = world.now_for(subscription)
    changes = {"status": "incomplete_expired", "ended_at": at, "_due": {}}
    world.change("subscription", subscription, changes, UPDATED)


def announce_trial_end(world: World, subscription: Document) -> None:
    """Three days before a trial ends."""
    if subscription["status"] == "trialing":
        world.emit("customer.subscription.trial_will_end", subscription)


WORKS = {"expire_incomplete": expire_incomplete, "trial_notice": announce_trial_end}
