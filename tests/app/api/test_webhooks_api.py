"""/v1/webhook-endpoints and /v1/notices."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook

from app.webhook_deliveries import deliver_due_webhooks
from services import settings as configuration
from services.api_keys import create_api_key
from services.database import transaction
from tests.app.api.conftest import Client, World, assert_problem
from tests.given import owner_of
from tests.receivers import Receiver, receiver

PATH = "/v1/webhook-endpoints"
URL = "https://example.com/hooks"


@pytest.fixture
def server() -> Iterator[Receiver]:
    with receiver() as one:
        yield one


@pytest.fixture
def loopback(sqlite_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALLYSTICK_LOOPBACK_CALLS", "true")
    configuration.settings.cache_clear()


def made(world: World, client: Client, **body: Any) -> dict[str, Any]:
    answer = client.post(PATH, json={"url": URL} | body, headers=world.acme.headers)
    assert answer.status_code == 201, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def use(client: Client, world: World, count: int = 1) -> None:
    """Make something happen: the customer has a site more, and its credits are used up."""
    body = {"event_type": "LLM_token_usage", "units": 900_000 * count}
    assert client.post("/v1/usage/track", json=body, headers=world.acme.headers).status_code == 200


def test_an_endpoint_is_registered_read_changed_and_deleted(sqlite_world: World, client: Client) -> None:
    headers = sqlite_world.acme.headers
    shown = made(sqlite_world, client, description="Books", event_types=["invoice.paid", "invoice.finalized"])
    path = f"{PATH}/{shown['endpoint_id']}"
    assert (shown["url"], shown["status"], shown["waiting"]) == (URL, "enabled", 0)
    assert shown["event_types"] == ["invoice.finalized", "invoice.paid"]
    assert "secret" not in shown
    assert client.get(path, headers=headers).json() == shown
    assert client.get(PATH, headers=headers).json() == {"endpoints": [shown]}
    changed = client.request("PATCH", path, json={"event_types": None, "enabled": False}, headers=headers).json()
    assert (changed["event_types"], changed["status"], changed["disabled_reason"]) == (None, "disabled", "by_customer")
    assert changed["description"] == "Books"
    assert client.request("DELETE", path, headers=headers).status_code == 204
    assert_problem(client.get(path, headers=headers), 404, "not_found", "endpoint_id")
    assert client.get(PATH, headers=headers).json() == {"endpoints": []}


@pytest.mark.parametrize(
    ("body", "field"),
    [({"url": "http://example.com/"}, "url"), ({"url": "https://10.0.0.1/"}, "url"),
     ({"url": "https://localhost/"}, "url"),
     ({"url": "https://[::ffff:169.254.169.254]/"}, "url"), ({"url": ""}, "url"), ({}, "url"), ({"url": 5}, "url"),
     ({"url": "http://127.0.0.1:8000/"}, "url"),
     ({"url": URL, "event_types": []}, "event_types"), ({"url": URL, "event_types": ["invoice.eaten"]}, "event_types"),
     ({"url": URL, "description": "x" * 201}, "description"), ({"url": URL, "description": "a\u0000b"}, "description")],
)  # fmt: skip
def test_what_cannot_be_an_endpoint_names_the_field(
    sqlite_world: World, client: Client, body: dict[str, Any], field: str
) -> None:
    assert_problem(client.post(PATH, json=body, headers=sqlite_world.acme.headers), 422, "invalid", field)
    assert client.get(PATH, headers=sqlite_world.acme.headers).json() == {"endpoints": []}


def test_there_are_ten_endpoints_at_most(sqlite_world: World, client: Client) -> None:
    for number in range(10):
        made(sqlite_world, client, url=f"{URL}/{number}")
    assert_problem(client.post(PATH, json={"url": URL}, headers=sqlite_world.acme.headers), 409, "conflict")


def test_the_same_request_under_one_key_registers_one_endpoint(sqlite_world: World, client: Client) -> None:
    headers = sqlite_world.acme.headers | {"Idempotency-Key": "once"}
    first, again = (client.post(PATH, json={"url": URL}, headers=headers) for _ in range(2))
    assert first.json() == again.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(client.get(PATH, headers=headers).json()["endpoints"]) == 1


def test_reading_bills_is_enough_to_look_and_too_little_to_change_or_to_see_the_secret(
    sqlite_world: World, client: Client
) -> None:
    shown = made(sqlite_world, client)
    with transaction() as session:
        key = create_api_key(
            session,
            tenant_id=sqlite_world.acme.tenant_id,
            scopes=["billing:read"],
            maker=owner_of(sqlite_world.acme.tenant_id),
            at=datetime.now(UTC),
        ).key
    headers, path = {"Authorization": f"Bearer {key}"}, f"{PATH}/{shown['endpoint_id']}"
    assert client.get(path, headers=headers).status_code == 200
    assert client.get("/v1/notices", headers=headers).status_code == 200
    for method, address, body in (
        ("POST", PATH, {"url": URL}), ("PATCH", path, {"enabled": False}), ("DELETE", path, None),
        ("GET", f"{path}/secret", None), ("POST", f"{path}/rotate-secret", {}), ("POST", f"{path}/test", {}),
        ("POST", f"{path}/replay", {"notice_id": "ntc_1"}),
    ):  # fmt: skip
        assert_problem(client.request(method, address, json=body, headers=headers), 403, "missing_scope")


def test_a_test_is_sent_at_once_and_its_answer_shown(
    loopback: None, sqlite_world: World, client: Client, server: Receiver
) -> None:
    headers, server.answers = sqlite_world.acme.headers, [(201, b"got it")]
    path = f"{PATH}/{made(sqlite_world, client, url=server.url)['endpoint_id']}"
    asked = client.post(f"{path}/test", json={}, headers=headers)
    assert (asked.status_code, asked.json()["type"]) == (202, "webhook.test")
    secret = client.get(f"{path}/secret", headers=headers).json()["secret"]
    assert Webhook(secret).verify(server.received[0].body, server.received[0].headers)["type"] == "webhook.test"
    shown = client.get(f"{path}/deliveries/{asked.json()['delivery_id']}", headers=headers).json()
    assert (shown["status"], shown["body"], shown["message_id"]) == (
        "delivered", server.received[0].body, server.received[0].headers["webhook-id"],
    )  # fmt: skip
    assert [(each["status_code"], each["response"]) for each in shown["all_attempts"]] == [(201, "got it")]


def test_what_happened_is_sent_shown_and_sent_again(
    loopback: None, sqlite_world: World, client: Client, server: Receiver
) -> None:
    headers = sqlite_world.acme.headers
    path = f"{PATH}/{made(sqlite_world, client, url=server.url)['endpoint_id']}"
    use(client, sqlite_world)
    deliver_due_webhooks(at=datetime.now(UTC))
    (sent,) = client.get(f"{path}/deliveries", headers=headers).json()["deliveries"]
    assert (sent["type"], sent["status"], sent["last_attempt"]["status_code"]) == ("credits.low", "delivered", 200)
    again = client.post(f"{path}/replay", json={"notice_id": sent["notice_id"]}, headers=headers)
    assert (again.status_code, again.json()["queued"]) == (202, 1)
    since = client.post(f"{path}/replay", json={"since": "2026-01-01T00:00:00Z"}, headers=headers).json()
    assert since["queued"] >= 2, "what happened before it was registered too"
    deliver_due_webhooks(at=datetime.now(UTC))
    assert server.received[1].headers["webhook-id"] == sent["notice_id"]
    page = client.get(f"{path}/deliveries?limit=2", headers=headers).json()
    rest = client.get(f"{path}/deliveries?limit=200&cursor={page['next_cursor']}", headers=headers).json()
    assert len(page["deliveries"]) + len(rest["deliveries"]) == len(server.received)


@pytest.mark.parametrize("body", [{}, {"notice_id": "a", "since": "2026-01-01T00:00:00Z"}, {"since": "yesterday"}])
def test_a_replay_says_what_to_replay(sqlite_world: World, client: Client, body: dict[str, Any]) -> None:
    path = f"{PATH}/{made(sqlite_world, client)['endpoint_id']}/replay"
    assert client.post(path, json=body, headers=sqlite_world.acme.headers).status_code == 422


def test_a_disabled_endpoint_is_enabled_before_anything_is_replayed(sqlite_world: World, client: Client) -> None:
    headers, path = sqlite_world.acme.headers, f"{PATH}/{made(sqlite_world, client)['endpoint_id']}"
    client.request("PATCH", path, json={"enabled": False}, headers=headers)
    assert_problem(
        client.post(f"{path}/replay", json={"since": "2026-01-01T00:00:00Z"}, headers=headers), 409, "conflict"
    )


def test_a_rotated_secret_is_another_and_the_one_before_is_shown_while_it_signs(
    sqlite_world: World, client: Client
) -> None:
    headers, path = sqlite_world.acme.headers, f"{PATH}/{made(sqlite_world, client)['endpoint_id']}"
    old = client.get(f"{path}/secret", headers=headers).json()
    rotated = client.post(f"{path}/rotate-secret", json={"overlap_hours": 2}, headers=headers).json()
    new = client.get(f"{path}/secret", headers=headers).json()
    assert new["secret"] != old["secret"] == new["previous_secret"]
    assert new["previous_secret_expires_at"] == rotated["previous_secret_expires_at"]
    client.post(f"{path}/rotate-secret", json={"overlap_hours": 0}, headers=headers)
    assert client.get(f"{path}/secret", headers=headers).json()["previous_secret"] is None
    assert_problem(
        client.post(f"{path}/rotate-secret", json={"overlap_hours": 200}, headers=headers),
        422,
        "invalid",
        "overlap_hours",
    )


def test_notices_are_read_in_order_from_where_one_was(sqlite_world: World, client: Client) -> None:
    headers = sqlite_world.acme.headers
    use(client, sqlite_world)
    first = client.get("/v1/notices?limit=2", headers=headers).json()
    assert [(each["sequence"], each["type"]) for each in first["notices"]] == [
        (1, "subscription.started"), (2, "invoice.finalized"),
    ]  # fmt: skip
    rest = client.get(f"/v1/notices?cursor={first['next_cursor']}", headers=headers).json()
    assert [each["type"] for each in rest["notices"]] == ["credits.low"]
    assert rest["next_cursor"] is None
    assert client.get("/v1/notices?after=2", headers=headers).json() == rest
    assert client.get("/v1/notices?after=-1", headers=headers).status_code == 422


def test_the_published_types_are_in_the_contract(sqlite_world: World, client: Client) -> None:
    document = json.dumps(client.get("/openapi.json").json()["components"]["schemas"]["EndpointBody"])
    assert "invoice.payment_failed" in document
