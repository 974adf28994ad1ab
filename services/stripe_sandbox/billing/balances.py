"""A customer's balance: below zero it is credit, which the next invoice uses up; above zero it is owed."""

from typing import Any

from services.stripe_sandbox.documents import Document
from services.stripe_sandbox.world import World


def record_balance_change(
    world: World,
    customer: Document,
    amount: int,
    kind: str,
    *,
    currency: str,
    invoice: str | None = None,
    credit_note: str | None = None,
    description: str | None = None,
    metadata: dict[str, str] | None = None,
    apply: bool = False,
) -> Document:
    """Note that the balance changes by `amount` in the smallest unit; with `apply`, change it too."""
    ending = customer["balance"] + amount
    transaction: dict[str, Any] = {
        "id": world.new_id("customer_balance_transaction"),
        "object": "customer_balance_transaction",
        "amount": amount,
        "checkout_session": None,
        "created": world.now_for(customer),
        "credit_note": credit_note,
        "currency": currency,
        "customer": customer["id"],
        "customer_account": None,
        "description": description,
        "ending_balance": ending,
        "invoice": invoice,
        "livemode": False,
        "metadata": metadata or {},
        "type": kind,
    }
    world.add("customer_balance_transaction", transaction)
    if apply:
        changes = {"balance": ending, "currency": customer["currency"] or currency}
        world.change("customer", customer, changes, "customer.updated")
    return transaction
