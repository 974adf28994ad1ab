"""Calls answered before the framework is asked get the answer the framework would have given."""

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import update

from app.api.call_limits import known_limits
from models import ApiKey
from services.api_keys import RecentKeys, recent_keys
from services.database import transaction
from tests.app.api.conftest import Client, World

CALLS: list[tuple[str, Any]] = [
    ("/v1/usage/track", {"event_type": "LLM_token_usage", "units": "0.418"}),
    ("/v1/usage/track", {"event_type": "LLM_token_usage", "units": 2, "event_id": "one", "meta": {"a": 1.5}}),
    ("/v1/usage/track", {"event_type": "LLM_token_usage", "units": 3, "event_id": "one"}),
    ("/v1/usage/track", {"event_type": "nonsense", "units": 1}),
    ("/v1/usage/track", {"event_type": "LLM_token_usage", "units": -1}),
    ("/v1/usage/track", {"event_type": "LLM_token_usage", "units": 1, "tenant_id": "ten_another"}),
    ("/v1/usage/track", {"event_type": "LLM_token_usage", "units": 1, "colour": "red"}),
    ("/v1/usage/track", []),
    ("/v1/usage/track", None),
    ("/v1/usage/events", [{"event_type": "LLM_token_usage", "units": 1}, {"event_type": "?", "units": 1}, 7]),
    ("/v1/usage/events", []),
    ("/v1/usage/events", {"events": []}),
    ("/v1/usage/events", [{"event_type": "LLM_token_usage", "units": 1}] * 2_001),
]
CHANGING = {"event_id", "receipt", "receipts", "request_id", "remaining_credits"}
TIMED = {"x-request-duration-ms", "x-request-id", "content-length"}


def answered(client: Client, path: str, content: bytes, headers: dict[str, str]) -> tuple[Any, ...]:
    answer = client.post(path, content=content, headers={"content-type": "application/json", **headers})
    body = {name: value for name, value in answer.json().items() if name not in CHANGING}
    assert "x-request-duration-ms" in answer.headers
    assert answer.headers["x-request-id"]
    return answer.status_code, body, {k: v for k, v in answer.headers.items() if k not in TIMED}


@pytest.mark.parametrize("content", [b"{", b"\xff", b'{"a":1,"a":2}', b"[" * 3_000, b'{"units":NaN}'])
def test_bodies_that_cannot_be_read_are_refused_alike(sqlite_world: World, client: Client, content: bytes) -> None:
    assert_alike(sqlite_world, client, "/v1/usage/track", content)


@pytest.mark.parametrize(("path", "document"), CALLS)
def test_answers_are_alike(sqlite_world: World, client: Client, path: str, document: Any) -> None:
    assert_alike(sqlite_world, client, path, json.dumps(document).encode())


def assert_alike(world: World, client: Client, path: str, content: bytes) -> None:
    """Once with nothing known of the caller, which goes the long way, and once right after."""
    headers = world.acme.headers
    forget()
    asked_at_length = answered(client, path, content, headers)
    client.post("/v1/usage/check", json={"event_type": "LLM_token_usage", "units": 1}, headers=headers)
    assert recent_keys.find(world.acme.key, now=0.0) is not None
    quick = answered(client, path, content, headers)
    if asked_at_length[0] == 200 and "duplicate" in asked_at_length[1]:
        asked_at_length[1].pop("duplicate"), quick[1].pop("duplicate")
    assert quick == asked_at_length


def test_a_key_that_another_process_revoked_is_refused_a_moment_later(
    sqlite_world: World, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget()
    monkeypatch.setattr(RecentKeys, "REMEMBERED_SECONDS", 0.2)
    asked = {"json": {"event_type": "LLM_token_usage", "units": 1}, "headers": sqlite_world.acme.headers}
    assert [client.post("/v1/usage/track", **asked).status_code for _ in range(3)] == [200, 200, 200]
    with transaction() as session:
        session.execute(update(ApiKey).values(revoked_at=datetime.now(UTC)))
    time.sleep(0.25)
    assert client.post("/v1/usage/track", **asked).status_code == 401


def forget() -> None:
    recent_keys.forget()
    known_limits.clear()
