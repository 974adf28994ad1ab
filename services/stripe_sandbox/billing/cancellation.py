"""Ending a subscription, at once or on its date."""

from typing import Any

from services.stripe_sandbox.documents import OF_SUBSCRIPTION, Document
from services.stripe_sandbox.errors import StripeError
from services.stripe_sandbox.world import World

ENDED = ("canceled", "incomplete_expired")


def cancel_now(
    world: World, subscription: Document, *, reason: str | None, details: dict[str, Any] | None = None
) -> Document:
    """End it at once. Its drafts no longer advance; its open invoices stay as they are but are not tried again."""
    if subscription["status"] in ENDED:
        raise StripeError(
            f"No such subscription: '{subscription['id']}' (it has already ended)", code="resource_missing", param="id"
        )
    at = world.now_for(subscription)
    changes = {
        "canceled_at": subscription["canceled_at"] or at,
        "cancellation_details": {**subscription["cancellation_details"], "reason": reason, **(details or {})},
        "ended_at": at,
        "status": "canceled",
        "_due": {},
    }
    for invoice in world.store.where("invoice", **{OF_SUBSCRIPTION.replace(".", "__"): subscription["id"]}):
        if invoice["status"] in ("draft", "open") and invoice["auto_advance"]:
            stopped: Document = {
                "auto_advance": False, "automatically_finalizes_at": None, "next_payment_attempt": None, "_due": {},
            }  # fmt: skip
            world.change("invoice", invoice, stopped, "invoice.updated")
    ended = world.change("subscription", subscription, changes)
    world.emit("customer.subscription.deleted", ended)
    return ended


def reach_cancel_date(world: World, subscription: Document) -> None:
    if subscription["status"] not in ENDED:
        cancel_now(world, subscription, reason="cancellation_requested")


WORKS = {"cancel": reach_cancel_date}
