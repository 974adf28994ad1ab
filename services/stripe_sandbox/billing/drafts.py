"""Draft invoices: opened, filled with a subscription's lines and pending items, and kept in sum while they change."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from services.stripe_sandbox.billing.item_lines import add_item_line
from services.stripe_sandbox.billing.lines import (
    add_line,
    invoice_item_parent,
    summed,
)
from services.stripe_sandbox.clock import DAY, HOUR
from services.stripe_sandbox.documents import Document, list_of, random_text, shown
from services.stripe_sandbox.resources.account import ACCOUNT_COUNTRY, ACCOUNT_NAME
from services.stripe_sandbox.world import World

GRACE_SECONDS = HOUR
"""How long an automatic draft stays open to changes."""
SECRET_LENGTH = 40
DAYS_UNTIL_DUE_DEFAULT = 30


def blank_invoice(
    world: World,
    customer: Document,
    *,
    reason: str,
    currency: str,
    period: tuple[int, int],
    subscription: Document | None = None,
    collection_method: str = "charge_automatically",
    auto_advance: bool = False,
) -> Document:
    """An empty draft, not yet remembered, with the customer's and the subscription's defaults."""
    at = world.now_for(customer)
    charged = collection_method == "charge_automatically"
    identifier = world.new_id("invoice")
    return {
        "id": identifier,
        "object": "invoice",
        "account_country": ACCOUNT_COUNTRY,
        "account_name": ACCOUNT_NAME,
        "account_tax_ids": None,
        "amount_due": 0,
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_remaining": 0,
        "amount_shipping": 0,
        "application": None,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": auto_advance,
        "automatic_tax": {
            "disabled_reason": None, "enabled": False, "liability": None, "provider": None, "status": None,
        },
        "automatically_finalizes_at": at + GRACE_SECONDS if auto_advance else None,
        "billing_reason": reason,
        "collection_method": collection_method,
        "created": at,
        "currency": currency,
        "custom_fields": None,
        "customer": customer["id"],
        "customer_account": None,
        **customer_details(world, customer),
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "due_date": None,
        "effective_at": None,
        "ending_balance": None,
        "footer": customer["invoice_settings"]["footer"],
        "from_invoice": None,
        "hosted_invoice_url": None,
        "invoice_pdf": None,
        "issuer": {"type": "self"},
        "last_finalization_error": None,
        "latest_revision": None,
        "lines": list_of([], f"/v1/invoices/{identifier}/lines"),
        "livemode": False,
        "metadata": {},
        "next_payment_attempt": at + GRACE_SECONDS if charged and auto_advance else None,
        "number": None,
        "on_behalf_of": None,
        "parent": _parent(subscription),
        "payment_settings": {
            "default_mandate": None, "payment_method_options": None, "payment_method_types": None,
        },
        "period_end": period[1],
        "period_start": period[0],
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "receipt_number": None,
        "rendering": None,
        "shipping_cost": None,
        "shipping_details": None,
        "starting_balance": customer["balance"],
        "statement_descriptor": None,
        "status": "draft",
        "status_transitions": {
            "finalized_at": None, "marked_uncollectible_at": None, "paid_at": None, "voided_at": None,
        },
        "subtotal": 0,
        "subtotal_excluding_tax": 0,
        "test_clock": customer["test_clock"],
        "total": 0,
        "total_discount_amounts": [],
        "total_excluding_tax": 0,
        "total_pretax_credit_amounts": [],
        "total_taxes": [],
        "webhooks_delivered_at": at,
        "_days_until_due": None,
        "_due": {"finalize": at + GRACE_SECONDS} if auto_advance else {},
        "_secret": random_text(SECRET_LENGTH),
    }  # fmt: skip


def customer_details(world: World, customer: Document) -> Document:
    """What an invoice says of its customer, fixed when it is finalised."""
    tax_ids = world.store.where("tax_id", customer=customer["id"])
    return {
        "customer_address": customer["address"],
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "customer_phone": customer["phone"],
        "customer_shipping": customer["shipping"],
        "customer_tax_exempt": customer["tax_exempt"],
        "customer_tax_ids": [{"type": tax_id["type"], "value": tax_id["value"]} for tax_id in tax_ids],
    }


def _parent(subscription: Document | None) -> Document | None:
    if subscription is None:
        return None
    details = {"metadata": subscription["metadata"], "subscription": subscription["id"]}
    return {"quote_details": None, "subscription_details": details, "type": "subscription_details"}


def draft_for_subscription(
    world: World,
    subscription: Document,
    *,
    reason: str,
    period: tuple[int, int],
    charged: tuple[int, int] | None,
    auto_advance: bool = True,
    fraction: Decimal = Decimal(1),
) -> Document:
    """Open an invoice for a subscription: its items for the time `charged` (None: none), and what is pending.

    `period` is the invoice's own, the time that just passed. `fraction` charges part of the price for a short period.
    """
    customer = world.get("customer", subscription["customer"])
    invoice = blank_invoice(
        world, customer, reason=reason, currency=subscription["currency"], period=period, subscription=subscription,
        collection_method=subscription["collection_method"], auto_advance=auto_advance,
    ) | {
        "default_payment_method": subscription["default_payment_method"],
        "default_tax_rates": subscription["default_tax_rates"] or [],
        "description": subscription["description"],
        "discounts": subscription["discounts"],
        "_days_until_due": subscription["days_until_due"],
    }  # fmt: skip
    take_pending_items(world, invoice, subscription)
    if charged is not None:
        for item in world.store.where("subscription_item", subscription=subscription["id"]):
            add_item_line(world, invoice, subscription, item, charged=charged, fraction=fraction)
    return world.add("invoice", invoice | summed(world, invoice), "invoice.created")


def take_pending_items(world: World, invoice: Document, subscription: Document | None) -> None:
    """Move the customer's pending items onto a new draft: those of this subscription and those of none."""
    for item in world.store.where("invoiceitem", _pending_for=invoice["customer"]):
        of = ((item["parent"] or {}).get("subscription_details") or {}).get("subscription")
        ours = of is None or (subscription is not None and of == subscription["id"])
        if ours and item["currency"] == invoice["currency"]:
            put_on_invoice(world, item, invoice)


def put_on_invoice(world: World, item: Document, invoice: Document) -> Document:
    """Put an invoice item on a draft: the item names the invoice from now on. The line is the answer."""
    line = add_line(
        world,
        invoice=invoice["id"],
        amount=item["amount"],
        currency=item["currency"],
        description=item["description"],
        period=(item["period"]["start"], item["period"]["end"]),
        pricing=item["pricing"],
        parent=invoice_item_parent(item),
        quantity=Decimal(item["quantity_decimal"]),
        discountable=item["discountable"],
        discounts=item["discounts"],
        tax_rates=[rate["id"] for rate in item["tax_rates"]] if item["tax_rates"] else None,
        metadata=item["metadata"],
        subscription=((item["parent"] or {}).get("subscription_details") or {}).get("subscription"),
    )
    changes = {"invoice": invoice["id"], "_pending_for": None, "_line": line["id"]}
    world.change("invoiceitem", item, changes)
    return line


def resum(world: World, invoice: Document, **changes: Any) -> Document:
    """Bring a draft up to date with its lines, with further changes, and tell of it."""
    changed = {**invoice, **changes}
    return world.change("invoice", invoice, {**changes, **summed(world, changed)}, "invoice.updated")


def tax_rates_named(world: World, ids: Sequence[str] | None, param: str) -> list[Document]:
    """The tax rates of these ids, as they are shown inside other objects."""
    return [shown(world.get("tax_rate", identifier, param=param)) for identifier in ids or ()]


def due_date_of(invoice: Document, at: int) -> int | None:
    """When an invoice that is sent is due: its own date, or so many days after it is finalised."""
    if invoice["collection_method"] != "send_invoice":
        return None
    days = invoice["_days_until_due"]
    due: int | None = invoice["due_date"]
    return due if due is not None else at + DAY * (DAYS_UNTIL_DUE_DEFAULT if days is None else days)
