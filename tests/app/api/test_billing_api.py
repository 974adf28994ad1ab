"""Plans, subscriptions, assets, sites, invoices and the dashboard, over HTTP."""

from datetime import UTC, datetime
from typing import Any

import pytest

from services.database import transaction
from services.identity import create_tenant
from tests.app.api.conftest import Client, World, assert_problem

NOW = datetime.now(UTC)


def new_tenant(name: str, currency: str = "CAD") -> str:
    with transaction() as session:
        return create_tenant(session, name=name, currency=currency, timezone="America/Toronto", at=NOW).id


def test_the_worked_example_comes_to_10600(client: Client, world: World) -> None:
    acme, operator = world.acme, world.operator_headers
    tracked = client.post(
        "/v1/usage/track", json={"event_type": "LLM_token_usage", "units": 1_500_000}, headers=acme.headers
    )
    assert tracked.json()["overage_credits"] == "500000"
    counted = client.post("/v1/assets/snapshots", json={"asset_count": 1_200}, headers=acme.headers)
    assert counted.status_code == 201
    body = {"subscription_id": acme.subscription_id, "force_period_end": True}
    answer = client.post("/v1/invoices/generate", json=body, headers=operator)
    assert answer.status_code == 200, answer.text
    invoice = answer.json()
    assert [(line["kind"], line["total"]) for line in invoice["lines"]] == [
        ("base", "9000.00"),
        ("asset_uplift", "600.00"),
        ("overage", "1000.00"),
    ]
    assert (invoice["total_cad"], invoice["total"], invoice["currency"]) == ("10600.00", "10600.00", "CAD")
    assert invoice["amount_due"] == {"amount_minor": 1_060_000, "currency": "CAD"}
    again = client.get(f"/v1/invoices/{invoice['invoice_id']}", headers=acme.headers)
    assert again.json() == invoice
    summary = client.get("/v1/usage/summary", headers=acme.headers).json()
    assert (summary["total_credits"], summary["remaining_credits"]) == ("0", "1000000")


def test_only_an_operator_ends_a_period_early(client: Client, sqlite_world: World) -> None:
    body = {"subscription_id": sqlite_world.acme.subscription_id, "force_period_end": True}
    answer = client.post("/v1/invoices/generate", json=body, headers=sqlite_world.acme.headers)
    assert_problem(answer, 403, "missing_scope", "force_period_end")
    early = client.post("/v1/invoices/generate", json={}, headers=sqlite_world.acme.headers)
    assert_problem(early, 409, "period_not_ended")


def test_generating_under_one_key_closes_one_period(client: Client, world: World) -> None:
    body = {"subscription_id": world.acme.subscription_id, "force_period_end": True}
    headers = world.operator_headers | {"Idempotency-Key": "close-1"}
    first = client.post("/v1/invoices/generate", json=body, headers=headers)
    again = client.post("/v1/invoices/generate", json=body, headers=headers)
    assert (again.text, again.headers["idempotent-replayed"]) == (first.text, "true")
    assert len(client.get("/v1/invoices", headers=world.acme.headers).json()["invoices"]) == 2


def test_an_operator_marks_an_invoice_paid(client: Client, world: World) -> None:
    (opened,) = client.get("/v1/invoices", headers=world.acme.headers).json()["invoices"]
    path = f"/v1/admin/invoices/{opened['invoice_id']}/mark-paid"
    assert_problem(client.post(path, json={"reference": "x"}, headers=world.acme.headers), 403, "missing_scope")
    paid = client.post(path, json={"reference": "wire 77"}, headers=world.operator_headers)
    assert (paid.json()["status"], paid.json()["payment_reference"]) == ("paid", "wire 77")
    assert client.post(path, headers=world.operator_headers).json() == paid.json()
    assert_problem(
        client.post("/v1/admin/invoices/inv_none/mark-paid", headers=world.operator_headers),
        404, "not_found", "invoice_id",
    )  # fmt: skip


def test_the_preview_is_the_running_bill_and_is_not_kept(client: Client, world: World) -> None:
    preview = client.get("/v1/invoices/preview", headers=world.acme.headers).json()
    assert (preview["invoice_id"], preview["number"], preview["status"]) == (None, None, "draft")
    assert preview["total"] == "9000.00"
    assert len(client.get("/v1/invoices", headers=world.acme.headers).json()["invoices"]) == 1


def test_a_subscription_is_started_and_read(client: Client, world: World) -> None:
    tenant_id = new_tenant("Cirrus")
    body = {"tenant_id": tenant_id, "plan_code": "STARTER", "start_date": NOW.date().isoformat()}
    made = client.post("/v1/subscriptions", json=body, headers=world.operator_headers)
    if made.status_code == 422:  # the day has begun in UTC and not yet in Toronto
        body.pop("start_date")
        made = client.post("/v1/subscriptions", json=body, headers=world.operator_headers)
    assert made.status_code == 201, made.text
    shown = made.json()
    assert (shown["status"], shown["plan_code"], shown["tenant_id"]) == ("active", "STARTER", tenant_id)
    path = f"/v1/subscriptions/{shown['subscription_id']}"
    assert client.get(path, headers=world.operator_headers).json() == shown
    assert_problem(client.get(path, headers=world.acme.headers), 404, "not_found", "subscription_id")
    again = client.post("/v1/subscriptions", json=body, headers=world.operator_headers)
    assert_problem(again, 409, "subscription_conflict")


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"plan_code": "GOLD"}, "unknown_plan", "plan_code"),
        ({"plan_code": "no-book/PRO"}, "unknown_price_book", "plan_code"),
        ({"plan_code": "a\x00"}, "invalid", "plan_code"),
        ({"plan_code": None}, "invalid", "plan_code"),
        ({"start_date": "2999-01-01"}, "invalid", "start_date"),
        ({"start_date": "1999-01-01"}, "invalid", "start_date"),
        ({"start_date": 20_000}, "invalid", "start_date"),
        ({"start_date": "2026-02-30"}, "invalid", "start_date"),
        ({"interval": "week"}, "invalid", "interval"),
        ({"collection": 1}, "invalid", "collection"),
        ({"tenant_id": None}, "invalid", "tenant_id"),
        ({"tenant_id": "no spaces"}, "invalid", "tenant_id"),
        ({"seats": 5}, "invalid", "seats"),
    ],
)
def test_a_subscription_that_cannot_be_is_refused_by_field(
    client: Client, sqlite_world: World, change: dict[str, Any], code: str, field: str
) -> None:
    body = {"tenant_id": new_tenant("Cirrus"), "plan_code": "PRO"} | change
    answer = client.post("/v1/subscriptions", json=body, headers=sqlite_world.operator_headers)
    assert_problem(answer, 422, code, field)


def test_an_unknown_customer_is_not_found(client: Client, sqlite_world: World) -> None:
    for path in ("/v1/invoices", "/v1/sites", "/v1/usage/summary", "/v1/usage/events", "/v1/billing/dashboard"):
        answer = client.get(path, params={"tenant_id": "ten_none"}, headers=sqlite_world.operator_headers)
        assert_problem(answer, 404, "not_found", "tenant_id")


def test_an_operator_names_the_customer(client: Client, sqlite_world: World) -> None:
    assert_problem(client.get("/v1/invoices", headers=sqlite_world.operator_headers), 422, "invalid", "tenant_id")
    named = {"tenant_id": sqlite_world.acme.tenant_id}
    shown = client.get("/v1/invoices", params=named, headers=sqlite_world.operator_headers).json()["invoices"]
    path = f"/v1/invoices/{shown[0]['invoice_id']}"
    assert client.get(path, headers=sqlite_world.operator_headers).status_code == 200


def test_plans_are_public_and_exact(client: Client, world: World) -> None:
    book = client.get("/v1/plans").json()
    assert [plan["code"] for plan in book["plans"]] == ["STARTER", "PRO", "ENTERPRISE"]
    pro = book["plans"][1]
    assert (pro["monthly"], pro["monthly_price"]) == ({"amount_minor": 900_000, "currency": "CAD"}, "9000.00")
    assert (pro["annual_price"], pro["popular"], pro["allowances"]) == ("86400.00", True, {"credits": "1000000"})
    assert pro["overage"]["credits"]["unit_price"] == "0.002"
    assert {meter["event_type"] for meter in book["meters"]} >= {"LLM_token_usage", "simulator_run"}


def test_usage_is_summed_by_every_key(client: Client, world: World) -> None:
    events = [
        {"event_type": "LLM_token_usage", "units": "0.5"},
        {"event_type": "optimizer_job", "units": 2},
        {"event_type": "LLM_token_usage", "units": "1.25"},
    ]
    client.post("/v1/usage/events", json=events, headers=world.acme.headers)
    by_type = client.get("/v1/usage/summary", params={"group_by": "event_type"}, headers=world.acme.headers).json()
    assert by_type["groups"] == [
        {"key": "LLM_token_usage", "units": "1.75", "credits": "1.75", "overage_credits": "0", "events": 2},
        {"key": "optimizer_job", "units": "2", "credits": "1000", "overage_credits": "0", "events": 1},
    ]
    assert (by_type["total_credits"], by_type["remaining_credits"]) == ("1001.75", "998998.25")
    assert {"from", "to"} <= by_type.keys()
    for group_by in ("day", "month", "site"):
        shown = client.get("/v1/usage/summary", params={"group_by": group_by}, headers=world.acme.headers).json()
        assert sum(group["events"] for group in shown["groups"]) == 3


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"from": "never"}, "from"),
        ({"to": "2026-13-01"}, "to"),
        ({"from": "2026-02-01", "to": "2026-01-01"}, "to"),
        ({"from": "0001-01-01", "to": "9999-12-31"}, "from"),
        ({"group_by": "colour"}, "group_by"),
        ({"subscription_id": "a b"}, "subscription_id"),
        ({"subscription_id": "\x00"}, "subscription_id"),
        ({"tenant_id": "x" * 65}, "tenant_id"),
    ],
)
def test_a_range_that_cannot_be_is_refused_by_field(
    client: Client, world: World, params: dict[str, str], field: str
) -> None:
    answer = client.get("/v1/usage/summary", params=params, headers=world.acme.headers)
    assert_problem(answer, 422, "invalid", field)


def test_events_and_invoices_are_listed_page_by_page(client: Client, world: World) -> None:
    batch = [{"event_type": "LLM_token_usage", "units": 1, "event_id": f"e{n}"} for n in range(7)]
    client.post("/v1/usage/events", json=batch, headers=world.acme.headers)
    assert pages_of(client, world, "/v1/usage/events", "events", "event_id") == [f"e{n}" for n in range(6, -1, -1)]
    for _ in range(3):
        body = {"subscription_id": world.acme.subscription_id, "force_period_end": True}
        assert client.post("/v1/invoices/generate", json=body, headers=world.operator_headers).status_code == 200
    numbers = pages_of(client, world, "/v1/invoices", "invoices", "number")
    assert numbers == ["INV-000004", "INV-000003", "INV-000002", "INV-000001"]


def pages_of(client: Client, world: World, path: str, name: str, field: str) -> list[str]:
    found, cursor = [], None
    for _ in range(20):
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = client.get(path, params=params, headers=world.acme.headers).json()
        assert len(page[name]) <= 2
        found += [item[field] for item in page[name]]
        cursor = page["next_cursor"]
        if cursor is None:
            return found
    raise AssertionError("the pages never end")


@pytest.mark.parametrize("cursor", ["x", "", "bm9uc2Vuc2U=", "WzFd" * 60, "WyJhIl0=", "Wy0xXQ==", "e30=", "W1tbW1tb"])
@pytest.mark.parametrize("path", ["/v1/usage/events", "/v1/invoices"])
def test_a_cursor_of_another_make_is_refused(client: Client, sqlite_world: World, path: str, cursor: str) -> None:
    answer = client.get(path, params={"cursor": cursor}, headers=sqlite_world.acme.headers)
    assert_problem(answer, 422, "invalid", "cursor")


@pytest.mark.parametrize("limit", ["0", "201", "-1", "many", "1e2", ""])
def test_a_page_has_from_one_to_two_hundred_rows(client: Client, sqlite_world: World, limit: str) -> None:
    answer = client.get("/v1/invoices", params={"limit": limit}, headers=sqlite_world.acme.headers)
    assert_problem(answer, 422, "invalid", "limit")


def test_the_dashboard_says_where_the_customer_stands(client: Client, world: World) -> None:
    client.post("/v1/usage/track", json={"event_type": "LLM_token_usage", "units": 900_000}, headers=world.acme.headers)
    shown = client.get("/v1/billing/dashboard", headers=world.acme.headers).json()
    assert (shown["plan_code"], shown["total"]) == ("PRO", "9000.00")
    assert (shown["credits"]["credits"]["remaining"], shown["alerts"][0]["kind"]) == ("100000", "LOW_CREDITS")
    params = {"tenant_id": new_tenant("Bare")}
    bare = client.get("/v1/billing/dashboard", params=params, headers=world.operator_headers)
    assert bare.json()["subscription_id"] is None
