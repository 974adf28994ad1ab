"""Corrections: a new event carries the difference, and the books stand as if the right units had been sent at first."""

import hashlib
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import rfc8785
from sqlmodel import Session, select

from models import CreditEntry, CreditGrant, EntryKind, GrantKind, PoolUsage, Receipt, UsageDaily, UsageEvent
from services.closing.close import close_period, preview_invoice
from services.credits.reservations import reserve_credits
from services.errors import (
    EventConflict,
    InvalidUnits,
    NotCorrectable,
    NotFound,
    OverageNotAllowed,
    SpendCapReached,
    Unprocessable,
)
from services.rules.quantities import MICRO, to_micro
from services.rules.receipts import read_receipt, written
from services.spending.controls import set_spend_cap
from services.usage.corrections import Corrected, CorrectionInput, correct_usage
from tests.given import NOON, Customer, assert_books_agree, customer, event, metered, own_plan, refused

PER_UNIT = {"model": "per_unit", "unit_price": Decimal("0.01")}
DECEMBER = datetime(2026, 12, 1, 6, tzinfo=UTC)


def hundred(session: Session) -> Customer:
    """On a plan with 100 credits a period, each beyond them a cent; `work` burns one a unit, `play` three."""
    return customer(session, plan=own_plan(session, overage=PER_UNIT, work="1", play="3"))


def correct(
    session: Session, one: Customer, corrects: str, units: str, *, at: datetime = NOON, **more: Any
) -> Corrected:
    sent = CorrectionInput(corrects, to_micro(Decimal(units)), more.pop("reason", "counted twice"), **more)
    made = correct_usage(session, tenant_id=one.tenant_id, correction=sent, at=at)
    assert_books_agree(session, one.tenant_id)
    return made


def pool(session: Session, one: Customer) -> tuple[Decimal, Decimal]:
    """(used, overage) of all windows together, in credits."""
    statement = select(PoolUsage).where(PoolUsage.tenant_id == one.tenant_id)
    rows = session.exec(statement.execution_options(populate_existing=True)).all()
    return Decimal(sum(r.used_micro for r in rows)) / MICRO, Decimal(sum(r.overage_micro for r in rows)) / MICRO


def entries(session: Session, one: Customer) -> list[tuple[EntryKind, int]]:
    statement = select(CreditEntry).where(CreditEntry.tenant_id == one.tenant_id).order_by(CreditEntry.seq)
    return [(row.kind, row.delta_micro // MICRO) for row in session.exec(statement)]


def document_of(session: Session, one: Customer, seq: int) -> dict[str, Any]:
    return read_receipt(bytes(session.get_one(Receipt, (one.tenant_id, seq)).data)).document


def test_less_use_shrinks_overage_first_then_goes_back_to_the_lot(session: Session) -> None:
    one = hundred(session)
    metered(session, one.tenant_id, event("90", "work", event_id="a"), event("30", "work", event_id="b"))
    made = correct(session, one, "a", "60")
    assert (made.units_micro, made.metered.credits_micro, made.metered.overage_micro) == (
        -30 * MICRO, -30 * MICRO, -20 * MICRO,
    )  # fmt: skip
    assert made.metered.remaining_micro == 10 * MICRO
    assert pool(session, one) == (90, 0)
    assert entries(session, one)[-1] == (EntryKind.RETURN, 10)
    assert made.credit_note is None


def test_more_use_is_booked_like_use_of_that_time(session: Session) -> None:
    one = hundred(session)
    happened = NOON - timedelta(days=3)
    metered(session, one.tenant_id, event("60", "work", event_id="a", occurred_at=happened, site=None))
    made = correct(session, one, "a", "130")
    assert (made.metered.credits_micro, made.metered.overage_micro) == (70 * MICRO, 30 * MICRO)
    assert made.metered.alert == "OVERAGE"
    row = session.exec(select(UsageEvent).where(UsageEvent.event_id == made.metered.event_id)).one()
    assert (row.occurred_at, row.recorded_at, row.corrects_seq) == (happened, NOON, 2)


def test_correcting_again_starts_from_what_stands(session: Session) -> None:
    one = hundred(session)
    metered(session, one.tenant_id, event("60", "work", event_id="a"))
    steps = [correct(session, one, "a", units).units_micro // MICRO for units in ("130", "0", "70", "70")]
    assert steps == [70, -130, 70, 0]
    assert pool(session, one) == (70, 0)
    (day,) = session.exec(select(UsageDaily).execution_options(populate_existing=True)).all()
    assert (day.units_micro, day.credits_micro, day.events) == (70 * MICRO, 70 * MICRO, 5)


def test_the_receipt_names_the_corrected_one_and_commits_to_the_reason(session: Session) -> None:
    one = hundred(session)
    (first,) = metered(session, one.tenant_id, event("60", "work", event_id="a", occurred_at=NOON - timedelta(hours=2)))
    made = correct(session, one, "a", "12.5", reason="a probe ran twice", event_id="fix-1")
    document = document_of(session, one, made.metered.seq)
    row = session.get_one(UsageEvent, (one.tenant_id, made.metered.seq))
    assert {
        name: document[name] for name in ("typ", "idem", "req", "metric", "units", "credits_micro", "occurred_at")
    } == {
        "typ": "correction",
        "idem": "fix-1",
        "req": written(first.receipt_hash),
        "metric": "work",
        "units": "-47.5",
        "credits_micro": -47_500_000,
        "occurred_at": "2026-11-20T10:00:00.000000Z",
    }
    reason = rfc8785.dumps({"reason": "a probe ran twice"})
    assert row.salt is not None
    assert document["cid"] == f"sha256:{hashlib.sha256(row.salt + reason).hexdigest()}"
    assert row.meta == {"reason": "a probe ran twice"}


def test_sending_it_again_gives_the_first_answer(session: Session) -> None:
    one = hundred(session)
    metered(session, one.tenant_id, event("60", "work", event_id="a"))
    first = correct(session, one, "a", "50", event_id="fix")
    correct(session, one, "a", "40")
    again = correct(session, one, "a", "50", event_id="fix")
    assert again == first._replace(metered=first.metered._replace(duplicate=True))
    with pytest.raises(EventConflict):
        correct(session, one, "a", "51", event_id="fix")
    with pytest.raises(EventConflict):
        correct(session, one, "a", "50", event_id="a")
    assert isinstance(refused(session, one.tenant_id, event("10", "work", event_id="fix")), EventConflict)
    assert pool(session, one) == (40, 0)


def test_only_an_event_of_ones_own_can_be_corrected(session: Session) -> None:
    one, other = hundred(session), customer(session, name="Other")
    metered(session, one.tenant_id, event("60", "work", event_id="a"))
    for who, id in ((one, "b"), (other, "a")):
        with pytest.raises(NotFound) as refusal:
            correct(session, who, id, "1")
        assert refusal.value.field == "corrects"


def test_a_correction_is_not_corrected_itself(session: Session) -> None:
    one = hundred(session)
    metered(session, one.tenant_id, event("60", "work", event_id="a"))
    correct(session, one, "a", "50", event_id="fix")
    with pytest.raises(NotCorrectable, match="correct event a again"):
        correct(session, one, "fix", "1")


def test_a_correction_says_why(session: Session) -> None:
    one = hundred(session)
    metered(session, one.tenant_id, event("60", "work", event_id="a"))
    for reason in ("", "x" * 301):
        with pytest.raises(Unprocessable):
            correct(session, one, "a", "50", reason=reason)


def test_more_use_is_refused_where_none_is_sold(session: Session) -> None:
    one = customer(session, plan="memory-cloud/free", currency="USD")
    metered(session, one.tenant_id, event("60", "api_call", event_id="a"))
    reserve_credits(session, tenant_id=one.tenant_id, event_type="api_call", units_micro=30 * MICRO, at=NOON)
    with pytest.raises(OverageNotAllowed):
        correct(session, one, "a", "71")
    assert correct(session, one, "a", "70").metered.remaining_micro == 0
    assert correct(session, one, "a", "20").metered.remaining_micro == 50 * MICRO


def test_more_use_is_refused_above_the_customers_cap(session: Session) -> None:
    one = hundred(session)
    set_spend_cap(session, tenant_id=one.tenant_id, cap="0.50", by="us", at=NOON)
    metered(session, one.tenant_id, event("100", "work", event_id="a"))
    with pytest.raises(SpendCapReached) as refusal:
        correct(session, one, "a", "151")
    assert "alert" not in refusal.value.members
    correct(session, one, "a", "150")


def test_units_that_burn_a_fraction_of_a_millionth_are_refused(session: Session) -> None:
    one = customer(session, plan=own_plan(session, overage=PER_UNIT, work="0.5"))
    metered(session, one.tenant_id, event("60", "work", event_id="a"))
    with pytest.raises(InvalidUnits):
        correct(session, one, "a", "0.000001")


def test_what_goes_back_to_an_expired_lot_expires_at_once(session: Session) -> None:
    one = hundred(session)
    metered(session, one.tenant_id, event("60", "work", event_id="a"))
    close_period(session, tenant_id=one.tenant_id, at=DECEMBER)
    made = correct(session, one, "a", "10", at=DECEMBER)
    assert made.credit_note is None
    assert made.metered.remaining_micro == 90 * MICRO, "what events of its own time could still spend"
    assert entries(session, one)[-2:] == [(EntryKind.RETURN, 50), (EntryKind.EXPIRE, -50)]
    lot = session.exec(select(CreditGrant).order_by(CreditGrant.effective_at)).first()
    assert lot is not None
    session.refresh(lot)
    assert (lot.remaining_micro, lot.expired_micro) == (0, 90 * MICRO)
    (late,) = metered(session, one.tenant_id, event("91", "work", occurred_at=NOON), at=DECEMBER)
    assert late.overage_micro == MICRO
    assert_books_agree(session, one.tenant_id)


def test_the_last_lot_to_be_burned_is_the_first_to_get_credits_back(session: Session) -> None:
    one = hundred(session)
    buy(session, one, 50)
    metered(session, one.tenant_id, event("90", "work", event_id="a"), event("40", "work", event_id="b"))
    correct(session, one, "a", "55")
    left = {lot.kind: lot.remaining_micro // MICRO for lot in lots_of(session, one)}
    assert left == {GrantKind.ALLOWANCE: 5, GrantKind.PURCHASE: 50}


def test_a_bought_lot_gets_back_no_more_than_the_window_took_of_it(session: Session) -> None:
    one = hundred(session)
    buy(session, one, 50)
    metered(session, one.tenant_id, event("140", "work", event_id="a"))
    close_period(session, tenant_id=one.tenant_id, at=DECEMBER)
    metered(session, one.tenant_id, event("60", "work", event_id="b"), at=DECEMBER)
    correct(session, one, "b", "20", at=DECEMBER)
    left = sorted((lot.kind, lot.remaining_micro // MICRO) for lot in lots_of(session, one))
    assert left == [(GrantKind.ALLOWANCE, 0), (GrantKind.ALLOWANCE, 80), (GrantKind.PURCHASE, 10)]


def test_a_daily_pool_is_corrected_on_its_day(session: Session) -> None:
    one = customer(session, plan="memory-cloud/pro", currency="USD")
    yesterday = NOON - timedelta(days=1)
    sent = [event("12000", "api_call", event_id=f"d{n}", occurred_at=yesterday + timedelta(days=n)) for n in (0, 1)]
    metered(session, one.tenant_id, *sent)
    before = pool(session, one)
    made = correct(session, one, "d0", "1000")
    assert document_of(session, one, made.metered.seq)["day"] == "2026-11-19"
    days = session.exec(select(PoolUsage).order_by(PoolUsage.window_start).execution_options(populate_existing=True))
    assert [row.used_micro // MICRO for row in days] == [1_000, 12_000]
    assert pool(session, one)[1] < before[1]


def test_an_open_period_is_simply_billed_for_what_stands(session: Session) -> None:
    one = hundred(session)
    metered(session, one.tenant_id, event("250", "work", event_id="a"))
    assert preview_invoice(session, tenant_id=one.tenant_id, at=NOON).invoice.total_minor == 10_00 + 1_50
    correct(session, one, "a", "120")
    assert preview_invoice(session, tenant_id=one.tenant_id, at=NOON).invoice.total_minor == 10_00 + 20


def test_what_grows_after_the_close_is_billed_as_late_usage(session: Session) -> None:
    one = hundred(session)
    metered(session, one.tenant_id, event("120", "work", event_id="a"))
    close_period(session, tenant_id=one.tenant_id, at=DECEMBER)
    assert correct(session, one, "a", "150", at=DECEMBER).credit_note is None
    lines = preview_invoice(session, tenant_id=one.tenant_id, at=DECEMBER).lines
    assert [(line.kind, line.amount_minor) for line in lines if line.kind != "base"] == [("late_usage", 30)]


def test_an_event_of_any_age_can_be_corrected(session: Session) -> None:
    one = customer(session, plan=own_plan(session, overage=PER_UNIT), start=date(2026, 1, 1))
    long_ago = datetime(2026, 1, 20, 12, tzinfo=UTC)
    metered(session, one.tenant_id, event("60", "work", event_id="a"), at=long_ago)
    assert correct(session, one, "a", "70").metered.remaining_micro == 30 * MICRO
    assert correct(session, one, "a", "0").metered.remaining_micro == 100 * MICRO


def buy(session: Session, one: Customer, credits: int) -> None:
    """A lot that never expires, spent after the allowance."""
    lot = CreditGrant(
        tenant_id=one.tenant_id, id="grant_bought", subscription_id=one.subscription_id, pool="credits",
        kind=GrantKind.PURCHASE, source_id="order:1", priority=20, granted_micro=credits * MICRO,
        remaining_micro=credits * MICRO, effective_at=NOON - timedelta(days=10), granted_at=NOON,
    )  # fmt: skip
    session.add(lot)
    session.flush()
    from services.credits.lots import add_entry

    add_entry(session, grant=lot, kind=EntryKind.GRANT, delta_micro=credits * MICRO, at=NOON)


def lots_of(session: Session, one: Customer) -> list[CreditGrant]:
    statement = select(CreditGrant).where(CreditGrant.tenant_id == one.tenant_id)
    return list(session.exec(statement.execution_options(populate_existing=True)))
