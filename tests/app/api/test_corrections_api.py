"""Corrections and credit notes over HTTP."""

from typing import Any

import pytest
from sqlalchemy import Engine

from tests.app.api.conftest import Client, World, assert_problem

PATH = "/v1/usage/corrections"
EVENT = {"event_type": "optimizer_job", "units": 2, "event_id": "job"}


def fix(client: Client, world: World, **body: Any) -> Any:
    sent = {"corrects": "job", "units": "1.5", "reason": "The job ran once and a half."} | body
    key = sent.pop("key", None)
    return client.post(PATH, json=sent, headers=world.acme.headers | ({"Idempotency-Key": key} if key else {}))


@pytest.fixture
def sent(world: World, client: Client) -> World:
    assert client.post("/v1/usage/track", json=EVENT, headers=world.acme.headers).status_code == 200
    return world


def test_a_correction_answers_the_difference(sent: World, client: Client) -> None:
    answer = fix(client, sent, event_id="fix")
    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert document.pop("receipt")["hash"].startswith("sha256:")
    assert document == {
        "ok": True,
        "event_id": "fix",
        "corrects": "job",
        "units": "-0.5",
        "credits": "-250",
        "overage_credits": "0",
        "remaining_credits": "999250",
        "alert": None,
        "duplicate": False,
        "credit_note": None,
    }
    assert fix(client, sent, event_id="fix").json()["duplicate"] is True
    summary = client.get("/v1/usage/summary", headers=sent.acme.headers).json()
    assert (summary["total_units"], summary["total_credits"]) == ("1.5", "750")
    made, first = client.get("/v1/usage/events", headers=sent.acme.headers).json()["events"]
    assert (made["units"], made["corrects_seq"], first["corrects_seq"]) == ("-0.5", first["seq"], None)
    assert made["meta"] == {"reason": "The job ran once and a half."}


@pytest.mark.parametrize("units", [0, "0", "0.000000"])
def test_an_event_that_never_was_is_corrected_to_nothing(sent: World, client: Client, units: Any) -> None:
    assert fix(client, sent, units=units).json()["units"] == "-2"


def test_without_an_event_id_the_idempotency_key_is_its_id(sent: World, client: Client) -> None:
    first = fix(client, sent, key="once")
    again = fix(client, sent, key="once")
    assert first.json()["event_id"] == "once"
    assert (again.json(), again.headers["idempotent-replayed"]) == (first.json(), "true")
    assert fix(client, sent, event_id="once").json()["duplicate"] is True


def test_refusals_name_the_field(sent: World, client: Client) -> None:
    assert_problem(fix(client, sent, corrects="nothing"), 404, "not_found", "corrects")
    assert_problem(fix(client, sent, corrects=None), 422, "invalid", "corrects")
    assert_problem(fix(client, sent, reason=""), 422, "invalid", "reason")
    assert_problem(fix(client, sent, reason="x" * 301), 422, "invalid", "reason")
    for units in (-1, "-1", "1e3", "0.0000001", None, True, "0x"):
        assert_problem(fix(client, sent, units=units), 422, "invalid_units", "units")
    assert_problem(fix(client, sent, site="plant"), 422, "invalid", "site")
    assert_problem(fix(client, sent, event_id="job"), 409, "event_conflict", "event_id")
    assert fix(client, sent, event_id="fix").status_code == 200
    assert_problem(fix(client, sent, corrects="fix"), 422, "not_correctable", "corrects")
    assert_problem(client.post(PATH, json=[], headers=sent.acme.headers), 422, "invalid")


def test_a_key_needs_the_scope(sqlite_engine: Engine, client: Client, sqlite_world: World) -> None:
    assert_problem(client.post(PATH, json={}), 401, "not_signed_in")


def test_a_credit_note_is_answered_listed_and_read(sent: World, client: Client) -> None:
    headers, operator = sent.acme.headers, sent.operator_headers
    more = EVENT | {"units": 2_200, "event_id": "many"}
    assert client.post("/v1/usage/track", json=more, headers=headers).status_code == 200
    bill = {"tenant_id": sent.acme.tenant_id, "force_period_end": True}
    invoice = client.post("/v1/invoices/generate", json=bill, headers=operator).json()
    note = fix(client, sent, corrects="many", units=2_100, reason="Retries").json()["credit_note"]
    assert (note["number"], note["total"], note["total_cad"]) == ("CN-000001", "-100.00", "-100.00")
    assert (note["invoice_id"], note["reason"]) == (invoice["invoice_id"], "Retries")
    assert note["amount"] == {"amount_minor": -10_000, "currency": "CAD"}

    listed = client.get("/v1/credit-notes", params={"limit": 1}, headers=headers).json()
    assert listed["credit_notes"] == [note]
    following = client.get("/v1/credit-notes", params={"cursor": listed["next_cursor"]}, headers=headers).json()
    assert following == {"credit_notes": [], "next_cursor": None}
    of_invoice = {"invoice_id": invoice["invoice_id"]}
    assert client.get("/v1/credit-notes", params=of_invoice, headers=operator).json()["credit_notes"] == [note]

    read = client.get(f"/v1/credit-notes/{note['credit_note_id']}", headers=headers).json()
    (line,) = read.pop("lines")
    assert read.pop("taxes") == []
    assert read == note
    assert (line["kind"], line["quantity"], line["total"]) == ("correction", "-50000", "-100.00")
    assert line["usage"]["count"] >= 1
    theirs = client.get(f"/v1/credit-notes/{note['credit_note_id']}", headers=sent.borealis.headers)
    assert_problem(theirs, 404, "not_found", "credit_note_id")
