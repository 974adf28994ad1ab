"""The limits of a customer's plan on our own API, and the question whether some use would be taken."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from app.api.call_limits import known_limits
from services.api_keys import TENANT_SCOPES, create_api_key
from services.database import transaction
from services.gateways.counters import counters
from tests.app.api.conftest import Client, World, assert_problem
from tests.given import customer, owner_of

EVENT = {"event_type": "api_call", "units": 1}


@pytest.fixture
def free(engine: Engine) -> dict[str, str]:
    return _headers("free")


@pytest.fixture
def pro(engine: Engine) -> dict[str, str]:
    return _headers("pro")


def _headers(plan: str) -> dict[str, str]:
    """The credential of a new customer on that plan of the memory cloud."""
    known_limits.clear()
    at = datetime.now(UTC)
    with transaction() as session:
        one = customer(
            session, name=plan, plan=f"memory-cloud/{plan}", currency="USD", start=at.date(), timezone="UTC", at=at
        )
        key = create_api_key(
            session, tenant_id=one.tenant_id, scopes=TENANT_SCOPES, maker=owner_of(one.tenant_id), at=at
        ).key
    return {"Authorization": f"Bearer {key}"}


def test_answers_tell_the_limits_of_the_plan(client: Client, pro: dict[str, str]) -> None:
    told = client.get("/v1/usage/summary", headers=pro)
    assert told.status_code == 200
    assert {name: value for name, value in told.headers.items() if "-limit-" in name or "remaining" in name} == {
        "x-ratelimit-limit-day": "10000",
        "x-ratelimit-limit-minute": "100",
        "x-ratelimit-remaining-day": "9999",
        "x-ratelimit-remaining-minute": "99",
    }
    assert (told.headers["x-tier"], told.headers["x-request-duration-ms"].isdigit()) == ("pro", True)
    assert 0 < int(told.headers["x-ratelimit-reset"]) - datetime.now(UTC).timestamp() <= 62


def test_refusals_of_the_endpoint_tell_them_too(client: Client, pro: dict[str, str]) -> None:
    told = client.post("/v1/usage/track", headers=pro, json={"event_type": "teleport", "units": 1})
    assert_problem(told, 422, "unknown_event_type", "event_type")
    assert told.headers["x-ratelimit-remaining-minute"] == "99"


def test_the_call_beyond_the_minute_is_a_problem_with_the_seeds_members(client: Client, free: dict[str, str]) -> None:
    for _ in range(10):
        assert client.get("/v1/usage/summary", headers=free).status_code == 200
    refused = client.get("/v1/usage/summary", headers=free)
    problem = assert_problem(refused, 429, "rate_limited")
    assert problem["error"] == "Rate limit exceeded (10 calls/minute)"
    assert (problem["tier"], problem["upgrade_url"]) == ("free", "/plans/")
    assert 0 < int(refused.headers["retry-after"]) <= 61
    assert refused.headers["x-ratelimit-remaining-minute"] == "0"


def test_the_way_to_a_larger_plan_stays_open(client: Client, free: dict[str, str]) -> None:
    assert [client.get("/v1/usage/summary", headers=free).status_code for _ in range(11)][-1] == 429
    assert client.post("/v1/subscriptions", headers=free, json={"plan_code": "memory-cloud/pro"}).status_code != 429
    assert client.get("/v1/plans").status_code == 200


def test_who_is_not_let_in_is_not_counted(client: Client, free: dict[str, str]) -> None:
    for _ in range(12):
        assert_problem(client.get("/v1/usage/summary", headers={"Authorization": "Bearer wrong"}), 401, "not_signed_in")
    told = client.get("/v1/usage/summary", headers=free)
    assert told.headers["x-ratelimit-remaining-minute"] == "9"


def test_no_header_changes_who_is_counted(client: Client, free: dict[str, str], pro: dict[str, str]) -> None:
    spoofed = free | {"X-Tenant-Id": "another", "X-Tier": "enterprise", "X-Forwarded-For": "1.2.3.4"}
    for _ in range(10):
        client.get("/v1/usage/summary", headers=spoofed)
    assert client.get("/v1/usage/summary", headers=free).status_code == 429
    assert client.get("/v1/usage/summary", headers=pro).headers["x-ratelimit-remaining-minute"] == "99"


def test_of_200_calls_at_once_exactly_as_many_run_as_may(client: Client, free: dict[str, str]) -> None:
    known_limits.clear()
    sent = [client.http.build_request("GET", "/v1/usage/summary", headers=free) for _ in range(200)]
    answers = client.together(*sent)
    assert {answer.status_code for answer in answers} == {200, 429}
    taken = [answer for answer in answers if answer.status_code == 200]
    assert 2 <= len(taken) <= 10
    assert len({answer.headers["x-ratelimit-remaining-minute"] for answer in taken}) == len(taken)


def test_plans_without_limits_and_operators_are_not_counted(client: Client, world: World) -> None:
    known_limits.clear()
    told = client.get("/v1/usage/summary", headers=world.acme.headers)
    assert (told.status_code, told.headers["x-tier"]) == (200, "PRO")
    assert not [name for name in told.headers if name.startswith("x-ratelimit")]
    operator = client.get(f"/v1/usage/summary?tenant_id={world.acme.tenant_id}", headers=world.operator_headers)
    assert (operator.status_code, "x-tier" in operator.headers) == (200, False)


def test_a_restarted_process_goes_on_counting(client: Client, free: dict[str, str]) -> None:
    from services.gateways.counters import open_counters

    assert client.get("/v1/usage/summary", headers=free).headers["x-ratelimit-remaining-day"] == "99"
    before = counters()
    open_counters.cache_clear()
    assert counters() is not before
    assert client.get("/v1/usage/summary", headers=free).headers["x-ratelimit-remaining-day"] == "98"


def check(client: Client, headers: dict[str, str], **body: Any) -> httpx.Response:
    return client.post("/v1/usage/check", headers=headers, json=body)


def test_may_i_within_the_plan(client: Client, free: dict[str, str]) -> None:
    told = check(client, free, event_type="api_call", units="99.5")
    assert told.status_code == 200
    assert told.json() == {
        "allowed": True,
        "reason": "included",
        "credits": "99.5",
        "remaining_credits": "100",
        "would_be_overage": False,
        "overage_credits": "0",
        "overage_price": None,
        "overage_price_exact": None,
        "upgrade_url": None,
    }


def test_may_i_beyond_a_plan_that_sells_no_more(client: Client, free: dict[str, str]) -> None:
    told = check(client, free, event_type="api_call", units=101).json()
    assert (told["allowed"], told["reason"], told["would_be_overage"]) == (False, "overage_not_allowed", True)
    assert (told["overage_credits"], told["overage_price"], told["upgrade_url"]) == ("1", None, "/plans/")


def test_may_i_beyond_a_plan_that_does(client: Client, pro: dict[str, str]) -> None:
    told = check(client, pro, event_type="api_call", units=11_500).json()
    assert (told["allowed"], told["reason"], told["overage_credits"]) == (True, "overage", "1500")
    assert told["overage_price"] == {"amount_minor": 20, "currency": "USD"}
    assert told["overage_price_exact"] == "0.2"


def test_asking_uses_nothing_up(client: Client, free: dict[str, str]) -> None:
    first = check(client, free, **EVENT).json()
    assert check(client, free, **EVENT).json() == first
    assert client.post("/v1/usage/track", headers=free, json=EVENT).json()["remaining_credits"] == "99"


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"event_type": "api_call"}, "invalid_units", "units"),
        ({"event_type": "api_call", "units": 0}, "invalid_units", "units"),
        ({"event_type": "teleport", "units": 1}, "unknown_event_type", "event_type"),
        ({"units": 1}, "invalid", "event_type"),
        ({"event_type": "api_call", "units": 1, "event_id": "e1"}, "invalid", "event_id"),
        ({"event_type": "api_call", "units": 1, "occurred_at": "2026-01-01T00:00:00Z"}, "invalid", "occurred_at"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    client: Client, pro: dict[str, str], body: dict[str, Any], code: str, field: str
) -> None:
    assert_problem(check(client, pro, **body), 422, code, field)


def test_nobody_asks_about_another_customer(client: Client, world: World) -> None:
    asked = {"event_type": "simulator_run", "units": 1, "tenant_id": world.borealis.tenant_id}
    assert_problem(check(client, world.acme.headers, **asked), 403, "wrong_tenant", "tenant_id")
    other = {"event_type": "simulator_run", "units": 1, "subscription_id": world.borealis.subscription_id}
    assert_problem(check(client, world.acme.headers, **other), 404, "not_found", "subscription_id")
    assert check(client, world.operator_headers, **asked).json()["allowed"]
