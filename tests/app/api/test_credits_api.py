"""GET /v1/credits and its ledger, buying packs by hand and by themselves, and credits an operator gives."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.api_keys import create_api_key
from services.database import transaction
from tests.app.api.conftest import Client, World, assert_problem
from tests.given import owner_of

EVENT: dict[str, Any] = {"event_type": "simulator_run"}
"""1,000 credits each; PRO includes 1,000,000."""

ORDER = {"pack": "credits-250k", "threshold": "50000", "month_count_max": 2, "month_amount_max": "900.00"}


def bought(client: Client, world: World, **body: Any) -> Any:
    return client.post("/v1/credits/top-ups", json={"pack": "credits-250k"} | body, headers=world.acme.headers)


def given(client: Client, world: World, **body: Any) -> Any:
    sent = {"tenant_id": world.acme.tenant_id, "pool": "credits", "credits": "1000", "reason": "Welcome"} | body
    return client.post("/v1/admin/credits/grants", json=sent, headers=world.operator_headers)


def test_what_is_left_is_shown_lot_by_lot_in_the_order_it_is_spent_in(sqlite_world: World, client: Client) -> None:
    bought(client, sqlite_world)
    given(client, sqlite_world, priority=5)
    client.post("/v1/usage/track", json=EVENT | {"units": 2}, headers=sqlite_world.acme.headers)
    (pool,) = client.get("/v1/credits", headers=sqlite_world.acme.headers).json()["pools"]
    assert (pool["pool"], pool["unit"], pool["remaining"]) == ("credits", "credit", "1249000")
    assert [(lot["kind"], lot["spent_next"], lot["left"], lot["spent"]) for lot in pool["lots"]] == [
        ("allowance", 1, "999000", "1000"), ("purchase", 2, "250000", "0"), ("promotion", None, "0", "1000"),
    ]  # fmt: skip


def test_a_purchase_is_previewed_then_made_once_under_its_key(sqlite_world: World, client: Client) -> None:
    preview = bought(client, sqlite_world, quantity=2, preview=True)
    assert (preview.status_code, preview.json()["status"], preview.json()["total"]) == (200, "preview", "900.00")
    assert preview.json()["is_granted_at_once"]
    headers = sqlite_world.acme.headers | {"Idempotency-Key": "buy-once"}
    body = {"pack": "credits-250k", "quantity": 2}
    first, again = (client.post("/v1/credits/top-ups", json=body, headers=headers) for _ in range(2))
    assert (first.status_code, first.json()) == (201, again.json())
    assert (first.json()["status"], first.json()["credits"]) == ("granted", "500000")
    shown = client.get("/v1/credits/top-ups", headers=sqlite_world.acme.headers).json()
    assert [pack["code"] for pack in shown["packs"]] == ["credits-250k", "credits-1m"]
    assert [each["purchase_id"] for each in shown["purchases"]] == [first.json()["purchase_id"]]
    invoice = client.get(f"/v1/invoices/{first.json()['invoice_id']}", headers=sqlite_world.acme.headers).json()
    assert invoice["total"] == "900.00"


def test_purchases_are_listed_a_page_at_a_time(sqlite_world: World, client: Client) -> None:
    made = [bought(client, sqlite_world).json()["purchase_id"] for _ in range(3)]
    seen, cursor = [], ""
    while True:
        page = client.get(f"/v1/credits/top-ups?limit=2{cursor}", headers=sqlite_world.acme.headers).json()
        seen += [each["purchase_id"] for each in page["purchases"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert sorted(seen) == sorted(made)


@pytest.mark.parametrize(
    ("body", "field"),
    [({"pack": "tea"}, "pack"), ({"quantity": 0}, "quantity"), ({"quantity": "2"}, "quantity"), ({"x": 1}, "x")],
)
def test_what_is_not_sold_is_refused(sqlite_world: World, client: Client, body: dict[str, Any], field: str) -> None:
    answer = bought(client, sqlite_world, **body)
    assert (answer.status_code, field in answer.text) == (422, True)


def test_the_ledger_says_why_page_by_page_and_as_a_file(sqlite_world: World, client: Client) -> None:
    headers = sqlite_world.acme.headers
    purchase = bought(client, sqlite_world).json()
    client.post("/v1/usage/track", json=EVENT | {"units": 1}, headers=headers)
    whole = client.get("/v1/credits/ledger", headers=headers).json()["entries"]
    assert [entry["kind"] for entry in whole] == ["burn", "grant", "grant"]
    assert (whole[0]["credits"], whole[0]["balance"]) == ("-1000", "1249000")
    assert (whole[1]["why"], whole[1]["invoice_id"]) == ("Bought", purchase["invoice_id"])
    first = client.get("/v1/credits/ledger?limit=1", headers=headers).json()
    second = client.get(f"/v1/credits/ledger?limit=2&cursor={first['next_cursor']}", headers=headers).json()
    assert first["entries"] + second["entries"] == whole
    burns = client.get("/v1/credits/ledger?kind=burn&pool=credits", headers=headers).json()["entries"]
    assert burns == whole[:1]
    file = client.get("/v1/credits/ledger.csv", headers=headers)
    assert file.headers["content-type"].startswith("text/csv")
    assert len(file.text.splitlines()) == 4
    assert_problem(client.get("/v1/credits/ledger?kind=tea", headers=headers), 422, "invalid", "kind")


def test_credits_are_bought_by_themselves_as_ordered_and_no_more(sqlite_world: World, client: Client) -> None:
    headers = sqlite_world.acme.headers
    shown = client.request("PUT", "/v1/credits/auto-top-ups/credits", json=ORDER, headers=headers).json()
    assert (shown["is_on"], shown["threshold"], shown["month_amount_max"], shown["is_due"]) == (
        True, "50000", "900.00", False,
    )  # fmt: skip
    client.post("/v1/usage/track", json=EVENT | {"units": 960}, headers=headers)
    (order,) = client.get("/v1/credits/auto-top-ups", headers=headers).json()["auto_top_ups"]
    assert order["is_due"]
    stopped = client.request("DELETE", "/v1/credits/auto-top-ups/credits", headers=headers).json()
    assert (stopped["is_on"], stopped["is_due"]) == (False, False)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"pack": "credits-5m"}, "pack"),
        ({"threshold": "0"}, "threshold"),
        ({"month_amount_max": "0.001"}, "month_amount_max"),
    ],
)
def test_an_order_that_is_none_is_refused(
    sqlite_world: World, client: Client, change: dict[str, Any], field: str
) -> None:
    headers = sqlite_world.acme.headers
    answer = client.request("PUT", "/v1/credits/auto-top-ups/credits", json=ORDER | change, headers=headers)
    assert (answer.status_code, answer.json()["field"]) == (422, field)


def test_nothing_ordered_is_not_found(sqlite_world: World, client: Client) -> None:
    answer = client.request("DELETE", "/v1/credits/auto-top-ups/credits", headers=sqlite_world.acme.headers)
    assert answer.status_code == 404


def test_an_operator_gives_lists_and_takes_away(sqlite_world: World, client: Client) -> None:
    ends_at = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    gift = given(client, sqlite_world, expires_at=ends_at)
    assert (gift.status_code, gift.json()["credits"], gift.json()["is_revoked"]) == (201, "1000", False)
    path, named = "/v1/admin/credits/grants", f"?tenant_id={sqlite_world.acme.tenant_id}"
    listed = client.get(path + named, headers=sqlite_world.operator_headers).json()["grants"]
    assert [each["grant_id"] for each in listed] == [gift.json()["grant_id"]]
    body = {"tenant_id": sqlite_world.acme.tenant_id, "reason": "Given twice"}
    taken = client.post(f"{path}/{gift.json()['grant_id']}/revoke", json=body, headers=sqlite_world.operator_headers)
    assert (taken.status_code, taken.json()["left"], taken.json()["is_revoked"]) == (200, "0", True)


def test_customers_cannot_give_themselves_credits_or_see_those_of_others(sqlite_world: World, client: Client) -> None:
    world = sqlite_world
    sent = {"tenant_id": world.acme.tenant_id, "pool": "credits", "credits": "1", "reason": "For me"}
    assert client.post("/v1/admin/credits/grants", json=sent, headers=world.acme.headers).status_code == 403
    purchase = bought(client, world).json()
    other = {"headers": world.borealis.headers}
    assert client.get(f"/v1/credits?tenant_id={world.acme.tenant_id}", **other).status_code == 403
    assert purchase["lot_id"] not in client.get("/v1/credits/ledger", **other).text
    mine = f"?subscription_id={purchase['subscription_id']}"
    assert client.get(f"/v1/credits/auto-top-ups{mine}", **other).status_code == 404
    assert (
        client.request(
            "PUT",
            "/v1/credits/auto-top-ups/credits",
            json=ORDER | {"subscription_id": purchase["subscription_id"]},
            **other,
        ).status_code
        == 404
    )


def test_only_who_may_write_bills_buys(sqlite_world: World, client: Client) -> None:
    with transaction() as session:
        key = create_api_key(
            session,
            tenant_id=sqlite_world.acme.tenant_id,
            scopes=["billing:read"],
            maker=owner_of(sqlite_world.acme.tenant_id),
            at=datetime.now(UTC),
        ).key
    headers = {"Authorization": f"Bearer {key}"}
    assert client.get("/v1/credits", headers=headers).status_code == 200
    assert client.post("/v1/credits/top-ups", json={"pack": "credits-250k"}, headers=headers).status_code == 403
