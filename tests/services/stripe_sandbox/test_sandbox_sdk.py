"""Stripe's own library against the sandbox over HTTP: its errors, its retries, its paging, and webhooks that arrive."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest
import stripe

from services.gateways import http_egress

if TYPE_CHECKING:
    from tests.sandbox_server import SandboxServer


def client_of(sandbox: "SandboxServer", key: str = "", retries: int = 0) -> stripe.StripeClient:
    addresses = dict.fromkeys(("api", "files", "connect", "meter_events"), sandbox.address)
    return stripe.StripeClient(key or sandbox.secret_key, base_addresses=addresses, max_network_retries=retries)


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[tuple[bytes, str]]]]:
    """An address that takes webhooks, and what it took: body and signature."""
    taken: list[tuple[bytes, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            taken.append((body, self.headers.get("Stripe-Signature", "")))
            self.send_response(302 if self.path == "/moved" else 200)
            self.send_header("Location", "/")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is logged."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", taken
    server.shutdown()
    server.server_close()


def test_refusals_become_the_librarys_exceptions(sandbox: "SandboxServer") -> None:
    client = client_of(sandbox)
    with pytest.raises(stripe.AuthenticationError, match="sandbox"):
        client_of(sandbox, "sk_live_real").v1.customers.list()
    with pytest.raises(stripe.InvalidRequestError) as missing:
        client.v1.customers.retrieve("cus_none")
    assert (missing.value.code, missing.value.http_status) == ("resource_missing", 404)
    customer = client.v1.customers.create({"email": "ann@example.com"})
    with pytest.raises(stripe.CardError) as declined:
        client.v1.payment_methods.attach("pm_card_chargeDeclined", {"customer": customer.id})
    assert declined.value.code == "card_declined"
    client.v1.customers.create({"name": "a"}, {"idempotency_key": "k"})
    with pytest.raises(stripe.IdempotencyError):
        client.v1.customers.create({"name": "b"}, {"idempotency_key": "k"})


def test_a_lost_answer_is_asked_for_again_and_nothing_is_done_twice(sandbox: "SandboxServer") -> None:
    client = client_of(sandbox, retries=3)
    for status in ("500", "drop_after", "timeout"):
        sandbox.control("answer_next", status=status, delay_seconds=0)
        client.v1.customers.create({"email": f"{status}@example.com"})
    assert len(client.v1.customers.list().data) == 3


def test_the_library_pages_through_everything(sandbox: "SandboxServer") -> None:
    client = client_of(sandbox)
    made = [client.v1.products.create({"name": f"P{place}"}).id for place in range(5)]
    paged = client.v1.products.list({"limit": 2}).auto_paging_iter()
    assert [product.id for product in paged] == made[::-1]


def test_a_subscription_is_bought_and_its_webhooks_arrive_signed(
    sandbox: "SandboxServer", receiver: tuple[str, list[tuple[bytes, str]]]
) -> None:
    address, taken = receiver
    client = client_of(sandbox)
    endpoint = client.v1.webhook_endpoints.create({"url": address, "enabled_events": ["invoice.paid"]})
    product = client.v1.products.create({"name": "Growth"})
    price = client.v1.prices.create(
        {"product": product.id, "currency": "usd", "unit_amount": 4_900, "recurring": {"interval": "month"}}
    )
    customer = client.v1.customers.create({"email": "ann@example.com"})
    method = client.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    bought = client.v1.subscriptions.create(
        {"customer": customer.id, "items": [{"price": price.id}], "default_payment_method": method.id}
    )
    assert bought.status == "active"
    sandbox.settle()
    body, signed = taken[0]
    event = stripe.Webhook.construct_event(body, signed, endpoint.secret or "")
    assert event.type == "invoice.paid"
    assert event.data.object["amount_paid"] == 4_900


def test_egress_answers_with_the_status_and_follows_no_redirect(
    receiver: tuple[str, list[tuple[bytes, str]]],
) -> None:
    address, taken = receiver
    assert http_egress.post(address, b"{}", {}, 5) == 200
    assert http_egress.post(f"{address}/moved", b"{}", {}, 5) == 302
    assert len(taken) == 2


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "nonsense", "http://[::bad"])
def test_egress_that_fails_says_so(url: str) -> None:
    with pytest.raises(http_egress.EgressFailed):
        http_egress.post(url, b"{}", {}, 2)
