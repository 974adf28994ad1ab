"""Subscriptions, as the API offers them."""

from typing import Any

from services.stripe_sandbox.billing.cancellation import cancel_now
from services.stripe_sandbox.billing.discounts import DISCOUNTS
from services.stripe_sandbox.billing.drafts import draft_for_subscription
from services.stripe_sandbox.billing.finalization import finalize
from services.stripe_sandbox.billing.renewals import pause
from services.stripe_sandbox.billing.subscription_changes import change_subscription, resume
from services.stripe_sandbox.billing.subscription_items import CHANGED_ITEMS, NEW_ITEMS
from services.stripe_sandbox.billing.subscriptions import start_subscription
from services.stripe_sandbox.documents import Document, shown
from services.stripe_sandbox.errors import ResourceMissing
from services.stripe_sandbox.operations import CREATED, Call, Operation, list_table, page, within
from services.stripe_sandbox.parameters import (
    BOOLEAN,
    COUNT,
    CURRENCY,
    ID,
    INTEGER,
    METADATA,
    RANGE,
    STRING,
    Table,
    clearable,
    either,
    list_of,
    one_of,
    required,
    shape,
    within_range,
)
from services.stripe_sandbox.world import World

PRORATION = one_of("always_invoice", "create_prorations", "none")
TRIAL_END = either(one_of("now"), INTEGER)
COLLECTION = one_of("charge_automatically", "send_invoice")
PAYMENT_BEHAVIOR = one_of("allow_incomplete", "default_incomplete", "error_if_incomplete")
CYCLE_ANCHOR = shape({"type": required(one_of("now", "unchanged"))})
END_BEHAVIOR: Table = {
    "billing_cycle_anchor": one_of("now", "unchanged"),
    "missing_payment_method": one_of("cancel", "create_invoice", "pause"),
}
COMMON: Table = {
    "cancel_at_period_end": BOOLEAN,
    "collection_method": COLLECTION,
    "days_until_due": COUNT,
    "default_payment_method": STRING,
    "default_tax_rates": clearable(list_of(ID)),
    "description": STRING,
    "discounts": DISCOUNTS,
    "metadata": METADATA,
    "off_session": BOOLEAN,
    "payment_behavior": PAYMENT_BEHAVIOR,
    "payment_settings": shape({"save_default_payment_method": one_of("off", "on_subscription")}),
    "proration_behavior": PRORATION,
    "trial_end": TRIAL_END,
    "trial_settings": shape({"end_behavior": required(shape(END_BEHAVIOR))}),
}
ANCHOR_CONFIG: Table = {
    "day_of_month": required(within_range(1, 31)),
    "hour": within_range(0, 23),
    "minute": within_range(0, 59),
    "month": within_range(1, 12),
    "second": within_range(0, 59),
}
CREATE_FIELDS: Table = {
    **COMMON,
    "billing_cycle_anchor": INTEGER,
    "billing_cycle_anchor_config": shape(ANCHOR_CONFIG),
    "cancel_at": INTEGER,
    "currency": CURRENCY,
    "customer": required(ID),
    "items": required(NEW_ITEMS),
    "trial_period_days": COUNT,
}
CANCELLATION: Table = {
    "comment": STRING,
    "feedback": clearable(
        one_of(
            "customer_service", "low_quality", "missing_features", "other", "switched_service", "too_complex",
            "too_expensive", "unused",
        )
    ),
}  # fmt: skip
PAUSE_COLLECTION: Table = {
    "behavior": required(one_of("keep_as_draft", "mark_uncollectible", "void")),
    "resumes_at": INTEGER,
}
UPDATE_FIELDS: Table = {
    **COMMON,
    "billing_cycle_anchor": CYCLE_ANCHOR,
    "cancel_at": clearable(INTEGER),
    "cancellation_details": shape(CANCELLATION),
    "items": CHANGED_ITEMS,
    "pause_collection": clearable(shape(PAUSE_COLLECTION)),
    "proration_date": INTEGER,
}
CANCEL_FIELDS: Table = {"cancellation_details": shape(CANCELLATION), "invoice_now": BOOLEAN, "prorate": BOOLEAN}
ENDED = ("canceled", "incomplete_expired")


def create_subscription(world: World, call: Call) -> Document:
    return start_subscription(world, call.params)


def read_subscription(world: World, call: Call) -> Document:
    return world.get("subscription", call.id)


def update_subscription(world: World, call: Call) -> Document:
    return change_subscription(world, world.get("subscription", call.id), call.params)


def cancel_subscription(world: World, call: Call) -> Document:
    """End it at once; with `invoice_now` what is pending is billed."""
    subscription = world.get("subscription", call.id)
    if call.params.get("invoice_now") and subscription["status"] not in ENDED:
        now = world.now_for(subscription)
        period = (subscription["_period"][0], now)
        reason = "subscription_update"
        draft = draft_for_subscription(world, subscription, reason=reason, period=period, charged=None)
        finalize(world, draft)
        subscription = world.change("subscription", subscription, {"latest_invoice": draft["id"]})
    details = call.params.get("cancellation_details")
    return cancel_now(world, subscription, reason="cancellation_requested", details=details)


def pause_subscription(world: World, call: Call) -> Document:
    return pause(world, world.get("subscription", call.id), "pause_requested")


def resume_subscription(world: World, call: Call) -> Document:
    return resume(world, world.get("subscription", call.id), call.params)


def list_subscriptions(world: World, call: Call) -> Document:
    """Every one that has not ended, unless a status is asked for."""
    params = call.params
    status = params.get("status")

    def keep(subscription: Document) -> bool:
        ended = subscription["status"] in ENDED
        if status is None or status == "ended":
            right = ended == (status == "ended")
        else:
            right = status in ("all", subscription["status"])
        items = subscription["items"]["data"]
        named = params.get("price") is None or any(item["price"]["id"] == params["price"] for item in items)
        method = params.get("collection_method", subscription["collection_method"])
        start, end = subscription["_period"]
        periods = within(start, params.get("current_period_start")) and within(end, params.get("current_period_end"))
        return right and named and periods and method == subscription["collection_method"]

    return page(world, call, "subscription", where=call.given("customer", "test_clock"), keep=keep)


def delete_discount(world: World, call: Call) -> Document:
    """Take off the first discount."""
    subscription = world.get("subscription", call.id)
    if not subscription["discounts"]:
        raise ResourceMissing("active discount for subscription", call.id)
    first, rest = subscription["discounts"][0], subscription["discounts"][1:]
    world.change("subscription", subscription, {"discounts": rest}, "customer.subscription.updated")
    discount: dict[str, Any] = shown(world.get("discount", first))
    del discount["end"]
    return {**discount, "deleted": True}


FILTERS: Table = {
    **CREATED, "collection_method": COLLECTION, "current_period_end": RANGE, "current_period_start": RANGE,
    "customer": ID, "price": ID, "test_clock": ID,
    "status": one_of(
        "active", "all", "canceled", "ended", "incomplete", "incomplete_expired", "past_due", "paused", "trialing",
        "unpaid",
    ),
}  # fmt: skip
RESUME_FIELDS: Table = {
    "billing_cycle_anchor": CYCLE_ANCHOR, "proration_behavior": PRORATION,
    "payment_behavior": one_of("resume_on_payment_attempt", "resume_on_payment_success"),
}  # fmt: skip
OPERATIONS = [
    Operation("POST", "/v1/subscriptions", create_subscription, CREATE_FIELDS),
    Operation("GET", "/v1/subscriptions", list_subscriptions, list_table(**FILTERS)),
    Operation("GET", "/v1/subscriptions/{id}", read_subscription),
    Operation("POST", "/v1/subscriptions/{id}", update_subscription, UPDATE_FIELDS),
    Operation("DELETE", "/v1/subscriptions/{id}", cancel_subscription, CANCEL_FIELDS),
    Operation("POST", "/v1/subscriptions/{id}/pause", pause_subscription, {"type": one_of("subscription")}),
    Operation("POST", "/v1/subscriptions/{id}/resume", resume_subscription, RESUME_FIELDS),
    Operation("DELETE", "/v1/subscriptions/{id}/discount", delete_discount),
]
