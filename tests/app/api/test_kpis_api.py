"""Evidence, baselines, measurements and maintenance logs over HTTP: both parties' keys, and nobody else's."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from models import Party, Receipt
from services.api_keys import create_api_key
from services.database import reading, transaction
from tests.app.api.conftest import PASSWORD, Client, World, assert_problem
from tests.given import owner_of
from tests.maintenance_logs import PlantYear

YEAR = (datetime.now(UTC) - timedelta(days=1)).year - 1
PDF = b"%PDF-1.7 a review"
DAYS = {"period_start": f"{YEAR}-01-01", "period_end": f"{YEAR + 1}-01-01"}


def upload(
    client: Client, headers: dict[str, str], *, name: str = "Revue d'été.pdf", content: bytes = PDF, **form: Any
) -> httpx.Response:
    return client.post("/v1/evidence", files={"file": (name, content)}, data=form, headers=headers)


def file_id(client: Client, headers: dict[str, str], **sent: Any) -> str:
    answer = upload(client, headers, **sent)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["file_id"])


def terms(source: str, **given: Any) -> dict[str, Any]:
    rates = {"operating_hours": 8000, "downtime_rate": "5000", "labour_rate": 100.5, "parts_cost": 900}
    known = {"kpi": "mtbf_hours", "value": 96.5, "currency": "CAD", "rates": rates, "file_id": source}
    return known | DAYS | {"effective_from": f"{YEAR + 1}-01-01"} | given


def ours(world: World) -> dict[str, Any]:
    return {"tenant_id": world.acme.tenant_id}


def receipt_text(tenant_id: str, seq: int) -> str:
    with reading() as session:
        return session.get_one(Receipt, (tenant_id, seq)).data.decode()


def test_a_file_goes_in_and_comes_back_as_an_attachment(world: World, client: Client) -> None:
    answer = upload(client, world.acme.headers)
    assert answer.status_code == 201
    kept = answer.json()
    assert (kept["name"], kept["media_type"], kept["size_bytes"]) == ("Revue d'été.pdf", "application/pdf", len(PDF))
    assert kept["party"] == Party.CUSTOMER
    assert upload(client, world.operator_headers, **ours(world)).json()["file_id"] == kept["file_id"]
    back = client.get(f"/v1/evidence/{kept['file_id']}", headers=world.acme.headers)
    assert (back.content, back.headers["content-type"]) == (PDF, "application/pdf")
    assert back.headers["content-disposition"] == "attachment; filename*=UTF-8''Revue%20d%27%C3%A9t%C3%A9.pdf"
    assert back.headers["x-content-type-options"] == "nosniff"
    listed = client.get("/v1/evidence", headers=world.acme.headers).json()
    assert [file["file_id"] for file in listed["files"]] == [kept["file_id"]]
    assert client.get("/v1/evidence", headers=world.borealis.headers).json()["files"] == []
    hidden = client.get(f"/v1/evidence/{kept['file_id']}", headers=world.borealis.headers)
    assert_problem(hidden, 404, "not_found", "file_id")


def test_what_is_no_evidence_is_refused(world: World, client: Client) -> None:
    headers = world.acme.headers
    assert_problem(upload(client, headers, name="page.html"), 415, "unsupported_media_type", "file")
    assert_problem(upload(client, headers, content=b""), 422, "invalid", "file")
    assert_problem(upload(client, headers, content=PDF.ljust(11 * 1024 * 1024)), 413, "too_large")
    assert_problem(upload(client, headers, tenant_id=world.borealis.tenant_id), 403, "wrong_tenant", "tenant_id")
    assert_problem(upload(client, headers, other="1"), 422, "invalid", "other")
    assert_problem(client.post("/v1/evidence", json={}, headers=headers), 415, "unsupported_media_type", "Content-Type")
    broken = {"Content-Type": "multipart/form-data; boundary=x"}
    assert_problem(client.post("/v1/evidence", content=b"--y", headers=headers | broken), 400, "bad_request")
    no_boundary = {"Content-Type": "multipart/form-data"}
    assert_problem(client.post("/v1/evidence", content=b"--y", headers=headers | no_boundary), 400, "bad_request")
    assert client.get("/v1/evidence", headers=headers).json()["files"] == []


def test_the_same_key_with_another_file_is_a_conflict(world: World, client: Client) -> None:
    headers = world.acme.headers | {"Idempotency-Key": "one"}
    first = upload(client, headers)
    again = upload(client, headers)
    assert (again.json(), again.headers["idempotent-replayed"]) == (first.json(), "true")
    assert_problem(upload(client, headers, content=PDF + b"2"), 409, "idempotency_conflict", "Idempotency-Key")


def test_a_baseline_is_proposed_by_one_side_and_accepted_by_the_other(world: World, client: Client) -> None:
    source = file_id(client, world.acme.headers)
    sent = client.post("/v1/kpi/baselines", json=terms(source) | ours(world), headers=world.operator_headers)
    assert sent.status_code == 201, sent.text
    proposed = sent.json()
    assert (proposed["status"], proposed["value"], proposed["unit"]) == ("proposed", "96.5", "hours")
    assert proposed["rates"]["labour_rate"] == "100.5"
    assert proposed["proposed"]["party"] == "seller"
    path = f"/v1/kpi/baselines/{proposed['baseline_id']}"
    own = client.post(f"{path}/accept", json=ours(world), headers=world.operator_headers)
    assert_problem(own, 403, "forbidden")
    accepted = client.post(f"{path}/accept", json={}, headers=world.acme.headers).json()
    assert (accepted["status"], accepted["decided"]["party"]) == ("accepted", "customer")
    assert accepted["receipt_seq"] > 0
    read = client.get(path, headers=world.acme.headers).json()
    commitment = read.pop("commitment")
    assert read == accepted
    written = json.dumps(commitment["document"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    cid = hashlib.sha256(bytes.fromhex(commitment["salt"]) + written.encode()).hexdigest()
    assert cid in receipt_text(world.acme.tenant_id, accepted["receipt_seq"])
    assert commitment["document"]["accepted"]["party"] == "customer"
    assert client.get(path, headers=world.operator_headers, params=ours(world)).json()["commitment"] == commitment
    late = client.post(f"{path}/decline", json={"reason": "Too late"}, headers=world.acme.headers)
    assert_problem(late, 409, "conflict", "baseline_id")


def test_a_customers_program_proposes_and_withdraws(world: World, client: Client) -> None:
    headers = world.acme.headers
    source = file_id(client, headers)
    made = [client.post("/v1/kpi/baselines", json=terms(source), headers=headers).json() for _ in range(3)]
    paths = [f"/v1/kpi/baselines/{each['baseline_id']}" for each in made]
    assert_problem(client.post(f"{paths[0]}/accept", json={}, headers=headers), 403, "forbidden")
    assert client.post(f"{paths[0]}/withdraw", json={}, headers=headers).json()["status"] == "withdrawn"
    declined = client.post(
        f"{paths[1]}/decline", json={"reason": "Nights\nare left out"} | ours(world), headers=world.operator_headers
    ).json()
    assert (declined["status"], declined["reason"]) == ("declined", "Nights\nare left out")
    page = client.get("/v1/kpi/baselines?limit=2", headers=headers).json()
    assert [each["baseline_id"] for each in page["baselines"]] == [made[2]["baseline_id"], made[1]["baseline_id"]]
    rest = client.get(f"/v1/kpi/baselines?cursor={page['next_cursor']}", headers=headers).json()
    assert [each["baseline_id"] for each in rest["baselines"]] == [made[0]["baseline_id"]]
    proposed = client.get("/v1/kpi/baselines?status=proposed&kpi=mtbf_hours", headers=headers).json()["baselines"]
    assert [each["baseline_id"] for each in proposed] == [made[2]["baseline_id"]]


def test_only_keys_with_the_scope_write_and_others_see_nothing(world: World, client: Client) -> None:
    source = file_id(client, world.acme.headers)
    with transaction() as session:
        looking = create_api_key(
            session,
            tenant_id=world.acme.tenant_id,
            scopes=["billing:read"],
            maker=owner_of(world.acme.tenant_id),
            at=datetime.now(UTC),
        ).key
    viewer = {"Authorization": f"Bearer {looking}"}
    made = client.post("/v1/kpi/baselines", json=terms(source) | ours(world), headers=world.operator_headers).json()
    path = f"/v1/kpi/baselines/{made['baseline_id']}"
    assert_problem(client.post("/v1/kpi/baselines", json=terms(source), headers=viewer), 403, "missing_scope")
    assert_problem(client.post(f"{path}/accept", json={}, headers=viewer), 403, "missing_scope")
    assert client.get(path, headers=viewer).status_code == 200
    assert_problem(client.get(path, headers=world.borealis.headers), 404, "not_found", "baseline_id")
    foreign = client.post(f"{path}/accept", json={}, headers=world.borealis.headers)
    assert_problem(foreign, 404, "not_found", "baseline_id")
    assert client.get("/v1/kpi/baselines", headers=world.borealis.headers).json()["baselines"] == []


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"value": -1}, "value"), ({"value": "1e3"}, "value"), ({"value": True}, "value"), ({"kpi": "uptime"}, "kpi"),
        ({"unit": "days"}, "unit"), ({"currency": "USD"}, "currency"), ({"rates": {"bribe": 1}}, "rates"),
        ({"period_end": f"{YEAR}-01-01"}, "period_end"), ({"file_id": "fil_none"}, "file_id"), ({"more": 1}, "more"),
    ],
)  # fmt: skip
def test_a_wrong_baseline_names_the_field(world: World, client: Client, given: dict[str, Any], field: str) -> None:
    source = file_id(client, world.acme.headers)
    answer = client.post("/v1/kpi/baselines", json=terms(source, **given), headers=world.acme.headers)
    assert_problem(answer, *((404, "not_found") if field == "file_id" else (422, "invalid")), field)


def test_measurements_are_recorded_and_listed(world: World, client: Client) -> None:
    month = {"period_start": f"{YEAR}-03-01", "period_end": f"{YEAR}-04-01"}
    headers = world.acme.headers
    counted = {"kpi": "mtbf_hours", "up_hours": "738.5", "failures": 0} | month
    first = client.post("/v1/kpi/measurements", json=counted, headers=headers)
    assert (first.status_code, first.json()["value"], first.json()["source"]) == (201, None, "api")
    again = client.post("/v1/kpi/measurements", json=counted | {"failures": 2}, headers=headers).json()
    assert again["value"] == "369.25"
    some = {"kpi": "mtbf_hours", "value": 3, "period_start": f"{YEAR}-03-05", "period_end": f"{YEAR}-03-06"}
    problem = assert_problem(
        client.post("/v1/kpi/measurements", json=some, headers=headers), 409, "conflict", "period_start"
    )
    assert problem["measurement_id"] == again["measurement_id"]
    standing = client.get("/v1/kpi/measurements", headers=headers).json()["measurements"]
    assert [each["measurement_id"] for each in standing] == [again["measurement_id"]]
    kept = client.get("/v1/kpi/measurements?with_replaced=true&kpi=mtbf_hours&site=", headers=headers).json()
    assert [each["replaced_at"] is None for each in kept["measurements"]] == [True, False]
    assert client.get("/v1/kpi/measurements", headers=world.borealis.headers).json()["measurements"] == []
    both = counted | {"value": 4}
    assert_problem(client.post("/v1/kpi/measurements", json=both, headers=headers), 422, "invalid", "value")


def test_a_log_is_tried_then_imported(world: World, client: Client) -> None:
    plant = PlantYear(year=YEAR, machine_count=8)
    headers = world.acme.headers
    failures = file_id(client, headers, name="failures.csv", content=(plant.failures_csv + "soon,1,comp1\n").encode())
    repairs = file_id(client, headers, name="maint.csv", content=plant.maintenance_csv.encode())
    machines = file_id(client, headers, name="machines.csv", content=plant.machines_csv.encode())
    body = DAYS | {
        "failures": {"file_id": failures, "machine": "machineID", "failed_at": "datetime", "component": "failure"},
        "repairs": {"file_id": repairs, "machine": "machineID", "repaired_at": "datetime", "component": "comp"},
        "machines": {"file_id": machines, "machine": "machineID", "site": "plant"},
        "timezone": "UTC",
    }
    path = "/v1/kpi/maintenance-imports"
    tried = client.post(path, json=body | {"dry_run": True}, headers=headers)
    assert tried.status_code == 201, tried.text
    assert tried.json()["import_id"] is None
    assert client.get(path, headers=headers).json()["imports"] == []
    done = client.post(path, json=body, headers=headers).json()
    assert done | {"import_id": None} == tried.json()
    assert (done["machine_count"], done["failure_count"]) == (8, len(plant.stoppages))
    assert [(row["line"], row["outcome"]) for row in done["refused"]] == [(len(plant.stoppages) + 2, "refused")]
    assert {each["site"] for each in done["whole"]} == {"", "halifax", "moncton", "sydney"}
    (kept,) = client.get(path, headers=headers).json()["imports"]
    assert kept["rows"] == {"used": len(plant.stoppages), "joined": 0, "outside": 0, "refused": 1}
    one = client.get(f"{path}/{kept['import_id']}", headers=headers).json()
    assert len(one["measurements"]) == 144
    rows = client.get(f"{path}/{kept['import_id']}/rows?limit=5", headers=headers).json()
    further = client.get(f"{path}/{kept['import_id']}/rows?cursor={rows['next_cursor']}", headers=headers).json()
    assert [row["line"] for row in rows["rows"]] == [2, 3, 4, 5, 6]
    assert further["rows"][0]["line"] == 7
    refused = client.get(f"{path}/{kept['import_id']}/rows?outcome=refused", headers=headers).json()["rows"]
    assert [row["reason"] for row in refused] == ["“soon” is not a time such as 2026-03-31T18:15:46Z."]
    for hidden in (f"{path}/{kept['import_id']}", f"{path}/{kept['import_id']}/rows"):
        assert_problem(client.get(hidden, headers=world.borealis.headers), 404, "not_found", "import_id")
    assert_problem(client.post(path, json=body, headers=world.borealis.headers), 404, "not_found", "failures_file_id")
    unknown = body | {"failures": body["failures"] | {"failed_at": "when"}}  # type: ignore[operator]
    assert_problem(client.post(path, json=unknown, headers=headers), 422, "invalid", "when")


def test_a_member_downloads_a_file_of_their_own_customer_only(world: World, client: Client) -> None:
    mine = file_id(client, world.acme.headers)
    theirs = file_id(client, world.borealis.headers)
    away = client.get(f"/session/evidence/{mine}")
    assert away.status_code == 303
    signed_in = client.post("/session", data={"email": world.acme.email, "password": PASSWORD})
    assert signed_in.status_code == 303
    found = client.get(f"/session/evidence/{mine}")
    assert (found.status_code, found.content) == (200, PDF)
    assert found.headers["content-disposition"].startswith("attachment;")
    assert client.get(f"/session/evidence/{theirs}").status_code == 404


def test_the_day_is_the_customers(world: World, client: Client) -> None:
    far = {"kpi": "overtime_hours", "value": 1, "period_start": f"{YEAR}-12-31", "period_end": f"{YEAR + 2}-12-31"}
    answer = client.post("/v1/kpi/measurements", json=far, headers=world.acme.headers)
    assert_problem(answer, 422, "invalid", "period_end")
