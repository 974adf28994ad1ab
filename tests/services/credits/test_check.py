"""May I? The answer is what metering then does, and asking changes nothing."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlmodel import Session

from models import Subscription, SubscriptionStatus
from services.credits.check import CreditCheck, check_credits
from services.errors import NotFound, Refusal, UnknownEventType
from services.metering import Metered, UsageInput, record_usage
from services.rules.money import Money
from services.rules.quantities import MICRO
from tests.given import NOON, Customer, customer


def may(session: Session, one: Customer, event_type: str, units: int, at: datetime = NOON) -> CreditCheck:
    return check_credits(session, tenant_id=one.tenant_id, event_type=event_type, units_micro=units * MICRO, at=at)


def meter(session: Session, one: Customer, event_type: str, units: int, at: datetime = NOON) -> Metered | Refusal:
    event = UsageInput(None, event_type, units * MICRO)
    (answer,) = record_usage(session, tenant_id=one.tenant_id, events=[event], at=at)
    return answer


@pytest.mark.parametrize(
    ("plan", "currency", "event_type", "steps"),
    [
        ("PRO", "CAD", "simulator_run", (999, 1, 1, 400)),
        ("memory-cloud/pro", "USD", "api_call", (9_999, 2, 1_500, 1)),
        ("memory-cloud/free", "USD", "api_call", (99, 2, 1, 1)),
        ("assistant/free", "USD", "question", (1, 5, 100_000, 3)),
    ],
)
def test_the_answer_is_what_metering_then_does(
    session: Session, plan: str, currency: str, event_type: str, steps: tuple[int, ...]
) -> None:
    one = customer(session, plan=plan, currency=currency)
    for units in steps:
        told, done = may(session, one, event_type, units), meter(session, one, event_type, units)
        assert told.allowed == isinstance(done, Metered)
        if isinstance(done, Metered):
            assert (told.credits_micro, told.overage_micro) == (done.credits_micro, done.overage_micro)
            assert told.remaining_micro - (told.credits_micro - told.overage_micro) == done.remaining_micro
            assert told.reason == ("overage" if done.overage_micro else "included")
        else:
            assert told.reason == done.code


def test_pro_is_told_what_goes_beyond_the_day_costs(session: Session) -> None:
    one = customer(session, plan="memory-cloud/pro", currency="USD")
    meter(session, one, "api_call", 9_999)
    told = may(session, one, "api_call", 2)
    assert (told.allowed, told.reason, told.remaining_micro, told.overage_micro) == (True, "overage", MICRO, MICRO)
    assert (told.overage_price, told.overage_price_exact) == (Money(10, "USD"), Decimal("0.1"))
    assert told.upgrade_url == "/plans/"


def test_free_is_told_where_to_upgrade(session: Session) -> None:
    one = customer(session, plan="memory-cloud/free", currency="USD")
    told = may(session, one, "api_call", 101)
    assert (told.allowed, told.reason, told.overage_price) == (False, "overage_not_allowed", None)
    assert (told.remaining_micro, told.upgrade_url) == (100 * MICRO, "/plans/")


def test_asking_changes_nothing(session: Session) -> None:
    one = customer(session, plan="memory-cloud/free", currency="USD")
    session.flush()
    first = may(session, one, "api_call", 60)
    assert [may(session, one, "api_call", 60) for _ in range(3)] == [first] * 3
    assert not session.new
    assert not session.dirty


@pytest.mark.parametrize("plan", ["PRO", "memory-cloud/free"])
def test_the_hour_before_a_period_is_closed_counts_in_the_next_one(session: Session, plan: str) -> None:
    currency, event_type = ("CAD", "simulator_run") if plan == "PRO" else ("USD", "api_call")
    one = customer(session, plan=plan, currency=currency, timezone="UTC", start=date(2026, 10, 20))
    meter(session, one, event_type, 50, at=NOON - timedelta(days=1))
    period_end = datetime(2026, 11, 20, tzinfo=UTC)
    for minutes in (0, 30):
        at = period_end + timedelta(minutes=minutes)
        told, done = may(session, one, event_type, 7, at), meter(session, one, event_type, 7, at)
        assert isinstance(done, Metered)
        assert told.remaining_micro - told.credits_micro == done.remaining_micro


def test_a_subscription_that_does_not_run_is_not_allowed(session: Session) -> None:
    one = customer(session)
    subscription = session.get_one(Subscription, (one.tenant_id, one.subscription_id))
    subscription.status, subscription.rests_since = SubscriptionStatus.PAUSED, NOON
    session.flush()
    told, done = may(session, one, "simulator_run", 1), meter(session, one, "simulator_run", 1)
    assert isinstance(done, Refusal)
    assert (told.allowed, told.reason) == (False, done.code)


def test_what_metering_does_not_know_is_refused(session: Session) -> None:
    one = customer(session)
    with pytest.raises(UnknownEventType):
        may(session, one, "teleport", 1)
    with pytest.raises(NotFound):
        check_credits(
            session,
            tenant_id=one.tenant_id,
            subscription_id="sub_x",
            event_type="simulator_run",
            units_micro=1,
            at=NOON,
        )
