"""The hosted invoice: read, paid, refused, confirmed with the bank, downloaded."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import stripe

from tests.hosted_pages import ASKS_BANK, CARD, DECLINED, Visitor
from tests.sandbox_server import SandboxServer


@pytest.fixture
def client(sandbox: SandboxServer) -> stripe.StripeClient:
    places = dict.fromkeys(("api", "files", "connect", "meter_events"), sandbox.address)
    return stripe.StripeClient(sandbox.secret_key, base_addresses=places)


@pytest.fixture
def person() -> Iterator[Visitor]:
    visitor = Visitor()
    yield visitor
    visitor.close()


def open_invoice(client: stripe.StripeClient, *, lines: int = 2, **more: Any) -> stripe.Invoice:
    """An invoice that is sent and waits for its customer."""
    customer = client.v1.customers.create({"email": "ada@example.com", "name": "Northwind"}).id
    params = {"customer": customer, "collection_method": "send_invoice", "days_until_due": 30, "currency": "usd"}
    invoice = client.v1.invoices.create({**params, **more}).id
    for number in range(lines):
        item = {"customer": customer, "invoice": invoice, "amount": 1000 + number, "currency": "usd"}
        client.v1.invoice_items.create({**item, "description": f"Calls of week {number}"})
    return client.v1.invoices.finalize_invoice(invoice)


def test_an_open_invoice_is_read_and_paid(client: stripe.StripeClient, person: Visitor) -> None:
    invoice = open_invoice(client, description="Thank you")
    person.open(invoice.hosted_invoice_url)
    for words in (invoice.number, "US$20.01", "Calls of week 1", "Northwind", "Thank you", "Pay this invoice"):
        assert words in person.text
    person.press("pay", **CARD)
    assert "Thank you: the invoice is paid." in person.text
    paid = client.v1.invoices.retrieve(invoice.id, {"expand": ["payments"]})
    assert (paid.status, paid.amount_paid, paid.payments.data[0].status) == ("paid", 2001, "paid")
    assert "pay" not in person.buttons


def test_a_declined_card_is_on_record_and_may_be_replaced(client: stripe.StripeClient, person: Visitor) -> None:
    invoice = open_invoice(client)
    person.open(invoice.hosted_invoice_url).press("pay", **DECLINED)
    assert (person.status, "Your card was declined." in person.text) == (402, True)
    assert client.v1.invoices.retrieve(invoice.id).attempt_count == 1
    assert client.v1.events.list({"type": "invoice.payment_failed"}).data
    person.press("pay", **CARD)
    assert client.v1.invoices.retrieve(invoice.id).status == "paid"


def test_a_card_that_asks_the_bank_is_confirmed(client: stripe.StripeClient, person: Visitor) -> None:
    invoice = open_invoice(client)
    person.open(invoice.hosted_invoice_url).press("pay", **ASKS_BANK)
    assert "Confirm with your bank" in person.text
    assert client.v1.events.list({"type": "invoice.payment_action_required"}).data
    person.press("fail_authentication")
    assert "could not confirm that it was you" in person.text
    person.press("pay", **ASKS_BANK)
    person.press("authenticate")
    assert "Thank you: the invoice is paid." in person.text


def test_a_planned_wish_for_authentication_is_met_on_the_page(
    client: stripe.StripeClient, person: Visitor, sandbox: SandboxServer
) -> None:
    invoice = open_invoice(client)
    sandbox.control("fail_next_payment", action_required=True)
    person.open(invoice.hosted_invoice_url).press("pay", **CARD)
    person.press("authenticate")
    assert client.v1.invoices.retrieve(invoice.id).status == "paid"


def test_a_void_invoice_takes_no_payment(client: stripe.StripeClient, person: Visitor) -> None:
    invoice = open_invoice(client)
    person.open(invoice.hosted_invoice_url)
    client.v1.invoices.void_invoice(invoice.id)
    person.press("pay", **CARD)
    assert "This invoice is void" in person.text
    assert client.v1.invoices.retrieve(invoice.id).status == "void"


def test_an_unknown_invoice_has_neither_page_nor_document(sandbox: SandboxServer, person: Visitor) -> None:
    for address in ("/pay/nothing", "/pay/nothing/pdf"):
        assert person.open(f"{sandbox.address}{address}").status == 404
        assert "There is no such invoice" in person.text


def test_the_invoice_is_downloaded_as_a_pdf(client: stripe.StripeClient) -> None:
    invoice = open_invoice(client)
    document = httpx.get(invoice.invoice_pdf)
    assert document.headers["content-type"] == "application/pdf"
    assert document.headers["content-disposition"] == f'attachment; filename="Invoice-{invoice.number}.pdf"'
    assert document.headers["cache-control"] == "no-store"
    assert document.content.startswith(b"%PDF-")


def test_two_hundred_lines_are_all_there(client: stripe.StripeClient, person: Visitor) -> None:
    invoice = open_invoice(client, lines=200)
    page = person.open(invoice.hosted_invoice_url)
    assert page.text.count("Calls of week") == 200
    assert "200 lines; scroll to see all of them." in page.text
    assert httpx.get(invoice.invoice_pdf).content.startswith(b"%PDF-")
