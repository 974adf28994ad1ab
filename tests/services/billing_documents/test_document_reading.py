"""Bills read out of the books: what was billed, what was paid and credited since, and the receipt that attests it."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlmodel import Session

from models import InvoiceStatus
from services.billing_documents.document import DocumentKind
from services.billing_documents.layout import lay_out
from services.billing_documents.reading import (
    read_credit_note_document,
    read_invoice_document,
    read_preview_document,
)
from services.billing_documents.rendering import render_pdf
from services.closing.close import close_period
from services.errors import NotFound
from services.invoices.credit_note_issuing import issue_credit_note
from services.invoices.document_verification import find_document
from services.invoices.finding import list_invoices, mark_invoice_paid
from services.invoices.transitions import void_invoice
from services.rules.violations import InvalidVerificationCode
from tests.given import NOON, Customer, customer, event, metered

DECEMBER = datetime(2026, 12, 1, 12, tzinfo=UTC)


def billed(session: Session) -> tuple[Customer, str]:
    """A customer on PRO with 200,000 credits of overage, and the invoice that closed November."""
    one = customer(session)
    metered(session, one.tenant_id, event("1200000", event_id="much"))
    return one, close_period(session, tenant_id=one.tenant_id, at=DECEMBER).id


def test_an_invoice_says_what_the_books_say(session: Session) -> None:
    one, invoice_id = billed(session)
    document = read_invoice_document(session, tenant_id=one.tenant_id, invoice_id=invoice_id)
    invoice = list_invoices(session, tenant_id=one.tenant_id)[0]
    assert (document.kind, document.number, document.status) == (DocumentKind.INVOICE, "INV-000002", "open")
    assert (document.total_minor, document.left_minor) == (invoice.total_minor, invoice.total_minor)
    assert (document.starts_on, document.ends_on) == (date(2026, 11, 1), date(2026, 11, 30))
    assert (document.issued_on, document.due_on) == (date(2026, 12, 1), date(2026, 12, 31))
    overage = document.lines[-1]
    assert (overage.kind, overage.records, overage.plan.pools) == ("overage", 1, {"credits": "Credits"})
    assert document.receipt is not None
    assert document.receipt.seq == invoice.receipt_seq
    assert invoice.receipt_hash is not None
    assert document.receipt.hash == f"sha256:{invoice.receipt_hash.hex()}"
    assert document.verification_url.endswith(f"/verification/?code={document.receipt.code}")


def test_use_that_the_allowance_covered_is_told_though_no_line_charges_it(session: Session) -> None:
    one = customer(session)
    metered(session, one.tenant_id, event("418", event_id="some"), event("2.5", event_id="more"))
    invoice = close_period(session, tenant_id=one.tenant_id, at=DECEMBER)
    metered(session, one.tenant_id, event("7", event_id="next"), at=DECEMBER)
    document = read_invoice_document(session, tenant_id=one.tenant_id, invoice_id=invoice.id)
    (english,), (french,) = (lay_out(replace(document, language=language))["sections"] for language in ("en", "fr"))
    assert english["title"] == "Covered by your allowance, nothing to pay"
    assert english["rows"] == [["Credits", "420.5 credits, 2 records of use"]]
    assert french["rows"] == [["Crédits", "420,5 crédits, 2 relevés d’utilisation"]]


def test_reading_twice_gives_the_same_bytes(session: Session) -> None:
    one, invoice_id = billed(session)
    read = [read_invoice_document(session, tenant_id=one.tenant_id, invoice_id=invoice_id) for _ in range(2)]
    assert read[0] == read[1]
    assert render_pdf(read[0]) == render_pdf(read[1])


def test_what_was_credited_and_paid_stands_under_the_total(session: Session) -> None:
    one, invoice_id = billed(session)
    where = {"tenant_id": one.tenant_id, "invoice_id": invoice_id}
    issue_credit_note(session, **where, amount_minor=400_00, reason="An outage", at=DECEMBER + timedelta(days=1))
    open_one = read_invoice_document(session, **where)
    assert (open_one.credited_minor, open_one.left_minor) == (400_00, open_one.total_minor - 400_00)
    mark_invoice_paid(session, **where, reference="wire 77", at=DECEMBER + timedelta(days=2))
    paid = read_invoice_document(session, **where)
    assert (paid.paid_minor, paid.left_minor, paid.paid_on) == (paid.total_minor - 400_00, 0, date(2026, 12, 3))
    issue_credit_note(session, **where, amount_minor=1_00, reason="Goodwill", at=DECEMBER + timedelta(days=3))
    later = read_invoice_document(session, **where)
    assert (later.paid_minor, later.left_minor) == (paid.paid_minor, -1_00)
    labels = [row["label"] for row in lay_out(later)["totals"]]
    assert labels[-4:] == [
        "Credit note CN-000001 of Dec 2, 2026", "Credit note CN-000002 of Dec 4, 2026", "Paid, Dec 3, 2026",
        "In your favour (CAD)",
    ]  # fmt: skip


def test_a_credit_note_is_a_document_of_its_own(session: Session) -> None:
    one, invoice_id = billed(session)
    made = issue_credit_note(
        session, tenant_id=one.tenant_id, invoice_id=invoice_id, amount_minor=25_00, reason="Two days", at=DECEMBER
    )
    document = read_credit_note_document(session, tenant_id=one.tenant_id, credit_note_id=made.note.id, language="fr")
    assert (document.kind, document.number, document.corrects_number) == (
        DocumentKind.CREDIT_NOTE, "CN-000001", "INV-000002",
    )  # fmt: skip
    sheet = lay_out(document)
    assert (sheet["title"], sheet["headline"].replace("\u00a0", " ")) == ("Note de crédit CN-000001", "25,00 $")
    assert sheet["lines"][0]["title"] == "Ajustement de la facture INV-000002"
    assert sheet["sections"][0]["words"] == ["Two days"]


def test_a_preview_has_no_number_and_no_receipt(session: Session) -> None:
    one = customer(session)
    document = read_preview_document(session, tenant_id=one.tenant_id, subscription_id=None, at=NOON)
    assert (document.kind, document.number, document.receipt) == (DocumentKind.PREVIEW, "", None)
    assert lay_out(document)["mark"] == {"text": "Preview · not an invoice"}


def test_a_void_invoice_says_that_nothing_is_owed(session: Session) -> None:
    one, invoice_id = billed(session)
    void_invoice(session, tenant_id=one.tenant_id, invoice_id=invoice_id, at=DECEMBER)
    document = read_invoice_document(session, tenant_id=one.tenant_id, invoice_id=invoice_id)
    sheet = lay_out(document)
    assert (document.status, sheet["due"]) == (InvoiceStatus.VOID, "void; nothing is owed")
    assert (sheet["payment"], sheet["totals"][-1]["label"]) == (None, "Total (CAD)")


def test_anothers_documents_are_not_found(session: Session) -> None:
    one, invoice_id = billed(session)
    other = customer(session, name="Borealis")
    with pytest.raises(NotFound):
        read_invoice_document(session, tenant_id=other.tenant_id, invoice_id=invoice_id)
    code = read_invoice_document(session, tenant_id=one.tenant_id, invoice_id=invoice_id).receipt
    assert code is not None
    with pytest.raises(NotFound, match="not ours"):
        find_document(session, tenant_id=other.tenant_id, code=code.code)


def test_a_code_leads_back_to_what_was_issued(session: Session) -> None:
    one, invoice_id = billed(session)
    made = issue_credit_note(
        session, tenant_id=one.tenant_id, invoice_id=invoice_id, amount_minor=25_00, reason="Two days", at=DECEMBER
    )
    where = {"tenant_id": one.tenant_id}
    bill = read_invoice_document(session, **where, invoice_id=invoice_id)
    note = read_credit_note_document(session, **where, credit_note_id=made.note.id)
    assert bill.receipt is not None
    assert note.receipt is not None
    found = find_document(session, **where, code=bill.receipt.code.lower(), number=" inv-000002")
    assert (found.kind, found.id, found.number) == ("invoice", invoice_id, "INV-000002")
    assert (found.total.amount_minor, found.receipt_hash) == (bill.total_minor, bill.receipt.hash)
    found = find_document(session, **where, code=note.receipt.code)
    assert (found.kind, found.id, found.invoice_id, found.total.amount_minor) == (
        "credit_note", made.note.id, invoice_id, -25_00,
    )  # fmt: skip


def test_a_code_that_is_wrong_or_of_no_document_is_refused(session: Session) -> None:
    one, invoice_id = billed(session)
    receipt = read_invoice_document(session, tenant_id=one.tenant_id, invoice_id=invoice_id).receipt
    assert receipt is not None
    where = {"tenant_id": one.tenant_id}
    number, *groups = receipt.code.split("-")
    swapped = "-".join([number, groups[1], groups[0], groups[2]])
    for wrong in (swapped, "-".join(["99999", *groups]), "-".join(["1", *groups])):
        with pytest.raises(NotFound, match="not ours"):
            find_document(session, **where, code=wrong)
    with pytest.raises(NotFound, match="is that of INV-000002"):
        find_document(session, **where, code=receipt.code, number="INV-000001")
    with pytest.raises(InvalidVerificationCode):
        find_document(session, **where, code="INV-000002")
