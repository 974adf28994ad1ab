"""Credit notes that a person decides on: how much can be taken back, what it settles, and what the log says."""

import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from models import Invoice, InvoiceStatus, Receipt, ReceiptSignature
from models.credit_note import REASON_MAX
from services.bundles.exports import export_lines, prepare_range, zipped
from services.bundles.verification import verify_bundle
from services.closing.close import close_period
from services.dashboard import read_dashboard
from services.database import reading, transaction
from services.errors import Conflict, NotFound, Unprocessable
from services.invoices.credit_note_issuing import issue_credit_note
from services.invoices.credit_notes import CreditNoteDocument, amount_left, list_credit_notes, note_number
from services.invoices.detail_views import read_invoice_detail
from services.invoices.finding import list_invoices, mark_invoice_paid
from services.invoices.transitions import mark_uncollectible, void_invoice
from services.invoices.views import read_invoice_list
from services.overview import read_overview
from services.receipts.signature_checks import read_jwks
from services.receipts.signing_keys import jwks
from services.receipts.views import read_receipt_view
from services.rules.quantities import to_micro
from services.rules.receipts import read_receipt, written
from services.usage.corrections import CorrectionInput, correct_usage
from tests.given import NOON, Customer, assert_books_agree, customer, event, metered, own_plan

DECEMBER = datetime(2026, 12, 1, 6, tzinfo=UTC)
PER_UNIT = {"model": "per_unit", "unit_price": Decimal("0.01")}


def newest(session: Session, one: Customer) -> Invoice:
    return list_invoices(session, tenant_id=one.tenant_id)[0]


def credit(
    session: Session, one: Customer, amount_minor: int, reason: str = "goodwill", note_id: str | None = None
) -> CreditNoteDocument:
    return issue_credit_note(
        session, tenant_id=one.tenant_id, invoice_id=newest(session, one).id, amount_minor=amount_minor,
        reason=reason, note_id=note_id, at=DECEMBER,
    )  # fmt: skip


def test_an_amount_is_taken_back_by_a_line_of_its_own(session: Session) -> None:
    one = customer(session)
    made = credit(session, one, 25_00, "  two days of outage ")
    (line,) = made.lines
    invoice = newest(session, one)
    assert (made.note.invoice_id, made.note.number, made.note.correction_seq) == (invoice.id, 1, None)
    assert (made.note.total_minor, made.note.reason, made.note.issued_at) == (-25_00, "two days of outage", DECEMBER)
    assert (line.kind, line.quantity, line.unit, line.amount_minor) == ("adjustment", -1, "adjustment", -25_00)
    assert line.description == "Adjustment of invoice INV-000001"
    assert line.pricing == {"model": "flat", "amount": "-25.00"}
    assert (line.period_start, line.period_end) == (invoice.period_start, invoice.period_end)
    assert (amount_left(session, invoice=invoice), invoice.status) == (9_000_00 - 25_00, InvoiceStatus.OPEN)


def test_its_receipt_answers_that_of_the_invoice_and_tells_no_reason(session: Session) -> None:
    one = customer(session)
    note = credit(session, one, 25_00, "Mrs Miller was unhappy").note
    invoice = newest(session, one)
    data = bytes(session.get_one(Receipt, (one.tenant_id, note.receipt_seq)).data)
    document = read_receipt(data).document
    assert invoice.receipt_hash is not None
    assert (document["typ"], document["req"], document["idem"]) == (
        "credit_note",
        written(invoice.receipt_hash),
        note.id,
    )
    assert document["totals"] == {"subtotal": "-25.00", "tax": "0.00", "total": "-25.00"}
    assert [line["kind"] for line in document["lines"]] == ["adjustment"]
    assert b"Miller" not in data
    assert session.get(ReceiptSignature, (one.tenant_id, note.receipt_seq)) is not None


def test_no_more_is_taken_back_than_invoice_and_notes_leave(session: Session) -> None:
    one = customer(session)
    credit(session, one, 8_999_00)
    for too_much in (1_01, 0, -1):
        with pytest.raises(Unprocessable) as refused:
            credit(session, one, too_much)
        assert refused.value.field == "amount_minor"
    credit(session, one, 1_00)
    with pytest.raises(Unprocessable, match=r"comes to \$0\.00"):
        credit(session, one, 1)


@pytest.mark.parametrize("reason", ["", "   ", "x" * (REASON_MAX + 1)])
def test_a_reason_is_given(session: Session, reason: str) -> None:
    with pytest.raises(Unprocessable) as refused:
        credit(session, customer(session), 1_00, reason)
    assert refused.value.field == "reason"


def test_an_invoice_that_nothing_is_left_of_is_settled_by_the_note(session: Session) -> None:
    one = customer(session)
    credit(session, one, 4_000_00)
    note = credit(session, one, 5_000_00).note
    invoice = newest(session, one)
    assert (invoice.status, invoice.paid_at) == (InvoiceStatus.PAID, DECEMBER)
    assert invoice.payment_reference == note_number(note) == "CN-000002"
    payment = read_receipt(bytes(session.get_one(Receipt, (one.tenant_id, note.receipt_seq + 1)).data)).document
    assert (payment["typ"], payment["amount"]) == ("payment", "0.00")
    assert_books_agree(session, one.tenant_id)


def test_what_is_paid_is_what_the_notes_have_left(session: Session) -> None:
    one = customer(session)
    note = credit(session, one, 25_00).note
    mark_invoice_paid(session, tenant_id=one.tenant_id, invoice_id=newest(session, one).id, at=DECEMBER)
    payment = read_receipt(bytes(session.get_one(Receipt, (one.tenant_id, note.receipt_seq + 1)).data)).document
    assert (payment["amount"], "cid" in payment) == ("8975.00", False)


def test_a_paid_invoice_can_be_credited_and_stays_paid(session: Session) -> None:
    one = customer(session)
    invoice = newest(session, one)
    mark_invoice_paid(session, tenant_id=one.tenant_id, invoice_id=invoice.id, reference="wire 1", at=NOON)
    credit(session, one, 9_000_00)
    assert (invoice.status, invoice.paid_at, invoice.payment_reference) == (InvoiceStatus.PAID, NOON, "wire 1")


def test_what_corrections_took_back_cannot_be_taken_back_again(session: Session) -> None:
    one = customer(session, plan=own_plan(session, overage=PER_UNIT))
    metered(session, one.tenant_id, event("250", "work", event_id="a"))
    invoice = close_period(session, tenant_id=one.tenant_id, at=DECEMBER)
    sent = CorrectionInput("a", to_micro(Decimal(130)), "counted twice")
    correct_usage(session, tenant_id=one.tenant_id, correction=sent, at=DECEMBER)
    assert amount_left(session, invoice=invoice) == 10_00 + 1_50 - 1_20
    with pytest.raises(Unprocessable):
        credit(session, one, 10_31)
    credit(session, one, 10_30)
    assert invoice.status == InvoiceStatus.PAID
    less = CorrectionInput("a", to_micro(Decimal(120)), "counted twice")
    made = correct_usage(session, tenant_id=one.tenant_id, correction=less, at=DECEMBER).credit_note
    assert made is not None
    assert (made.number, made.total_minor, amount_left(session, invoice=invoice)) == (3, -10, -10)
    with pytest.raises(Unprocessable, match=r"\$0\.00"):
        credit(session, one, 1)


def test_a_correction_that_leaves_nothing_settles_an_open_invoice_too(session: Session) -> None:
    one = customer(session, plan=own_plan(session, overage=PER_UNIT))
    metered(session, one.tenant_id, event("250", "work", event_id="a"))
    invoice = close_period(session, tenant_id=one.tenant_id, at=DECEMBER)
    credit(session, one, 10_00)
    sent = CorrectionInput("a", to_micro(Decimal(50)), "counted twice")
    correct_usage(session, tenant_id=one.tenant_id, correction=sent, at=DECEMBER)
    assert (invoice.status, invoice.payment_reference) == (InvoiceStatus.PAID, "CN-000002")
    assert_books_agree(session, one.tenant_id)


def test_asking_again_with_the_same_id_gives_the_same_note(session: Session) -> None:
    one = customer(session)
    first, again = (credit(session, one, 25_00, note_id="cn_mine") for _ in range(2))
    assert first.note.id == again.note.id == "cn_mine"
    assert len(list_credit_notes(session, tenant_id=one.tenant_id)) == 1
    for other in (
        lambda: credit(session, one, 26_00, note_id="cn_mine"),
        lambda: credit(session, one, 25_00, "x", "cn_mine"),
    ):
        with pytest.raises(Conflict):
            other()
    with pytest.raises(Unprocessable):
        credit(session, one, 25_00, note_id="")


def test_a_void_invoice_and_anothers_cannot_be_credited(session: Session) -> None:
    one, other = customer(session), customer(session, name="Other")
    invoice = newest(session, one)
    with pytest.raises(NotFound):
        issue_credit_note(
            session, tenant_id=other.tenant_id, invoice_id=invoice.id, amount_minor=1, reason="x", at=NOON
        )
    void_invoice(session, tenant_id=one.tenant_id, invoice_id=invoice.id, at=NOON)
    with pytest.raises(Conflict, match="void"):
        credit(session, one, 1_00)


def test_pages_show_a_note_that_no_correction_brought_about(session: Session) -> None:
    one = customer(session)
    note = credit(session, one, 25_00).note
    view = read_invoice_detail(session, tenant_id=one.tenant_id, invoice_id=note.invoice_id, at=DECEMBER)
    (shown,) = view.credit_notes
    assert (shown.number, shown.correction, shown.lines[0].quantity) == ("CN-000001", "", "1 adjustment")
    assert view.after_notes == "$8,975.00"


def test_the_receipt_of_a_note_links_to_its_invoice_alone(engine: Engine) -> None:
    with transaction(engine) as session:
        one = customer(session)
        seq = credit(session, one, 25_00).note.receipt_seq
    with reading(engine) as session:
        related = read_receipt_view(session, tenant_id=one.tenant_id, seq_text=str(seq)).related
    assert [each.kind for each in related] == ["invoice"]


def test_void_takes_back_all_that_is_left_and_the_log_adds_up(engine: Engine) -> None:
    with transaction(engine) as session:
        one = customer(session)
        credit(session, one, 25_00)
        invoice = newest(session, one)
        for later in (1, 2):
            at = DECEMBER + timedelta(days=later)
            made = void_invoice(session, tenant_id=one.tenant_id, invoice_id=invoice.id, at=at)
        assert (made.status, made.paid_at, amount_left(session, invoice=made)) == (InvoiceStatus.VOID, None, 0)
        notes = list_credit_notes(session, tenant_id=one.tenant_id)
        assert [(note.total_minor, note.issued_at) for note in notes] == [
            (-8_975_00, DECEMBER + timedelta(days=1)),
            (-25_00, DECEMBER),
        ]
    with reading(engine) as session:
        export = prepare_range(session, tenant_id=one.tenant_id, first_seq=1, last_seq=None, at=DECEMBER)
        keys = read_jwks(jwks(session))
    report = verify_bundle(io.BytesIO(b"".join(zipped(export_lines(export, reading)))), keys=keys)
    assert [(bill.typ, bill.total) for bill in report.bills] == [
        ("invoice", "9000.00"),
        ("credit_note", "-25.00"),
        ("credit_note", "-8975.00"),
    ]


def test_an_uncollectible_invoice_can_still_be_paid_or_made_void(session: Session) -> None:
    one, other = customer(session), customer(session, name="Other")
    for each in (one, other):
        invoice = newest(session, each)
        for _ in range(2):
            given_up = mark_uncollectible(session, tenant_id=each.tenant_id, invoice_id=invoice.id, at=DECEMBER)
        assert (given_up.status, amount_left(session, invoice=given_up)) == (InvoiceStatus.UNCOLLECTIBLE, 9_000_00)
    paid = mark_invoice_paid(
        session, tenant_id=one.tenant_id, invoice_id=newest(session, one).id, reference="wire 9", at=DECEMBER
    )
    assert (paid.status, paid.payment_reference) == (InvoiceStatus.PAID, "wire 9")
    invoice_id = newest(session, other).id
    assert void_invoice(session, tenant_id=other.tenant_id, invoice_id=invoice_id, at=DECEMBER).status == "void"
    with pytest.raises(Conflict):
        mark_invoice_paid(session, tenant_id=other.tenant_id, invoice_id=invoice_id, at=DECEMBER)


def test_what_is_paid_or_void_is_not_given_up(session: Session) -> None:
    one = customer(session)
    invoice = newest(session, one)
    mark_invoice_paid(session, tenant_id=one.tenant_id, invoice_id=invoice.id, at=NOON)
    for refused in (void_invoice, mark_uncollectible):
        with pytest.raises(Conflict):
            refused(session, tenant_id=one.tenant_id, invoice_id=invoice.id, at=NOON)
    other = customer(session, name="Other")
    void_invoice(session, tenant_id=other.tenant_id, invoice_id=newest(session, other).id, at=NOON)
    with pytest.raises(Conflict):
        mark_uncollectible(session, tenant_id=other.tenant_id, invoice_id=newest(session, other).id, at=NOON)


def test_what_is_owed_is_what_the_notes_leave(session: Session) -> None:
    one = customer(session)
    credit(session, one, 25_00)
    late = DECEMBER + timedelta(days=60)
    listed = read_invoice_list(session, tenant_id=one.tenant_id, at=late)
    assert (listed.outstanding, listed.late) == ("$8,975.00", "$8,975.00 past due")
    assert read_overview(session, tenant_id=one.tenant_id, at=late).late == "One invoice is past due: $8,975.00."
    (shown,) = read_dashboard(session, tenant_id=one.tenant_id, at=late)["open_invoices"]
    assert shown["total"] == "8975.00"
