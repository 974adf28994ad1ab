"""POST /v1/usage/track and /v1/usage/events: what is taken, what is refused, what is answered twice."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlmodel import func, select

from app.api.json_body import BATCH_BYTES_MAX, BODY_BYTES_MAX
from app.api.usage_input import EVENT_FIELDS, read_event
from models import UsageEvent
from services.database import reading
from services.errors import Refusal
from tests.app.api.conftest import Client, World

EVENT = {"event_type": "LLM_token_usage", "units": 1}
NOW = datetime.now(UTC)


def track(client: Client, world: World, body: dict[str, Any], **headers: str) -> httpx.Response:
    typed = {"Content-Type": "application/json"}
    return client.post("/v1/usage/track", content=json.dumps(body), headers=world.acme.headers | typed | headers)


def send_raw(client: Client, world: World, text: str | bytes, path: str = "/v1/usage/track") -> httpx.Response:
    return client.post(path, content=text, headers=world.acme.headers | {"Content-Type": "application/json"})


def events_kept() -> int:
    with reading() as session:
        return session.exec(select(func.count()).select_from(UsageEvent)).one()


def assert_problem(answer: httpx.Response, status: int, code: str, field: str | None = None) -> dict[str, Any]:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    problem: dict[str, Any] = answer.json()
    assert (problem["status"], problem["code"], problem.get("field")) == (status, code, field), problem
    assert problem["detail"]
    assert problem["title"]
    assert problem["request_id"] == answer.headers["x-request-id"]
    return problem


def test_an_event_burns_credits_and_says_what_is_left(client: Client, world: World) -> None:
    answer = track(client, world, {"event_type": "LLM_token_usage", "units": "0.418", "event_id": "e1"})
    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "ok": True,
        "event_id": "e1",
        "credits_burned": "0.418",
        "overage_credits": "0",
        "remaining_credits": "999999.582",
        "alert": None,
        "duplicate": False,
        "receipt": {"seq": 1},
    }


def test_a_json_number_is_metered_as_it_is_written(client: Client, sqlite_world: World) -> None:
    answer = send_raw(client, sqlite_world, '{"event_type": "LLM_token_usage", "units": 123456789.123457}')
    assert answer.json()["credits_burned"] == "123456789.123457"


def test_the_crossing_event_carries_the_alert(client: Client, sqlite_world: World) -> None:
    assert track(client, sqlite_world, EVENT | {"units": 799_999}).json()["alert"] is None
    assert track(client, sqlite_world, EVENT | {"units": 2}).json()["alert"] == "LOW_CREDITS"
    over = track(client, sqlite_world, EVENT | {"units": 200_000}).json()
    assert (over["alert"], over["overage_credits"], over["remaining_credits"]) == ("OVERAGE", "1", "0")


def test_sending_an_event_again_answers_the_same_and_counts_once(client: Client, world: World) -> None:
    first = track(client, world, EVENT | {"event_id": "same"}).json()
    again = track(client, world, EVENT | {"event_id": "same"}).json()
    assert again == first | {"duplicate": True}
    assert_problem(track(client, world, EVENT | {"event_id": "same", "units": 2}), 409, "event_conflict", "event_id")
    assert events_kept() == 1


def test_an_idempotency_key_replays_the_very_answer_and_names_the_event(client: Client, world: World) -> None:
    first = track(client, world, EVENT, **{"Idempotency-Key": "order-7"})
    again = track(client, world, EVENT, **{"Idempotency-Key": "order-7"})
    assert first.json()["event_id"] == "order-7"
    assert (again.text, again.headers["idempotent-replayed"]) == (first.text, "true")
    assert "idempotent-replayed" not in first.headers
    other = track(client, world, EVENT | {"units": 3}, **{"Idempotency-Key": "order-7"})
    assert_problem(other, 409, "idempotency_conflict", "Idempotency-Key")
    assert events_kept() == 1


def test_calls_at_the_same_time_under_one_key_count_once(client: Client, world: World) -> None:
    headers = world.acme.headers | {"Idempotency-Key": "at-once"}
    calls = [client.http.build_request("POST", "/v1/usage/track", json=EVENT, headers=headers) for _ in range(12)]
    answers = client.together(*calls)
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1
    assert events_kept() == 1


def test_calls_at_the_same_time_lose_nothing(client: Client, world: World) -> None:
    calls = [
        client.http.build_request("POST", "/v1/usage/track", json=EVENT, headers=world.acme.headers) for _ in range(40)
    ]
    answers = [answer.json() for answer in client.together(*calls)]
    assert sorted(answer["receipt"]["seq"] for answer in answers) == list(range(1, 41))
    assert min(int(answer["remaining_credits"]) for answer in answers) == 1_000_000 - 40


@pytest.mark.parametrize(
    "units",
    [
        *("0", "0.0", "-1", "-0.5", "1e3", "1.5e1", "1E2", "0.0000001", "1000000000000.000001", "1000000000001"),
        *('"1e3"', '"NaN"', '"-1"', '" 1"', '""', '"1_000"', '"١"', f'"{"9" * 70}"', '"+1"', '"0x10"'),
        *("true", "[]", "{}", "null"),
    ],
)
def test_units_that_are_not_an_exact_quantity_are_refused(client: Client, sqlite_world: World, units: str) -> None:
    answer = send_raw(client, sqlite_world, '{"event_type": "LLM_token_usage", "units": %s}' % units)  # noqa: UP031
    assert_problem(answer, 422, "invalid_units", "units")
    assert events_kept() == 0


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "nonsense",
        '{"units": NaN}',
        '{"units": Infinity}',
        '{"units": -Infinity}',
        '{"units": 1, "units": 2}',
        '{"units": ' + "9" * 5_000 + "}",
        '{"units": 1.' + "0" * 5_000 + "}",
        '{"units": 1e99999999999999999999999}',
        "[" * 100_000,
        '{"meta": ' + '{"a":' * 50_000,
        b'{"event_type": "\xff\xfe"}',
        b"\xef\xbb\xbf{}",
        '{"a": 1}{"b": 2}',
    ],
    ids=range(14),
)
def test_what_is_not_one_json_document_is_malformed(client: Client, sqlite_world: World, text: str | bytes) -> None:
    for path in ("/v1/usage/track", "/v1/usage/events", "/v1/sites"):
        answer = send_raw(client, sqlite_world, text, path)
        assert_problem(answer, 400, "malformed_json")
    assert events_kept() == 0


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"event_type": "coffee"}, "unknown_event_type", "event_type"),
        ({"event_type": ""}, "invalid", "event_type"),
        ({"event_type": "a\x00b"}, "invalid", "event_type"),
        ({"event_type": 7}, "invalid", "event_type"),
        ({"event_type": None}, "invalid", "event_type"),
        ({"site": "moon"}, "unknown_site", "site"),
        ({"site": "x" * 65}, "invalid", "site"),
        ({"event_id": "x" * 129}, "invalid", "event_id"),
        ({"event_id": "\ud800"}, "invalid", "event_id"),
        ({"trace_id": "x" * 129}, "invalid", "trace_id"),
        ({"occurred_at": "yesterday"}, "invalid", "occurred_at"),
        ({"occurred_at": "2026-01-01"}, "invalid", "occurred_at"),
        ({"occurred_at": "2026-01-01T00:00:00"}, "invalid", "occurred_at"),
        ({"occurred_at": "0001-01-01T00:00:00+14:00"}, "invalid", "occurred_at"),
        ({"occurred_at": 1_700_000_000}, "invalid", "occurred_at"),
        ({"occurred_at": (NOW + timedelta(minutes=10)).isoformat()}, "event_in_future", "occurred_at"),
        ({"occurred_at": (NOW - timedelta(days=36)).isoformat()}, "event_too_old", "occurred_at"),
        ({"occurred_at": (NOW - timedelta(days=20)).isoformat()}, "event_before_subscription", "occurred_at"),
        ({"meta": []}, "invalid", "meta"),
        ({"meta": {"a": "\x00"}}, "invalid", "meta"),
        ({"meta": {"a\x00": 1}}, "invalid", "meta"),
        ({"meta": {"a": "\udfff"}}, "invalid", "meta"),
        ({"meta": {"a": "x" * 5_000}}, "invalid", "meta"),
        ({"meta": {"a": 10**30}}, "invalid", "meta"),
        ({"meta": {"a": [[[[[[[[[[1]]]]]]]]]]}}, "invalid", "meta"),
        ({"occured_at": "2026-01-01T00:00:00Z"}, "invalid", "occured_at"),
        ({"subscription_id": "sub_of_nobody"}, "not_found", "subscription_id"),
        ({"tenant_id": "ten_of_somebody"}, "wrong_tenant", "tenant_id"),
    ],
)
def test_a_field_that_cannot_be_right_is_named(
    client: Client, world: World, change: dict[str, Any], code: str, field: str
) -> None:
    status = {"not_found": 404, "wrong_tenant": 403}.get(code, 422)
    assert_problem(track(client, world, EVENT | change), status, code, field)
    batch = send_raw(client, world, json.dumps([EVENT | change]), "/v1/usage/events")
    if code != "wrong_tenant" or batch.status_code == 200:
        (refused,) = batch.json()["refused"]
        assert (refused["index"], refused["code"], refused["field"]) == (0, code, field)
    assert events_kept() == 0


@pytest.mark.parametrize("body", ["[]", '"text"', "7", "null", "true"])
def test_a_document_that_is_not_an_object_is_refused(client: Client, sqlite_world: World, body: str) -> None:
    assert_problem(send_raw(client, sqlite_world, body), 422, "invalid")
    assert_problem(send_raw(client, sqlite_world, body, "/v1/sites"), 422, "invalid", "body")


def test_meta_is_kept_with_ordinary_numbers(client: Client, world: World) -> None:
    text = '{"event_type": "LLM_token_usage", "units": 1, "meta": {"t": 0.25, "big": 1e3, "n": 7, "é": [null, true]}}'
    assert send_raw(client, world, text).status_code == 200
    events = client.get("/v1/usage/events", headers=world.acme.headers).json()["events"]
    assert events[0]["meta"] == {"t": 0.25, "big": 1000.0, "n": 7, "é": [None, True]}


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
    assert shown == {
        "accepted": 2,
        "duplicates": 1,
        "remaining_credits": "999994.5",
        "alert": None,
        "receipts": {"first_seq": 1, "last_seq": 2},
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
    from services.database import transaction
    from services.identity import create_tenant

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
