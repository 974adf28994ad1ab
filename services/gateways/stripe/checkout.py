"""Stripe's page on which a customer starts to pay for a plan."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from services.gateways.stripe.client import Stripe, given, without_none
from services.gateways.stripe.facts import CheckoutFacts
from services.gateways.stripe.reading import id_or_none, metadata_of, moment, seconds_of

TENANT: Final = "tallystick_tenant"
"""The metadata that says whose this is."""


def open_checkout(
    stripe: Stripe,
    *,
    key: str,
    customer_id: str,
    price_id: str,
    trial_days: int | None,
    success_url: str,
    cancel_url: str,
    metadata: Mapping[str, str],
    tax_rate_ids: Sequence[str] = (),
    expires_at: datetime | None = None,
) -> CheckoutFacts:
    """A page that starts a subscription of one price with these taxes on it. Its metadata goes on the subscription too.

    A card is asked for even where the first days are free.
    """
    rates = {"tax_rates": list(tax_rate_ids)} if tax_rate_ids else {}
    params = without_none(
        mode="subscription",
        customer=given(customer_id),
        line_items=[{"price": given(price_id), "quantity": 1, **rates}],
        client_reference_id=metadata[TENANT],
        metadata=dict(metadata),
        subscription_data=without_none(metadata=dict(metadata), trial_period_days=trial_days or None),
        allow_promotion_codes=True,
        payment_method_collection="always",
        tax_id_collection={"enabled": True},
        customer_update={"name": "auto", "address": "auto"},
        success_url=success_url,
        cancel_url=cancel_url,
        expires_at=None if expires_at is None else seconds_of(expires_at),
    )
    return _facts(stripe.call(stripe.v1.checkout.sessions.create, params, key=key))


def read_checkout(stripe: Stripe, *, checkout_id: str) -> CheckoutFacts:
    """How far the customer came."""
    return _facts(stripe.call(stripe.v1.checkout.sessions.retrieve, given(checkout_id)))


def expire_checkout(stripe: Stripe, *, checkout_id: str) -> CheckoutFacts:
    """Close the page. Raises ProviderRefused where it is complete or closed already."""
    return _facts(stripe.call(stripe.v1.checkout.sessions.expire, given(checkout_id)))


def _facts(session: Mapping[str, Any]) -> CheckoutFacts:
    return CheckoutFacts(
        id=session["id"],
        status=session["status"] or "open",
        payment_status=session["payment_status"],
        url=session["url"],
        customer_id=id_or_none(session["customer"]),
        subscription_id=id_or_none(session["subscription"]),
        invoice_id=id_or_none(session["invoice"]),
        expires_at=moment(session["expires_at"]),
        metadata=metadata_of(session),
        reference=session["client_reference_id"],
        email=(session["customer_details"] or {}).get("email"),
    )
