"""The sandbox's home: what it lists, and its controls."""

from collections.abc import Iterator

import httpx
import pytest
import stripe

from tests.hosted_pages import CARD, Visitor
from tests.sandbox_server import SandboxServer


@pytest.fixture
def client(sandbox: SandboxServer) -> stripe.StripeClient:
    places = dict.fromkeys(("api", "files", "connect", "meter_events"), sandbox.address)
    return stripe.StripeClient(sandbox.secret_key, base_addresses=places)


@pytest.fixture
def person(sandbox: SandboxServer) -> Iterator[Visitor]:
    visitor = Visitor()
    yield visitor.open(sandbox.address)
    visitor.close()


def subscribe(client: stripe.StripeClient) -> stripe.Subscription:
    customer = client.v1.customers.create({"name": "Northwind", "payment_method": "pm_card_visa"}).id
    card = client.v1.customers.payment_methods.list(customer).data[0].id
    data = {"currency": "usd", "unit_amount": 2900, "recurring": {"interval": "month"}, "product_data": {"name": "Pro"}}
    price = client.v1.prices.create(data).id
    return client.v1.subscriptions.create(
        {"customer": customer, "items": [{"price": price}], "default_payment_method": card}
    )


def test_an_empty_sandbox_says_how_it_begins(person: Visitor) -> None:
    for words in ("No customer yet.", "No invoice yet.", "Nothing has happened yet.", "This page needs no key"):
        assert words in person.text


def test_time_passes_at_the_press_of_a_button(client: stripe.StripeClient, person: Visitor) -> None:
    subscription = subscribe(client)
    person.press("advance:month")
    person.press("advance:hour")
    person.press("advance:day")
    assert "A day has passed." in person.text
    invoices = client.v1.invoices.list({"subscription": subscription.id}).data
    assert [invoice.status for invoice in invoices] == ["paid", "paid"]
    assert "ahead of this machine" in person.text


def test_the_next_payment_fails_on_demand(client: stripe.StripeClient, person: Visitor) -> None:
    subscription = subscribe(client)
    person.press("fail_next")
    assert "The next payment will be declined." in person.text
    person.press("advance:month")
    person.press("advance:day")
    assert client.v1.subscriptions.retrieve(subscription.id).status == "past_due"
    assert "Past due" in person.open(str(person.page and person.page.url)).text
    person.press("fail_next")
    person.press("fail_none")
    assert "Payments go through" in person.text


def test_customers_invoices_and_events_are_listed(client: stripe.StripeClient, person: Visitor) -> None:
    subscription = subscribe(client)
    invoice = client.v1.invoices.retrieve(subscription.latest_invoice)
    person.open(str(person.page and person.page.url))
    for words in ("Northwind", "Active", invoice.number, "customer.subscription.created", "Nobody listens"):
        assert words in person.text


def test_the_portal_opens_from_here_once_it_is_configured(client: stripe.StripeClient, person: Visitor) -> None:
    customer = subscribe(client).customer
    person.press(f"portal:{customer}")
    assert "The portal cannot be opened" in person.text
    client.v1.billing_portal.configurations.create({"features": {"payment_method_update": {"enabled": True}}})
    person.open(str(person.page and person.page.url)).press(f"portal:{customer}")
    assert "Visa ending in 4242" in person.text


def test_an_event_is_sent_again(client: stripe.StripeClient, person: Visitor, sandbox: SandboxServer) -> None:
    client.v1.customers.create({"name": "Northwind"})
    sandbox.webhooks("http://127.0.0.1:9/nobody-is-here")
    event = client.v1.events.list().data[0]
    person.open(sandbox.address)
    person.press(f"resend:{event.id}")
    assert "The event is sent again." in person.text
    assert len(sandbox.sandbox.world.store.tables["_delivery"].order) == 1
    person.press("resend:evt_missing")
    assert "There is no such event" in person.text


def test_an_unknown_control_does_nothing(person: Visitor) -> None:
    assert person.press("advance:century").status == 404


def test_a_form_from_another_site_is_refused(sandbox: SandboxServer, person: Visitor) -> None:
    token = person._read.tokens[0]
    before = sandbox.control("clock")["offset_seconds"]
    form = {"action": "advance:day", "token": token}
    response = httpx.post(sandbox.address, data=form, headers={"Sec-Fetch-Site": "cross-site"})
    assert response.status_code == 403
    assert httpx.post(sandbox.address, data={**form, "x": "y" * 70_000}).status_code == 413
    assert sandbox.control("clock")["offset_seconds"] == before


def test_open_checkouts_are_linked(client: stripe.StripeClient, person: Visitor) -> None:
    session = client.v1.checkout.sessions.create({"mode": "setup", "success_url": "https://shop.example/"})
    person.open(str(person.page and person.page.url))
    assert person.links["Save a payment method"] == session.url
    person.open(session.url).press("pay", email="ada@example.com", **CARD)
    assert person.sent_to == "https://shop.example/"
