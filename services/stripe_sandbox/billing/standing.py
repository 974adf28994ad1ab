"""How a subscription stands after a payment, a failure or an invoice given up."""

from services.stripe_sandbox.documents import OF_SUBSCRIPTION, Document, at_path
from services.stripe_sandbox.world import World

UPDATED = "customer.subscription.updated"


def subscription_of(world: World, invoice: Document) -> Document | None:
    """The subscription an invoice bills, if any."""
    identifier = at_path(invoice, OF_SUBSCRIPTION)
    return world.store.find("subscription", identifier) if identifier else None


def after_payment(world: World, invoice: Document) -> None:
    """A first payment begins an incomplete subscription; one behind is active when its latest invoice is paid."""
    subscription = subscription_of(world, invoice)
    if subscription is None:
        return
    status = subscription["status"]
    if status == "incomplete" and invoice["billing_reason"] == "subscription_create":
        due = {work: at for work, at in subscription["_due"].items() if work != "expire_incomplete"}
        due["renew"] = subscription["_period"][1]
        if subscription["cancel_at"] is not None and not subscription["cancel_at_period_end"]:
            due["cancel"] = subscription["cancel_at"]
        begun = {"status": "active", "_due": due}
        world.change("subscription", subscription, begun, UPDATED)
    elif status in ("past_due", "unpaid") and subscription["latest_invoice"] == invoice["id"]:
        world.change("subscription", subscription, {"status": "active"}, UPDATED)


def remember_method(world: World, invoice: Document, method: Document) -> None:
    """Make the card that paid the subscription's default, where the subscription asks for that."""
    subscription = subscription_of(world, invoice)
    if subscription is None or method["customer"] != subscription["customer"]:
        return
    if subscription["payment_settings"]["save_default_payment_method"] == "on_subscription":
        world.change("subscription", subscription, {"default_payment_method": method["id"]}, UPDATED)


def after_failure(world: World, invoice: Document, *, last: bool) -> None:
    """A failed renewal makes a subscription past due, the last attempt unpaid. A first invoice leaves it incomplete."""
    subscription = subscription_of(world, invoice)
    if subscription is None or subscription["status"] not in ("active", "trialing", "past_due"):
        return
    status = "unpaid" if last and invoice["collection_method"] == "charge_automatically" else "past_due"
    world.change("subscription", subscription, {"status": status}, UPDATED)


def after_giving_up(world: World, invoice: Document) -> None:
    """An invoice voided or written off no longer keeps its subscription behind."""
    subscription = subscription_of(world, invoice)
    if subscription is None or subscription["status"] not in ("past_due", "unpaid"):
        return
    if subscription["latest_invoice"] == invoice["id"]:
        world.change("subscription", subscription, {"status": "active"}, UPDATED)
