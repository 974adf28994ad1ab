"""The API in this process on a real database, with two customers and an operator."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from app.api import create_api
from models import Role
from services.api_keys import TENANT_SCOPES, create_api_key
from services.database import transaction
from services.identity import create_tenant, create_user
from services.price_books.books import load_shipped_books
from services.sign_in_limit import sign_in_limit
from services.subscriptions.starting import create_subscription
from tests.given import OPERATOR, owner_of

PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Customer:
    """A customer on PRO since ten days ago, one key with every scope, and an owner."""

    name: str
    tenant_id: str
    subscription_id: str
    key: str
    email: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


@dataclass(frozen=True)
class World:
    acme: Customer
    borealis: Customer
    operator_key: str
    operator_email: str

    @property
    def operator_headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.operator_key}"}


def make_world(at: datetime) -> World:
    with transaction() as session:
        load_shipped_books(session, at=at)
        acme, borealis = (_customer(session, name, at) for name in ("Acme", "Borealis"))
        operator = create_api_key(session, scopes=["operator"], is_operator=True, maker=OPERATOR, at=at)
        create_user(session, email="ops@tallystick.example", password=PASSWORD, is_operator=True, at=at)
    return World(acme, borealis, operator.key, "ops@tallystick.example")


def _customer(session: Any, name: str, at: datetime) -> Customer:
    tenant = create_tenant(session, name=name, currency="CAD", timezone="America/Toronto", at=at)
    start: date = (at - timedelta(days=10)).date()
    subscription = create_subscription(session, tenant_id=tenant.id, plan_code="PRO", start_date=start, at=at)
    key = create_api_key(session, tenant_id=tenant.id, scopes=TENANT_SCOPES, maker=owner_of(tenant.id), at=at).key
    email = f"owner@{name.lower()}.example"
    create_user(session, email=email, password=PASSWORD, tenant_id=tenant.id, role=Role.OWNER, at=at)
    return Customer(name, tenant.id, subscription.id, key, email)


@pytest.fixture
def world(engine: Engine) -> World:
    """On both databases."""
    return make_world(datetime.now(UTC))


@pytest.fixture
def sqlite_world(sqlite_engine: Engine) -> World:
    return make_world(datetime.now(UTC))


class Client:
    """The API without a network: one loop, one cookie jar, answers as a caller gets them."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner
        transport = httpx.ASGITransport(create_api(), raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://portal.example")

    def request(self, method: str, url: str, **options: Any) -> httpx.Response:
        return self._runner.run(self.http.request(method, url, **options))

    def get(self, url: str, **options: Any) -> httpx.Response:
        return self.request("GET", url, **options)

    def post(self, url: str, **options: Any) -> httpx.Response:
        return self.request("POST", url, **options)

    def together(self, *requests: httpx.Request) -> list[httpx.Response]:
        """Send them all before any has been answered."""

        async def send_all() -> list[httpx.Response]:
            return list(await asyncio.gather(*(self.http.send(request) for request in requests)))

        return self._runner.run(send_all())


@pytest.fixture
def client() -> Iterator[Client]:
    sign_in_limit.clear()
    with asyncio.Runner() as runner:
        yield Client(runner)


def assert_problem(answer: httpx.Response, status: int, code: str, field: str | None = None) -> dict[str, Any]:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    problem: dict[str, Any] = answer.json()
    assert (problem["status"], problem["code"], problem.get("field")) == (status, code, field), problem
    assert problem["detail"]
    assert problem["title"]
    assert problem["request_id"] == answer.headers["x-request-id"]
    return problem
