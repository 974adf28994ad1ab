"""Subscriptions: they bring the flat base price and nothing else; what use and changes cost is ours to add."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from services.errors import ProviderRefused
from services.gateways.stripe.client import Stripe, given
from services.gateways.stripe.discounts import DISCOUNTS, coupons_of
from services.gateways.stripe.facts import SubscriptionFacts
from services.gateways.stripe.reading import id_of, id_or_none, metadata_of, moment, moment_or_none, seconds_of
from services.rules.utc_cycles import UtcCycle

OVER: Final = frozenset({"canceled", "incomplete_expired"})


def create_subscription(
    stripe: Stripe,
    *,
    key: str,
    customer_id: str,
    price: Mapping[str, Any],
    first_charge: UtcCycle | datetime,
    metadata: Mapping[str, str],
) -> SubscriptionFacts:
    """One that charges the price for the first time as a cycle comes around next, and each time after. Until then it
    charges nothing.

    A first charge at a moment, further ahead than one month or year, is the end of a trial, and the cycle is its own.
    """
    params = {
        "customer": given(customer_id),
        "items": [{**price, "quantity": 1}],
        **_start(first_charge),
        "proration_behavior": "none",
        "payment_behavior": "allow_incomplete",
        "collection_method": "charge_automatically",
        "metadata": dict(metadata),
        "expand": DISCOUNTS,
    }
    return _facts(stripe.call(stripe.v1.subscriptions.create, params, key=key))


def read_subscription(stripe: Stripe, *, subscription_id: str) -> SubscriptionFacts:
    """The subscription as it is now, over or not."""
    return _facts(stripe.call(stripe.v1.subscriptions.retrieve, given(subscription_id), {"expand": DISCOUNTS}))


def find_subscription(
    stripe: Stripe, *, customer_id: str, metadata_name: str, metadata_value: str
) -> SubscriptionFacts | None:
    """The customer's newest one that carries that metadata; one that is over only where no other does."""
    expand = [f"data.{path}" for path in DISCOUNTS]
    every = stripe.listed(stripe.v1.subscriptions.list, customer=given(customer_id), status="all", expand=expand)
    found = [one for one in every if metadata_of(one).get(metadata_name) == metadata_value]
    found.sort(key=lambda one: (one["status"] in OVER, -one["created"]))
    return _facts(found[0]) if found else None


def cancel_subscription(stripe: Stripe, *, key: str, subscription_id: str) -> SubscriptionFacts:
    """End it now. Nothing is given back and no last invoice is made: that is ours."""
    ending = {"invoice_now": False, "prorate": False, "expand": DISCOUNTS}
    return _facts(stripe.call(stripe.v1.subscriptions.cancel, given(subscription_id), ending, key=key))


def change_price(
    stripe: Stripe, *, key: str, subscription_id: str, item_id: str, price: Mapping[str, Any]
) -> SubscriptionFacts:
    """Charge another price from its next renewal on. What the running term costs more or less is ours to bill."""
    params = {
        "items": [{"id": given(item_id), **price}],
        "proration_behavior": "none",
        "expand": DISCOUNTS,
    }
    return _facts(stripe.call(stripe.v1.subscriptions.update, given(subscription_id), params, key=key))


def plan_end(
    stripe: Stripe, *, key: str, subscription_id: str, at_period_end: bool, metadata: Mapping[str, str]
) -> SubscriptionFacts:
    """Let it end as its period does, or go on. An empty value takes a name out of its metadata."""
    params = {"cancel_at_period_end": at_period_end, "metadata": dict(metadata), "expand": DISCOUNTS}
    return _facts(stripe.call(stripe.v1.subscriptions.update, given(subscription_id), params, key=key))


def price_of_amount(*, product_id: str, amount_minor: int, currency: str, interval: str) -> dict[str, Any]:
    """A price that is made for one subscription, where none stands in the catalogue."""
    recurring = {"interval": interval}
    made = {"product": product_id, "unit_amount": amount_minor, "currency": currency.lower(), "recurring": recurring}
    return {"price_data": made}


def _start(first_charge: UtcCycle | datetime) -> dict[str, Any]:
    """A cycle goes as such: of a moment on 28 February Stripe would make the 28th of every month after."""
    if isinstance(first_charge, datetime):
        return {"trial_end": seconds_of(first_charge)}
    given = {name: value for name, value in asdict(first_charge).items() if value is not None}
    return {"billing_cycle_anchor_config": given}


def _facts(subscription: Mapping[str, Any]) -> SubscriptionFacts:
    items = subscription["items"]["data"]
    if not items:
        raise ProviderRefused(f"The subscription {subscription['id']} has no item at the payment provider.")
    return SubscriptionFacts(
        id=subscription["id"],
        customer_id=id_of(subscription["customer"], what="customer"),
        status=subscription["status"],
        item_id=items[0]["id"],
        price_id=id_of(items[0]["price"], what="price"),
        price_minor=items[0]["price"]["unit_amount"],
        price_interval=items[0]["price"]["recurring"]["interval"],
        started_at=moment(subscription["start_date"]),
        current_period_start=moment(items[0]["current_period_start"]),
        current_period_end=moment(items[0]["current_period_end"]),
        cancel_at_period_end=subscription["cancel_at_period_end"],
        trial_ends_at=moment_or_none(subscription["trial_end"]),
        canceled_at=moment_or_none(subscription["canceled_at"]),
        ended_at=moment_or_none(subscription["ended_at"]),
        has_pause=subscription["pause_collection"] is not None,
        latest_invoice_id=id_or_none(subscription["latest_invoice"]),
        discounts=coupons_of(subscription),
        metadata=metadata_of(subscription),
    )
