"""Contracts and reserved capacity over HTTP, for our own side alone."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from services.database import transaction
from services.identity import create_tenant
from services.settings import settings
from tests.app.api.conftest import Client, World, assert_problem

NOW = datetime.now(UTC)
TERMS: dict[str, Any] = {
    "base_price": 12000,
    "allowances": {"credits": "10000"},
    "overage": {"credits": {"model": "per_unit", "unit_price": "0.0012"}},
}


@pytest.fixture
def buyer(world: World) -> str:
    with transaction() as session:
        create_tenant(session, name="Reserver", currency="USD", timezone="UTC", at=NOW)
        return create_tenant(session, name="Buyer", currency="CAD", timezone="UTC", at=NOW).id


def test_a_contract_is_drafted_started_and_withdrawn(client: Client, world: World, buyer: str) -> None:
    headers = world.operator_headers
    body = {"tenant_id": buyer, "plan_code": "ENTERPRISE", "title": "Frame agreement", "terms": TERMS}
    first = client.post("/v1/admin/contracts", json=body, headers=headers | {"Idempotency-Key": "draft-1"})
    again = client.post("/v1/admin/contracts", json=body, headers=headers | {"Idempotency-Key": "draft-1"})
    assert (first.status_code, again.text) == (201, first.text)
    made = first.json()
    assert (made["base_price"], made["allowances"], made["plan_code"]) == (
        "12000", {"credits": "10000"}, "reliability/ENTERPRISE"
    )  # fmt: skip
    assert made["overage"]["credits"] == {"model": "per_unit", "unit_price": "0.0012"}
    assert any("less than the 5,000,000" in warning for warning in made["warnings"])
    path = f"/v1/admin/contracts/{made['contract_id']}"
    started = client.post(f"{path}/start", json={"tenant_id": buyer}, headers=headers)
    assert (started.status_code, started.json()["plan_version"]) == (201, made["plan_version"])
    bills = client.get(f"/v1/invoices?tenant_id={buyer}", headers=headers).json()["invoices"]
    assert [bill["total"] for bill in bills] == ["12000.00"]
    withdrawn = client.post(f"{path}/withdraw", json={"tenant_id": buyer}, headers=headers).json()
    assert withdrawn["withdrawn_at"] is not None
    refused = client.post(f"{path}/start", json={"tenant_id": buyer, "name": "Two"}, headers=headers)
    assert_problem(refused, 409, "conflict")
    listed = client.get(f"/v1/admin/contracts?tenant_id={buyer}", headers=headers).json()["contracts"]
    assert [each["contract_id"] for each in listed] == [made["contract_id"]]


@pytest.mark.parametrize(
    ("changed", "code", "field"),
    [
        ({"terms": {"base_price": "1.005"}}, "contract_refused", "base_price"),
        ({"terms": {"overage": {"credits": {"model": "free"}}}}, "contract_refused", "overage.credits"),
        ({"terms": {"colour": "red"}}, "invalid", "terms.colour"),
        ({"plan_code": "GOLD"}, "unknown_plan", "plan_code"),
        ({"title": ""}, "invalid", "title"),
        ({"plan_code": "memory-cloud/pro", "terms": {}}, "invalid", "plan_code"),
    ],
)
def test_terms_that_cannot_be_are_refused(
    client: Client, sqlite_world: World, changed: dict[str, Any], code: str, field: str
) -> None:
    acme = sqlite_world.acme.tenant_id
    body = {"tenant_id": acme, "plan_code": "PRO", "title": "Paper", "terms": TERMS} | changed
    answer = client.post("/v1/admin/contracts", json=body, headers=sqlite_world.operator_headers)
    assert_problem(answer, 422, code, field)


def test_no_customer_drafts_a_contract_or_sees_one(client: Client, sqlite_world: World) -> None:
    acme = sqlite_world.acme
    body = {"tenant_id": acme.tenant_id, "plan_code": "PRO", "title": "Cheap", "terms": {"base_price": "1.00"}}
    for answer in (
        client.post("/v1/admin/contracts", json=body, headers=acme.headers),
        client.get("/v1/admin/contracts", headers=acme.headers),
        client.post("/v1/admin/reload-reserved", headers=acme.headers),
    ):
        assert_problem(answer, 403, "missing_scope")


def test_a_subscription_is_moved_to_a_contract_as_it_was_previewed(client: Client, world: World) -> None:
    acme, headers = world.acme, world.operator_headers
    body = {"tenant_id": acme.tenant_id, "plan_code": "ENTERPRISE", "title": "Paper", "terms": {"base_price": 5000}}
    made = client.post("/v1/admin/contracts", json=body, headers=headers).json()
    path = f"/v1/admin/contracts/{made['contract_id']}/move"
    moved = {"tenant_id": acme.tenant_id, "subscription_id": acme.subscription_id}
    shown = client.post(path, json=moved | {"preview": True}, headers=headers)
    assert shown.status_code == 200, shown.text
    done = client.post(path, json=moved, headers=headers).json()
    assert (done["when"], done["effective_at"]) == ("period_end", shown.json()["effective_at"])
    assert_problem(client.post(path, json=moved, headers=acme.headers), 403, "missing_scope")


def test_reserved_capacity_is_reloaded_without_a_restart(
    client: Client, world: World, buyer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = world.operator_headers
    unset = client.post("/v1/admin/reload-reserved", headers=headers)
    assert_problem(unset, 409, "conflict")
    path = tmp_path / "reserved.json"
    path.write_text(json.dumps({"Reserver": {"vex_reserved": 100_000, "fu_reserved": 500_000}}))
    monkeypatch.setattr(settings(), "reserved_config", path)
    changes = [client.post("/v1/admin/reload-reserved", headers=headers).json()["contracts"] for _ in range(2)]
    assert [[each["change"] for each in change] for change in changes] == [["new"], ["unchanged"]]
    assert changes[0][0]["contract_id"] == changes[1][0]["contract_id"]
    path.write_text(json.dumps({"Reserver": {"vex_reserved": -1}}))
    refused = client.post("/v1/admin/reload-reserved", headers=headers)
    problem = assert_problem(refused, 422, "reserved_file_refused")
    assert problem["findings"] == ["reserved.json: Reserver.vex_reserved: is a number of units from 0 on"]
    path.write_text("{}")
    gone = client.post("/v1/admin/reload-reserved", headers=headers).json()["contracts"]
    assert [each["change"] for each in gone] == ["withdrawn"]
