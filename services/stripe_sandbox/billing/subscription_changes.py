"""Changing a subscription: its items, its dates, how it is collected, and bringing a paused one back."""

from typing import Any

from services.stripe_sandbox.billing import drafts
from services.stripe_sandbox.billing.cancellation import ENDED
from services.stripe_sandbox.billing.cards import usable_method
from services.stripe_sandbox.billing.discounts import after_use, redeem
from services.stripe_sandbox.billing.finalization import finalize_and_collect
from services.stripe_sandbox.billing.periods import boundary_after
from services.stripe_sandbox.billing.prorations import prorate
from services.stripe_sandbox.billing.subscription_items import (
    changed_item,
    check_together,
    items_of,
    new_item,
    shown_items,
    with_period,
)
from services.stripe_sandbox.billing.subscriptions import TRIAL_NOTICE_SECONDS, UPDATED, trial_settings
from services.stripe_sandbox.documents import Document
from services.stripe_sandbox.errors import StripeError
from services.stripe_sandbox.parameters import merged_metadata
from services.stripe_sandbox.world import World


def change_subscription(world: World, subscription: Document, params: dict[str, Any]) -> Document:
    """Apply the parameters of `subscriptions.update`. Raises StripeError where it has ended, or for what cannot be."""
    if subscription["status"] in ENDED:
        only = set(params) - {"metadata", "cancellation_details"}
        if only:
            message = "A canceled subscription can only update its cancellation_details and metadata."
            raise StripeError(message, param=min(only))
    changes = _plain_changes(world, subscription, params)
    changes |= _end_changes(subscription, params, world.now_for(subscription))
    changed = world.change("subscription", subscription, changes)
    bill_now = False
    if "items" in params:
        changed, bill_now = _change_items(world, changed, params)
    if "trial_end" in params:
        changed, ended = _change_trial(world, changed, params["trial_end"])
        bill_now = bill_now or ended
    restart = params.get("billing_cycle_anchor", {}).get("type") == "now"
    if restart or bill_now:
        changed = restart_cycle(world, changed)
    elif params.get("proration_behavior") == "always_invoice" and "items" in params:
        changed = bill_pending(world, changed)
    world.emit_change(UPDATED, subscription, changed)
    return changed


def _plain_changes(world: World, subscription: Document, params: dict[str, Any]) -> dict[str, Any]:
    plain = ("collection_method", "days_until_due", "description")
    changes: dict[str, Any] = {name: params[name] for name in plain if name in params}
    customer = world.get("customer", subscription["customer"])
    if "default_payment_method" in params:
        method = params["default_payment_method"]
        if method and usable_method(world, method, "default_payment_method")["customer"] != customer["id"]:
            message = f"The payment method {method} must be attached to the customer {customer['id']}."
            raise StripeError(message, code="resource_missing", param="default_payment_method")
        changes["default_payment_method"] = method
    if "default_tax_rates" in params:
        rates = params["default_tax_rates"]
        changes["default_tax_rates"] = drafts.tax_rates_named(world, rates, "default_tax_rates")
    if "metadata" in params:
        changes["metadata"] = merged_metadata(subscription["metadata"], params["metadata"])
    if "discounts" in params:
        changes["discounts"] = redeem(world, params["discounts"], customer, subscription=subscription["id"])
    if "trial_settings" in params:
        changes["trial_settings"] = trial_settings(params["trial_settings"])
    if "payment_settings" in params:
        changes["payment_settings"] = {**subscription["payment_settings"], **params["payment_settings"]}
    if "pause_collection" in params:
        given = params["pause_collection"]
        changes["pause_collection"] = given and {"resumes_at": None, **given}
        resumes_at = given and given.get("resumes_at")
        changes["_due"] = _due(subscription, resume_collection=resumes_at)
    if "cancellation_details" in params:
        changes["cancellation_details"] = {**subscription["cancellation_details"], **params["cancellation_details"]}
    return changes


def _due(subscription: Document, **due: int | None) -> dict[str, int]:
    merged = {**subscription["_due"], **due}
    return {work: at for work, at in merged.items() if at is not None}


def _end_changes(subscription: Document, params: dict[str, Any], at: int) -> dict[str, Any]:
    """When it ends: at the end of its period, on a date, or no longer."""
    if params.get("cancel_at_period_end") and params.get("cancel_at") is not None:
        raise StripeError("Specify at most one of cancel_at and cancel_at_period_end.", param="cancel_at")
    if "cancel_at_period_end" not in params and "cancel_at" not in params:
        return {}
    at_period_end = params.get("cancel_at_period_end", False)
    cancel_at = params.get("cancel_at")
    if cancel_at is not None and cancel_at <= at:
        raise StripeError("cancel_at must be in the future.", param="cancel_at")
    end = subscription["_period"][1] if at_period_end else cancel_at
    reason = "cancellation_requested" if end is not None else None
    return {
        "cancel_at": end,
        "cancel_at_period_end": at_period_end,
        "canceled_at": None if end is None else subscription["canceled_at"] or at,
        "cancellation_details": {
            **subscription["cancellation_details"], "reason": reason, **params.get("cancellation_details", {}),
        },
        "_due": _due(subscription, cancel=cancel_at),
    }  # fmt: skip


def _change_items(world: World, subscription: Document, params: dict[str, Any]) -> tuple[Document, bool]:
    """Change, add and take away items. The second answer: the interval changed, so that a new cycle begins now."""
    at = params.get("proration_date", world.now_for(subscription))
    prorated = params.get("proration_behavior", "create_prorations") != "none"
    before = _interval(items_of(world, subscription["id"])[0])
    for place, given in enumerate(params["items"]):
        old, new = _change_one(world, subscription, given, f"items[{place}]")
        if prorated and (old is None or new is None or _charged(old) != _charged(new)):
            prorate(world, subscription, old, new, at)
    items = items_of(world, subscription["id"])
    check_together([item["price"] for item in items])
    changed = world.change("subscription", subscription, {"items": shown_items(world, subscription["id"])})
    return changed, _interval(items[0]) != before and subscription["status"] != "trialing"


def _change_one(
    world: World, subscription: Document, given: dict[str, Any], param: str
) -> tuple[Document | None, Document | None]:
    if "id" not in given:
        return None, new_item(world, subscription, given, param)
    old = world.get("subscription_item", given["id"], param=f"{param}[id]")
    if old["subscription"] != subscription["id"]:
        raise StripeError(f"The item {old['id']} does not belong to this subscription.", param=f"{param}[id]")
    if given.get("deleted"):
        world.remove("subscription_item", old)
        return old, None
    return old, changed_item(world, old, given, param)


def _interval(item: Document) -> tuple[str, int]:
    recurring = item["price"]["recurring"]
    return recurring["interval"], recurring["interval_count"]


def _charged(item: Document) -> tuple[str, int | None]:
    return item["price"]["id"], item.get("quantity")


def _change_trial(world: World, subscription: Document, trial_end: str | int) -> tuple[Document, bool]:
    """Move a trial's end, or end it now. The second answer: a paid cycle begins now."""
    at = world.now_for(subscription)
    if trial_end == "now":
        if subscription["status"] != "trialing":
            return subscription, False
        changes = {"status": "active", "trial_end": at, "_due": _due(subscription, trial_notice=None)}
        return world.change("subscription", subscription, changes), True
    end = int(trial_end)
    if end <= at:
        raise StripeError("Invalid timestamp: must be an integer Unix timestamp in the future.", param="trial_end")
    notice = end - TRIAL_NOTICE_SECONDS
    trial = {
        "billing_cycle_anchor": end, "status": "trialing", "trial_end": end,
        "trial_start": subscription["trial_start"] or at,
        **with_period(world, subscription, (subscription["_period"][0], end)),
        "_due": _due(subscription, renew=end, trial_notice=notice if notice > at else None),
    }  # fmt: skip
    return world.change("subscription", subscription, trial), False


def restart_cycle(world: World, subscription: Document) -> Document:
    """Begin a full period now, billed and collected at once."""
    at = world.now_for(subscription)
    interval, count = _interval(items_of(world, subscription["id"])[0])
    passed = (subscription["_period"][0], at)
    period = (at, boundary_after(at, interval, count, at))
    changes = {"billing_cycle_anchor": at, "_due": _due(subscription, renew=period[1])}
    if subscription["cancel_at_period_end"]:
        changes["cancel_at"] = period[1]
    changes |= with_period(world, subscription, period)
    subscription = world.change("subscription", subscription, changes)
    return _bill(world, subscription, passed, period)


def bill_pending(world: World, subscription: Document) -> Document:
    """Bill what is pending for a subscription at once."""
    start = subscription["_period"][0]
    return _bill(world, subscription, (start, world.now_for(subscription)), None)


def _bill(world: World, subscription: Document, passed: tuple[int, int], charged: tuple[int, int] | None) -> Document:
    invoice = drafts.draft_for_subscription(
        world, subscription, reason="subscription_update", period=passed, charged=charged
    )
    changes = {
        "discounts": after_use(world, subscription["discounts"], invoice["total_discount_amounts"]),
        "latest_invoice": invoice["id"],
    }
    world.change("subscription", subscription, changes)
    finalize_and_collect(world, invoice)
    return world.get("subscription", subscription["id"])


def resume(world: World, subscription: Document, params: dict[str, Any]) -> Document:
    """Bring a paused subscription back: a new period begins now, or the old one goes on. Raises StripeError."""
    if subscription["status"] != "paused":
        raise StripeError(f"This subscription cannot be resumed because its status is {subscription['status']}.")
    at = world.now_for(subscription)
    unchanged = params.get("billing_cycle_anchor", {}).get("type") == "unchanged"
    active = {name: value for name, value in subscription.items() if name != "status_details"} | {"status": "active"}
    world.store.put("subscription", active)
    if unchanged and subscription["_period"][1] > at:
        resumed = world.schedule("subscription", active, renew=subscription["_period"][1])
    else:
        resumed = restart_cycle(world, active)
    world.emit_change(UPDATED, subscription, resumed)
    world.emit("customer.subscription.resumed", resumed)
    return resumed
