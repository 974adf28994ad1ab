"""What Stripe calls an object, as the sandbox keeps it: a JSON document that is replaced, never altered in place.

Because a stored document is never altered, an event can hold it as its snapshot and a failed call can be undone.
Keys that begin with an underscore are the sandbox's own and are not shown.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
ID_LENGTH = 24
SHORT_ID_LENGTH = 14
SHORT_IDS = {"cus", "prod", "sub_item"}


@dataclass(frozen=True)
class Kind:
    """One of Stripe's object names: how its ids begin and what it is looked up by (dotted paths)."""

    prefix: str
    indexes: tuple[str, ...] = ()


OF_SUBSCRIPTION = "parent.subscription_details.subscription"

KINDS: dict[str, Kind] = {
    "customer": Kind("cus", ("email", "test_clock")),
    "tax_id": Kind("txi", ("customer",)),
    "customer_balance_transaction": Kind("cbtxn", ("customer",)),
    "payment_method": Kind("pm", ("customer",)),
    "setup_intent": Kind("seti", ("customer",)),
    "product": Kind("prod"),
    "price": Kind("price", ("product", "lookup_key")),
    "coupon": Kind("coupon"),
    "promotion_code": Kind("promo", ("code", "promotion.coupon")),
    "discount": Kind("di"),
    "tax_rate": Kind("txr"),
    "subscription": Kind("sub", ("customer", "test_clock")),
    "subscription_item": Kind("si", ("subscription",)),
    "invoiceitem": Kind("ii", ("customer", "invoice", "_pending_for")),
    "invoice": Kind("in", ("customer", OF_SUBSCRIPTION, "_secret")),
    "line_item": Kind("il", ("invoice",)),
    "invoice_payment": Kind("inpay", ("invoice", "payment.payment_intent")),
    "payment_intent": Kind("pi", ("customer",)),
    "charge": Kind("ch", ("customer", "payment_intent")),
    "refund": Kind("re", ("charge", "payment_intent")),
    "dispute": Kind("du", ("charge", "payment_intent")),
    "credit_note": Kind("cn", ("invoice", "customer")),
    "credit_note_line_item": Kind("cnli", ("_credit_note",)),
    "webhook_endpoint": Kind("we"),
    "event": Kind("evt", ("type",)),
    "test_helpers.test_clock": Kind("clock"),
    "checkout.session": Kind("cs_test", ("customer", "subscription", "payment_link")),
    "payment_link": Kind("plink"),
    "billing_portal.configuration": Kind("bpc"),
    "billing_portal.session": Kind("bps", ("_secret",)),
    # The sandbox's own records.
    "_answer": Kind("_answer"),
    "_delivery": Kind("_delivery", ("event",)),
}
KIND_OF_PREFIX = {kind.prefix: name for name, kind in KINDS.items()}


def new_id(prefix: str) -> str:
    """An id that looks like Stripe's and cannot be guessed, e.g. `in_…`."""
    return f"{prefix}_{random_text(SHORT_ID_LENGTH if prefix in SHORT_IDS else ID_LENGTH)}"


def random_text(length: int) -> str:
    return "".join(ALPHABET[byte % len(ALPHABET)] for byte in secrets.token_bytes(length))


def kind_of_id(identifier: str) -> str | None:
    return KIND_OF_PREFIX.get(identifier.rpartition("_")[0])


def at_path(document: Document, path: str) -> Any:
    """The value at a dotted path, None where any step is missing or null."""
    value: Any = document
    for step in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return value


def shown(document: Mapping[str, Any]) -> Document:
    """The document without the sandbox's own keys."""
    return {key: value for key, value in document.items() if not key.startswith("_")}


def previous_attributes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Document:
    """The former values of what differs, nested objects reduced to what differs in them."""
    changed: Document = {}
    for key in [*old, *(key for key in new if key not in old)]:
        before, after = old.get(key), new.get(key)
        if key.startswith("_") or before == after:
            continue
        nested = isinstance(before, dict) and isinstance(after, dict) and before.get("object") != "list"
        changed[key] = previous_attributes(before, after) if nested else before  # type: ignore[arg-type]
    return changed


def list_of(data: list[Document], url: str, *, has_more: bool = False) -> Document:
    return {"object": "list", "data": data, "has_more": has_more, "url": url}
