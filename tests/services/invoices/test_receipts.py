"""What the log says of invoices and payments, and which receipts a line names."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, select

from models import Invoice, Receipt, UsageTally
from services.closing.close import close_period, preview_invoice
from services.database import transaction
from services.errors import PeriodNotEnded
from services.invoices.finding import list_invoices, mark_invoice_paid, read_invoice
from services.rules.canonical import canonical_bytes
from services.rules.merkle import Frontier, node_hash
from services.rules.receipts import commitment, read_receipt, receipt_hash, written
from services.subscriptions.finding import read_subscription
from services.usage.ranges import UsageRange, line_range, whole_range
from tests.given import NOON, assert_books_agree, customer, event, metered, own_plan

DECEMBER = datetime(2026, 12, 1, 6, tzinfo=UTC)
JANUARY = datetime(2027, 1, 1, 6, tzinfo=UTC)


def receipts_of(session: Session, tenant_id: str) -> list[dict[str, Any]]:
    rows = session.exec(select(Receipt).where(Receipt.tenant_id == tenant_id).order_by(Receipt.seq))
    return [read_receipt(row.data).document for row in rows]


def hashes_of(session: Session, tenant_id: str, *seqs: int) -> list[bytes]:
    return [receipt_hash(session.get_one(Receipt, (tenant_id, seq)).data) for seq in seqs]


def test_an_invoice_is_the_receipt_that_its_row_names(session: Session) -> None:
    one = customer(session)
    metered(session, one.tenant_id, event("1500000"))
    invoice = close_period(session, tenant_id=one.tenant_id, at=DECEMBER)
    (base, used, closed) = receipts_of(session, one.tenant_id)
    assert (base["typ"], used["typ"], closed["typ"], invoice.receipt_seq) == ("invoice", "usage", "invoice", 3)
    assert invoice.receipt_hash == hashes_of(session, one.tenant_id, 3)[0]
    assert closed["idem"] == invoice.id
    assert (closed["number"], closed["amount"], closed["currency"]) == (2, "10000.00", "CAD")
    assert closed["totals"] == {"subtotal": "10000.00", "tax": "0.00", "total": "10000.00"}
    assert [(line["kind"], line["amount"]) for line in closed["lines"]] == [("base", "9000.00"), ("overage", "1000.00")]
    assert closed["lines"][1]["sources"]["used_credits"] == "1500000"
    assert closed["period"] == {"start": "2026-11-01T04:00:00.000000Z", "end": "2026-12-01T05:00:00.000000Z"}
    assert_books_agree(session, one.tenant_id)


def test_a_line_and_its_invoice_name_the_receipts_they_sum(session: Session) -> None:
    one = customer(session)
    metered(session, one.tenant_id, event("600000"), event("600000"))
    invoice = close_period(session, tenant_id=one.tenant_id, at=DECEMBER)
    line = read_invoice(session, tenant_id=one.tenant_id, invoice_id=invoice.id).lines[-1]
    root = node_hash(*hashes_of(session, one.tenant_id, 2, 3))
    assert line_range(line) == UsageRange(2, 3, 2, root)
    stated = {"first_seq": 2, "last_seq": 3, "count": 2, "root": written(root)}
    receipt = receipts_of(session, one.tenant_id)[-1]
    assert receipt["usage"] == receipt["lines"][-1]["usage"] == stated


def test_use_of_a_pool_without_a_line_counts_in_the_invoices_usage(session: Session) -> None:
    one = customer(session, plan="verified-exchange/Starter", currency="USD")
    metered(session, one.tenant_id, event("10500", "verified_exchange"), event("5", "fallback_units"))
    close_period(session, tenant_id=one.tenant_id, at=DECEMBER)
    receipt = receipts_of(session, one.tenant_id)[-1]
    vex, fallback = hashes_of(session, one.tenant_id, 2, 3)
    assert [line["kind"] for line in receipt["lines"]] == ["base", "overage"]
    assert receipt["lines"][1]["usage"] == {"first_seq": 2, "last_seq": 2, "count": 1, "root": written(vex)}
    # The pools' roots in order of their codes: fu before vex.
    assert receipt["usage"] == {"first_seq": 2, "last_seq": 3, "count": 2, "root": written(node_hash(fallback, vex))}


def test_the_whole_range_reaches_over_all_pools() -> None:
    a, b = bytes([1]) * 32, bytes([2]) * 32
    found = whole_range([{"b": UsageRange(5, 9, 3, b), "a": UsageRange(7, 12, 2, a)}])
    assert found == UsageRange(5, 12, 5, node_hash(a, b))
    assert whole_range([{"b": UsageRange(5, 9, 3, b)}, {}, {"a": UsageRange(7, 12, 2, a)}]) == found
    assert whole_range([{"a": UsageRange(7, 12, 2, a)}]) == UsageRange(7, 12, 2, a)
    assert whole_range([{}]) is None


def test_late_usage_names_all_the_receipts_of_its_period(session: Session) -> None:
    one = customer(session)
    metered(session, one.tenant_id, event("1000001"))
    close_period(session, tenant_id=one.tenant_id, at=DECEMBER)
    metered(session, one.tenant_id, event("7", occurred_at=NOON), event("3"), at=DECEMBER + timedelta(days=2))
    close_period(session, tenant_id=one.tenant_id, at=JANUARY)
    late = receipts_of(session, one.tenant_id)[-1]["lines"][-1]
    assert (late["kind"], late["quantity"], late["sources"]["overage"]) == ("late_usage", "7", "8")
    root = node_hash(*hashes_of(session, one.tenant_id, 2, 4))
    assert late["usage"] == {"first_seq": 2, "last_seq": 4, "count": 2, "root": written(root)}


def test_late_usage_within_the_allowance_waits_on_its_tally(session: Session) -> None:
    one = customer(session)
    metered(session, one.tenant_id, event("10"))
    close_period(session, tenant_id=one.tenant_id, at=DECEMBER)
    metered(session, one.tenant_id, event("7", occurred_at=NOON), at=DECEMBER + timedelta(days=2))
    second = close_period(session, tenant_id=one.tenant_id, at=JANUARY)
    billed = read_invoice(session, tenant_id=one.tenant_id, invoice_id=second.id).lines
    assert [line.kind for line in billed] == ["base"]
    tally = session.exec(select(UsageTally).where(UsageTally.tenant_id == one.tenant_id)).one()
    assert (tally.first_seq, tally.last_seq, Frontier.from_bytes(tally.frontier).size) == (2, 4, 2)


def test_overage_that_costs_nothing_yet_has_a_line_all_the_same(session: Session) -> None:
    tiers = [{"up_to": "50", "unit_price": "0"}, {"up_to": None, "unit_price": "1"}]
    plan = own_plan(session, overage={"model": "graduated", "tiers": tiers})
    one = customer(session, plan=plan)
    metered(session, one.tenant_id, event("120", "work"))
    first = close_period(session, tenant_id=one.tenant_id, at=DECEMBER)
    metered(session, one.tenant_id, event("40", "work", occurred_at=NOON), at=DECEMBER + timedelta(days=1))
    second = close_period(session, tenant_id=one.tenant_id, at=JANUARY)
    lines = [
        (line.kind, line.amount_minor)
        for invoice in (first, second)
        for line in read_invoice(session, tenant_id=one.tenant_id, invoice_id=invoice.id).lines
    ]
    assert lines == [("base", 1_000), ("overage", 0), ("base", 1_000), ("late_usage", 1_000)]


def test_a_preview_names_the_receipts_so_far_and_writes_none(session: Session) -> None:
    one = customer(session)
    metered(session, one.tenant_id, event("1000001"))
    drafted = preview_invoice(session, tenant_id=one.tenant_id, at=NOON)
    assert line_range(drafted.lines[-1]) == UsageRange(2, 2, 1, hashes_of(session, one.tenant_id, 2)[0])
    assert (drafted.invoice.receipt_seq, len(receipts_of(session, one.tenant_id))) == (None, 2)


def test_a_payment_names_the_invoices_receipt_and_commits_to_its_reference(session: Session) -> None:
    one = customer(session)
    (invoice,) = list_invoices(session, tenant_id=one.tenant_id)
    for reference in ("Transfer 7 of J. Doe", "again"):
        mark_invoice_paid(session, tenant_id=one.tenant_id, invoice_id=invoice.id, reference=reference, at=NOON)
    base, paid = receipts_of(session, one.tenant_id)
    assert (base["typ"], paid["typ"]) == ("invoice", "payment")
    assert paid["req"] == written(hashes_of(session, one.tenant_id, 1)[0])
    assert (paid["idem"], paid["number"], paid["amount"], paid["currency"]) == (invoice.id, 1, "9000.00", "CAD")
    assert invoice.payment_salt is not None
    told = canonical_bytes({"reference": "Transfer 7 of J. Doe"})
    assert paid["cid"] == commitment(invoice.payment_salt, told)
    assert "Doe" not in str(paid)


def test_an_invoice_of_nothing_is_followed_by_its_payment(session: Session) -> None:
    one = customer(session, plan="assistant/free", currency="USD")
    close_period(session, tenant_id=one.tenant_id, at=DECEMBER)
    invoice, paid = receipts_of(session, one.tenant_id)[-2:]
    assert (invoice["typ"], invoice["lines"], paid["typ"], paid["amount"]) == ("invoice", [], "payment", "0.00")
    assert "cid" not in paid


def test_an_invoice_that_is_undone_leaves_no_receipt(engine: Engine) -> None:
    with transaction(engine) as session:
        one = customer(session)
    with pytest.raises(PeriodNotEnded), transaction(engine) as session:  # noqa: PT012 — the second is what fails
        assert close_period(session, tenant_id=one.tenant_id, at=DECEMBER).receipt_seq == 2
        close_period(session, tenant_id=one.tenant_id, at=JANUARY - timedelta(minutes=30))
    with transaction(engine) as session:
        assert len(receipts_of(session, one.tenant_id)) == 1
        metered(session, one.tenant_id, event("1"))
        assert_books_agree(session, one.tenant_id)


@pytest.mark.parametrize("ahead", [timedelta(minutes=4), timedelta(0)])
def test_a_forced_end_lies_after_the_last_event_of_its_period(session: Session, ahead: timedelta) -> None:
    one = customer(session)
    metered(session, one.tenant_id, event("1000001"), event("2", occurred_at=NOON + ahead))
    invoice = close_period(session, tenant_id=one.tenant_id, force=True, at=NOON)
    assert invoice.period_end == NOON + ahead + timedelta(microseconds=1)
    assert read_subscription(session, tenant_id=one.tenant_id).current_period_start == invoice.period_end
    receipt = receipts_of(session, one.tenant_id)[-1]
    events = [used for used in receipts_of(session, one.tenant_id) if used["typ"] == "usage"]
    within = [used for used in events if used.get("occurred_at", used["ts"]) < receipt["period"]["end"]]
    assert len(within) == len(events) == receipt["usage"]["count"]


def test_an_event_after_a_forced_end_is_of_the_next_period(session: Session) -> None:
    one = customer(session)
    metered(session, one.tenant_id, event("5", occurred_at=NOON + timedelta(minutes=4)))
    ends_at = close_period(session, tenant_id=one.tenant_id, force=True, at=NOON).period_end
    late, next_one = event("1", occurred_at=NOON + timedelta(minutes=3)), event("1", occurred_at=ends_at)
    metered(session, one.tenant_id, late, next_one, at=NOON + timedelta(minutes=1))
    starts = session.exec(select(UsageTally.period_start).where(UsageTally.tenant_id == one.tenant_id)).all()
    assert sorted(starts) == [datetime(2026, 11, 1, 4, tzinfo=UTC), ends_at]


def test_closing_every_tenant_numbers_each_log_alone(session: Session) -> None:
    one, two = customer(session), customer(session, name="Other")
    metered(session, two.tenant_id, event("1"), event("2"))
    for each in (one, two):
        close_period(session, tenant_id=each.tenant_id, at=DECEMBER)
    invoices = session.exec(select(Invoice).where(Invoice.number == 2)).all()
    assert {invoice.tenant_id: invoice.receipt_seq for invoice in invoices} == {one.tenant_id: 2, two.tenant_id: 4}
