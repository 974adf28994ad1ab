"""Invoices and credit notes as PDF over HTTP, and the code at their foot."""

import io
from typing import Any

from pypdf import PdfReader

from tests.app.api.conftest import PASSWORD, Client, World, assert_problem


def text_of(content: bytes) -> str:
    return " ".join(page.extract_text() for page in PdfReader(io.BytesIO(content), strict=True).pages)


def first_invoice(client: Client, world: World) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/v1/invoices", headers=world.acme.headers).json()["invoices"][0]
    return found


def credit(client: Client, world: World, invoice_id: str) -> dict[str, Any]:
    answer = client.post(
        f"/v1/admin/invoices/{invoice_id}/credit-notes",
        json={"amount": "25.00", "reason": "Two days of outage", "way": "elsewhere"},
        headers=world.operator_headers | {"Idempotency-Key": "once"},
    )
    assert answer.status_code in (200, 201), answer.text
    (note,) = client.get("/v1/credit-notes", headers=world.acme.headers).json()["credit_notes"]
    found: dict[str, Any] = note
    return found


def test_an_invoice_is_a_file_to_keep(client: Client, world: World) -> None:
    invoice = first_invoice(client, world)
    address = f"/v1/invoices/{invoice['invoice_id']}/pdf"
    answer = client.get(address, headers=world.acme.headers)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    assert answer.headers["content-disposition"] == f'attachment; filename="{invoice["number"]}.pdf"'
    assert f"Invoice {invoice['number']}" in text_of(answer.content)
    assert client.get(address, headers=world.acme.headers).content == answer.content


def test_the_language_can_be_chosen_and_no_other(client: Client, sqlite_world: World) -> None:
    address = f"/v1/invoices/{first_invoice(client, sqlite_world)['invoice_id']}/pdf"
    headers = sqlite_world.acme.headers
    french = client.get(address, params={"language": "fr"}, headers=headers)
    assert "Pro, frais de base mensuels" in text_of(french.content)
    assert_problem(client.get(address, params={"language": "de"}, headers=headers), 422, "invalid", "language")


def test_a_credit_note_is_one_too(client: Client, world: World) -> None:
    note = credit(client, world, first_invoice(client, world)["invoice_id"])
    answer = client.get(f"/v1/credit-notes/{note['credit_note_id']}/pdf", headers=world.acme.headers)
    assert answer.headers["content-disposition"] == 'attachment; filename="CN-000001.pdf"'
    assert "Two days of outage" in text_of(answer.content)


def test_the_running_bill_says_that_it_is_no_invoice(client: Client, sqlite_world: World) -> None:
    answer = client.get("/v1/invoices/preview/pdf", headers=sqlite_world.acme.headers)
    assert answer.headers["content-disposition"] == 'attachment; filename="preview.pdf"'
    assert "not an invoice" in text_of(answer.content)
    assert "factur-x.xml" not in PdfReader(io.BytesIO(answer.content)).attachments


def test_what_there_is_not_and_what_is_anothers_is_not_found(client: Client, world: World) -> None:
    invoice_id = first_invoice(client, world)["invoice_id"]
    note_id = credit(client, world, invoice_id)["credit_note_id"]
    for path in (f"invoices/{invoice_id}/pdf", f"credit-notes/{note_id}/pdf", "invoices/none/pdf"):
        field = "invoice_id" if path.startswith("inv") else "credit_note_id"
        assert_problem(client.get(f"/v1/{path}", headers=world.borealis.headers), 404, "not_found", field)


def test_the_code_printed_on_one_leads_back_to_it(client: Client, world: World) -> None:
    invoice = first_invoice(client, world)
    content = client.get(f"/v1/invoices/{invoice['invoice_id']}/pdf", headers=world.acme.headers).content
    code = text_of(content).split("Verification code ")[1].split()[0]
    found = client.get(f"/v1/documents/{code}", headers=world.acme.headers)
    assert found.status_code == 200, found.text
    told = found.json()
    assert (told["kind"], told["id"], told["number"]) == ("invoice", invoice["invoice_id"], invoice["number"])
    assert told["receipt_hash"] in text_of(content)
    assert_problem(client.get(f"/v1/documents/{code}", headers=world.borealis.headers), 404, "not_found", "code")
    wrong = client.get(f"/v1/documents/{code}", params={"number": "INV-9"}, headers=world.acme.headers)
    assert_problem(wrong, 404, "not_found", "number")
    assert client.get("/v1/documents/INV-000001", headers=world.acme.headers).status_code == 422


def test_a_signed_in_person_downloads_their_own(client: Client, world: World) -> None:
    invoice_id = first_invoice(client, world)["invoice_id"]
    note_id = credit(client, world, invoice_id)["credit_note_id"]
    for path in (f"/session/invoices/{invoice_id}/pdf", f"/session/credit-notes/{note_id}/pdf"):
        led = client.get(path)
        assert (led.status_code, led.headers["location"].startswith("/sign-in")) == (303, True)
    assert client.post("/session", data={"email": world.acme.email, "password": PASSWORD}).status_code == 303
    for path in (f"/session/invoices/{invoice_id}/pdf", f"/session/credit-notes/{note_id}/pdf"):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "no-store"
    assert_problem(client.get("/session/invoices/none/pdf"), 404, "not_found", "invoice_id")
