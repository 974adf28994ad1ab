"""Laws of corrections: however a number came to be right, the books stand as if it had been right at first.

That can be compared where a window has one lot, so that only how much was used decides what was spent of it, and
where the customer set no cap, so that nothing is refused on the way.
"""

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlmodel import Session, select

from models import (
    CreditGrant,
    CreditNote,
    InvoiceLine,
    PoolUsage,
    Receipt,
    UsageDaily,
)
from services.bundles.exports import export_document, prepare_range
from services.bundles.verification import BundleReport, verify_bundle
from services.closing.close import close_period, preview_invoice
from services.database import reading, transaction
from services.invoices.credit_notes import list_credit_notes
from services.metering import UsageInput, record_usage
from services.rules import money
from services.rules.credits import Grant, plan_burn, plan_return
from services.rules.quantities import MICRO, plain_micro
from services.rules.receipts import read_receipt
from services.subscriptions.finding import plan_of, read_subscription
from services.usage.corrections import CorrectionInput, correct_usage
from tests.given import Customer, assert_books_agree, customer, own_plan
from tests.laws.test_spend_cap_laws import OVERAGES

NOW = datetime(2026, 12, 5, 12, tzinfo=UTC)
BILLED_FROM_USE = ("overage", "late_usage")


class Sent(NamedTuple):
    """An event that was sent, or the correction of one."""

    event: int
    units_micro: int


HAPPENED = [NOW - timedelta(hours=hours) for hours in (1, 5, 30, 120, 130, 300, 500, 700)]
METERS = ("work", "play")
units = st.integers(0, 90 * MICRO) | st.integers(0, 90).map(lambda n: n * MICRO)
history = st.lists(st.builds(Sent, st.integers(0, len(HAPPENED) - 1), units), min_size=1, max_size=14)


def play(session: Session, one: Customer, sent: list[Sent], *, close_at: int | None = None) -> dict[int, int]:
    """Send what is new and correct what is not; close the first period on the way. Answers the units as they stand."""
    stands: dict[int, int] = {}
    for number, (event, micro) in enumerate(sent):
        if number == close_at:
            close_period(session, tenant_id=one.tenant_id, at=NOW)
        if event in stands:
            correction = CorrectionInput(f"e{event}", micro, "counted again", f"c{number}")
            correct_usage(session, tenant_id=one.tenant_id, correction=correction, at=NOW)
        elif micro:
            meter = METERS[event % 2]
            use = UsageInput(None, meter, micro, event_id=f"e{event}", occurred_at=HAPPENED[event])
            record_usage(session, tenant_id=one.tenant_id, events=[use], at=NOW)
        else:
            continue
        stands[event] = micro
    close_period(session, tenant_id=one.tenant_id, at=NOW)
    return stands


def books(session: Session, one: Customer) -> tuple[object, ...]:
    """What every window used, how far every lot was spent, and what each day and meter come to."""
    rows = {
        model: session.exec(
            select(model).where(model.tenant_id == one.tenant_id).execution_options(populate_existing=True)
        ).all()
        for model in (PoolUsage, CreditGrant, UsageDaily)
    }
    return (
        sorted((row.period_start, row.used_micro, row.overage_micro) for row in rows[PoolUsage] if row.used_micro),
        sorted((lot.effective_at, lot.remaining_micro + lot.expired_micro) for lot in rows[CreditGrant]),
        sorted(
            (day.day, day.event_type, day.units_micro, day.credits_micro) for day in rows[UsageDaily] if day.units_micro
        ),
    )


def charged_minor(session: Session, one: Customer) -> int:
    """All that invoices, credit notes and the bill that is running up say about use."""
    lines = session.exec(select(InvoiceLine).where(InvoiceLine.tenant_id == one.tenant_id)).all()
    running = preview_invoice(session, tenant_id=one.tenant_id, at=NOW).lines
    notes = session.exec(select(CreditNote.total_minor).where(CreditNote.tenant_id == one.tenant_id)).all()
    return sum(notes) + sum(line.amount_minor for line in (*lines, *running) if line.kind in BILLED_FROM_USE)


def price_of_what_stands(session: Session, one: Customer) -> int:
    plan = plan_of(session, read_subscription(session, tenant_id=one.tenant_id))
    rows = session.exec(select(PoolUsage).where(PoolUsage.tenant_id == one.tenant_id)).all()
    return sum(money.to_money(plan.overage_exact(row.pool, row.overage_micro), "CAD").amount_minor for row in rows)


def new_customer(session: Session, overage: dict[str, Any], rates: dict[str, str]) -> Customer:
    name = f"C {datetime.now(UTC).timestamp()}"
    return customer(session, plan=own_plan(session, overage=overage, **rates), name=name)


@pytest.mark.parametrize("overage", OVERAGES, ids=lambda overage: str(overage["model"]))
@settings(max_examples=15)
@given(history, st.none() | st.integers(1, 13))
def test_corrected_books_are_those_of_the_right_numbers(
    sqlite_engine: Engine, overage: dict[str, Any], sent: list[Sent], close_at: int | None
) -> None:
    rates = {"work": "1", "play": "3"}
    with transaction(sqlite_engine) as session:
        corrected = new_customer(session, overage, rates)
        stands = play(session, corrected, sent, close_at=close_at)
        assert_books_agree(session, corrected.tenant_id)
        assert_receipts_add_up(session, corrected)
        right = new_customer(session, overage, rates)
        play(session, right, [Sent(event, micro) for event, micro in stands.items()])
        assert books(session, corrected) == books(session, right)
        assert charged_minor(session, corrected) == price_of_what_stands(session, corrected)
        assert charged_minor(session, corrected) == charged_minor(session, right)
        note_count = len(list_credit_notes(session, tenant_id=corrected.tenant_id))
    report = verified(corrected)
    assert [bill.typ for bill in report.bills].count("credit_note") == note_count


def verified(one: Customer) -> BundleReport:
    """The whole log as anyone may check it: every bill and credit note rated again from its receipts."""
    with reading() as session:
        export = prepare_range(session, tenant_id=one.tenant_id, first_seq=1, last_seq=None, at=NOW)
        return verify_bundle(BytesIO(export_document(session, export=export)))


def assert_receipts_add_up(session: Session, one: Customer) -> None:
    """Units, credits and overage are the sums over the log, and each answers a receipt that is in it."""
    log = [
        read_receipt(bytes(row.data)) for row in session.exec(select(Receipt).where(Receipt.tenant_id == one.tenant_id))
    ]
    hashes = {f"sha256:{receipt.hash.hex()}" for receipt in log}
    units: Counter[str] = Counter()
    used = overage = 0
    for receipt in (each for each in log if each.typ in ("usage", "correction")):
        document = receipt.document
        units[document["metric"]] += int(Decimal(document["units"]) * MICRO)
        used += document["credits_micro"]
        overage += document.get("overage_micro", 0)
        assert receipt.typ == "usage" or document["req"] in hashes
    days = session.exec(select(UsageDaily).where(UsageDaily.tenant_id == one.tenant_id)).all()
    stored: Counter[str] = Counter()
    for day in days:
        stored[day.event_type] += day.units_micro
    assert {metric: plain_micro(n) for metric, n in units.items()} == {m: plain_micro(n) for m, n in stored.items()}
    assert (sum(d.credits_micro for d in days), sum(d.overage_micro for d in days)) == (used, overage)
    for note in (each.document for each in log if each.typ == "credit_note"):
        for line in note["lines"]:
            assert line["usage"]["count"] >= 1


moments = st.integers(0, 6).map(lambda days: NOW + timedelta(days=days))
grants = st.builds(
    lambda n, priority, at, expires, held: Grant(f"g{n}", "allowance", priority, NOW, expires, at, held),
    st.integers(0, 50),
    st.integers(0, 3),
    moments,
    st.none() | moments.map(lambda at: at + timedelta(days=9)),
    st.integers(0, 40),
)


@given(st.lists(grants, max_size=6, unique_by=lambda grant: grant.id), st.integers(0, 200), st.data())
def test_what_is_given_back_is_what_was_burned_last(lots: list[Grant], credits_micro: int, data: st.DataObject) -> None:
    """Burning some and giving part of it back leaves what burning only the rest would have left."""
    burned = plan_burn(lots, credits_micro, NOW)
    back_micro = data.draw(st.integers(0, burned.burned_micro))
    back = plan_return(lots, {each.grant_id: each.credits_micro for each in burned.burns}, back_micro)
    assert (back.burned_micro, back.shortfall_micro) == (back_micro, 0)
    left = Counter({each.grant_id: each.credits_micro for each in burned.burns})
    left.subtract({each.grant_id: each.credits_micro for each in back.burns})
    rest = plan_burn(lots, burned.burned_micro - back_micro, NOW)
    assert +left == Counter({each.grant_id: each.credits_micro for each in rest.burns})
