"""POST /v1/usage/events, and what holds for the bodies of both calls."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlmodel import select

from app.api.json_body import BATCH_BYTES_MAX, BODY_BYTES_MAX
from app.api.usage_input import EVENT_FIELDS, read_event
from models import Receipt
from services.database import reading, transaction
from services.errors import Refusal
from services.identity import create_tenant
from services.rules.merkle import node_hash
from services.rules.receipts import receipt_hash, written
from tests.app.api.conftest import Client, World, assert_problem
from tests.app.api.test_usage_api import EVENT, events_kept

NOW = datetime.now(UTC)


def test_a_batch_keeps_the_good_and_says_why_it_refused_the_others(client: Client, world: World) -> None:
    batch = [
        EVENT | {"event_id": "a", "units": 2},
        EVENT | {"event_id": "b", "units": 0},
        EVENT | {"event_id": "a", "units": 2},
        "nonsense",
        EVENT | {"event_id": "c", "event_type": "coffee"},
        EVENT | {"event_id": "a", "units": 3},
        EVENT | {"event_id": "d", "tenant_id": world.borealis.tenant_id},
        EVENT | {"event_id": "e", "units": "3.5", "tenant_id": world.acme.tenant_id},
    ]
    answer = client.post("/v1/usage/events", json=batch, headers=world.acme.headers)
    assert answer.status_code == 200
    shown = answer.json()
    assert [(entry["index"], entry["code"]) for entry in shown.pop("refused")] == [
        (1, "invalid_units"),
        (3, "invalid"),
        (4, "unknown_event_type"),
        (5, "event_conflict"),
        (6, "wrong_tenant"),
    ]
    with reading() as session:
        kept = session.exec(select(Receipt).where(Receipt.tenant_id == world.acme.tenant_id).order_by(Receipt.seq))
        hashes = [receipt_hash(receipt.data) for receipt in kept][-2:]
    assert shown == {
        "accepted": 2,
        "duplicates": 1,
        "remaining_credits": "999994.5",
        "alert": None,
        "receipts": {"first_seq": 2, "last_seq": 3, "root": written(node_hash(*hashes))},
    }


def test_a_batch_has_from_one_to_two_thousand_events(client: Client, sqlite_world: World) -> None:
    headers = sqlite_world.acme.headers
    assert_problem(client.post("/v1/usage/events", json=[], headers=headers), 422, "invalid", "body")
    assert_problem(client.post("/v1/usage/events", json=EVENT, headers=headers), 422, "invalid", "body")
    assert_problem(client.post("/v1/usage/events", json=[EVENT] * 2_001, headers=headers), 413, "too_large")
    full = client.post("/v1/usage/events", json=[EVENT] * 2_000, headers=headers)
    assert full.json()["accepted"] == 2_000


def test_a_batch_is_done_once_for_each_idempotency_key(client: Client, world: World) -> None:
    headers = world.acme.headers | {"Idempotency-Key": "batch-1"}
    first = client.post("/v1/usage/events", json=[EVENT, EVENT], headers=headers)
    again = client.post("/v1/usage/events", json=[EVENT, EVENT], headers=headers)
    assert (first.text, again.headers["idempotent-replayed"]) == (again.text, "true")
    assert_problem(
        client.post("/v1/usage/events", json=[EVENT], headers=headers), 409, "idempotency_conflict", "Idempotency-Key"
    )
    assert events_kept() == 2


def cloud_event(**changes: Any) -> dict[str, Any]:
    attributes = {
        "specversion": "1.0",
        "id": "ce-1",
        "source": "/meters/7",
        "type": "LLM_token_usage",
        "time": NOW.isoformat(),
        "datacontenttype": "application/json",
        "data": {"units": "2.5", "meta": {"line": 4}},
    }
    return attributes | changes


def test_cloud_events_are_metered_by_their_own_attributes(client: Client, world: World) -> None:
    headers = world.acme.headers | {"Content-Type": "application/cloudevents-batch+json"}
    batch = [
        cloud_event(),
        cloud_event(specversion="0.3"),
        cloud_event(data=None),
        cloud_event(data={"units": 1, "id": "x"}),
        cloud_event(id=None),
    ]
    shown = client.post("/v1/usage/events", content=json.dumps(batch), headers=headers).json()
    assert shown["accepted"] == 1
    assert [entry["field"] for entry in shown["refused"]] == ["specversion", "data", "id", "id"]
    (event,) = client.get("/v1/usage/events", headers=world.acme.headers).json()["events"]
    assert (event["event_id"], event["event_type"], event["units"]) == ("ce-1", "LLM_token_usage", "2.5")
    assert datetime.fromisoformat(event["occurred_at"]) == NOW


def test_a_plan_without_overage_refuses_with_the_way_up(client: Client, sqlite_world: World) -> None:
    headers = sqlite_world.operator_headers
    with transaction() as session:
        tenant = create_tenant(session, name="Frugal", currency="USD", timezone="UTC", at=NOW).id
    body = {"tenant_id": tenant, "plan_code": "memory-cloud/free"}
    assert client.post("/v1/subscriptions", json=body, headers=headers).status_code == 201
    event = {"tenant_id": tenant, "event_type": "api_call", "units": 101}
    problem = assert_problem(client.post("/v1/usage/track", json=event, headers=headers), 429, "overage_not_allowed")
    assert (problem["error"], problem["tier"], problem["upgrade_url"]) == (problem["detail"], "free", "/plans/")


def test_the_reader_knows_every_field_that_is_documented(client: Client, sqlite_world: World) -> None:
    document = client.get("/openapi.json").json()
    content = document["paths"]["/v1/usage/track"]["post"]["requestBody"]["content"]
    assert set(content["application/json"]["schema"]["properties"]) == EVENT_FIELDS
    assert content["application/json"]["schema"]["additionalProperties"] is False
    batch = document["paths"]["/v1/usage/events"]["post"]["requestBody"]["content"]
    assert set(batch) == {"application/json", "application/cloudevents-batch+json"}
    with pytest.raises(Refusal):
        read_event(EVENT | {"not_documented": 1}, tenant_id="t")


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": ""},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        {"Content-Type": "application/cloudevents-batch+json"},
    ],
)
def test_another_content_type_is_refused(client: Client, sqlite_world: World, headers: dict[str, str]) -> None:
    body = json.dumps(EVENT)
    answer = client.post("/v1/usage/track", content=body, headers=sqlite_world.acme.headers | headers)
    assert answer.status_code == 415
    assert answer.json()["code"] == "unsupported_media_type"


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(
    ("path", "bytes_max"), [("/v1/usage/track", BODY_BYTES_MAX), ("/v1/usage/events", BATCH_BYTES_MAX)]
)
def test_a_body_over_the_limit_is_refused_however_it_is_sent(
    client: Client, sqlite_world: World, path: str, bytes_max: int, chunked: bool
) -> None:
    sent = 0

    async def stream() -> Any:
        nonlocal sent
        while True:
            sent += 65_536
            yield b" " * 65_536

    content = stream() if chunked else b" " * (bytes_max + 1)
    headers = sqlite_world.acme.headers | {"Content-Type": "application/json"}
    assert_problem(client.post(path, content=content, headers=headers), 413, "too_large")
    assert sent <= bytes_max + 2 * 65_536


def test_half_a_surrogate_in_an_unknown_field_refuses_only_its_event(client: Client, world: World) -> None:
    body = json.dumps([EVENT | {"event_id": "kept"}, EVENT | {"\ud800": 1}])
    for key in ({}, {"Idempotency-Key": "surrogate"}):
        headers = world.acme.headers | {"Content-Type": "application/json"} | key
        answer = client.post("/v1/usage/events", content=body, headers=headers)
        assert answer.status_code == 200
        (refused,) = answer.json()["refused"]
        assert (refused["index"], refused["code"], refused["field"]) == (1, "invalid", "?")
