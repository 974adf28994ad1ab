"""Reservations: what is held is there when the work is done, and nobody else can spend it meanwhile."""

from datetime import datetime, timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy import event as engine_event
from sqlmodel import Session, select

from models import Receipt, Reservation, ReservationStatus
from services.bundles.exports import export_document, prepare_range
from services.bundles.verification import verify_bundle
from services.closing.close import close_period
from services.credits.check import check_credits
from services.credits.reservations import (
    EXPIRES_IN_DEFAULT,
    EXPIRES_IN_MAX,
    Finalized,
    finalize_reservation,
    release_reservation,
    reserve_credits,
)
from services.database import reading, transaction
from services.errors import (
    EventConflict,
    InvalidUnits,
    NotFound,
    OverageNotAllowed,
    ReservationConflict,
    SpendCapReached,
    Unprocessable,
)
from services.metering import Metered, UsageInput, record_usage
from services.rules.quantities import MICRO
from services.rules.receipts import read_receipt
from services.spending.controls import set_spend_cap
from tests.given import NOON, Customer, assert_books_agree, customer, event, metered, own_plan, refused

PER_UNIT = {"model": "per_unit", "unit_price": Decimal("0.01")}
LATER = NOON + timedelta(minutes=1)


def hundred(session: Session) -> Customer:
    """On a plan with 100 credits a period, each beyond them a cent; `work` burns one a unit."""
    return customer(session, plan=own_plan(session, overage=PER_UNIT))


def free_hundred(session: Session) -> Customer:
    """On a plan that refuses what goes beyond 100 calls a day."""
    return customer(session, plan="memory-cloud/free", currency="USD")


def reserve(session: Session, one: Customer, units: int, event_type: str = "work", **more: Any) -> Reservation:
    options = {"at": NOON} | more
    return reserve_credits(
        session, tenant_id=one.tenant_id, event_type=event_type, units_micro=units * MICRO, **options
    )


def finalize(session: Session, one: Customer, id: str, units: int, at: datetime = LATER, **more: Any) -> Finalized:
    use = UsageInput(None, "", units * MICRO, **more)
    return finalize_reservation(session, tenant_id=one.tenant_id, reservation_id=id, use=use, at=at)


def test_others_take_what_is_held_before_they_go_beyond_and_it_can_be_used_still(session: Session) -> None:
    one = hundred(session)
    held = reserve(session, one, 60)
    assert (held.credits_micro, held.overage_micro, held.remaining_micro) == (60 * MICRO, 0, 40 * MICRO)
    assert held.expires_at == NOON + EXPIRES_IN_DEFAULT
    (other,) = metered(session, one.tenant_id, event("50", "work"))
    assert (other.overage_micro, other.remaining_micro) == (0, 0)
    done = finalize(session, one, held.id, 45)
    assert done.was_held
    assert (done.metered.credits_micro, done.metered.overage_micro) == (45 * MICRO, 0)
    assert done.metered.remaining_micro == 5 * MICRO
    assert_books_agree(session, one.tenant_id)


@pytest.mark.parametrize("ends", ["released", "by itself", "after the close"])
def test_a_bill_beside_a_hold_that_came_to_nothing_leaves_out_no_allowance(sqlite_engine: Engine, ends: str) -> None:
    with transaction(sqlite_engine) as session:
        one = hundred(session)
        held = reserve(session, one, 60)
        first, second = metered(session, one.tenant_id, event("70", "work"), event("50", "work"))
        assert (first.overage_micro, second.overage_micro) == (0, 20 * MICRO)
        if ends == "released":
            release_reservation(session, tenant_id=one.tenant_id, reservation_id=held.id, at=LATER)
        at = held.expires_at if ends == "by itself" else LATER
        close_period(session, tenant_id=one.tenant_id, at=at, force=True)
    with reading() as session:
        export = prepare_range(session, tenant_id=one.tenant_id, first_seq=1, last_seq=None, at=at)
        bill = verify_bundle(BytesIO(export_document(session, export=export))).bills[-1]
    assert [(line.kind, line.quantity) for line in bill.lines if line.kind == "overage"] == [("overage", "20")]


def test_what_others_took_of_a_hold_counts_against_the_cap_until_it_ends(session: Session) -> None:
    one = hundred(session)
    set_spend_cap(session, tenant_id=one.tenant_id, cap="0.10", by="us", at=NOON)
    held = reserve(session, one, 60)
    assert isinstance(refused(session, one.tenant_id, event("51", "work")), SpendCapReached)
    metered(session, one.tenant_id, event("30", "work"), event("20", "work"))
    with pytest.raises(SpendCapReached):
        reserve(session, one, 1)
    assert isinstance(refused(session, one.tenant_id, event("1", "work")), SpendCapReached)
    release_reservation(session, tenant_id=one.tenant_id, reservation_id=held.id, at=LATER)
    metered(session, one.tenant_id, event("55", "work"))
    assert reserve(session, one, 5).overage_micro == 5 * MICRO


def test_the_receipt_names_the_reservation_and_the_time_it_was_made(session: Session) -> None:
    one = hundred(session)
    held = reserve(session, one, 60, reservation_id="job-7")
    done = finalize(session, one, "job-7", 45)
    data = session.get_one(Receipt, (one.tenant_id, done.metered.seq)).data
    document = read_receipt(data).document
    assert (document["req"], document["idem"], document["typ"]) == ("job-7", "job-7", "usage")
    assert document["occurred_at"] == "2026-11-20T12:00:00.000000Z"
    assert held.status == ReservationStatus.FINALIZED


def test_more_than_held_is_taken_as_far_as_other_use_would_be(session: Session) -> None:
    one = free_hundred(session)
    held = reserve(session, one, 60, "api_call")
    with pytest.raises(OverageNotAllowed):
        finalize(session, one, held.id, 101)
    assert isinstance(refused(session, one.tenant_id, event("41", "api_call")), OverageNotAllowed)
    assert finalize(session, one, held.id, 100).metered.remaining_micro == 0
    assert_books_agree(session, one.tenant_id)


def test_where_nothing_is_sold_beyond_no_more_can_be_held_than_is_there(session: Session) -> None:
    one = free_hundred(session)
    reserve(session, one, 60, "api_call")
    with pytest.raises(OverageNotAllowed) as refusal:
        reserve(session, one, 41, "api_call")
    assert refusal.value.members["remaining_credits"] == "40"
    metered(session, one.tenant_id, event("40", "api_call"))


def test_a_hold_beyond_the_allowance_counts_against_the_customers_cap(session: Session) -> None:
    one = hundred(session)
    set_spend_cap(session, tenant_id=one.tenant_id, cap="1.00", by="us", at=NOON)
    held = reserve(session, one, 180)
    assert (held.overage_micro, held.remaining_micro) == (80 * MICRO, 0)
    with pytest.raises(SpendCapReached):
        reserve(session, one, 21)
    assert isinstance(refused(session, one.tenant_id, event("21", "work")), SpendCapReached)
    metered(session, one.tenant_id, event("20", "work"))
    assert finalize(session, one, held.id, 180).metered.overage_micro == 100 * MICRO
    assert isinstance(refused(session, one.tenant_id, event("1", "work")), SpendCapReached)
    assert_books_agree(session, one.tenant_id)


def test_a_price_that_falls_with_volume_is_held_at_its_dearest(session: Session) -> None:
    """700 cost 2.80, 701 cost 0.701: a hold of 800 may come to be use of 700."""
    tiers = [{"up_to": Decimal(700), "unit_price": Decimal("0.004")}, {"unit_price": Decimal("0.001")}]
    one = customer(session, plan=own_plan(session, overage={"model": "volume", "tiers": tiers}))
    set_spend_cap(session, tenant_id=one.tenant_id, cap="2.79", by="us", at=NOON)
    with pytest.raises(SpendCapReached):
        reserve(session, one, 900)
    set_spend_cap(session, tenant_id=one.tenant_id, cap="2.80", by="us", at=NOON)
    held = reserve(session, one, 900)
    assert finalize(session, one, held.id, 800).metered.overage_micro == 700 * MICRO


def test_a_hold_ends_by_itself_without_any_job(session: Session) -> None:
    one = free_hundred(session)
    held = reserve(session, one, 60, "api_call", expires_in=timedelta(seconds=30))
    just_before, after = NOON + timedelta(seconds=29), NOON + timedelta(seconds=30)
    assert isinstance(refused(session, one.tenant_id, event("41", "api_call"), at=just_before), OverageNotAllowed)
    metered(session, one.tenant_id, event("100", "api_call"), at=after)
    session.refresh(held)
    assert (held.status, held.ended_at) == (ReservationStatus.EXPIRED, held.expires_at)
    with pytest.raises(OverageNotAllowed):
        finalize(session, one, held.id, 60, at=after)
    assert_books_agree(session, one.tenant_id)


def test_what_is_finalised_too_late_is_metered_as_other_use(session: Session) -> None:
    one = hundred(session)
    held = reserve(session, one, 60)
    after = held.expires_at
    metered(session, one.tenant_id, event("90", "work"), at=after)
    done = finalize(session, one, held.id, 60, at=after)
    assert not done.was_held
    assert done.metered.overage_micro == 50 * MICRO
    assert not finalize(session, one, held.id, 60, at=after + timedelta(days=1)).was_held


def test_finalising_again_gives_the_first_answer(session: Session) -> None:
    one = hundred(session)
    held = reserve(session, one, 60)
    first = finalize(session, one, held.id, 45)
    again = finalize(session, one, held.id, 45, at=LATER + timedelta(days=2))
    assert again == Finalized(first.metered._replace(duplicate=True), was_held=True)
    with pytest.raises(EventConflict):
        finalize(session, one, held.id, 46)
    with pytest.raises(ReservationConflict, match="was finalised as event"):
        finalize(session, one, held.id, 45, event_id="another")
    with pytest.raises(ReservationConflict, match="correct that event to 0"):
        release_reservation(session, tenant_id=one.tenant_id, reservation_id=held.id, at=LATER)
    assert_books_agree(session, one.tenant_id)


def test_reserve_and_release_changes_nothing(session: Session) -> None:
    one = hundred(session)
    held = reserve(session, one, 160)
    released = release_reservation(session, tenant_id=one.tenant_id, reservation_id=held.id, at=LATER)
    assert released.status == ReservationStatus.RELEASED
    assert release_reservation(session, tenant_id=one.tenant_id, reservation_id=held.id, at=LATER) == released
    with pytest.raises(ReservationConflict, match="was released"):
        finalize(session, one, held.id, 1)
    (answer,) = metered(session, one.tenant_id, event("100", "work"))
    assert (answer.overage_micro, answer.remaining_micro) == (0, 0)


def test_reserving_again_under_one_id_holds_once(session: Session) -> None:
    one = hundred(session)
    first = reserve(session, one, 60, reservation_id="job")
    assert reserve(session, one, 60, reservation_id="job", at=LATER).expires_at == first.expires_at
    assert len(session.exec(select(Reservation)).all()) == 1
    with pytest.raises(ReservationConflict, match="something else"):
        reserve(session, one, 61, reservation_id="job")


def test_a_refused_finalising_leaves_the_hold(session: Session) -> None:
    one = free_hundred(session)
    held = reserve(session, one, 60, "api_call")
    metered(session, one.tenant_id, event("40", "api_call"))
    with pytest.raises(OverageNotAllowed):
        finalize(session, one, held.id, 61)
    assert isinstance(refused(session, one.tenant_id, event("1", "api_call")), OverageNotAllowed)
    assert finalize(session, one, held.id, 60).was_held


def test_a_hold_outlives_the_close_of_its_period(session: Session) -> None:
    one = hundred(session)
    end = datetime.fromisoformat("2026-12-01T05:00:00Z")
    held = reserve(session, one, 60, at=end - timedelta(minutes=1), expires_in=EXPIRES_IN_MAX)
    close_period(session, tenant_id=one.tenant_id, at=end + timedelta(hours=2))
    metered(session, one.tenant_id, event("50", "work", occurred_at=end - timedelta(hours=1)), at=end)
    done = finalize(session, one, held.id, 60, at=end + timedelta(hours=3))
    assert (done.was_held, done.metered.overage_micro) == (True, 10 * MICRO)
    assert_books_agree(session, one.tenant_id)


def test_checking_before_use_takes_holds_into_account(session: Session) -> None:
    one = hundred(session)
    set_spend_cap(session, tenant_id=one.tenant_id, cap="1.00", by="us", at=NOON)
    reserve(session, one, 60)
    found = check_credits(session, tenant_id=one.tenant_id, event_type="work", units_micro=50 * MICRO, at=NOON)
    assert (found.remaining_micro, found.overage_micro, found.reason) == (40 * MICRO, 0, "included")
    found = check_credits(session, tenant_id=one.tenant_id, event_type="work", units_micro=110 * MICRO, at=NOON)
    assert (found.remaining_micro, found.overage_micro, found.reason) == (40 * MICRO, 10 * MICRO, "overage")
    reserve(session, one, 130)
    found = check_credits(session, tenant_id=one.tenant_id, event_type="work", units_micro=11 * MICRO, at=NOON)
    assert (found.allowed, found.reason) == (False, "spend_cap_reached")
    later = NOON + EXPIRES_IN_DEFAULT
    found = check_credits(session, tenant_id=one.tenant_id, event_type="work", units_micro=11 * MICRO, at=later)
    assert (found.allowed, found.remaining_micro) == (True, 100 * MICRO)


def test_alerts_count_what_is_used_not_what_is_held(session: Session) -> None:
    one = hundred(session)
    reserve(session, one, 90)
    (answer,) = metered(session, one.tenant_id, event("9", "work"))
    assert answer.alert is None


@pytest.mark.parametrize("expires_in", [timedelta(0), timedelta(days=1, seconds=1)])
def test_how_long_a_hold_lasts_has_limits(session: Session, expires_in: timedelta) -> None:
    one = hundred(session)
    with pytest.raises(Unprocessable):
        reserve(session, one, 1, expires_in=expires_in)


def test_only_so_many_are_held_at_once(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    from services.credits import reservations

    monkeypatch.setattr(reservations, "HOLDS_MAX", 2)
    one = hundred(session)
    first, _ = reserve(session, one, 1), reserve(session, one, 1)
    with pytest.raises(ReservationConflict, match="held already"):
        reserve(session, one, 1)
    release_reservation(session, tenant_id=one.tenant_id, reservation_id=first.id, at=NOON)
    reserve(session, one, 1)
    reserve(session, one, 1, at=NOON + EXPIRES_IN_DEFAULT)


def test_anothers_reservation_is_not_found(session: Session) -> None:
    one, other = hundred(session), customer(session, name="Other")
    held = reserve(session, one, 1)
    with pytest.raises(NotFound):
        finalize(session, other, held.id, 1)
    with pytest.raises(NotFound):
        release_reservation(session, tenant_id=other.tenant_id, reservation_id=held.id, at=NOON)


def test_units_no_period_can_hold_are_refused(session: Session) -> None:
    one = hundred(session)
    metered(session, one.tenant_id, event("1", "work"))
    with pytest.raises(InvalidUnits):
        reserve(session, one, 10**12)


def test_remembered_books_know_the_holds_and_pay_no_query_for_them(engine: Engine) -> None:
    with transaction(engine) as session:
        one = hundred(session)
        reserve(session, one, 60)
    statements: list[str] = []
    for n in range(3):
        engine_event.listen(engine, "before_cursor_execute", listener := _noting(statements))
        with transaction(engine) as session:
            (answer,) = record_usage(session, tenant_id=one.tenant_id, events=[event("10", "work")], at=NOON)
        engine_event.remove(engine, "before_cursor_execute", listener)
        assert isinstance(answer, Metered)
        assert answer.remaining_micro == (30 - 10 * n) * MICRO
        assert len([text for text in statements if "reservation" in text]) == 1, "read with the books, then never"


def _noting(statements: list[str]) -> Any:
    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    return note
