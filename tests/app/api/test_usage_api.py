"""POST /v1/usage/track: what is taken, what is refused, what is answered twice."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlmodel import func, select

from models import Receipt, UsageEvent
from services.database import reading
from services.rules.receipts import receipt_hash, written
from tests.app.api.conftest import Client, World, assert_problem

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


def test_an_event_burns_credits_and_says_what_is_left(client: Client, world: World) -> None:
    answer = track(client, world, {"event_type": "LLM_token_usage", "units": "0.418", "event_id": "e1"})
    assert answer.status_code == 200, answer.text
    with reading() as session:
        data = session.get_one(Receipt, (world.acme.tenant_id, 2)).data
    assert answer.json() == {
        "ok": True,
        "event_id": "e1",
        "credits_burned": "0.418",
        "overage_credits": "0",
        "remaining_credits": "999999.582",
        "alert": None,
        "duplicate": False,
        "receipt": {"seq": 2, "hash": written(receipt_hash(data))},
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
    assert sorted(answer["receipt"]["seq"] for answer in answers) == list(range(2, 42))
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
        ({"occurred_at": (NOW + timedelta(hours=10)).isoformat()}, "event_in_future", "occurred_at"),
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
