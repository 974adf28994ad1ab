"""Credit notes: what a correction takes back of a bill, at once, at the prices it was billed at."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlmodel import Session, select

from models import PoolUsage, Receipt, ReceiptSignature, UsageTally
from services.closing.close import close_period, preview_invoice
from services.errors import NotFound
from services.invoices.credit_notes import list_credit_notes, note_number, read_credit_note
from services.rules.quantities import MICRO, to_micro
from services.rules.receipts import read_receipt, written
from services.usage.corrections import Corrected, CorrectionInput, correct_usage
from services.usage.tallies import read_tally
from tests.given import NOON, Customer, assert_books_agree, customer, event, metered, own_plan

PER_UNIT = {"model": "per_unit", "unit_price": Decimal("0.01")}
DECEMBER = datetime(2026, 12, 1, 6, tzinfo=UTC)
JANUARY = datetime(2027, 1, 1, 6, tzinfo=UTC)


def hundred(session: Session, overage: dict[str, Any] = PER_UNIT) -> Customer:
    """On a plan of 10.00 with 100 credits a period, sold beyond them; `work` burns one a unit."""
    return customer(session, plan=own_plan(session, overage=overage))


def correct(
    session: Session, one: Customer, corrects: str, units: str, at: datetime = DECEMBER, **more: Any
) -> Corrected:
    sent = CorrectionInput(corrects, to_micro(Decimal(units)), "counted twice", **more)
    made = correct_usage(session, tenant_id=one.tenant_id, correction=sent, at=at)
    assert_books_agree(session, one.tenant_id)
    return made


def billed(session: Session, one: Customer) -> list[tuple[int, int]]:
    """(overage, billed of it) of each window in credits."""
    statement = select(PoolUsage).where(PoolUsage.tenant_id == one.tenant_id).order_by(PoolUsage.window_start)
    rows = session.exec(statement.execution_options(populate_existing=True))
    return [(row.overage_micro // MICRO, row.billed_overage_micro // MICRO) for row in rows]


def document_of(session: Session, one: Customer, seq: int) -> dict[str, Any]:
    return read_receipt(bytes(session.get_one(Receipt, (one.tenant_id, seq)).data)).document


def test_what_was_billed_and_shrinks_is_credited_at_once(session: Session) -> None:
    one = hundred(session)
    metered(session, one.tenant_id, event("250", "work", event_id="a"))
    invoice = close_period(session, tenant_id=one.tenant_id, at=DECEMBER)
    note = correct(session, one, "a", "130").credit_note
    assert note is not None
    assert (note.invoice_id, note_number(note), note.reason) == (invoice.id, "CN-000001", "counted twice")
    assert (note.total_minor, note.currency, note.issued_at) == (-1_20, "CAD", DECEMBER)
    (line,) = read_credit_note(session, tenant_id=one.tenant_id, credit_note_id=note.id).lines
    assert (line.kind, line.quantity, line.unit, line.amount_minor) == ("correction", Decimal(-120), "credit", -1_20)
    assert line.sources == {"pool": "credits", "overage": "30", "billed_before": "150"}
    assert line.description == "Correction of the period of 2026-11-01: Credits"
    assert billed(session, one) == [(30, 30)]
    assert preview_invoice(session, tenant_id=one.tenant_id, at=DECEMBER).invoice.total_minor == 10_00


def test_its_receipt_says_which_receipts_it_sums_and_is_signed(session: Session) -> None:
    one = hundred(session)
    metered(session, one.tenant_id, event("250", "work", event_id="a"))
    close_period(session, tenant_id=one.tenant_id, at=DECEMBER)
    metered(session, one.tenant_id, event("5", "work", occurred_at=NOON), at=DECEMBER)
    (stored,) = session.exec(select(UsageTally)).all()
    tallied = read_tally(session, tenant_id=one.tenant_id, key=(one.subscription_id, stored.period_start, "credits"))
    assert tallied is not None
    made = correct(session, one, "a", "130")
    note = made.credit_note
    assert note is not None
    document = document_of(session, one, note.receipt_seq)
    (line,) = document["lines"]
    assert (document["typ"], document["number"], document["amount"]) == ("credit_note", 1, "-1.15")
    assert document["totals"] == {"subtotal": "-1.15", "tax": "0.00", "total": "-1.15"}
    assert (line["kind"], line["quantity"], line["amount"]) == ("correction", "-115", "-1.15")
    frontier, _ = tallied.frontier.extend([made.metered.receipt_hash])
    assert line["usage"] == {
        "first_seq": tallied.first_seq,
        "last_seq": made.metered.seq,
        "count": frontier.size,
        "root": written(frontier.root()),
    }
    assert session.get(ReceiptSignature, (one.tenant_id, note.receipt_seq)) is not None


def test_it_is_for_the_invoice_that_billed_most_of_it(session: Session) -> None:
    one = hundred(session)
    metered(session, one.tenant_id, event("110", "work", event_id="a"))
    close_period(session, tenant_id=one.tenant_id, at=DECEMBER)
    late_in = NOON + timedelta(days=9)
    metered(session, one.tenant_id, event("200", "work", event_id="b", occurred_at=late_in), at=DECEMBER)
    second = close_period(session, tenant_id=one.tenant_id, at=JANUARY)
    note = correct(session, one, "b", "50", at=JANUARY).credit_note
    assert note is not None
    assert (note.invoice_id, note.total_minor) == (second.id, -1_50)


def test_notes_and_invoices_together_come_to_the_price_of_what_stands(session: Session) -> None:
    one = hundred(session, {"model": "package", "package_size": Decimal(1000), "package_price": Decimal("0.75")})
    metered(session, one.tenant_id, event("2500", "work", event_id="a"))
    close_period(session, tenant_id=one.tenant_id, at=DECEMBER)
    notes = [correct(session, one, "a", units).credit_note for units in ("2200", "1900", "100", "50")]
    assert [note.total_minor if note else None for note in notes] == [0, -75, -1_50, None]
    assert [note.number for note in notes if note] == [1, 2, 3]
    assert billed(session, one) == [(0, 0)]


def test_what_has_shrunk_and_grows_again_is_billed_as_late_usage(session: Session) -> None:
    one = hundred(session)
    metered(session, one.tenant_id, event("250", "work", event_id="a"))
    close_period(session, tenant_id=one.tenant_id, at=DECEMBER)
    correct(session, one, "a", "130")
    assert correct(session, one, "a", "180").credit_note is None
    assert billed(session, one) == [(80, 30)]
    invoice = close_period(session, tenant_id=one.tenant_id, at=JANUARY)
    assert invoice.total_minor == 10_00 + 50
    assert (80, 80) in billed(session, one)


def test_days_of_one_period_make_up_for_each_other(session: Session) -> None:
    """The bill knows the overage of the period, not of each of its days."""
    one = customer(session, plan="memory-cloud/pro", currency="USD")
    first, second = NOON - timedelta(days=2), NOON - timedelta(days=1)
    metered(session, one.tenant_id, event("20000", "api_call", event_id="a", occurred_at=first))
    close_period(session, tenant_id=one.tenant_id, at=DECEMBER)
    ((over, _),) = billed(session, one)
    metered(session, one.tenant_id, event("16000", "api_call", event_id="b", occurred_at=second), at=DECEMBER)
    (_, (more, _)) = billed(session, one)
    assert correct(session, one, "a", "18000").credit_note is None
    assert billed(session, one) == [(over - 2_000, over - 2_000), (more, 2_000)]
    note = correct(session, one, "a", "0").credit_note
    assert note is not None
    (line,) = read_credit_note(session, tenant_id=one.tenant_id, credit_note_id=note.id).lines
    assert line.quantity == more - over
    assert billed(session, one) == [(0, 0), (more, more)]


def test_a_retry_gets_the_same_note(session: Session) -> None:
    one = hundred(session)
    metered(session, one.tenant_id, event("250", "work", event_id="a"))
    close_period(session, tenant_id=one.tenant_id, at=DECEMBER)
    first = correct(session, one, "a", "130", event_id="fix")
    again = correct(session, one, "a", "130", event_id="fix")
    assert first.credit_note is not None
    assert again.credit_note == first.credit_note
    assert len(list_credit_notes(session, tenant_id=one.tenant_id)) == 1


def test_notes_are_listed_newest_first_and_for_one_invoice(session: Session) -> None:
    one, other = hundred(session), customer(session, name="Other")
    metered(session, one.tenant_id, event("250", "work", event_id="a"))
    invoice = close_period(session, tenant_id=one.tenant_id, at=DECEMBER)
    for units in ("240", "230", "220"):
        correct(session, one, "a", units)
    listed = list_credit_notes(session, tenant_id=one.tenant_id, invoice_id=invoice.id, limit=2)
    assert [note.number for note in listed] == [3, 2]
    assert [note.number for note in list_credit_notes(session, tenant_id=one.tenant_id, before_number=2)] == [1]
    assert list_credit_notes(session, tenant_id=one.tenant_id, invoice_id="inv_none") == []
    assert list_credit_notes(session, tenant_id=other.tenant_id) == []
    with pytest.raises(NotFound):
        read_credit_note(session, tenant_id=other.tenant_id, credit_note_id=listed[0].id)
