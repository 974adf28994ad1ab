"""A sandbox in this process: no server, a clock that stands where the test puts it, webhooks kept in a list."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from starlette.types import ASGIApp

from services.gateways.http_egress import EgressFailed
from services.stripe_sandbox import Sandbox, open_sandbox
from tests.stripe_conformance import Conformance

SECRET_KEY = "sk_test_local"
PUBLIC_URL = "http://localhost:3000/sandbox"
START = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
DAY = 86_400


class StandingClock:
    def __init__(self) -> None:
        self.moment = START

    def now(self) -> datetime:
        return self.moment


class Receiver:
    """The other end of the webhooks: keeps what it was sent and answers as it is told."""

    def __init__(self) -> None:
        self.received: list[tuple[str, bytes, Mapping[str, str]]] = []
        self.status: int | None = 200

    def post(self, url: str, body: bytes, headers: Mapping[str, str], timeout_seconds: float) -> int:
        self.received.append((url, body, headers))
        if self.status is None:
            raise EgressFailed("refused")
        return self.status

    def types(self) -> list[str]:
        return [json.loads(body)["type"] for _, body, _ in self.received]


class Client:
    """httpx, in process and without await."""

    def __init__(self, app: ASGIApp, headers: dict[str, str]) -> None:
        self._runner = asyncio.Runner()
        transport = httpx.ASGITransport(app)
        self._http = httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers)

    def request(self, method: str, path: str, **given: Any) -> httpx.Response:
        return self._runner.run(self._http.request(method, path, **given))

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self._runner.run(work)

    def close(self) -> None:
        self._runner.run(self._http.aclose())
        self._runner.close()


class LocalSandbox:
    """Calls in the manner of Stripe's libraries, each held against the published shapes."""

    def __init__(self, conformance: Conformance, state: Path | None) -> None:
        self.conformance = conformance
        self.clock = StandingClock()
        self.receiver = Receiver()
        self.inside: Sandbox = open_sandbox(
            state=state, secret_key=SECRET_KEY, public_url=PUBLIC_URL, clock=self.clock, post=self.receiver.post
        )
        owe = self.inside.world.on_emit
        self.inside.world.on_emit = lambda event, endpoints: (conformance.check_event(event), owe(event, endpoints))[1]
        self.client = Client(self.inside.app, {"Authorization": f"Bearer {SECRET_KEY}"})

    def send(self, method: str, path: str, headers: dict[str, str] | None = None, **params: Any) -> httpx.Response:
        form = urlencode(list(flattened("", params)))
        target = f"/v1/{path}" + (f"?{form}" if method != "POST" and form else "")
        body = form.encode() if method == "POST" else b""
        response = self.client.request(method, target, content=body, headers=headers)
        self.conformance.check_exchange(method, target, body, response.status_code, response.json())
        return response

    def post(self, path: str, **params: Any) -> dict[str, Any]:
        return granted(self.send("POST", path, **params))

    def get(self, path: str, **params: Any) -> dict[str, Any]:
        return granted(self.send("GET", path, **params))

    def delete(self, path: str, **params: Any) -> dict[str, Any]:
        return granted(self.send("DELETE", path, **params))

    def refused(self, method: str, path: str, status: int, **params: Any) -> dict[str, Any]:
        """The error of a call that must be refused with this status."""
        response = self.send(method, path, **params)
        assert response.status_code == status, response.text
        error: dict[str, Any] = response.json()["error"]
        return error

    def control(self, path: str, **given: Any) -> dict[str, Any]:
        method = "GET" if path in {"clock", "counters"} else "POST"
        return granted(self.client.request(method, f"/_control/{path}", json=given))

    def advance(self, *, days: float = 0, hours: float = 0) -> None:
        self.control("advance", seconds=int(days * DAY + hours * 3_600))

    def settle(self) -> None:
        self.client.run(self.inside.settle())

    def now(self) -> int:
        return int(self.control("clock")["now"])

    def event_types(self) -> list[str]:
        """Of all events, the oldest first."""
        return [event["type"] for event in self.inside.world.store.all("event")]

    def events(self, event_type: str) -> list[dict[str, Any]]:
        """The oldest first."""
        return list(reversed(self.get("events", type=event_type, limit=100)["data"]))

    def customer(self, card: str | None = "pm_card_visa", **params: Any) -> dict[str, Any]:
        """A customer whose default payment method is this test card."""
        customer = self.post("customers", email="ann@example.com", name="Ann", **params)
        if card is None:
            return customer
        method = self.post(f"payment_methods/{card}/attach", customer=customer["id"])
        return self.post(f"customers/{customer['id']}", invoice_settings={"default_payment_method": method["id"]})

    def price(self, unit_amount: int = 2_000, interval: str | None = "month", **params: Any) -> dict[str, Any]:
        if "product" not in params:
            params["product"] = self.post("products", name="Plan")["id"]
        recurring = {"recurring": {"interval": interval}} if interval else {}
        return self.post("prices", currency="usd", unit_amount=unit_amount, **recurring, **params)

    def subscription(self, customer: dict[str, Any] | None = None, **params: Any) -> dict[str, Any]:
        """A monthly subscription for $20.00, with its latest invoice expanded."""
        customer = customer or self.customer()
        items = params.pop("items", None) or [{"price": self.price()["id"]}]
        return self.post("subscriptions", customer=customer["id"], items=items, expand=["latest_invoice"], **params)

    def reread(self, subscription: dict[str, Any]) -> dict[str, Any]:
        return self.get(f"subscriptions/{subscription['id']}", expand=["latest_invoice"])

    def invoice(self, customer: dict[str, Any] | None = None, amount: int = 5_000, **params: Any) -> dict[str, Any]:
        """A draft with one line."""
        customer = customer or self.customer()
        draft = self.post("invoices", customer=customer["id"], **params)
        self.post("invoiceitems", customer=customer["id"], invoice=draft["id"], amount=amount, description="Work")
        return self.get(f"invoices/{draft['id']}")


def flattened(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from flattened(f"{prefix}[{name}]" if prefix else name, inner)
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from flattened(f"{prefix}[{place}]", inner)
    else:
        yield prefix, str(value).lower() if isinstance(value, bool) else str(value)


def granted(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


@pytest.fixture
def client_of() -> Iterator[Callable[..., Client]]:
    """Call it with an app and headers for a client of it."""
    opened: list[Client] = []

    def open_one(app: ASGIApp, headers: dict[str, str]) -> Client:
        opened.append(Client(app, headers))
        return opened[-1]

    yield open_one
    for client in opened:
        client.close()


@pytest.fixture
def open_local(conformance: Conformance) -> Iterator[Callable[..., LocalSandbox]]:
    """Call it with the path of a state file to open a sandbox on it."""
    opened: list[LocalSandbox] = []

    def open_one(state: Path | None = None) -> LocalSandbox:
        opened.append(LocalSandbox(conformance, state))
        return opened[-1]

    yield open_one
    for local in opened:
        local.client.close()
        local.inside.close()


@pytest.fixture
def local(open_local: Callable[..., LocalSandbox]) -> LocalSandbox:
    """An empty sandbox in memory."""
    return open_local()
