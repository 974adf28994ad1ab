"""/v1/assets/source."""

from collections.abc import Iterator
from typing import Any

import pytest

from services import settings as configuration
from tests.app.api.conftest import Client, World, assert_problem
from tests.receivers import Receiver, receiver

PATH = "/v1/assets/source"
URL = "https://assets.example.com/"


@pytest.fixture
def server(sqlite_world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setenv("TALLYSTICK_LOOPBACK_CALLS", "true")
    configuration.settings.cache_clear()
    with receiver() as one:
        one.answering = lambda _: (200, b'{"asset_count": 12}')
        yield one


def test_an_address_is_named_asked_and_removed(sqlite_world: World, client: Client, server: Receiver) -> None:
    headers = sqlite_world.acme.headers
    assert_problem(client.get(PATH, headers=headers), 404, "not_found", "tenant_id")
    shown = client.request("PUT", PATH, json={"url": server.url, "token": "t0ken"}, headers=headers).json()
    assert (shown["url"], shown["has_token"], shown["every_hours"], shown["pulls"]) == (server.url, True, 24, [])
    once = headers | {"Idempotency-Key": "once"}
    for _ in range(2):
        assert client.post(f"{PATH}/pull", json={}, headers=once).status_code == 202
    assert [request.headers["authorization"] for request in server.received] == ["Bearer t0ken"]
    (pull,) = client.get(PATH, headers=headers).json()["pulls"]
    assert (pull["status"], pull["attempts"], pull["error"]) == ("recorded", 1, None)
    assert client.request("DELETE", PATH, headers=headers).status_code == 204
    assert client.get(PATH, headers=headers).status_code == 404


def test_the_token_stays_where_it_is_left_out(sqlite_world: World, client: Client, server: Receiver) -> None:
    headers = sqlite_world.acme.headers
    client.request("PUT", PATH, json={"url": server.url, "token": "t0ken"}, headers=headers)
    assert client.request("PUT", PATH, json={"url": server.url, "every_hours": 6}, headers=headers).json()["has_token"]
    none = client.request("PUT", PATH, json={"url": server.url, "token": None}, headers=headers).json()
    assert not none["has_token"]


@pytest.mark.parametrize(
    ("body", "field"),
    [({"url": "https://192.168.1.1/"}, "url"), ({}, "url"), ({"url": URL, "every_hours": 5}, "every_hours"),
     ({"url": URL, "token": ""}, "token"), ({"url": URL, "token": "a b"}, "token")],
)  # fmt: skip
def test_what_cannot_be_asked_names_the_field(
    sqlite_world: World, client: Client, body: dict[str, Any], field: str
) -> None:
    assert_problem(client.request("PUT", PATH, json=body, headers=sqlite_world.acme.headers), 422, "invalid", field)
