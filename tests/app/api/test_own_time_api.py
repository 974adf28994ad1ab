"""A customer whose test clock is ahead: told its own time once, and ours where the outside or a session goes by it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select

from app import time_travel
from app.api import documents, usage_check
from models import AutoTopUp
from services.database import reading
from services.settings import settings
from tests.app.api.conftest import PASSWORD, Client, World

AHEAD = timedelta(days=400)
ORDER = {"pack": "credits-250k", "threshold": "50000", "month_count_max": 2, "month_amount_max": "900.00"}


@pytest.fixture
def its_now(sqlite_world: World, monkeypatch: pytest.MonkeyPatch) -> datetime:
    """Acme's clock has been set forward; about what time it is there."""
    monkeypatch.setattr(settings(), "test_clocks", True)
    monkeypatch.setattr(time_travel.payment_jobs, "can_be_had", lambda: False)  # no provider for this customer
    time_travel.start(tenant_id=sqlite_world.acme.tenant_id)
    return time_travel.advance(tenant_id=sqlite_world.acme.tenant_id, to=datetime.now(UTC) + AHEAD).now


def times_told(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> list[datetime]:
    """The `at` of each call of a use case, which does its work all the same."""
    told: list[datetime] = []
    use_case = getattr(module, name)

    def told_and_done(*given: Any, **named: Any) -> Any:
        told.append(named["at"])
        return use_case(*given, **named)

    monkeypatch.setattr(module, name, told_and_done)
    return told


def test_whether_use_would_be_taken_is_asked_of_its_own_time(
    client: Client, sqlite_world: World, its_now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = times_told(monkeypatch, usage_check, "check_credits")
    body = {"event_type": "simulator_run", "units": 1}
    assert client.post("/v1/usage/check", json=body, headers=sqlite_world.acme.headers).json()["allowed"]
    assert timedelta() <= told[0] - its_now < timedelta(hours=1)


def test_the_running_bill_as_a_file_is_that_of_its_own_time(
    client: Client, sqlite_world: World, its_now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = times_told(monkeypatch, documents.reading, "read_preview_document")
    assert client.get("/v1/invoices/preview/pdf", headers=sqlite_world.acme.headers).status_code == 200
    assert timedelta() <= told[0] - its_now < timedelta(hours=1)


def test_what_is_bought_by_itself_is_set_and_stopped_at_its_own_time(
    client: Client, sqlite_world: World, its_now: datetime
) -> None:
    address, headers = "/v1/credits/auto-top-ups/credits", sqlite_world.acme.headers
    assert client.request("PUT", address, json=ORDER, headers=headers).status_code == 200
    assert client.request("DELETE", address, headers=headers).status_code == 200
    with reading() as session:
        order = session.exec(select(AutoTopUp)).one()
        assert timedelta() <= order.updated_at - its_now < timedelta(hours=1)


def test_a_proof_is_dated_by_its_own_time(client: Client, sqlite_world: World, its_now: datetime) -> None:
    client.post("/session", data={"email": sqlite_world.acme.email, "password": PASSWORD})
    proof = client.get("/session/receipts/1/proof").json()["bundle"]
    assert datetime.fromisoformat(proof["created"]) >= its_now.replace(microsecond=0)


def test_our_own_people_stay_signed_in_as_they_look_at_it(
    client: Client, sqlite_world: World, its_now: datetime
) -> None:
    client.post("/session", data={"email": sqlite_world.operator_email, "password": PASSWORD})
    answer = client.post("/session/tenant", data={"tenant_id": sqlite_world.acme.tenant_id, "next": "/admin/clock/"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin/clock/")
