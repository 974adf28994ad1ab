"""Receipts, proofs, bundles and checking them over HTTP."""

import gzip
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.api import bundles
from app.unit_of_work import now
from services.api_keys import create_api_key
from services.bundles import exports, uploads
from services.bundles.verification import BundleReport, verify_bundle
from services.closing.close import close_period
from services.database import reading, transaction
from services.receipts.signature_checks import read_jwks
from services.receipts.signing_keys import jwks
from services.rules.merkle import verify_consistency, verify_inclusion
from services.rules.notes import read_checkpoint, read_note
from services.rules.receipts import read_hash, read_receipt
from tests.app.api.conftest import Client, Customer, World, assert_problem
from tests.given import owner_of

EVENT = {"event_type": "LLM_token_usage", "units": 1}
NOW = datetime.now(UTC)


@pytest.fixture
def used(client: Client, world: World) -> Customer:
    """Acme, with three events, two of them steps of one trace, after the base fee; and its period closed."""
    for number, trace in enumerate(("run/7", None, "run/7"), start=1):
        sent = EVENT | {"units": 500_000 * number, "event_id": f"e{number}", "trace_id": trace, "meta": {"n": number}}
        answer = client.post("/v1/usage/track", json=sent, headers=world.acme.headers)
        assert answer.json()["receipt"]["seq"] == number + 1
    with transaction() as session:
        close_period(session, tenant_id=world.acme.tenant_id, force=True, at=now())
    return world.acme


def checked(data: bytes, remembered: str | None = None) -> BundleReport:
    with reading() as session:
        keys = read_jwks(jwks(session))
    return verify_bundle(io.BytesIO(data), keys=keys, remembered=remembered)


def invoice_of(client: Client, customer: Customer) -> dict[str, Any]:
    (newest, _) = client.get("/v1/invoices", headers=customer.headers).json()["invoices"]
    shown: dict[str, Any] = client.get(f"/v1/invoices/{newest['invoice_id']}", headers=customer.headers).json()
    return shown


def test_one_receipt_can_be_checked_from_its_answer_alone(client: Client, used: Customer) -> None:
    tracked = client.post("/v1/usage/track", json=EVENT | {"event_id": "e1", "units": 500_000, "trace_id": "run/7",
        "meta": {"n": 1}}, headers=used.headers).json()["receipt"]  # fmt: skip
    shown = client.get(f"/v1/receipts/{tracked['seq']}", headers=used.headers).json()
    assert (shown["seq"], shown["hash"]) == (tracked["seq"], tracked["hash"])
    receipt = read_receipt(shown["data"].encode())
    assert (receipt.hash, receipt.document) == (read_hash(shown["hash"]), shown["document"])
    head = read_checkpoint(read_note(shown["checkpoint"]).body)
    inclusion = shown["inclusion"]
    assert (inclusion["leaf_index"], inclusion["tree_size"]) == (shown["seq"] - 1, head.size)
    proof = [read_hash(text) for text in inclusion["hashes"]]
    verify_inclusion(inclusion["leaf_index"], head.size, receipt.hash, proof, head.root)


def test_receipts_that_are_signed_say_so(client: Client, used: Customer) -> None:
    base, event = (client.get(f"/v1/receipts/{seq}", headers=used.headers).json() for seq in (1, 2))
    assert (base["document"]["typ"], sorted(base["signature"])) == ("invoice", ["kid", "signature"])
    assert event["signature"] is None


def test_receipts_are_listed_newest_first_page_by_page(client: Client, used: Customer) -> None:
    seen, cursor = [], None
    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = client.get("/v1/receipts", params=params, headers=used.headers).json()
        seen += [receipt["seq"] for receipt in page["receipts"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [5, 4, 3, 2, 1]
    from_three = client.get("/v1/receipts?seq=3&limit=2", headers=used.headers).json()
    assert [receipt["seq"] for receipt in from_three["receipts"]] == [3, 2]


def test_a_trace_is_listed_from_its_first_step(client: Client, used: Customer) -> None:
    first = client.get("/v1/receipts?trace_id=run/7&limit=1", headers=used.headers).json()
    second = client.get(
        "/v1/receipts", params={"trace_id": "run/7", "limit": 1, "cursor": first["next_cursor"]}, headers=used.headers
    ).json()
    hops = [receipt["document"]["hop"] for page in (first, second) for receipt in page["receipts"]]
    assert hops == [1, 2]
    assert client.get("/v1/receipts?trace_id=none", headers=used.headers).json() == {
        "receipts": [],
        "next_cursor": None,
    }
    both = client.get("/v1/receipts?trace_id=run/7&seq=2", headers=used.headers)
    assert_problem(both, 422, "invalid", "seq")


def test_a_number_there_is_not_is_not_found(client: Client, used: Customer) -> None:
    assert_problem(client.get("/v1/receipts/999", headers=used.headers), 404, "not_found", "seq")
    for wrong in ("0", "-1", "x", "9223372036854775808"):
        assert client.get(f"/v1/receipts/{wrong}", headers=used.headers).status_code == 422


def test_the_log_is_proven_to_have_only_grown(client: Client, used: Customer) -> None:
    address = f"/.well-known/tallystick/{used.tenant_id}/checkpoint"
    kept = read_checkpoint(read_note(client.get(address).text).body)
    client.post("/v1/usage/track", json=EVENT, headers=used.headers)
    shown = client.get(f"/v1/receipts/consistency?from_size={kept.size}", headers=used.headers).json()
    head = read_checkpoint(read_note(shown["checkpoint"]).body)
    assert (shown["from_size"], shown["size"], head.size) == (kept.size, kept.size + 1, kept.size + 1)
    verify_consistency(kept.size, head.size, [read_hash(text) for text in shown["hashes"]], kept.root, head.root)
    beyond = client.get(f"/v1/receipts/consistency?from_size={head.size + 1}", headers=used.headers)
    assert_problem(beyond, 422, "invalid", "from_size")


def test_the_checkpoint_is_public_and_may_be_kept_a_moment(client: Client, used: Customer) -> None:
    answer = client.get(f"/.well-known/tallystick/{used.tenant_id}/checkpoint")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    assert answer.headers["cache-control"] == "public, max-age=10"
    assert read_checkpoint(read_note(answer.text).body).origin.endswith(f"/tallystick/{used.tenant_id}")
    assert_problem(client.get("/.well-known/tallystick/ten_none/checkpoint"), 404, "not_found", "tenant_id")
    assert client.get("/.well-known/tallystick/ten_none").status_code == 404
    assert_problem(client.post(f"/.well-known/tallystick/{used.tenant_id}/checkpoint"), 405, "method_not_allowed")


def test_an_invoices_bundle_proves_its_total(client: Client, used: Customer) -> None:
    invoice = invoice_of(client, used)
    answer = client.get(f"/v1/invoices/{invoice['invoice_id']}/bundle", headers=used.headers)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.headers["content-disposition"] == f'attachment; filename="{invoice["number"]}.json"'
    report = checked(answer.content)
    assert (report.invoice_seq, report.bills[-1].total) == (invoice["receipt"]["seq"], invoice["total"])
    line = invoice["lines"][-1]
    assert (line["kind"], line["usage"]["first_seq"], line["usage"]["count"]) == ("overage", 2, 3)


@pytest.mark.parametrize("how", [{"params": {"form": "jsonl"}}, {"accept": "application/jsonl"}])
def test_json_lines_come_zipped_where_they_are_asked_for(client: Client, used: Customer, how: dict[str, Any]) -> None:
    headers = used.headers | ({"Accept": how["accept"]} if "accept" in how else {})
    answer = client.get("/v1/receipts/export", params=how.get("params"), headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/gzip")
    assert answer.headers["content-disposition"].endswith('.jsonl.gz"')
    report = checked(answer.content)
    assert (report.first_seq, report.last_seq) == (1, 5)
    assert gzip.decompress(answer.content).count(b"\n") == 7


def test_larger_bundles_come_as_json_lines_of_themselves(
    client: Client, used: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (bundles, exports):
        monkeypatch.setattr(module, "DOCUMENT_RECEIPTS_MAX", 2)
    small = client.get("/v1/receipts/export?from_seq=2&to_seq=3", headers=used.headers)
    large = client.get("/v1/receipts/export?from_seq=2", headers=used.headers)
    assert [a.headers["content-type"] for a in (small, large)] == ["application/json", "application/gzip"]
    assert [checked(a.content).count for a in (small, large)] == [2, 4]
    refused = client.get("/v1/receipts/export?form=document", headers=used.headers)
    assert_problem(refused, 413, "too_large")


def test_a_trace_is_exported_by_its_id(client: Client, used: Customer) -> None:
    report = checked(client.get("/v1/receipts/export/run/7", headers=used.headers).content)
    assert (report.kind, report.trace_id, report.count) == ("trace", "run/7", 2)
    assert_problem(client.get("/v1/receipts/export/none", headers=used.headers), 404, "not_found", "trace_id")


def test_a_bundle_continues_a_checkpoint_that_was_kept(client: Client, used: Customer) -> None:
    kept = client.get(f"/.well-known/tallystick/{used.tenant_id}/checkpoint").text
    for _ in range(2):
        client.post("/v1/usage/track", json=EVENT, headers=used.headers)
    answer = client.get("/v1/receipts/export?from_seq=7&since=5", headers=used.headers)
    assert checked(answer.content, remembered=kept).remembered_size == 5
    for wrong, field in (("since=99", "from_size"), ("from_seq=99", "from_seq"), ("to_seq=99", "to_seq")):
        assert_problem(client.get(f"/v1/receipts/export?{wrong}", headers=used.headers), 422, "invalid", field)


def test_the_events_behind_a_line_are_shown_with_their_receipts(client: Client, used: Customer) -> None:
    invoice = invoice_of(client, used)
    position = invoice["lines"][-1]["position"]
    address = f"/v1/invoices/{invoice['invoice_id']}/lines/{position}/events"
    first = client.get(address, params={"limit": 2}, headers=used.headers).json()
    rest = client.get(address, params={"limit": 2, "cursor": first["next_cursor"]}, headers=used.headers).json()
    events = first["events"] + rest["events"]
    assert [(e["seq"], e["event_id"], e["units"]) for e in events] == [
        (2, "e1", "500000"),
        (3, "e2", "1000000"),
        (4, "e3", "1500000"),
    ]
    for event in events:
        assert client.get(f"/v1/receipts/{event['seq']}", headers=used.headers).json()["hash"] == event["hash"]
    assert client.get(f"/v1/invoices/{invoice['invoice_id']}/lines/1/events", headers=used.headers).json() == {
        "events": [],
        "next_cursor": None,
    }
    nowhere = client.get(f"/v1/invoices/{invoice['invoice_id']}/lines/9/events", headers=used.headers)
    assert_problem(nowhere, 404, "not_found", "position")


def verify(client: Client, customer: Customer, data: bytes, media_type: str = "application/json") -> dict[str, Any]:
    answer = client.post("/v1/receipts/verify", content=data, headers=customer.headers | {"Content-Type": media_type})
    assert answer.status_code == 200, answer.text
    verdict: dict[str, Any] = answer.json()
    return verdict


def test_a_bundle_is_checked_for_whoever_sends_it(client: Client, used: Customer, world: World) -> None:
    bundle = client.get(f"/v1/invoices/{invoice_of(client, used)['invoice_id']}/bundle", headers=used.headers).content
    for reader in (used, world.borealis):
        verdict = verify(client, reader, bundle)
        assert (verdict["valid"], verdict["result"], verdict["reason"]) == (True, "valid", None)
        assert verdict["bundle"]["bills"][-1]["total"] == invoice_of(client, used)["total"]
    lines = client.get("/v1/receipts/export?form=jsonl", headers=used.headers).content
    assert verify(client, used, lines, "application/gzip")["valid"]
    assert verify(client, used, gzip.decompress(lines), "application/jsonl")["valid"]


def test_what_is_wrong_with_a_bundle_is_said(client: Client, used: Customer) -> None:
    lines = gzip.decompress(client.get("/v1/receipts/export?form=jsonl", headers=used.headers).content)
    verdict = verify(client, used, lines.replace(b'"units":"1000000"', b'"units":"1000001"'), "application/jsonl")
    assert (verdict["valid"], verdict["result"], verdict["seq"]) == (False, "invalid", 4)
    assert "hash of the one before it" in verdict["reason"]
    unknown = verify(client, used, b'{"bundle": {"format": "tallystick-bundle/9"}, "receipts": [], "signature": {}}')
    assert (unknown["valid"], unknown["result"]) == (False, "unverifiable")
    for hostile in (b"{}", b"[]", b"\x1f\x8b", b"[" * 100_000, b'{"bundle":1,"bundle":2}', b'{"\xe9": 1}'):
        assert verify(client, used, hostile)["result"] != "valid"


def test_a_bundle_that_is_too_large_or_no_bundle_is_refused(
    client: Client, used: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "UNZIPPED_BYTES_MAX", 1_000_000)
    zipped = used.headers | {"Content-Type": "application/gzip"}
    bomb = gzip.compress(bytes(2_000_000))
    assert_problem(client.post("/v1/receipts/verify", content=bomb, headers=zipped), 413, "too_large")
    empty = client.post("/v1/receipts/verify", headers=used.headers)
    assert_problem(empty, 422, "invalid", "body")
    html = used.headers | {"Content-Type": "text/html"}
    wrong = client.post("/v1/receipts/verify", content=b"<p>", headers=html)
    assert_problem(wrong, 415, "unsupported_media_type", "Content-Type")


@pytest.mark.parametrize(
    "path", ["/v1/receipts", "/v1/receipts/1", "/v1/receipts/export", "/v1/receipts/consistency?from_size=1"]
)
def test_receipts_need_their_own_scope(client: Client, world: World, path: str) -> None:
    with transaction() as session:
        key = create_api_key(
            session,
            tenant_id=world.acme.tenant_id,
            scopes=["billing:read"],
            maker=owner_of(world.acme.tenant_id),
            at=NOW,
        ).key
    answer = client.get(path, headers={"Authorization": f"Bearer {key}"})
    assert_problem(answer, 403, "missing_scope")


def test_an_operator_names_the_customer(client: Client, world: World, used: Customer) -> None:
    asked = client.get(f"/v1/receipts/1?tenant_id={used.tenant_id}", headers=world.operator_headers)
    assert asked.json()["document"]["tenant"] == used.tenant_id
    invoice_id = invoice_of(client, used)["invoice_id"]
    assert checked(client.get(f"/v1/invoices/{invoice_id}/bundle", headers=world.operator_headers).content)


def test_closing_says_which_receipt_the_invoice_is(client: Client, world: World) -> None:
    closed = client.post(
        "/v1/invoices/generate",
        json={"tenant_id": world.acme.tenant_id, "force_period_end": True},
        headers=world.operator_headers,
    ).json()
    receipt = client.get(f"/v1/receipts/{closed['receipt']['seq']}", headers=world.acme.headers).json()
    assert (receipt["hash"], receipt["document"]["idem"]) == (closed["receipt"]["hash"], closed["invoice_id"])
    preview = client.get("/v1/invoices/preview", headers=world.acme.headers).json()
    assert preview["receipt"] is None
    assert json.loads(receipt["data"]) == receipt["document"]
    assert datetime.fromisoformat(receipt["document"]["ts"]) < now() + timedelta(minutes=1)
