"""Prorations: the unused part of what was paid given back, the rest of the period charged at the new price."""

from decimal import Decimal

from services.stripe_sandbox.billing.amounts import price_amount, rounded
from services.stripe_sandbox.billing.lines import pricing_of
from services.stripe_sandbox.billing.subscriptions import share_of_interval
from services.stripe_sandbox.documents import Document
from services.stripe_sandbox.world import World


def prorate(world: World, subscription: Document, old: Document | None, new: Document | None, at: int) -> None:
    """Pending items for an item that changed, came (old None) or went (new None) within its period."""
    end = subscription["_period"][1]
    if subscription["status"] == "trialing" or not at < end:
        return
    left = share_of_interval(subscription, at, end)
    if old is not None:
        _proration(world, subscription, old, -left, words="Unused time on", at=at)
    if new is not None:
        _proration(world, subscription, new, left, words="Remaining time on", at=at)


def _proration(world: World, subscription: Document, item: Document, share: Decimal, *, words: str, at: int) -> None:
    price = world.get("price", item["price"]["id"])
    quantity = item.get("quantity", 0)
    product = world.store.find("product", price["product"])
    name = product["name"] if product else price["product"]
    prefix = f"{quantity} × " if quantity != 1 else ""
    amount = rounded(price_amount(price, quantity) * share)
    details = {"subscription": subscription["id"], "subscription_item": item["id"]}
    invoice_item = {
        "id": world.new_id("invoiceitem"),
        "object": "invoiceitem",
        "amount": amount,
        "currency": price["currency"],
        "customer": subscription["customer"],
        "customer_account": None,
        "date": at,
        "description": f"{words} {prefix}{name}",
        "discountable": False,
        "discounts": [],
        "invoice": None,
        "livemode": False,
        "metadata": subscription["metadata"],
        "parent": {"subscription_details": details, "type": "subscription_details"},
        "period": {"end": subscription["_period"][1], "start": at},
        "pricing": pricing_of(price, price["unit_amount_decimal"]),
        "proration": True,
        "quantity": quantity,
        "quantity_decimal": str(quantity),
        "tax_rates": item["tax_rates"],
        "test_clock": subscription["test_clock"],
        "_pending_for": subscription["customer"],
    }
    world.add("invoiceitem", invoice_item, "invoiceitem.created")
