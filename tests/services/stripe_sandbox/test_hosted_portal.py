"""The customer portal: only what its configuration turns on, only for its own customer."""

from collections.abc import Iterator
from typing import Any

import pytest
import stripe

from tests.hosted_pages import CARD, DECLINED, Visitor
from tests.sandbox_server import SandboxServer

EVERYTHING: dict[str, Any] = {
    "customer_update": {"enabled": True, "allowed_updates": ["name", "email", "phone", "address", "tax_id"]},
    "invoice_history": {"enabled": True},
    "payment_method_update": {"enabled": True},
    "subscription_cancel": {"enabled": True, "mode": "at_period_end"},
}
RETURN_URL = "https://shop.example/billing"


@pytest.fixture
def client(sandbox: SandboxServer) -> stripe.StripeClient:
    places = dict.fromkeys(("api", "files", "connect", "meter_events"), sandbox.address)
    return stripe.StripeClient(sandbox.secret_key, base_addresses=places)


@pytest.fixture
def person() -> Iterator[Visitor]:
    visitor = Visitor()
    yield visitor
    visitor.close()


def new_customer(client: stripe.StripeClient, **more: Any) -> str:
    return client.v1.customers.create({"email": "ada@example.com", "name": "Northwind", **more}).id


def subscribe(client: stripe.StripeClient, customer: str) -> stripe.Subscription:
    """A monthly plan, paid with a card that is the subscription's own."""
    card = client.v1.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    data = {"currency": "usd", "unit_amount": 2900, "recurring": {"interval": "month"}, "product_data": {"name": "Pro"}}
    price = client.v1.prices.create(data).id
    return client.v1.subscriptions.create(
        {"customer": customer, "items": [{"price": price}], "default_payment_method": card}
    )


def portal_of(client: stripe.StripeClient, customer: str, features: dict[str, Any] | None = None) -> str:
    configuration = client.v1.billing_portal.configurations.create({"features": features or EVERYTHING}).id
    params = {"customer": customer, "configuration": configuration, "return_url": RETURN_URL}
    return client.v1.billing_portal.sessions.create(params).url


def test_an_empty_portal_says_what_is_missing(client: stripe.StripeClient, person: Visitor) -> None:
    person.open(portal_of(client, new_customer(client)))
    assert "No card is kept." in person.text
    assert "No invoice has been issued." in person.text
    assert person.links["← Back to Tallystick Sandbox"] == RETURN_URL


def test_a_card_is_added_made_default_and_removed(client: stripe.StripeClient, person: Visitor) -> None:
    customer = new_customer(client)
    subscription = subscribe(client, customer)
    home = portal_of(client, customer)
    person.open(f"{home}/card").press("add", **DECLINED, default="yes")
    assert "Your card was declined." in person.text
    person.press("add", **{**CARD, "card_number": "5555 5555 5555 4444"}, default="yes")
    assert "The card is added." in person.text
    assert "Mastercard ending in 4444" in person.text
    known = client.v1.customers.retrieve(customer)
    added = known.invoice_settings.default_payment_method
    assert client.v1.subscriptions.retrieve(subscription.id).default_payment_method == added

    person.press("make_default", payment_method=subscription.default_payment_method)
    known = client.v1.customers.retrieve(customer)
    assert known.invoice_settings.default_payment_method == subscription.default_payment_method
    person.press("remove", payment_method=added)
    assert "The card is removed." in person.text
    assert [card.card.last4 for card in client.v1.customers.payment_methods.list(customer).data] == ["4242"]


def test_details_and_tax_ids_are_changed(client: stripe.StripeClient, person: Visitor) -> None:
    customer = new_customer(client)
    home = portal_of(client, customer)
    person.open(f"{home}/details").press("save", name="Northwind Ltd", email="nobody")
    assert "Enter an e-mail address" in person.text
    place = {"line1": "1 King St", "city": "Toronto", "state": "ON", "postal_code": "M5H 1A1", "country": "CA"}
    person.press("save", name="Northwind Ltd", email="bills@example.com", phone="", **place)
    assert "Your billing details are saved." in person.text
    known = client.v1.customers.retrieve(customer)
    assert (known.name, known.email, known.address.city) == ("Northwind Ltd", "bills@example.com", "Toronto")
    person.open(f"{home}/details").press("add_tax_id", tax_id_type="eu_vat", tax_id="DE123456789")
    assert "DE123456789" in person.text
    tax_id = client.v1.customers.tax_ids.list(customer).data[0].id
    person.press("remove_tax_id", tax_id_id=tax_id)
    assert client.v1.customers.tax_ids.list(customer).data == []


def test_invoices_are_listed_with_their_pages(client: stripe.StripeClient, person: Visitor) -> None:
    customer = new_customer(client)
    invoice = client.v1.invoices.retrieve(subscribe(client, customer).latest_invoice)
    person.open(portal_of(client, customer))
    assert invoice.number in person.text
    assert "US$29.00" in person.text
    assert invoice.hosted_invoice_url in person.links.values()
    assert invoice.invoice_pdf in person.links.values()


def test_a_subscription_is_cancelled_and_kept(client: stripe.StripeClient, person: Visitor) -> None:
    customer = new_customer(client)
    subscription = subscribe(client, customer).id
    person.open(portal_of(client, customer)).press("cancel", subscription=subscription)
    assert "ends with the period that is paid" in person.text
    assert client.v1.subscriptions.retrieve(subscription).cancel_at_period_end
    person.press("keep", subscription=subscription)
    assert not client.v1.subscriptions.retrieve(subscription).cancel_at_period_end
    at_once = {**EVERYTHING, "subscription_cancel": {"enabled": True, "mode": "immediately"}}
    person.open(portal_of(client, customer, at_once)).press("cancel", subscription=subscription)
    assert client.v1.subscriptions.retrieve(subscription).status == "canceled"


def test_what_is_turned_off_is_neither_shown_nor_done(client: stripe.StripeClient, person: Visitor) -> None:
    customer = new_customer(client)
    subscription = subscribe(client, customer)
    home = portal_of(client, customer, {"invoice_history": {"enabled": True}})
    person.open(home)
    assert "Payment methods" not in person.text
    assert "Billing details" not in person.text
    assert person.buttons == []
    for page in ("card", "details"):
        assert person.open(f"{home}/{page}").status == 403
    other = portal_of(client, customer)
    person.open(other)
    token = person._read.tokens[0]
    person.open(home)
    person._read.tokens = [token]
    person.press("cancel", subscription=subscription.id)
    assert person.status == 403
    assert client.v1.subscriptions.retrieve(subscription.id).status == "active"


def test_a_portal_does_nothing_to_another_customers_things(client: stripe.StripeClient, person: Visitor) -> None:
    theirs = subscribe(client, new_customer(client))
    ours = new_customer(client)
    subscribe(client, ours)
    person.open(portal_of(client, ours)).press("cancel", subscription=theirs.id)
    assert person.status == 404
    assert not client.v1.subscriptions.retrieve(theirs.id).cancel_at_period_end
    person.open(portal_of(client, ours)).press("remove", payment_method=theirs.default_payment_method)
    assert person.status == 404


def test_a_session_for_one_thing_begins_there_and_leads_on(client: stripe.StripeClient, person: Visitor) -> None:
    customer = new_customer(client)
    client.v1.billing_portal.configurations.create({"features": EVERYTHING})
    after = {"type": "redirect", "redirect": {"return_url": "https://other.example/thanks"}}
    flow = {"type": "payment_method_update", "after_completion": after}
    session = client.v1.billing_portal.sessions.create({"customer": customer, "flow_data": flow})
    person.open(session.url)
    assert "Add a card" in person.text
    assert "https://other.example" in str(person.page and person.page.headers["content-security-policy"])
    person.press("add", **CARD, default="yes")
    assert person.sent_to == "https://other.example/thanks"


def test_a_portal_page_runs_out_after_a_day(
    client: stripe.StripeClient, person: Visitor, sandbox: SandboxServer
) -> None:
    home = portal_of(client, new_customer(client))
    sandbox.advance(86_400 + 60)
    assert person.open(home).status == 410
    assert person.open(f"{sandbox.address}/p/session/unheard-of").status == 404
