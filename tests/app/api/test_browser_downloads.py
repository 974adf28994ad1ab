"""The proofs a signed-in person downloads: their own customer's, whole, and checked by the verifier."""

import gzip
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from sqlalchemy import func, select

from models import Invoice, Receipt, WebSession
from services.bundles import exports
from services.bundles.verification import verify_bundle
from services.closing.close import close_period
from services.database import reading, transaction
from services.receipts.signature_checks import read_jwks
from services.receipts.signing_keys import jwks
from tests.app.api.conftest import PASSWORD, Client, Customer, World, assert_problem
from tests.given import event, metered


def signed_in(client: Client, email: str) -> None:
    assert client.post("/session", data={"email": email, "password": PASSWORD}).status_code == 303


def billed(customer: Customer) -> str:
    """The id of an invoice for some use beyond the allowance."""
    at = datetime.now(UTC)
    with transaction() as session:
        metered(session, customer.tenant_id, event("1200000", event_id=f"of-{customer.name}"), event("7"), at=at)
        return close_period(session, tenant_id=customer.tenant_id, force=True, at=at + timedelta(seconds=1)).id


def receipts_of(customer: Customer) -> int:
    with reading() as session:
        return session.execute(select(func.count()).where(Receipt.tenant_id == customer.tenant_id)).scalar_one()


def check(content: bytes) -> Any:
    with reading() as session:
        keys = read_jwks(jwks(session))
    return verify_bundle(BytesIO(content), keys=keys)  # raises where anything is wrong


def test_an_invoices_proof_is_downloaded_and_checks_out(client: Client, world: World) -> None:
    invoice_id = billed(world.acme)
    signed_in(client, world.acme.email)
    answer = client.get(f"/session/invoices/{invoice_id}/proof")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.headers["content-disposition"] == 'attachment; filename="INV-000002.json"'
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    verdict = check(answer.content)
    assert (verdict.kind, verdict.origin.endswith(world.acme.tenant_id)) == ("invoice", True)


def test_a_large_proof_is_streamed_as_zipped_lines(
    client: Client, sqlite_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoice_id = billed(sqlite_world.acme)
    for name in ("services.bundles.exports", "app.api.bundles"):
        monkeypatch.setattr(f"{name}.DOCUMENT_RECEIPTS_MAX", 1)
    signed_in(client, sqlite_world.acme.email)
    answer = client.get(f"/session/invoices/{invoice_id}/proof")
    assert answer.headers["content-disposition"] == 'attachment; filename="INV-000002.jsonl.gz"'
    assert gzip.decompress(answer.content).count(b"\n") > exports.DOCUMENT_RECEIPTS_MAX
    check(answer.content)


def test_one_receipt_is_downloaded_with_its_proof(client: Client, world: World) -> None:
    billed(world.acme)
    signed_in(client, world.acme.email)
    for seq in range(1, receipts_of(world.acme) + 1):
        answer = client.get(f"/session/receipts/{seq}/proof")
        assert answer.headers["content-disposition"] == f'attachment; filename="receipts-{seq}-{seq}.json"'
        assert check(answer.content).kind == "range"


def test_another_customers_invoice_does_not_exist(client: Client, world: World) -> None:
    theirs = billed(world.borealis)
    signed_in(client, world.acme.email)
    assert_problem(client.get(f"/session/invoices/{theirs}/proof"), 404, "not_found", "invoice_id")
    assert_problem(client.get(f"/session/receipts/{receipts_of(world.acme) + 1}/proof"), 404, "not_found", "seq")


def test_the_same_number_is_the_receipt_of_the_sessions_own_customer(client: Client, sqlite_world: World) -> None:
    for customer in (sqlite_world.acme, sqlite_world.borealis):
        billed(customer)
    signed_in(client, sqlite_world.acme.email)
    answer = client.get("/session/receipts/2/proof")
    assert b"of-Acme" in answer.content
    assert sqlite_world.borealis.tenant_id.encode() not in answer.content


@pytest.mark.parametrize("path", ["invoices/inv_1/proof", "receipts/1/proof"])
def test_nobody_signed_in_is_led_to_sign_in_and_back_to_the_page(
    client: Client, sqlite_world: World, path: str
) -> None:
    page = f"/{path.removesuffix('proof')}"
    answer = client.get(f"/session/{path}")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/sign-in/?next={page}")
    signed_in(client, sqlite_world.acme.email)
    with transaction() as session:
        session.execute(WebSession.__table__.delete())  # type: ignore[attr-defined]
    answer = client.get(f"/session/{path}")
    assert answer.headers["location"] == f"/sign-in/?ended=expired&next={page}"


def test_an_api_key_is_not_what_opens_a_browsers_download(client: Client, sqlite_world: World) -> None:
    invoice_id = billed(sqlite_world.acme)
    answer = client.get(f"/session/invoices/{invoice_id}/proof", headers=sqlite_world.acme.headers)
    assert answer.status_code == 303


def test_an_operator_downloads_for_the_customer_they_look_at(client: Client, sqlite_world: World) -> None:
    invoice_id = billed(sqlite_world.acme)
    signed_in(client, sqlite_world.operator_email)
    assert_problem(client.get(f"/session/invoices/{invoice_id}/proof"), 403, "forbidden")
    client.post("/session/tenant", data={"tenant_id": sqlite_world.acme.tenant_id})
    assert client.get(f"/session/invoices/{invoice_id}/proof").status_code == 200


@pytest.mark.parametrize("path", ["invoices/a%20b/proof", "receipts/0/proof", "receipts/x/proof", "receipts/-1/proof"])
def test_what_is_no_id_is_refused_before_anything_is_read(client: Client, sqlite_world: World, path: str) -> None:
    signed_in(client, sqlite_world.acme.email)
    assert client.get(f"/session/{path}").status_code in (404, 422)


def test_a_draft_or_an_unknown_invoice_has_no_proof(client: Client, sqlite_world: World) -> None:
    signed_in(client, sqlite_world.acme.email)
    with reading() as session:
        assert session.get(Invoice, (sqlite_world.acme.tenant_id, "inv_none")) is None
    assert_problem(client.get("/session/invoices/inv_none/proof"), 404, "not_found", "invoice_id")


def test_every_change_of_the_credits_is_downloaded_by_whose_they_are(client: Client, world: World) -> None:
    billed(world.acme)
    asked = client.get("/session/credits.csv", follow_redirects=False)
    assert (asked.status_code, "/sign-in/" in asked.headers["location"]) == (303, True)
    signed_in(client, world.borealis.email)
    theirs = client.get("/session/credits.csv")
    client.post("/session/end")
    signed_in(client, world.acme.email)
    mine = client.get("/session/credits.csv")
    assert mine.headers["content-disposition"] == 'attachment; filename="credits.csv"'
    assert mine.text.count(",burn,") == 1
    assert ",burn," not in theirs.text
