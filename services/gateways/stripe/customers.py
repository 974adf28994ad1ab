"""Customers, and the card that pays for what is charged by itself."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from services.gateways.stripe.client import Stripe, given, without_none
from services.gateways.stripe.facts import CustomerFacts
from services.gateways.stripe.reading import id_or_none, metadata_of, seconds_of

CARDS: Final = [
    "default_source",
    "invoice_settings.default_payment_method",
    "subscriptions.data.default_payment_method",
]
BRANDS: Final = {
    "amex": "American Express",
    "diners": "Diners Club",
    "discover": "Discover",
    "jcb": "JCB",
    "mastercard": "Mastercard",
    "unionpay": "UnionPay",
    "visa": "Visa",
}


def create_customer(
    stripe: Stripe, *, key: str, name: str, email: str | None, metadata: Mapping[str, str], clock_id: str | None = None
) -> CustomerFacts:
    """A new customer, who lives by a test clock where one is named."""
    params = without_none(name=name, email=email or None, metadata=dict(metadata), test_clock=clock_id)
    return _facts(stripe.call(stripe.v1.customers.create, params, key=key))


def read_customer(stripe: Stripe, *, customer_id: str) -> CustomerFacts:
    """The customer as they are now; one that was deleted is still told of. Raises ProviderRefused (`is_missing`)."""
    return _facts(stripe.call(stripe.v1.customers.retrieve, given(customer_id), {"expand": CARDS}))


def find_customer(
    stripe: Stripe, *, metadata_name: str, metadata_value: str, created_from: datetime
) -> CustomerFacts | None:
    """The newest customer made since then who carries that metadata. It lists, for a search lags by a minute."""
    created = {"gte": seconds_of(created_from)}
    for found in stripe.listed(stripe.v1.customers.list, created=created):
        if metadata_of(found).get(metadata_name) == metadata_value:
            return _facts(found)
    return None


def charge_by_itself(stripe: Stripe, *, key: str, customer_id: str, subscription_id: str) -> CustomerFacts:
    """Let the card of a subscription pay the customer's other invoices too, unless they chose one for those already.

    Checkout keeps the card on the subscription alone; an invoice of its own would find none.
    """
    customer = stripe.call(stripe.v1.customers.retrieve, given(customer_id))
    subscription = stripe.call(stripe.v1.subscriptions.retrieve, given(subscription_id))
    card = id_or_none(subscription["default_payment_method"])
    is_open = not customer.get("deleted") and not id_or_none(customer["invoice_settings"]["default_payment_method"])
    if is_open and card is not None:
        chosen = {"invoice_settings": {"default_payment_method": card}}
        stripe.call(stripe.v1.customers.update, customer_id, chosen, key=key)
    return read_customer(stripe, customer_id=customer_id)


def _facts(customer: Mapping[str, Any]) -> CustomerFacts:
    if customer.get("deleted"):
        return CustomerFacts(customer["id"], is_deleted=True)
    return CustomerFacts(
        id=customer["id"],
        name=customer.get("name"),
        email=customer.get("email"),
        card=_card(customer),
        metadata=metadata_of(customer),
    )


def _card(customer: Mapping[str, Any]) -> str | None:
    """That of the subscription first: it is charged before the customer's own."""
    subscriptions = (customer.get("subscriptions") or {}).get("data", [])
    of_customer = customer["invoice_settings"]["default_payment_method"]
    candidates = [subscription["default_payment_method"] for subscription in subscriptions]
    for method in [*candidates, of_customer, customer.get("default_source")]:
        if isinstance(method, Mapping):
            return _worded(method)
    return None


def _worded(method: Mapping[str, Any]) -> str:
    """Such as "Visa ending 4242, expires 12/2030"; other ways to pay by their name and last four characters."""
    kind = str(method.get("type") or method.get("object") or "payment method")
    details = method.get(kind)
    details = details if isinstance(details, Mapping) else method
    brand = str(details.get("display_brand") or details.get("brand") or kind)
    name = BRANDS.get(brand.lower(), brand.replace("_", " ").capitalize())
    if details.get("last4"):
        name += f" ending {details['last4']}"
    if details.get("exp_month") and details.get("exp_year"):
        name += f", expires {details['exp_month']:02}/{details['exp_year']}"
    return name
