"""What a subscription does at the end of its period: renews, ends its trial, or ends."""

from services.stripe_sandbox.billing import drafts
from services.stripe_sandbox.billing.cancellation import cancel_now
from services.stripe_sandbox.billing.discounts import after_use, live_discounts
from services.stripe_sandbox.billing.finalization import finalize, mark_uncollectible, void
from services.stripe_sandbox.billing.payments import method_for
from services.stripe_sandbox.billing.periods import boundary_after
from services.stripe_sandbox.billing.subscription_items import with_period
from services.stripe_sandbox.billing.subscriptions import UPDATED
from services.stripe_sandbox.documents import Document
from services.stripe_sandbox.world import World

RENEWING = ("active", "trialing", "past_due", "unpaid")


def renew(world: World, subscription: Document) -> None:
    """Begin the next period and open its invoice as a draft, which is finalised an hour later."""
    if subscription["status"] not in RENEWING:
        return
    if subscription["cancel_at_period_end"]:
        cancel_now(world, subscription, reason="cancellation_requested")
        return
    trial_ends = subscription["status"] == "trialing"
    if trial_ends and not _goes_on_after_trial(world, subscription):
        return
    start, end = subscription["_period"]
    discounts = live_discounts(world, subscription["discounts"], end)
    moved = world.change("subscription", subscription, {
        "discounts": discounts,
        "status": "active" if trial_ends else subscription["status"],
        **with_period(world, subscription, next_period(subscription)),
    })  # fmt: skip
    moved = world.schedule("subscription", moved, renew=moved["_period"][1])
    invoice = _renewal_invoice(world, moved, (start, end))
    changes = {
        "discounts": after_use(world, discounts, invoice["total_discount_amounts"]),
        "latest_invoice": invoice["id"],
    }
    moved = world.change("subscription", moved, changes)
    world.emit_change(UPDATED, subscription, moved)
    _pause_invoice(world, moved, invoice)


def next_period(subscription: Document) -> tuple[int, int]:
    """The period after the present one, counted from the anchor."""
    recurring = subscription["items"]["data"][0]["price"]["recurring"]
    start: int = subscription["_period"][1]
    anchor = subscription["billing_cycle_anchor"]
    return start, boundary_after(anchor, recurring["interval"], recurring["interval_count"], start)


def _renewal_invoice(world: World, subscription: Document, passed: tuple[int, int]) -> Document:
    """The draft of a renewal. Where it is not collected, it does not advance by itself."""
    paused = subscription["pause_collection"]
    kept = subscription["status"] == "unpaid" or (paused is not None and paused["behavior"] == "keep_as_draft")
    start, end = subscription["_period"]
    return drafts.draft_for_subscription(
        world, subscription, reason="subscription_cycle", period=passed, charged=(start, end), auto_advance=not kept,
    )  # fmt: skip


def _pause_invoice(world: World, subscription: Document, invoice: Document) -> None:
    paused = subscription["pause_collection"]
    if paused is None or paused["behavior"] == "keep_as_draft":
        return
    invoice = world.change(
        "invoice",
        invoice,
        {"auto_advance": False, "automatically_finalizes_at": None, "next_payment_attempt": None, "_due": {}},
    )
    invoice = finalize(world, invoice)
    if invoice["status"] == "open":
        (void if paused["behavior"] == "void" else mark_uncollectible)(world, invoice)


def _goes_on_after_trial(world: World, subscription: Document) -> bool:
    """A trial that ends without a payment method does what its settings say."""
    behaviour = subscription["trial_settings"]["end_behavior"]["missing_payment_method"]
    if behaviour == "create_invoice" or subscription["collection_method"] == "send_invoice":
        return True
    customer = world.get("customer", subscription["customer"])
    blank = drafts.blank_invoice(
        world, customer, reason="upcoming", currency=subscription["currency"], period=(0, 0), subscription=subscription
    )
    if method_for(world, blank) is not None:
        return True
    if behaviour == "cancel":
        cancel_now(world, subscription, reason=None)
    else:
        pause(world, subscription, "trial_end_without_payment_method")
    return False


def pause(world: World, subscription: Document, kind: str) -> Document:
    """Stop billing until the subscription is resumed."""
    details = {"subscription": {"type": kind}, "transitioned_at": world.now_for(subscription), "type": "subscription"}
    changes = {"status": "paused", "status_details": {"paused": details}, "_due": {}}
    paused = world.change("subscription", subscription, changes, UPDATED)
    world.emit("customer.subscription.paused", paused)
    return paused


def end_pause_of_collection(world: World, subscription: Document) -> None:
    """The date came at which invoices are collected again."""
    world.change("subscription", subscription, {"pause_collection": None}, UPDATED)


WORKS = {"renew": renew, "resume_collection": end_pause_of_collection}
