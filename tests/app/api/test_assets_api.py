"""Sites, and counts of assets."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.app.api.conftest import Client, World, assert_problem

NOW = datetime.now(UTC)


def test_sites_are_added_listed_by_page_and_limited_by_the_plan(client: Client, world: World) -> None:
    headers = world.acme.headers
    for code in ("toronto", "calgary", "halifax"):
        assert client.post("/v1/sites", json={"code": code, "name": "Site"}, headers=headers).status_code == 201
    refused = client.post("/v1/sites", json={"code": "yukon"}, headers=headers)
    assert_problem(refused, 422, "site_limit_reached", "code")
    assert_problem(client.post("/v1/sites", json={"code": "calgary"}, headers=headers), 409, "conflict", "code")
    first = client.get("/v1/sites", params={"limit": 2}, headers=headers).json()
    rest = client.get("/v1/sites", params={"cursor": first["next_cursor"]}, headers=headers).json()
    assert [site["code"] for site in first["sites"] + rest["sites"]] == ["calgary", "halifax", "toronto"]
    assert rest["next_cursor"] is None
    event = {"event_type": "LLM_token_usage", "units": 1, "site": "calgary"}
    assert client.post("/v1/usage/track", json=event, headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"asset_count": -1}, "asset_count"),
        ({"asset_count": 1.5}, "asset_count"),
        ({"asset_count": True}, "asset_count"),
        ({"asset_count": "7"}, "asset_count"),
        ({"asset_count": 10**30}, "asset_count"),
        ({}, "asset_count"),
        ({"asset_count": 3, "site_breakdown": {"a": 1}}, "site_breakdown"),
        ({"asset_count": 3, "site_breakdown": {"a": 4, "b": -1}}, "site_breakdown.b"),
        ({"asset_count": 3, "captured_at": "soon"}, "captured_at"),
    ],
)
def test_a_count_that_cannot_be_is_refused_by_field(
    client: Client, sqlite_world: World, body: dict[str, Any], field: str
) -> None:
    answer = client.post("/v1/assets/snapshots", json=body, headers=sqlite_world.acme.headers)
    assert_problem(answer, 422, "invalid", field)


def test_a_snapshot_adds_the_sites_it_names(client: Client, world: World) -> None:
    body = {"asset_count": 150, "site_breakdown": {"site1": 50, "site2": 100}, "captured_at": NOW.isoformat()}
    answer = client.post("/v1/assets/snapshots", json=body, headers=world.acme.headers)
    assert answer.json()["site_breakdown"] == {"site1": 50, "site2": 100}
    sites = client.get("/v1/sites", headers=world.acme.headers).json()["sites"]
    assert [site["code"] for site in sites] == ["site1", "site2"]
