"""Late use in the log: its receipt is of its own period, and the bill that charges it names all of that period."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import BytesIO

from sqlalchemy import Engine
from sqlmodel import Session, select

from models import BillingPeriod, InvoiceLine, Receipt, UsageEvent
from services.bundles.exports import export_document, prepare_range
from services.bundles.verification import verify_bundle
from services.closing.close import close_period
from services.database import reading, transaction
from services.rules.merkle import Frontier
from services.rules.quantities import MICRO
from services.rules.receipts import read_receipt
from services.usage.corrections import CorrectionInput, correct_usage
from services.usage.tallies import read_tally
from tests.given import NOON, assert_books_agree, customer, event, metered, own_plan

PER_UNIT = {"model": "per_unit", "unit_price": Decimal("0.01")}
DECEMBER = datetime(2026, 12, 1, 6, tzinfo=UTC)
JANUARY = datetime(2027, 1, 1, 6, tzinfo=UTC)


def test_a_late_events_receipt_is_of_its_own_period(session: Session) -> None:
    one = customer(session, plan=own_plan(session, overage=PER_UNIT))
    (first,) = metered(session, one.tenant_id, event("90", "work"))
    close_period(session, tenant_id=one.tenant_id, at=DECEMBER)
    happened = NOON + timedelta(days=2)
    now, late = metered(
        session, one.tenant_id, event("7", "work"), event("30", "work", occurred_at=happened), at=DECEMBER
    )
    document = read_receipt(bytes(session.get_one(Receipt, (one.tenant_id, late.seq)).data)).document
    assert (document["occurred_at"], document["overage_micro"]) == ("2026-11-22T12:00:00.000000Z", 20 * MICRO)
    november, december = session.exec(select(BillingPeriod).order_by(BillingPeriod.starts_at)).all()
    assert document["price"] == november.plan_version_id
    assert session.get_one(UsageEvent, (one.tenant_id, late.seq)).period_start == november.starts_at

    def tally(period: BillingPeriod) -> tuple[int, int, bytes]:
        key = (one.subscription_id, period.starts_at, "credits")
        found = read_tally(session, tenant_id=one.tenant_id, key=key)
        assert found is not None
        return found.first_seq, found.last_seq, found.frontier.root()

    of_november, _ = Frontier().extend([first.receipt_hash, late.receipt_hash])
    assert tally(november) == (first.seq, late.seq, of_november.root())
    assert tally(december) == (now.seq, now.seq, now.receipt_hash)


def test_the_bill_of_late_use_and_corrections_is_what_the_log_comes_to(engine: Engine) -> None:
    with transaction(engine) as session:
        one = customer(session, plan=own_plan(session, overage=PER_UNIT))
        (first,) = metered(session, one.tenant_id, event("150", "work", event_id="a"))
        close_period(session, tenant_id=one.tenant_id, at=DECEMBER)
        (late,) = metered(session, one.tenant_id, event("30", "work", occurred_at=NOON), at=DECEMBER)
        more = CorrectionInput("a", 160 * MICRO, "one run was left out")
        corrected = correct_usage(session, tenant_id=one.tenant_id, correction=more, at=DECEMBER).metered
        invoice = close_period(session, tenant_id=one.tenant_id, at=JANUARY)
        statement = select(InvoiceLine).where(InvoiceLine.invoice_id == invoice.id, InvoiceLine.kind == "late_usage")
        line = session.exec(statement).one()
        assert (line.quantity, line.amount_minor) == (40, 40)
        hashes = [first.receipt_hash, late.receipt_hash, corrected.receipt_hash]
        assert line.usage_root == Frontier().extend(hashes)[0].root()
        assert (line.first_seq, line.last_seq, line.usage_count) == (first.seq, corrected.seq, 3)
        less = CorrectionInput("a", 40 * MICRO, "it was another customer's")
        note = correct_usage(session, tenant_id=one.tenant_id, correction=less, at=JANUARY).credit_note
        assert note is not None
        assert note.total_minor == -90
        assert_books_agree(session, one.tenant_id)
    with reading(engine) as session:
        export = prepare_range(session, tenant_id=one.tenant_id, first_seq=1, last_seq=None, at=JANUARY)
        report = verify_bundle(BytesIO(export_document(session, export=export)))
    assert [(bill.typ, bill.total) for bill in report.bills] == [
        ("invoice", "10.00"),
        ("invoice", "10.50"),
        ("invoice", "10.40"),
        ("credit_note", "-0.90"),
    ]
