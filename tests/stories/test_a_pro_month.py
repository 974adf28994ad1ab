"""The whole slice as a customer's programs see it: from a plan to a paid invoice, through HTTP, on both databases."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from app.api import create_api
from services.api_keys import TENANT_SCOPES, create_api_key
from services.database import reading, transaction
from services.identity import create_tenant
from services.price_books.books import load_shipped_books
from tests.given import OPERATOR, assert_books_agree, owner_of


class Http:
    """A client with one key; every answer must have the status that is expected."""

    def __init__(self, runner: asyncio.Runner, client: httpx.AsyncClient, key: str) -> None:
        self._runner = runner
        self._client = client
        self._headers = {"Authorization": f"Bearer {key}"}

    def get(self, path: str, expect: int = 200, **query: Any) -> Any:
        answer = self._runner.run(self._client.get(path, params=query, headers=self._headers))
        assert answer.status_code == expect, answer.text
        return answer.json()

    def post(self, path: str, body: Any, expect: int = 200, key: str | None = None) -> Any:
        headers = self._headers | ({"Idempotency-Key": key} if key else {})
        answer = self._runner.run(self._client.post(path, json=body, headers=headers))
        assert answer.status_code == expect, answer.text
        return answer.json()


@pytest.fixture
def tenant_id(engine: Engine) -> str:
    now = datetime.now(UTC)
    with transaction() as session:
        load_shipped_books(session, at=now)
        return create_tenant(session, name="Acme", currency="CAD", timezone="America/Toronto", at=now).id


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as opened:
        yield opened


@pytest.fixture
def client(tenant_id: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(create_api()), base_url="http://portal.example")


@pytest.fixture
def acme(runner: asyncio.Runner, client: httpx.AsyncClient, tenant_id: str) -> Http:
    with transaction() as session:
        key = create_api_key(
            session, tenant_id=tenant_id, scopes=TENANT_SCOPES, maker=owner_of(tenant_id), at=datetime.now(UTC)
        ).key
    return Http(runner, client, key)


@pytest.fixture
def operator(runner: asyncio.Runner, client: httpx.AsyncClient) -> Http:
    with transaction() as session:
        key = create_api_key(session, scopes=["operator"], is_operator=True, maker=OPERATOR, at=datetime.now(UTC)).key
    return Http(runner, client, key)


def test_from_a_plan_to_a_paid_invoice(acme: Http, operator: Http, tenant_id: str) -> None:
    pro = next(plan for plan in acme.get("/v1/plans")["plans"] if plan["code"] == "PRO")
    subscription = acme.post("/v1/subscriptions", {"tenant_id": tenant_id, "plan_code": "PRO"}, expect=201)
    assert pro["code"] == subscription["plan_code"]
    assert subscription["status"] == "active"
    ids = {"tenant_id": tenant_id, "subscription_id": subscription["subscription_id"]}

    first = acme.post("/v1/usage/track", {**ids, "event_type": "LLM_token_usage", "units": 12})
    assert (first["ok"], first["credits_burned"], first["remaining_credits"]) == (True, "12", "999988")
    assert first["alert"] is None

    event = {**ids, "event_type": "LLM_token_usage", "units": "999988", "event_id": "night-run"}
    crossing = acme.post("/v1/usage/track", event)
    assert (crossing["alert"], crossing["remaining_credits"], crossing["duplicate"]) == ("OVERAGE", "0", False)
    assert acme.post("/v1/usage/track", event)["duplicate"] is True
    acme.post("/v1/usage/track", {**event, "units": "1"}, expect=409)

    batch = [{**ids, "event_type": "optimizer_job", "units": 1, "event_id": f"job-{n}"} for n in range(1_000)]
    answer = acme.post("/v1/usage/events", [*batch, {**ids, "event_type": "teleport", "units": 1}])
    assert (answer["accepted"], answer["duplicates"], len(answer["refused"])) == (1_000, 0, 1)

    acme.post("/v1/assets/snapshots", {"asset_count": 1_200}, expect=201)
    preview = acme.get("/v1/invoices/preview")
    acme.post("/v1/invoices/generate", {"subscription_id": ids["subscription_id"]}, expect=409)
    forced = {"subscription_id": ids["subscription_id"], "force_period_end": True}
    acme.post("/v1/invoices/generate", forced, expect=403)
    invoice = operator.post("/v1/invoices/generate", forced, key="close-november")
    again = operator.post("/v1/invoices/generate", forced, key="close-november")

    assert again["invoice_id"] == invoice["invoice_id"]
    assert [(line["kind"], line["total"]) for line in invoice["lines"]] == [
        ("base", "9000.00"),
        ("asset_uplift", "600.00"),
        ("overage", "1000.00"),
    ]
    assert invoice["total_cad"] == invoice["total"] == preview["total"] == "10600.00"

    summary = acme.get("/v1/usage/summary", group_by="event_type", **{"from": subscription["current_period_start"]})
    assert summary["total_credits"] == "1500000"
    assert summary["overage_credits"] == "500000"
    operator.post(f"/v1/admin/invoices/{invoice['invoice_id']}/mark-paid", {"reference": "EFT 2611"})
    assert acme.get(f"/v1/invoices/{invoice['invoice_id']}")["status"] == "paid"
    assert [i["number"] for i in acme.get("/v1/invoices")["invoices"]] == ["INV-000002", "INV-000001"]
    with reading() as session:
        assert_books_agree(session, tenant_id)
