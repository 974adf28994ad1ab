"""Invoices with taxes: by the customer's place and the day, in the receipt, and given back exactly by credit notes."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlmodel import Session

from models import Invoice, InvoiceStatus, Receipt
from services.closing.close import close_period, preview_invoice
from services.identity import create_tenant
from services.invoices.credit_note_issuing import issue_credit_note
from services.invoices.credit_notes import amount_left, read_credit_note
from services.invoices.detail_views import read_invoice_detail
from services.invoices.finding import read_invoice
from services.invoices.transitions import void_invoice
from services.parties.billing_profiles import SellersTerms
from services.rules.canonical import canonical_bytes
from services.rules.quantities import to_micro
from services.rules.receipts import commitment, read_receipt
from services.subscriptions.plan_starts import preview_start
from services.usage.corrections import CorrectionInput, correct_usage
from tests.given import NOON, Customer, customer, event, metered, own_plan
from tests.parties_given import billed_in, seller

DECEMBER = datetime(2026, 12, 1, 6, tzinfo=UTC)
PER_UNIT = {"model": "per_unit", "unit_price": Decimal("0.01")}


@pytest.fixture
def acme(session: Session) -> Customer:
    one = customer(session)
    seller(session, at=NOON)
    return one


def closed(session: Session, one: Customer) -> Invoice:
    return close_period(session, tenant_id=one.tenant_id, at=DECEMBER)


def test_an_invoice_has_the_taxes_of_the_customers_province(session: Session, acme: Customer) -> None:
    billed_in(session, acme.tenant_id, "QC", at=NOON)
    invoice = closed(session, acme)
    gst, qst = read_invoice(session, tenant_id=acme.tenant_id, invoice_id=invoice.id).taxes
    assert (gst.name, gst.rate, gst.base_minor, gst.amount_minor) == ("GST", 5, 9_000_00, 450_00)
    assert (qst.name, qst.rate, qst.base_minor, qst.amount_minor) == ("QST", Decimal("9.975"), 9_000_00, 897_75)
    assert (invoice.subtotal_minor, invoice.tax_minor, invoice.total_minor) == (9_000_00, 1_347_75, 10_347_75)


def test_the_receipt_says_what_each_tax_is_of_and_commits_to_both_sides(session: Session, acme: Customer) -> None:
    billed_in(session, acme.tenant_id, "ON", at=NOON)
    invoice = closed(session, acme)
    document = read_receipt(bytes(session.get_one(Receipt, (acme.tenant_id, invoice.receipt_seq)).data)).document
    (hst,) = document["tax"]
    assert hst == {
        "code": "hst", "name": "HST", "region": "CA-ON", "category": "S", "rate": "0.13", "base": "9000.00",
        "amount": "1170.00",
    }  # fmt: skip
    assert document["totals"] == {"subtotal": "9000.00", "tax": "1170.00", "total": "10170.00"}
    assert invoice.parties_salt is not None
    assert document["cid"] == commitment(invoice.parties_salt, canonical_bytes(invoice.parties))
    assert "Acme" not in str(document)


def test_the_preview_comes_to_what_is_then_billed(session: Session, acme: Customer) -> None:
    billed_in(session, acme.tenant_id, "QC", at=NOON)
    preview = preview_invoice(session, tenant_id=acme.tenant_id, at=DECEMBER)
    invoice = closed(session, acme)
    assert (preview.invoice.tax_minor, preview.invoice.total_minor) == (invoice.tax_minor, invoice.total_minor)
    assert [tax.amount_minor for tax in preview.taxes] == [450_00, 897_75]


def test_without_billing_details_no_tax_is_known(session: Session, acme: Customer) -> None:
    invoice = closed(session, acme)
    assert invoice.tax_minor == 0
    assert invoice.parties["bill_to"]["name"] == "Acme"


def test_a_later_change_of_address_changes_no_final_invoice(session: Session, acme: Customer) -> None:
    billed_in(session, acme.tenant_id, "ON", at=NOON, purchase_order="PO 4711")
    invoice = closed(session, acme)
    billed_in(session, acme.tenant_id, "AB", at=DECEMBER, legal_name="Acme Holdings")
    seller(session, at=DECEMBER, legal_name="Another Inc.")
    session.expire_all()
    assert invoice.parties["bill_to"]["name"] == "Acme Industries Ltd."
    assert invoice.parties["bill_to"]["region"] == "ON"
    assert invoice.parties["remit_to"]["name"] == "Tallystick Inc."
    assert invoice.parties["remit_to"]["registrations"][0] == {
        "kind": "ca_gst_hst", "label": "GST/HST", "value": "123456782RT0001",
    }  # fmt: skip
    assert invoice.parties["purchase_order"] == "PO 4711"


def test_the_customers_terms_decide_when_an_invoice_is_due(session: Session, acme: Customer) -> None:
    billed_in(session, acme.tenant_id, "ON", at=NOON, terms=SellersTerms(payment_days=45))
    assert closed(session, acme).due_at == DECEMBER + timedelta(days=45)


def test_who_is_exempt_or_elsewhere_is_told_why_no_tax_is_charged(session: Session, acme: Customer) -> None:
    billed_in(session, acme.tenant_id, "DE", at=NOON, tax_ids=(("eu_vat", "DE 136 695 976"),))
    invoice = closed(session, acme)
    (none,) = read_invoice(session, tenant_id=acme.tenant_id, invoice_id=invoice.id).taxes
    assert (none.category, none.amount_minor, invoice.tax_minor) == ("AE", 0, 0)
    assert none.reason.startswith("Reverse charge")


def test_notes_over_the_whole_give_back_exactly_the_tax(session: Session, acme: Customer) -> None:
    billed_in(session, acme.tenant_id, "QC", at=NOON)
    invoice = closed(session, acme)
    given = {"tenant_id": acme.tenant_id, "invoice_id": invoice.id, "reason": "late", "at": DECEMBER}
    notes = [issue_credit_note(session, amount_minor=minor, **given) for minor in (1, 3_333_33, 7)]
    void_invoice(session, tenant_id=acme.tenant_id, invoice_id=invoice.id, at=DECEMBER)
    assert amount_left(session, invoice=invoice) == 0
    assert notes[1].note.total_minor == -3_333_33
    rows = [note.note for note in notes]
    assert all(row.total_minor == row.subtotal_minor + row.tax_minor for row in rows)
    assert [tax.name for tax in notes[1].taxes] == ["GST", "QST"]
    assert sum(tax.amount_minor for tax in notes[1].taxes) == notes[1].note.tax_minor


def test_an_open_invoice_is_settled_by_notes_over_its_tax_too(session: Session, acme: Customer) -> None:
    billed_in(session, acme.tenant_id, "ON", at=NOON)
    invoice = closed(session, acme)
    issue_credit_note(
        session, tenant_id=acme.tenant_id, invoice_id=invoice.id, amount_minor=10_170_00, reason="late", at=DECEMBER
    )
    assert invoice.status == InvoiceStatus.PAID


def test_a_correction_gives_its_tax_back(session: Session) -> None:
    one = customer(session, plan=own_plan(session, overage=PER_UNIT))
    seller(session, at=NOON)
    billed_in(session, one.tenant_id, "ON", at=NOON)
    metered(session, one.tenant_id, event("250", "work", event_id="a"))
    invoice = close_period(session, tenant_id=one.tenant_id, at=DECEMBER)
    assert (invoice.subtotal_minor, invoice.tax_minor) == (11_50, 1_50)
    sent = CorrectionInput("a", to_micro(Decimal(130)), "counted twice")
    note = correct_usage(session, tenant_id=one.tenant_id, correction=sent, at=DECEMBER).credit_note
    assert note is not None
    assert (note.subtotal_minor, note.tax_minor, note.total_minor) == (-1_20, -16, -1_36)
    document = read_credit_note(session, tenant_id=one.tenant_id, credit_note_id=note.id)
    assert [(tax.base_minor, tax.amount_minor) for tax in document.taxes] == [(-1_20, -16)]


def test_a_page_shows_each_tax_of_the_bill_and_of_what_was_given_back(session: Session, acme: Customer) -> None:
    billed_in(session, acme.tenant_id, "QC", at=NOON, purchase_order="PO 4711")
    invoice = closed(session, acme)
    issue_credit_note(
        session, tenant_id=acme.tenant_id, invoice_id=invoice.id, amount_minor=500_00, reason="late", at=DECEMBER
    )
    view = read_invoice_detail(session, tenant_id=acme.tenant_id, invoice_id=invoice.id, at=DECEMBER)
    assert [(tax.name, tax.amount) for tax in view.taxes] == [
        ("GST 5 % (QC)", "$450.00"), ("QST 9.975 % (QC)", "$897.75"),
    ]  # fmt: skip
    assert (view.bill_to.name, view.bill_to.lines[1]) == ("Acme Industries Ltd.", "Montréal QC H3B 1A7")
    assert (view.remit_to.ids[0], view.purchase_order) == ("GST/HST 123456782RT0001", "PO 4711")
    (note,) = view.credit_notes
    assert [line.amount for line in note.lines] == ["-$434.88", "-$21.74", "-$43.38"]


def test_what_is_shown_before_a_start_is_with_tax(session: Session, acme: Customer) -> None:
    tenant = create_tenant(session, name="Second", currency="CAD", timezone="UTC", at=NOON)
    billed_in(session, tenant.id, "ON", at=NOON)
    shown = preview_start(session, tenant_id=tenant.id, plan_code="PRO", interval="month", at=NOON)
    assert (shown.today, "HST 13 % (ON) $1,170.00" in shown.today_detail) == ("$10,170.00", True)
