"""How Stripe is called: when again, how long, and what comes of it. A scripted server plays the answers of bad days."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from services.errors import ProviderRefused, ProviderUnavailable
from services.gateways.stripe import client, customers
from services.gateways.stripe.client import Stripe, open_stripe, stripe, without_none
from services.gateways.stripe.connection import Connection

KEY = "sk_test_0123456789abcdef"
CUSTOMER = {
    "id": "cus_1",
    "object": "customer",
    "name": "Acme",
    "email": None,
    "metadata": {},
    "invoice_settings": {"default_payment_method": None},
    "default_source": None,
}


@dataclass
class Script:
    """What the server answers, one after the other, and what it was asked."""

    answers: list[tuple[int, dict[str, str], Any]] = field(default_factory=list)
    asked: list[tuple[str, str, Message, str]] = field(default_factory=list)
    hang_seconds: float = 0

    def then(self, status: int, body: Any, **headers: str) -> "Script":
        self.answers.append((status, headers, body))
        return self


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def acting(script: Script, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stripe]:
    monkeypatch.setattr(client, "BACKOFF_SECONDS", 0.01)
    monkeypatch.setattr("stripe.HTTPClient.INITIAL_DELAY", 0.01)

    class Acting(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            said = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            script.asked.append((self.command, self.path, self.headers, said))
            time.sleep(script.hang_seconds)
            status, headers, body = script.answers.pop(0) if len(script.answers) > 1 else script.answers[0]
            sent = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(sent)), **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            with suppress(BrokenPipeError):  # the caller may have hung up
                self.wfile.write(sent)

        do_POST = do_DELETE = do_GET  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Acting)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield open_stripe(Connection("test", KEY, f"http://127.0.0.1:{server.server_port}/below"))
    server.shutdown()
    thread.join()
    server.server_close()


def refusing(kind: str = "invalid_request_error", **members: str) -> dict[str, Any]:
    return {"error": {"type": kind, "message": "It said no.", **members}}


def read(stripe: Stripe) -> Any:
    return customers.read_customer(stripe, customer_id="cus_1")


def make(stripe: Stripe) -> Any:
    return customers.create_customer(stripe, key="our-key", name="Acme", email=None, metadata={"a": "b"})


def test_a_call_goes_to_our_address_with_the_pinned_version_and_our_idempotency_key(
    acting: Stripe, script: Script
) -> None:
    script.then(200, CUSTOMER)
    assert make(acting).name == "Acme"
    ((method, path, headers, said),) = script.asked
    assert (method, path) == ("POST", "/below/v1/customers")
    assert headers["Stripe-Version"] == "2026-10-28.endive"
    assert headers["Idempotency-Key"] == "our-key"
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert headers["X-Stripe-Client-Telemetry"] is None
    assert said == "name=Acme&metadata[a]=b"


def test_what_is_missing_says_so(acting: Stripe, script: Script) -> None:
    script.then(404, refusing(code="resource_missing", param="id"))
    with pytest.raises(ProviderRefused, match="It said no") as refused:
        read(acting)
    assert refused.value.is_missing
    assert (refused.value.provider_code, refused.value.param) == ("resource_missing", "id")
    assert (refused.value.provider_status, refused.value.status) == (404, 502)
    assert len(script.asked) == 1


def test_what_stripe_says_by_type_alone_has_a_code_too(acting: Stripe, script: Script) -> None:
    script.then(400, refusing("idempotency_error"))
    with pytest.raises(ProviderRefused) as refused:
        make(acting)
    assert refused.value.provider_code == "idempotency_error"
    assert not refused.value.is_missing


@pytest.mark.parametrize("said", [f"Invalid API Key provided: {KEY}", "Expired key rk_live_****ab.cd", "whsec_abc"])
def test_a_refusal_repeats_no_key(acting: Stripe, script: Script, said: str) -> None:
    script.then(401, refusing(message=said))
    with pytest.raises(ProviderRefused) as refused:
        read(acting)
    told = repr(refused.value) + refused.value.detail + str(refused.value.__cause__)
    assert not any(secret in told for secret in ("sk_test", "rk_live", "whsec_"))
    assert refused.value.provider_status == 401


def test_too_many_requests_are_made_again_under_the_same_key(acting: Stripe, script: Script) -> None:
    busy = refusing("rate_limit_error", code="rate_limit")
    script.then(429, busy).then(429, busy).then(200, CUSTOMER)
    assert make(acting).id == "cus_1"
    assert [headers["Idempotency-Key"] for _, _, headers, _ in script.asked] == ["our-key"] * 3


def test_a_lock_that_is_held_is_waited_for_and_then_told(acting: Stripe, script: Script) -> None:
    script.then(429, refusing(code="lock_timeout"))
    with pytest.raises(ProviderUnavailable) as refused:
        make(acting)
    assert len(script.asked) == 1 + client.BUSY_RETRIES
    assert refused.value.retry_after_seconds is None


def test_a_wait_that_stripe_asks_for_is_kept(acting: Stripe, script: Script) -> None:
    script.then(429, refusing(code="rate_limit"), Retry_After="1").then(200, CUSTOMER)
    began = time.monotonic()
    read(acting)
    assert time.monotonic() - began >= 1


def test_a_long_wait_is_left_to_the_caller(acting: Stripe, script: Script) -> None:
    script.then(429, refusing(code="rate_limit"), Retry_After="30")
    with pytest.raises(ProviderUnavailable) as refused:
        read(acting)
    assert refused.value.retry_after_seconds == 30
    assert refused.value.members == {"retry_after": 30}
    assert len(script.asked) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 409])
def test_faults_and_conflicts_of_stripes_are_tried_again_and_then_told(
    acting: Stripe, script: Script, status: int
) -> None:
    script.then(status, refusing("api_error"))
    with pytest.raises(ProviderUnavailable, match=str(status)):
        make(acting)
    assert len(script.asked) == 1 + client.NETWORK_RETRIES


def test_a_fault_that_passes_is_not_told(acting: Stripe, script: Script) -> None:
    script.then(500, refusing("api_error")).then(200, CUSTOMER)
    assert read(acting).id == "cus_1"


@pytest.mark.parametrize("body", ["<html>", "", "[]", '{"error": "no"}'])
def test_a_fault_that_nobody_can_read_is_no_decision(acting: Stripe, script: Script, body: str) -> None:
    script.then(503, body)
    with pytest.raises(ProviderUnavailable):
        read(acting)


@pytest.mark.parametrize("body", ["<html>", "[]", '"yes"'])
def test_an_answer_that_nobody_can_read_is_no_decision(acting: Stripe, script: Script, body: str) -> None:
    script.then(200, body)
    with pytest.raises(ProviderUnavailable):
        read(acting)


def test_where_nobody_listens_the_provider_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stripe.HTTPClient.INITIAL_DELAY", 0.01)
    with pytest.raises(ProviderUnavailable, match="no answer"):
        read(open_stripe(Connection("test", KEY, "http://127.0.0.1:1")))


def test_an_answer_that_takes_too_long_is_not_waited_for(
    acting: Stripe, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "READ_SECONDS", 0.1)
    open_stripe.cache_clear()
    impatient = open_stripe(Connection("test", KEY, acting.address))
    open_stripe.cache_clear()
    script.hang_seconds = 0.4
    script.then(200, CUSTOMER)
    began = time.monotonic()
    with pytest.raises(ProviderUnavailable):
        read(impatient)
    assert time.monotonic() - began < 1


def test_an_empty_id_or_key_calls_nobody(acting: Stripe, script: Script) -> None:
    for empty in ("", " "):
        with pytest.raises(ValueError, match="never empty"):
            customers.read_customer(acting, customer_id=empty)
        with pytest.raises(ValueError, match="never empty"):
            customers.create_customer(acting, key=empty, name="Acme", email=None, metadata={})
    assert script.asked == []


def test_a_list_is_read_page_by_page(acting: Stripe, script: Script) -> None:
    script.then(200, page("cus_3", "cus_2", more=True)).then(200, page("cus_1"))
    listed = [found["id"] for found in acting.listed(acting.v1.customers.list, email="a@b.example")]
    assert listed == ["cus_3", "cus_2", "cus_1"]
    paths = [path for _, path, _, _ in script.asked]
    assert paths == [
        "/below/v1/customers?limit=100&email=a%40b.example",
        "/below/v1/customers?limit=100&starting_after=cus_2&email=a%40b.example",
    ]


def test_a_list_without_end_is_refused(acting: Stripe, script: Script) -> None:
    script.then(200, page("cus_3", "cus_2", more=True))
    with pytest.raises(ProviderRefused, match="more than 5"):
        list(acting.listed(acting.v1.customers.list, listed_max=5))


def page(*ids: str, more: bool = False) -> dict[str, Any]:
    data = [{**CUSTOMER, "id": found} for found in ids]
    return {"object": "list", "url": "/v1/customers", "has_more": more, "data": data}


def test_one_client_serves_one_connection(sqlite_engine: object) -> None:
    assert stripe() is stripe()
    assert KEY not in repr(open_stripe(Connection("test", KEY, "http://127.0.0.1:1")))


def test_parameters_that_are_none_are_not_sent() -> None:
    assert without_none(a=None, b=0, c="", d=False) == {"b": 0, "c": "", "d": False}
