"""Stripe's page on which a customer changes their card and their address."""

from services.gateways.stripe.client import Stripe, given, without_none


def open_portal(stripe: Stripe, *, customer_id: str, return_url: str, configuration_id: str | None) -> str:
    """The page's address, for this customer alone and for minutes; the account's own configuration unless one is given.

    Raises ProviderRefused where the account has none.
    """
    params = without_none(customer=given(customer_id), return_url=return_url, configuration=configuration_id)
    return str(stripe.call(stripe.v1.billing_portal.sessions.create, params)["url"])
