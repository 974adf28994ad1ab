"""Runs over HTTP: the contract's names, who may do what, dry runs, and a story of two parties to the invoice."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from models import Role
from services.api_keys import TENANT_SCOPES, create_api_key
from services.database import transaction
from services.identity import create_user
from tests.app.api.conftest import PASSWORD, Client, Customer, World, assert_problem
from tests.gain_share_given import BETTER, THEIRS, agree, document, measure, plant
from tests.given import OPERATOR, owner_of

NOW = datetime.now(UTC)
THIS_YEAR = (NOW - timedelta(days=1)).year
"""What is surely over where the customer is: there a year begins hours after it does in UTC."""

YEAR = (date(THIS_YEAR - 1, 1, 1), date(THIS_YEAR, 1, 1))
BEFORE = {"period_start": date(THIS_YEAR - 2, 1, 1), "period_end": YEAR[0], "effective_from": YEAR[0]}
RUNS = "/v1/gainshare/runs"
MARCH = {"period_start": f"{THIS_YEAR - 1}-03-01", "period_end": f"{THIS_YEAR - 1}-04-01"}
BEYOND = {"period_start": "9999-03-01", "period_end": "9999-12-31"}


@pytest.fixture
def harbour(world: World) -> Customer:
    """A customer with baselines that both accepted, and a year that was measured."""
    with transaction() as session:
        one = plant(session, at=NOW)
        agree(session, one.tenant_id, at=NOW, **BEFORE)
        measure(session, one.tenant_id, BETTER, days=YEAR, at=NOW)
        key = create_api_key(
            session, tenant_id=one.tenant_id, scopes=TENANT_SCOPES, maker=owner_of(one.tenant_id), at=NOW
        ).key
        email = "owner@harbour.example"
        create_user(session, email=email, password=PASSWORD, tenant_id=one.tenant_id, role=Role.OWNER, at=NOW)
    return Customer("Harbour", one.tenant_id, one.subscription_id, key, email)


def asked(harbour: Customer, **given: Any) -> dict[str, Any]:
    days = {"period_start": str(YEAR[0]), "period_end": str(YEAR[1]), "share_pct": 15}
    return {"tenant_id": harbour.tenant_id} | days | given


def submitted(client: Client, world: World, harbour: Customer, **given: Any) -> dict[str, Any]:
    answer = client.post(RUNS, json=asked(harbour, **given), headers=world.operator_headers)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def test_a_run_has_the_names_of_the_contract(world: World, client: Client, harbour: Customer) -> None:
    made = submitted(client, world, harbour)
    assert made["gainshare_run_id"].startswith("run_")
    assert (made["calculated_savings_cad"], made["share_pct"], made["fee_cad"]) == ("2484000.00", "15", "372600.00")
    assert (made["status"], made["is_overdue"]) == ("pending_approval", False)
    assert made["savings_breakdown"] == {"fewer_failures": "1668000.00", "shorter_repairs": "816000.00"}
    assert made["calculation"]["savings"] == "2484000.00"
    assert [step["kind"] for step in made["thread"]] == ["submitted"]
    found = client.get(f"{RUNS}/{made['gainshare_run_id']}", headers=harbour.headers)
    assert found.json() == made
    listed = client.get(RUNS, params={"status": "pending_approval"}, headers=harbour.headers).json()
    assert [run["gainshare_run_id"] for run in listed["runs"]] == [made["gainshare_run_id"]]
    assert client.get(RUNS, params={"status": "approved"}, headers=harbour.headers).json()["runs"] == []


def test_a_dry_run_answers_either_party_and_keeps_nothing(world: World, client: Client, harbour: Customer) -> None:
    for headers in (world.operator_headers, harbour.headers):
        answer = client.post(RUNS, json=asked(harbour, dry_run=True), headers=headers)
        assert answer.status_code == 200, answer.text
        assert (answer.json()["gainshare_run_id"], answer.json()["fee_cad"]) == (None, "372600.00")
    assert client.get(RUNS, headers=harbour.headers).json() == {"runs": [], "next_cursor": None}


def test_two_parties_from_dispute_to_the_invoice(world: World, client: Client, harbour: Customer) -> None:
    first = submitted(client, world, harbour)["gainshare_run_id"]
    sent = {"parts": ["shorter_repairs"], "reason": "The pumps stood still in May"}
    disputed = client.post(f"{RUNS}/{first}/dispute", json=sent, headers=harbour.headers)
    assert (disputed.status_code, disputed.json()["status"]) == (200, "disputed")
    comment = client.post(
        f"{RUNS}/{first}/comments", json={"text": "We look into it", "tenant_id": harbour.tenant_id},
        headers=world.operator_headers,
    )  # fmt: skip
    assert comment.json()["thread"][-1]["party"] == "seller"
    with transaction() as session:
        file_id = document(session, harbour.tenant_id, at=NOW)
    shown = client.post(f"{RUNS}/{first}/evidence", json={"file_id": file_id}, headers=harbour.headers)
    assert shown.json()["thread"][-1]["file_id"] == file_id
    again = client.post(f"{RUNS}/{first}/approve", headers=harbour.headers)
    assert_problem(again, 409, "conflict", "run_id")
    revised = client.post(
        f"{RUNS}/{first}/revise", json={"share_pct": "12.5", "tenant_id": harbour.tenant_id},
        headers=world.operator_headers,
    )  # fmt: skip
    assert revised.status_code == 201, revised.text
    second = revised.json()
    assert (second["replaces_run_id"], second["fee_cad"]) == (first, "310500.00")
    replaced = client.get(f"{RUNS}/{first}", headers=harbour.headers).json()
    assert (replaced["status"], replaced["replaced_by_run_id"]) == ("replaced", second["gainshare_run_id"])
    approved = client.post(f"{RUNS}/{second['gainshare_run_id']}/approve", headers=harbour.headers)
    assert (approved.status_code, approved.json()["status"]) == (200, "approved")
    preview = client.get("/v1/invoices/preview", headers=harbour.headers).json()
    assert [line["amount"]["amount_minor"] for line in preview["lines"] if line["kind"] == "gain_share"] == [31_050_000]
    closed = client.post(
        "/v1/invoices/generate", json={"tenant_id": harbour.tenant_id, "force_period_end": True},
        headers=world.operator_headers,
    )  # fmt: skip
    assert closed.status_code == 200, closed.text
    after = client.get(f"{RUNS}/{second['gainshare_run_id']}", headers=harbour.headers).json()
    assert after["invoice_id"] == closed.json()["invoice_id"]


def test_the_same_approval_sent_again_is_answered_as_before(world: World, client: Client, harbour: Customer) -> None:
    run_id = submitted(client, world, harbour)["gainshare_run_id"]
    headers = harbour.headers | {"Idempotency-Key": "approve-1"}
    first, again = (client.post(f"{RUNS}/{run_id}/approve", json={}, headers=headers) for _ in range(2))
    assert (first.status_code, again.status_code, again.headers["idempotent-replayed"]) == (200, 200, "true")
    assert first.json() == again.json()
    assert_problem(client.post(f"{RUNS}/{run_id}/approve", headers=harbour.headers), 409, "conflict", "run_id")


def test_who_may_do_what(world: World, client: Client, harbour: Customer) -> None:
    theirs = client.post(RUNS, json=asked(harbour), headers=harbour.headers)
    assert_problem(theirs, 403, "forbidden")
    run_id = submitted(client, world, harbour)["gainshare_run_id"]
    for decision, body in (
        ("approve", {}),
        ("reject", {"reason": "x"}),
        ("dispute", {"reason": "x", "parts": ["shorter_repairs"]}),
    ):
        ours = client.post(
            f"{RUNS}/{run_id}/{decision}", json=body | {"tenant_id": harbour.tenant_id}, headers=world.operator_headers
        )
        assert_problem(ours, 403, "forbidden")
        others = client.post(f"{RUNS}/{run_id}/{decision}", json=body, headers=world.acme.headers)
        assert_problem(others, 404, "not_found", "run_id")
    assert_problem(client.get(f"{RUNS}/{run_id}", headers=world.acme.headers), 404, "not_found", "run_id")
    assert_problem(client.post(f"{RUNS}/{run_id}/revise", headers=harbour.headers), 403, "forbidden")
    with transaction() as session:
        reading = create_api_key(
            session, tenant_id=harbour.tenant_id, scopes=["billing:read"], maker=owner_of(harbour.tenant_id), at=NOW
        ).key
    headers = {"Authorization": f"Bearer {reading}"}
    assert client.get(f"{RUNS}/{run_id}", headers=headers).status_code == 200
    assert_problem(client.post(f"{RUNS}/{run_id}/approve", headers=headers), 403, "missing_scope")
    assert client.get(f"{RUNS}/{run_id}", headers=harbour.headers).json()["status"] == "pending_approval"


def test_a_key_that_an_operator_made_sends_figures_and_signs_nothing(
    world: World, client: Client, harbour: Customer
) -> None:
    run_id = submitted(client, world, harbour)["gainshare_run_id"]
    with transaction() as session:
        made = create_api_key(
            session, tenant_id=harbour.tenant_id, scopes=TENANT_SCOPES, name="Historian", maker=OPERATOR, at=NOW
        )
        file_id = document(session, harbour.tenant_id, at=NOW)
    ours, theirs = {"Authorization": f"Bearer {made.key}"}, harbour.headers
    baseline = {
        "kpi": "overtime_hours", "value": "90", "currency": "CAD", "rates": {"hourly_rate": 85},
        "period_start": str(BEFORE["period_start"]), "period_end": str(BEFORE["period_end"]),
        "file_id": file_id, "effective_from": str(YEAR[0]),
    }  # fmt: skip
    for path, body in (
        (f"{RUNS}/{run_id}/approve", {}),
        (f"{RUNS}/{run_id}/reject", {"reason": "No"}),
        (f"{RUNS}/{run_id}/dispute", {"reason": "No", "parts": ["shorter_repairs"]}),
        (f"{RUNS}/{run_id}/comments", {"text": "We agree"}),
        (f"{RUNS}/{run_id}/evidence", {"file_id": file_id}),
        ("/v1/kpi/baselines", baseline),
    ):
        answer = client.post(path, json=body, headers=ours)
        assert "made by the seller" in assert_problem(answer, 403, "forbidden")["detail"]
    sent = client.post("/v1/kpi/measurements", json={"kpi": "overtime_hours", **MARCH, "value": "40"}, headers=ours)
    assert (sent.status_code, sent.json()["recorded"]["by"]) == (201, made.id)
    assert client.post(RUNS, json=asked(harbour, dry_run=True), headers=ours).status_code == 200
    assert client.get(f"{RUNS}/{run_id}", headers=theirs).json()["status"] == "pending_approval"
    approved = client.post(f"{RUNS}/{run_id}/approve", headers=theirs).json()
    assert (approved["status"], approved["thread"][-1]["key_made_by"]) == ("approved", "usr_owner")


def test_what_is_missing_is_named_in_the_problem(world: World, client: Client, harbour: Customer) -> None:
    days = {"period_start": str(BEFORE["effective_from"]), "period_end": f"{YEAR[0].year}-07-01"}
    answer = client.post(RUNS, json=asked(harbour, **days), headers=world.operator_headers)
    problem = assert_problem(answer, 422, "invalid", "period_start")
    assert len(problem["missing"]) == 12


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"share_pct": "1e1"}, "share_pct"),
        ({"share_pct": 25}, "share_pct"),
        ({"method": "guess"}, "method"),
        ({"period_end": "tomorrow"}, "period_end"),
        ({"deadline_on": "2001-01-01"}, "deadline_on"),
        ({"actual": {}}, "actual"),
    ],
)
def test_what_cannot_be_run_names_the_field(
    world: World, client: Client, harbour: Customer, given: dict[str, Any], field: str
) -> None:
    answer = client.post(RUNS, json=asked(harbour, **given), headers=world.operator_headers)
    assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text


def test_the_sensitivity_names_the_largest_effect_first(world: World, client: Client, harbour: Customer) -> None:
    run_id = submitted(client, world, harbour)["gainshare_run_id"]
    shown = client.get(f"{RUNS}/{run_id}/sensitivity", headers=harbour.headers).json()
    effects = {each["input"]: each for each in shown["effects"]}
    assert shown["fee"] == {"amount_minor": 37_260_000, "currency": "CAD"}
    assert effects["share_pct"]["lower"]["fee"]["amount_minor"] == 33_534_000
    assert effects["share_pct"]["higher"]["value"] == "16.5"
    spreads = [abs(e["higher"]["fee"]["amount_minor"] - e["lower"]["fee"]["amount_minor"]) for e in shown["effects"]]
    assert spreads == sorted(spreads, reverse=True)
    assert THEIRS.by not in str(shown)


HOSTILE = ("\ud800", "a\0b", "x" * 5_000, "\u202e")


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_words_and_days_beyond_time_are_refused_clearly(
    world: World, client: Client, harbour: Customer, text: str
) -> None:
    run = submitted(client, world, harbour)
    path = f"{RUNS}/{run['gainshare_run_id']}"
    ours, theirs = world.operator_headers, harbour.headers
    tenant = {"tenant_id": harbour.tenant_id}
    sent: list[tuple[str, dict[str, Any], dict[str, str]]] = [
        (RUNS, asked(harbour, method=text, dry_run=True), ours),
        (RUNS, asked(harbour, period_start="9999-01-01", period_end="9999-12-31", dry_run=True), ours),
        (RUNS, asked(harbour, period_start="0001-01-01", period_end="0001-02-01", dry_run=True), ours),
        (f"{path}/revise", tenant | {"method": text}, ours),
        (f"{path}/comments", {"text": text}, theirs),
        (f"{path}/reject", {"reason": text}, theirs),
        (f"{path}/dispute", {"parts": [text], "reason": "Not so"}, theirs),
        (f"{path}/dispute", {"parts": ["fewer_failures"], "reason": text}, theirs),
        (f"{path}/evidence", {"file_id": text}, theirs),
        ("/v1/kpi/measurements", {"kpi": text, **MARCH, "value": "1"}, theirs),
        ("/v1/kpi/measurements", {"kpi": "mtbf_hours", **MARCH, "value": "1", "unit": text}, theirs),
        ("/v1/kpi/measurements", {"kpi": "mtbf_hours", **BEYOND, "value": "1"}, theirs),
    ]
    for address, body, headers in sent:
        content = json.dumps(body).encode()
        answer = client.post(address, content=content, headers=headers | {"Content-Type": "application/json"})
        assert 400 <= answer.status_code < 500, (address, body, answer.text)
        assert answer.json()["detail"]
    assert client.get(path, headers=theirs).json()["status"] == "pending_approval"
