"""PUT and GET /v1/spend-cap and /v1/alerts, and what tracking answers at the cap."""

from datetime import UTC, datetime
from typing import Any

import pytest

from services.api_keys import create_api_key
from services.database import transaction
from tests.app.api.conftest import Client, World, assert_problem
from tests.given import owner_of

EVENT: dict[str, Any] = {"event_type": "simulator_run"}
"""1,000 credits each at 0.0020; PRO includes 1,000,000."""


def put(client: Client, path: str, body: dict[str, Any], world: World) -> Any:
    return client.request("PUT", path, json=body, headers=world.acme.headers)


def test_a_cap_is_set_read_and_taken_away(sqlite_world: World, client: Client) -> None:
    headers = sqlite_world.acme.headers
    assert client.get("/v1/spend-cap", headers=headers).json()["cap"] is None
    shown = put(client, "/v1/spend-cap", {"cap": "500"}, sqlite_world).json()
    assert (shown["cap"], shown["spent"], shown["remaining"], shown["currency"]) == ("500.00", "0.00", "500.00", "CAD")
    assert shown["cap_amount"] == {"amount_minor": 50000, "currency": "CAD"}
    client.post("/v1/usage/track", json=EVENT | {"units": 1010}, headers=headers)
    shown = put(client, "/v1/spend-cap", {"cap": "15.00"}, sqlite_world).json()
    assert (shown["cap"], shown["spent"], shown["remaining"]) == ("15.00", "20.00", "0.00")
    assert shown["updated_by"].startswith("key_")
    assert client.get("/v1/spend-cap", headers=headers).json() == shown
    assert put(client, "/v1/spend-cap", {"cap": None}, sqlite_world).json()["remaining"] is None


@pytest.mark.parametrize("cap", ["-5", "1.005", "5 dollars", 5, "9999999999999999"])
def test_a_cap_that_is_no_amount_names_the_field(sqlite_world: World, client: Client, cap: Any) -> None:
    assert_problem(put(client, "/v1/spend-cap", {"cap": cap}, sqlite_world), 422, "invalid", "cap")


def test_leaving_the_cap_out_is_not_taking_it_away(sqlite_world: World, client: Client) -> None:
    assert_problem(put(client, "/v1/spend-cap", {}, sqlite_world), 422, "invalid", "cap")


@pytest.mark.parametrize(
    ("thresholds", "field"),
    [([], "thresholds_pct"), ([100], "thresholds_pct.0"), ([50, "60"], "thresholds_pct.1"),
     ([50.5], "thresholds_pct.0"), ([50, 50], "thresholds_pct"),
     (list(range(1, 12)), "thresholds_pct"), (80, "thresholds_pct")],
)  # fmt: skip
def test_thresholds_nobody_could_mean_name_the_field(
    sqlite_world: World, client: Client, thresholds: Any, field: str
) -> None:
    assert_problem(put(client, "/v1/alerts", {"thresholds_pct": thresholds}, sqlite_world), 422, "invalid", field)


def test_only_who_may_write_bills_sets_limits(sqlite_world: World, client: Client) -> None:
    with transaction() as session:
        key = create_api_key(
            session,
            tenant_id=sqlite_world.acme.tenant_id,
            scopes=["billing:read"],
            maker=owner_of(sqlite_world.acme.tenant_id),
            at=datetime.now(UTC),
        ).key
    headers = {"Authorization": f"Bearer {key}"}
    assert client.get("/v1/spend-cap", headers=headers).status_code == 200
    assert client.get("/v1/alerts", headers=headers).status_code == 200
    for path, body in (("/v1/spend-cap", {"cap": "1.00"}), ("/v1/alerts", {"thresholds_pct": [50]})):
        assert_problem(client.request("PUT", path, json=body, headers=headers), 403, "missing_scope")


def test_the_first_refusal_at_the_cap_tells_of_it_once(world: World, client: Client) -> None:
    put(client, "/v1/spend-cap", {"cap": "1.00"}, world)
    headers = world.acme.headers
    first = client.post("/v1/usage/track", json=EVENT | {"units": 1001}, headers=headers)
    problem = assert_problem(first, 429, "spend_cap_reached")
    assert problem["error"] == problem["detail"]
    assert (problem["cap"], problem["current"], problem["tier"]) == ("1.00", "0.00", "PRO")
    assert (problem["raise_cap_url"], problem["alert"]) == ("/#spending-limit", "CAP_REACHED")
    again = client.post("/v1/usage/track", json=EVENT | {"units": 1001}, headers=headers)
    assert "alert" not in assert_problem(again, 429, "spend_cap_reached")
    (alert,) = client.get("/v1/alerts", headers=headers).json()["alerts"]
    assert (alert["kind"], alert["pool"], alert["event_id"]) == ("CAP_REACHED", None, None)
    (shown,) = client.get("/v1/billing/dashboard", headers=headers).json()["alerts"]
    assert (shown["kind"], shown["pool"]) == ("CAP_REACHED", None)


def test_a_refusal_under_an_idempotency_key_tells_of_it_too_and_may_be_asked_again(
    world: World, client: Client
) -> None:
    put(client, "/v1/spend-cap", {"cap": "1.00"}, world)
    headers = world.acme.headers | {"Idempotency-Key": "one"}
    body = EVENT | {"units": 1001}
    problem = assert_problem(client.post("/v1/usage/track", json=body, headers=headers), 429, "spend_cap_reached")
    assert problem["alert"] == "CAP_REACHED"
    alerts = client.get("/v1/alerts", headers=world.acme.headers).json()["alerts"]
    assert [(alert["kind"], alert["event_id"]) for alert in alerts] == [("CAP_REACHED", "one")]
    put(client, "/v1/spend-cap", {"cap": "2.00"}, world)
    taken = client.post("/v1/usage/track", json=body, headers=headers)
    assert (taken.status_code, taken.json()["overage_credits"]) == (200, "1000")


def test_a_batch_says_which_were_refused_and_that_the_cap_is_reached(world: World, client: Client) -> None:
    put(client, "/v1/spend-cap", {"cap": "4.00"}, world)
    batch = [EVENT | {"units": units} for units in (1001, 2, 1)]
    answer = client.post("/v1/usage/events", json=batch, headers=world.acme.headers).json()
    assert (answer["accepted"], answer["alert"]) == (2, "CAP_REACHED")
    assert [(entry["index"], entry["code"]) for entry in answer["refused"]] == [(1, "spend_cap_reached")]


def test_thresholds_are_chosen_and_the_alerts_come_page_by_page(sqlite_world: World, client: Client) -> None:
    headers = sqlite_world.acme.headers
    shown = put(client, "/v1/alerts", {"thresholds_pct": [90, 30, 60]}, sqlite_world).json()
    assert (shown["thresholds_pct"], shown["is_default"]) == ([30, 60, 90], False)
    client.post("/v1/usage/track", json=EVENT | {"units": 950}, headers=headers)
    page = client.get("/v1/alerts?limit=2", headers=headers).json()
    assert [alert["threshold_pct"] for alert in page["alerts"]] == [90, 60]
    rest = client.get(f"/v1/alerts?limit=2&cursor={page['next_cursor']}", headers=headers).json()
    assert ([alert["threshold_pct"] for alert in rest["alerts"]], rest["next_cursor"]) == ([30], None)
    assert put(client, "/v1/alerts", {"thresholds_pct": None}, sqlite_world).json()["thresholds_pct"] == [80]
