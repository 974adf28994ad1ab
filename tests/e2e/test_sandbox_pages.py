"""A person at the sandbox's pages in a browser: buys, is declined and tries again, adds a card, pays an invoice."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import stripe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.slow

OpenPage = Callable[..., Page]


@pytest.fixture
def client(sandbox: SandboxServer) -> stripe.StripeClient:
    places = dict.fromkeys(("api", "files", "connect", "meter_events"), sandbox.address)
    return stripe.StripeClient(sandbox.secret_key, base_addresses=places)


@pytest.fixture
def visit(browser: Browser) -> Iterator[OpenPage]:
    """Open an address as a new person; a page must not ask for anything that its own rules forbid."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_one(address: str, *, width: int = 1440, javascript: bool = True) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, java_script_enabled=javascript)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if "Refused" in message.text else None)
        page.goto(address)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert complaints == []


def new_session(client: stripe.StripeClient, address: str, **more: Any) -> stripe.checkout.Session:
    data = {"currency": "usd", "unit_amount": 2900, "recurring": {"interval": "month"}, "product_data": {"name": "Pro"}}
    return client.v1.checkout.sessions.create({
        "mode": "subscription", "line_items": [{"price": client.v1.prices.create(data).id, "quantity": 1}],
        "success_url": f"{address}/?paid={{CHECKOUT_SESSION_ID}}", "cancel_url": f"{address}/?cancelled", **more,
    })  # fmt: skip


@pytest.mark.parametrize(("width", "javascript"), [(1440, True), (390, False)])
def test_a_declined_card_is_replaced_and_the_plan_begins(
    client: stripe.StripeClient, sandbox: SandboxServer, visit: OpenPage, width: int, javascript: bool
) -> None:
    coupon = client.v1.coupons.create({"percent_off": 50, "duration": "once"}).id
    client.v1.promotion_codes.create({"promotion": {"type": "coupon", "coupon": coupon}, "code": "HALF"})
    session = new_session(client, sandbox.address, allow_promotion_codes=True)
    page = visit(session.url, width=width, javascript=javascript)
    expect(page.get_by_role("heading", level=1)).to_have_text("Subscribe to Pro")
    page.get_by_label("Promotion code").fill("half")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("US$14.50").first).to_be_visible()

    page.get_by_label("E-mail").fill("ada@example.com")
    page.get_by_role("button", name="Fill in 4000 0000 0000 0002").click()
    expect(page.get_by_label("E-mail")).to_have_value("ada@example.com")
    page.get_by_role("button", name="Subscribe").last.click()
    expect(page.get_by_role("alert")).to_contain_text("Your card was declined.")
    expect(page.get_by_label("Card number")).to_have_value("")

    page.get_by_role("button", name="Fill in 4242 4242 4242 4242").click()
    page.get_by_label("Security code").press("Enter")
    page.wait_for_url(f"**/?paid={session.id}")
    done = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["subscription"]})
    assert (done.payment_status, done.amount_total, done.subscription.status) == ("paid", 1450, "active")


def test_the_way_on_leads_to_another_origin_too(
    client: stripe.StripeClient, sandbox: SandboxServer, visit: OpenPage
) -> None:
    elsewhere = sandbox.address.replace("127.0.0.1", "localhost")
    session = new_session(client, elsewhere)
    page = visit(session.url)
    page.get_by_label("E-mail").fill("ada@example.com")
    page.get_by_role("button", name="Fill in 4000 0025 0000 3155").click()
    page.get_by_role("button", name="Subscribe").last.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Confirm with your bank")
    page.get_by_role("button", name="Complete authentication").click()
    page.wait_for_url(f"{elsewhere}/?paid={session.id}")
    back = visit(new_session(client, elsewhere).url)
    back.get_by_role("link", name="Back to").click()
    back.wait_for_url(f"{elsewhere}/?cancelled")


def test_a_bank_debit_shows_its_own_fields(
    client: stripe.StripeClient, sandbox: SandboxServer, visit: OpenPage
) -> None:
    page = visit(new_session(client, sandbox.address).url, javascript=False)
    page.get_by_label("E-mail").fill("ada@example.com")
    expect(page.get_by_label("Account holder")).to_be_hidden()
    page.get_by_label("Bank debit").check()
    expect(page.get_by_label("Card number")).to_be_hidden()
    page.get_by_label("Account holder").fill("Ada Lovelace")
    page.get_by_role("button", name="Subscribe").last.click()
    page.wait_for_url("**/?paid=**")
    page.get_by_role("button", name="Bank pays").click()
    expect(page.get_by_role("status")).to_have_text("The bank has paid.")


def test_a_card_is_added_in_the_portal(client: stripe.StripeClient, sandbox: SandboxServer, visit: OpenPage) -> None:
    customer = client.v1.customers.create({"email": "ada@example.com"}).id
    client.v1.billing_portal.configurations.create({"features": {"payment_method_update": {"enabled": True}}})
    params = {"customer": customer, "return_url": f"{sandbox.address}/?back"}
    page = visit(client.v1.billing_portal.sessions.create(params).url)
    page.get_by_role("link", name="Add a card").click()
    page.get_by_role("button", name="Fill in 5555 5555 5555 4444").click()
    page.get_by_role("button", name="Add this card").last.click()
    expect(page.get_by_text("Mastercard ending in 4444")).to_be_visible()
    expect(page.get_by_text("Default", exact=True)).to_be_visible()
    page.get_by_role("link", name="Back to").click()
    page.wait_for_url("**/?back")


def test_an_invoice_is_paid_and_downloaded(client: stripe.StripeClient, visit: OpenPage) -> None:
    customer = client.v1.customers.create({"email": "ada@example.com", "name": "Northwind"}).id
    params = {"customer": customer, "collection_method": "send_invoice", "days_until_due": 30}
    invoice = client.v1.invoices.create(params).id
    item = {"customer": customer, "invoice": invoice, "amount": 4200, "currency": "usd", "description": "Calls"}
    client.v1.invoice_items.create(item)
    page = visit(client.v1.invoices.finalize_invoice(invoice).hosted_invoice_url, width=390)
    page.get_by_label("Card number").fill("4242 4242 4242 4241")
    page.get_by_role("button", name="Pay US$42.00").last.click()
    page.get_by_role("alert").get_by_role("link", name="This is not a card number").click()
    expect(page.get_by_label("Card number")).to_be_focused()
    page.get_by_role("group").get_by_text("Test cards").click()
    page.get_by_role("button", name="Fill in 4242 4242 4242 4242").click()
    page.get_by_role("button", name="Pay US$42.00").last.click()
    expect(page.get_by_role("status")).to_have_text("Thank you: the invoice is paid.")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download PDF").click()
    assert download.value.suggested_filename.startswith("Invoice-")
