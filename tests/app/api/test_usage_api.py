"""POST /v1/usage/track and /v1/usage/events."""

from typing import Any

from tests.app.api.conftest import Client, World


def track(client: Client, world: World, body: dict[str, Any], **headers: str) -> Any:
    return client.post("/v1/usage/track", json=body, headers=world.acme.headers | headers)


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
