"""Metering: identity, refusals, lots and overage, alerts, windows, and many writers at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, select

from models import Alert, AlertKind, CreditEntry, Subscription, SubscriptionStatus, UsageEvent
from services import errors
from services.assets.snapshots import add_site
from services.closing.close import close_period
from services.database import reading, transaction
from services.errors import Refusal
from services.metering import EVENTS_MAX, Metered, record_usage
from tests.given import NOON, assert_books_agree, customer, event, metered, own_plan, refused


def test_an_event_burns_its_exact_credits(session: Session) -> None:
    one = customer(session)
    (answer,) = metered(session, one.tenant_id, event("0.418", event_id="a"))
    assert (answer.credits_micro, answer.overage_micro) == (418_000, 0)
    assert answer.remaining_micro == 1_000_000_000_000 - 418_000
    assert_books_agree(session, one.tenant_id)


def test_each_meter_burns_at_its_own_rate(session: Session) -> None:
    one = customer(session)
    answers = metered(
        session,
        one.tenant_id,
        event("12"),
        event("1", "vision_frame_batch"),
        event("2", "optimizer_job"),
        event("1", "simulator_run"),
    )
    assert [a.credits_micro for a in answers] == [12_000_000, 5_000_000, 1_000_000_000, 1_000_000_000]


def test_the_same_event_again_gets_the_first_answer_and_counts_once(session: Session) -> None:
    one = customer(session)
    (first,) = metered(session, one.tenant_id, event("900000", event_id="a"))
    metered(session, one.tenant_id, event("5"))
    (again,) = metered(session, one.tenant_id, event("900000", event_id="a"), at=NOON + timedelta(days=400))
    assert again.duplicate
    assert not first.duplicate
    assert (again.seq, again.remaining_micro, again.alert) == (first.seq, first.remaining_micro, "LOW_CREDITS")
    assert_books_agree(session, one.tenant_id)


def test_the_same_id_with_another_body_is_a_conflict(session: Session) -> None:
    one = customer(session)
    metered(session, one.tenant_id, event("1", event_id="a"))
    for other in (
        event("2", event_id="a"),
        event("1", "optimizer_job", event_id="a"),
        event("1", event_id="a", meta={}),
    ):
        refusal = refused(session, one.tenant_id, other)
        assert isinstance(refusal, errors.EventConflict)
        assert refusal.status == 409
    assert_books_agree(session, one.tenant_id)


def test_duplicates_and_conflicts_inside_one_batch_are_found(session: Session) -> None:
    one = customer(session)
    first, again, other = record_usage(
        session,
        tenant_id=one.tenant_id,
        events=[event("1", event_id="a"), event("1", event_id="a"), event("2", event_id="a")],
        at=NOON,
    )
    assert isinstance(first, Metered)
    assert isinstance(again, Metered)
    assert again.duplicate
    assert isinstance(other, errors.EventConflict)
    assert_books_agree(session, one.tenant_id)


@pytest.mark.parametrize(
    ("sent", "refusal", "field"),
    [
        (event("1", "teleport"), errors.UnknownEventType, "event_type"),
        (event("1", site="atlantis"), errors.UnknownSite, "site"),
        (event("1", occurred_at=NOON + timedelta(minutes=6)), errors.EventInFuture, "occurred_at"),
        (event("1", occurred_at=NOON - timedelta(days=36)), errors.EventTooOld, "occurred_at"),
        (event("1", occurred_at=NOON - timedelta(days=25)), errors.EventBeforeSubscription, "occurred_at"),
        (event("1000000000001", "simulator_run"), errors.InvalidUnits, "units"),
    ],
)
def test_what_cannot_be_metered_is_refused_and_named(
    session: Session, sent: object, refusal: type[Refusal], field: str
) -> None:
    one = customer(session)
    answer = refused(session, one.tenant_id, sent)  # type: ignore[arg-type]
    assert isinstance(answer, refusal)
    assert answer.field == field
    assert session.exec(select(UsageEvent)).all() == []


def test_good_events_of_a_batch_are_kept_beside_refused_ones(session: Session) -> None:
    one = customer(session)
    kept, bad, also_kept = record_usage(
        session, tenant_id=one.tenant_id, events=[event("1"), event("1", "teleport"), event("2")], at=NOON
    )
    assert isinstance(kept, Metered)
    assert isinstance(bad, errors.UnknownEventType)
    assert isinstance(also_kept, Metered)
    assert_books_agree(session, one.tenant_id)


def test_a_batch_over_the_limit_is_refused_whole(session: Session) -> None:
    one = customer(session)
    with pytest.raises(errors.TooLarge):
        record_usage(session, tenant_id=one.tenant_id, events=[event("1")] * (EVENTS_MAX + 1), at=NOON)


def test_a_registered_site_is_metered(session: Session) -> None:
    one = customer(session)
    add_site(session, tenant_id=one.tenant_id, code="sudbury", at=NOON)
    metered(session, one.tenant_id, event("1", site="sudbury"))
    assert session.exec(select(UsageEvent.site)).one() == "sudbury"


def test_use_beyond_the_lots_is_overage_where_the_plan_prices_it(session: Session) -> None:
    one = customer(session)
    (answer,) = metered(session, one.tenant_id, event("1000001.5"))
    assert (answer.overage_micro, answer.remaining_micro) == (1_500_000, 0)
    assert_books_agree(session, one.tenant_id)


def test_use_beyond_the_lots_is_refused_where_it_is_not_sold(session: Session) -> None:
    one = customer(session, plan="assistant/free", currency="USD")
    metered(session, one.tenant_id, event("20", "question"))
    refusal = refused(session, one.tenant_id, event("1", "question"))
    assert isinstance(refusal, errors.OverageNotAllowed)
    assert refusal.status == 429
    assert refusal.members["upgrade_url"] == "/plans/"
    assert refusal.members["tier"] == "free"
    assert_books_agree(session, one.tenant_id)


def test_an_event_larger_than_what_is_left_burns_nothing_where_overage_is_not_sold(session: Session) -> None:
    one = customer(session, plan="assistant/free", currency="USD")
    metered(session, one.tenant_id, event("15", "question"))
    refused(session, one.tenant_id, event("6", "question"))
    (answer,) = metered(session, one.tenant_id, event("5", "question"))
    assert answer.remaining_micro == 0


def test_each_alert_fires_once_on_the_event_that_crosses(session: Session) -> None:
    one = customer(session)
    answers = metered(
        session, one.tenant_id, *(event(units) for units in ("799999", "1", "100000", "99999", "1", "50", "50"))
    )
    assert [a.alert for a in answers] == [None, "LOW_CREDITS", None, None, "OVERAGE", None, None]
    raised = session.exec(select(Alert).where(Alert.tenant_id == one.tenant_id)).all()
    assert {(a.kind, a.threshold_pct) for a in raised} == {(AlertKind.LOW_CREDITS, 80), (AlertKind.OVERAGE, 100)}


def test_one_event_over_both_thresholds_raises_both_and_answers_the_graver(session: Session) -> None:
    one = customer(session)
    (answer,) = metered(session, one.tenant_id, event("1200000"))
    assert answer.alert == "OVERAGE"
    assert len(session.exec(select(Alert)).all()) == 2


def test_a_daily_pool_starts_afresh_each_business_day(session: Session) -> None:
    one = customer(session, plan="memory-cloud/free", currency="USD", timezone="America/Toronto")
    late = datetime(2026, 11, 20, 4, 30, tzinfo=UTC)  # 23:30 on the 19th in Toronto
    metered(session, one.tenant_id, event("100", "api_call", occurred_at=late))
    assert isinstance(
        refused(session, one.tenant_id, event("1", "api_call", occurred_at=late)), errors.OverageNotAllowed
    )
    (answer,) = metered(session, one.tenant_id, event("60", "api_call"))
    assert answer.remaining_micro == 40_000_000
    assert_books_agree(session, one.tenant_id)


def test_pools_of_one_plan_do_not_touch_each_other(session: Session) -> None:
    one = customer(session, plan="verified-exchange/Starter", currency="USD")
    vex, fu = metered(session, one.tenant_id, event("10001", "verified_exchange"), event("1", "fallback_units"))
    assert (vex.overage_micro, fu.overage_micro) == (1_000_000, 0)
    assert fu.remaining_micro == 49_999_000_000
    assert_books_agree(session, one.tenant_id)


def test_a_late_event_spends_what_its_own_period_had_left(session: Session) -> None:
    one = customer(session)
    metered(session, one.tenant_id, event("999990"))
    close_period(session, tenant_id=one.tenant_id, force=True, at=NOON + timedelta(hours=1))
    later = NOON + timedelta(hours=2)
    (answer,) = metered(session, one.tenant_id, event("25", occurred_at=NOON), at=later)
    assert answer.overage_micro == 15_000_000
    kinds = session.exec(select(CreditEntry.kind).where(CreditEntry.tenant_id == one.tenant_id)).all()
    assert sorted(kinds) == ["burn", "burn", "expire", "grant", "grant", "return"]
    assert_books_agree(session, one.tenant_id)


def test_an_event_just_ahead_of_the_clock_opens_the_next_period_once(session: Session) -> None:
    one = customer(session, timezone="UTC")
    before_midnight = datetime(2026, 11, 30, 23, 58, tzinfo=UTC)
    ahead = event("7", occurred_at=datetime(2026, 12, 1, 0, 1, tzinfo=UTC))
    metered(session, one.tenant_id, event("5"), ahead, at=before_midnight)
    close_period(session, tenant_id=one.tenant_id, at=datetime(2026, 12, 1, 1, tzinfo=UTC))
    (answer,) = metered(session, one.tenant_id, event("1"), at=datetime(2026, 12, 1, 2, tzinfo=UTC))
    assert answer.remaining_micro == 999_992_000_000
    assert_books_agree(session, one.tenant_id)


def test_a_subscription_that_is_not_live_meters_nothing(session: Session) -> None:
    one = customer(session)
    subscription = session.get_one(Subscription, (one.tenant_id, one.subscription_id))
    subscription.status, subscription.rests_since = SubscriptionStatus.SUSPENDED, NOON
    session.flush()
    assert isinstance(refused(session, one.tenant_id, event("1")), errors.SubscriptionConflict)


def test_another_tenants_subscription_is_not_found(session: Session) -> None:
    one = customer(session)
    other = customer(session, name="Other")
    sent = event("1")
    foreign = type(sent)(one.subscription_id, sent.event_type, sent.units_micro)
    assert isinstance(refused(session, other.tenant_id, foreign), errors.NotFound)


def test_concurrent_writers_lose_nothing_double_nothing_and_overspend_nothing(engine: Engine) -> None:
    """16 threads send 20 events each for a plan that refuses overage, and every event twice."""
    with transaction(engine) as session:
        one = customer(session, plan="assistant/free", currency="USD")

    def send(number: int) -> list[Metered | Refusal]:
        answers = []
        for n in range(20):
            for _ in range(2):
                with transaction(engine) as session:
                    sent = event("0.1", "question", event_id=f"{number}-{n}")
                    answers += record_usage(session, tenant_id=one.tenant_id, events=[sent], at=NOON)
        return answers

    with ThreadPoolExecutor(16) as pool:
        answers = [answer for batch in pool.map(send, range(16)) for answer in batch]
    accepted = [a for a in answers if isinstance(a, Metered)]
    assert sum(not a.duplicate for a in accepted) == 200  # 20 questions of a tenth each
    assert all(isinstance(a, Metered | errors.OverageNotAllowed) for a in answers)
    with reading(engine) as session:
        assert_books_agree(session, one.tenant_id)


CENT_EACH = {"model": "per_unit", "unit_price": "0.01"}


def test_units_that_burn_little_are_taken_however_much_of_the_pool_others_used(session: Session) -> None:
    plan = own_plan(session, overage=CENT_EACH, job="1", byte="0.000001")
    one = customer(session, plan=plan)
    metered(session, one.tenant_id, event("1000000", "job"))
    (answer,) = metered(session, one.tenant_id, event("1500", "byte"))
    assert (answer.credits_micro, answer.overage_micro) == (1_500, 1_500)


def test_a_period_holds_at_most_so_many_units_of_a_meter_whatever_they_burn(session: Session) -> None:
    plan = own_plan(session, overage=CENT_EACH, job="1", byte="0.000001")
    one = customer(session, plan=plan)
    metered(session, one.tenant_id, event("600000000000", "byte"), event("5", "job"))
    run = [event("400000000000", "byte"), event("1", "byte"), event("1", "job")]
    taken, refusal, other = record_usage(session, tenant_id=one.tenant_id, events=run, at=NOON)
    assert isinstance(taken, Metered)
    assert isinstance(refusal, errors.InvalidUnits)
    assert isinstance(other, Metered)
    assert_books_agree(session, one.tenant_id)
