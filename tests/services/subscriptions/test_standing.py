"""Which status may follow which, and what a rest means for the base fee."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from models import Interval, Invoice, Subscription, SubscriptionStatus
from services.closing.close import close_if_due, close_period, preview_invoice
from services.closing.due_periods import due_subscriptions
from services.database import transaction
from services.errors import NotFound, SubscriptionConflict
from services.identity import create_tenant
from services.invoices.finding import read_invoice
from services.price_books.books import load_shipped_books
from services.subscriptions.ends import end_subscription
from services.subscriptions.finding import read_subscription
from services.subscriptions.standing import MAY_FOLLOW, set_status
from services.subscriptions.starting import create_subscription
from tests.given import NOON, Customer, assert_books_agree, customer, event, metered, refused

ACTIVE, TRIALING, CANCELED = SubscriptionStatus.ACTIVE, SubscriptionStatus.TRIALING, SubscriptionStatus.CANCELED
PAUSED, SUSPENDED, PAST_DUE = SubscriptionStatus.PAUSED, SubscriptionStatus.SUSPENDED, SubscriptionStatus.PAST_DUE
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DECEMBER, JANUARY, FEBRUARY, MARCH, APRIL = (
    datetime(2026, 12, 1, 5, tzinfo=UTC),
    *(datetime(2027, month, 1, 5, tzinfo=UTC) for month in (1, 2, 3, 4)),
)


def stand(session: Session, one: Customer, status: SubscriptionStatus, at: datetime = NOON) -> Subscription:
    return set_status(session, tenant_id=one.tenant_id, subscription_id=one.subscription_id, status=status, at=at)


def on_trial(session: Session, interval: Interval = Interval.MONTH) -> Customer:
    load_shipped_books(session, at=NOON)
    tenant = create_tenant(session, name="Trial", currency="CAD", timezone="America/Toronto", at=NOON)
    made = create_subscription(
        session, tenant_id=tenant.id, plan_code="PRO", started_at=NOON, trial_ends_at=NOON + 14 * DAY,
        interval=interval, at=NOON,
    )  # fmt: skip
    return Customer(tenant.id, made.id)


def closed_by(session: Session, one: Customer, at: datetime) -> list[tuple[str, list[tuple[str, int]]]]:
    """(month it began in, lines) of every period that is closed at that moment."""
    found = []
    while invoice := close_if_due(session, tenant_id=one.tenant_id, subscription_id=one.subscription_id, at=at):
        found.append((f"{invoice.period_start:%b}", _lines(session, invoice)))
    return found


def _lines(session: Session, invoice: Invoice) -> list[tuple[str, int]]:
    document = read_invoice(session, tenant_id=invoice.tenant_id, invoice_id=invoice.id)
    return [(line.kind.value, line.amount_minor) for line in document.lines]


def test_all_that_run_or_rest_may_follow_each_other_and_an_end_is_final() -> None:
    assert MAY_FOLLOW[CANCELED] == frozenset()
    for before in set(SubscriptionStatus) - {CANCELED}:
        assert MAY_FOLLOW[before] == set(SubscriptionStatus) - {before}


def test_standing_as_before_changes_nothing_and_an_end_is_not_a_status_to_set(session: Session) -> None:
    one = customer(session)
    assert stand(session, one, ACTIVE).status == ACTIVE
    for wrong in (CANCELED, TRIALING):
        with pytest.raises(SubscriptionConflict, match="cannot become"):
            stand(session, one, wrong)
    subscription = read_subscription(session, tenant_id=one.tenant_id)
    subscription.status, subscription.canceled_at = CANCELED, NOON
    session.flush()
    with pytest.raises(SubscriptionConflict, match="is canceled"):
        stand(session, one, ACTIVE)
    with pytest.raises(NotFound):
        set_status(session, tenant_id=one.tenant_id, subscription_id="sub_none", status=ACTIVE, at=NOON)


def test_a_trial_can_be_gone_back_to_while_it_runs(session: Session) -> None:
    one = on_trial(session)
    stand(session, one, SUSPENDED)
    assert stand(session, one, TRIALING).status == TRIALING
    stand(session, one, PAST_DUE)
    closed_by(session, one, NOON + 15 * DAY)
    with pytest.raises(SubscriptionConflict):
        stand(session, one, TRIALING, NOON + 15 * DAY)


@pytest.mark.parametrize("rest", [PAUSED, SUSPENDED])
def test_nothing_is_metered_while_it_rests_and_only_the_month_it_ran_in_is_closed(
    engine: Engine, rest: SubscriptionStatus
) -> None:
    with transaction(engine) as session:
        one = customer(session)
    with transaction(engine) as session:
        metered(session, one.tenant_id, event("1"))
    with transaction(engine) as session:
        stand(session, one, rest)
    with transaction(engine) as session:
        assert isinstance(refused(session, one.tenant_id, event("1")), SubscriptionConflict)
        with pytest.raises(SubscriptionConflict, match="once it runs again"):
            close_period(session, tenant_id=one.tenant_id, at=NOON, force=True)
        stand(session, one, ACTIVE, NOON + HOUR)
        metered(session, one.tenant_id, event("1"), at=NOON + HOUR)
    with transaction(engine) as session:
        stand(session, one, rest, NOON + 2 * HOUR)
        assert closed_by(session, one, MARCH) == [("Nov", [])]
        assert due_subscriptions(session, at=MARCH) == []
        for force in (True, False):
            with pytest.raises(SubscriptionConflict, match="once it runs again"):
                close_period(session, tenant_id=one.tenant_id, at=MARCH, force=force)
        assert_books_agree(session, one.tenant_id)


@pytest.mark.parametrize("rest", [PAUSED, SUSPENDED])
def test_no_base_fee_is_charged_for_months_spent_at_rest(session: Session, rest: SubscriptionStatus) -> None:
    one = customer(session)
    metered(session, one.tenant_id, event("1000500"))
    stand(session, one, rest, NOON + DAY)
    back = FEBRUARY + 10 * DAY
    stand(session, one, PAST_DUE, back)
    assert closed_by(session, one, back) == [
        ("Nov", [("overage", 1_00)]),  # December was spent at rest
        ("Dec", []),  # and January
        ("Jan", [("base", 9_000_00)]),  # February is the month it comes back in
    ]
    assert closed_by(session, one, MARCH + HOUR) == [("Feb", [("base", 9_000_00)])]
    assert_books_agree(session, one.tenant_id)


@pytest.mark.parametrize("rest", [PAUSED, SUSPENDED])
def test_one_that_ends_at_rest_is_charged_for_no_month_of_it(session: Session, rest: SubscriptionStatus) -> None:
    one = customer(session)
    metered(session, one.tenant_id, event("1000500"))
    stand(session, one, rest, NOON + DAY)
    ended_at = FEBRUARY + 10 * DAY
    end_subscription(
        session, tenant_id=one.tenant_id, subscription_id=one.subscription_id, ended_at=ended_at, at=ended_at
    )
    assert closed_by(session, one, MARCH) == [("Nov", [("overage", 1_00)]), ("Dec", []), ("Jan", [])]
    assert due_subscriptions(session, at=APRIL) == []
    assert_books_agree(session, one.tenant_id)


def test_a_rest_within_a_month_changes_no_fee(session: Session) -> None:
    one = customer(session)
    stand(session, one, PAUSED)
    stand(session, one, ACTIVE, NOON + 3 * DAY)
    assert closed_by(session, one, JANUARY + HOUR) == [("Nov", [("base", 9_000_00)]), ("Dec", [("base", 9_000_00)])]


def test_going_from_one_rest_to_another_is_one_rest(session: Session) -> None:
    one = customer(session)
    stand(session, one, SUSPENDED)
    stand(session, one, PAUSED, DECEMBER + DAY)
    stand(session, one, ACTIVE, JANUARY + DAY)
    assert closed_by(session, one, JANUARY + DAY) == [("Nov", []), ("Dec", [("base", 9_000_00)])]


def test_a_year_that_is_paid_for_goes_on_and_the_next_begins_after_the_rest(session: Session) -> None:
    one = on_trial(session, Interval.YEAR)
    closed_by(session, one, NOON + 15 * DAY)
    paid_until = read_subscription(session, tenant_id=one.tenant_id).base_paid_until
    assert paid_until == NOON + 14 * DAY + 365 * DAY
    stand(session, one, PAUSED, NOON + 20 * DAY)
    stand(session, one, ACTIVE, NOON + 80 * DAY)
    assert all(lines == [] for _, lines in closed_by(session, one, NOON + 80 * DAY))
    assert read_subscription(session, tenant_id=one.tenant_id).base_paid_until == paid_until
    stand(session, one, PAUSED, NOON + 300 * DAY)
    back = NOON + 440 * DAY
    stand(session, one, ACTIVE, back)
    lines = [line for _, each in closed_by(session, one, back) for line in each]
    assert lines == [("base", 86_400_00)]
    subscription = read_subscription(session, tenant_id=one.tenant_id)
    assert subscription.base_paid_until is not None
    assert subscription.current_period_start < back < subscription.current_period_end
    assert subscription.base_paid_until - subscription.current_period_start in (365 * DAY, 366 * DAY)


def test_a_trial_that_ran_out_at_rest_is_charged_from_when_it_comes_back(session: Session) -> None:
    one = on_trial(session)
    stand(session, one, PAUSED, NOON + DAY)
    back = NOON + 60 * DAY
    stand(session, one, ACTIVE, back)
    assert [lines for _, lines in closed_by(session, one, back)] == [[], [("base", 9_000_00)]]


@pytest.mark.parametrize("rest", [PAUSED, SUSPENDED])
def test_what_was_used_before_a_rest_is_billed_as_its_period_ends_however_long_it_rests(
    session: Session, rest: SubscriptionStatus
) -> None:
    one = customer(session)
    metered(session, one.tenant_id, event("1000500"))
    stand(session, one, rest, NOON + DAY)
    shown = preview_invoice(session, tenant_id=one.tenant_id, at=NOON + DAY).invoice
    assert shown.total_minor == 1_00
    assert closed_by(session, one, DECEMBER) == []  # its grace
    assert due_subscriptions(session, at=DECEMBER + HOUR) == [(one.tenant_id, one.subscription_id)]
    invoice = close_period(session, tenant_id=one.tenant_id, at=DECEMBER + HOUR)
    assert _lines(session, invoice) == [("overage", 1_00)]
    assert close_period(session, tenant_id=one.tenant_id, at=DECEMBER + 2 * HOUR).id == invoice.id
    assert due_subscriptions(session, at=MARCH) == []
    assert closed_by(session, one, MARCH) == []
    assert preview_invoice(session, tenant_id=one.tenant_id, at=MARCH).invoice.total_minor == 0
    assert read_subscription(session, tenant_id=one.tenant_id).status == rest
    assert_books_agree(session, one.tenant_id)


@pytest.mark.parametrize("rest", [PAUSED, SUSPENDED])
def test_the_month_it_comes_back_in_is_charged_once_though_the_one_before_was_closed_at_rest(
    session: Session, rest: SubscriptionStatus
) -> None:
    one = customer(session)
    stand(session, one, rest)
    assert closed_by(session, one, DECEMBER + HOUR) == [("Nov", [])]
    stand(session, one, ACTIVE, DECEMBER + DAY)
    stand(session, one, rest, DECEMBER + 2 * DAY)
    stand(session, one, ACTIVE, DECEMBER + 3 * DAY)
    assert closed_by(session, one, JANUARY + HOUR) == [("Dec", [("base", 9_000_00), ("base", 9_000_00)])]
    stand(session, one, rest, JANUARY + DAY)
    assert closed_by(session, one, FEBRUARY + HOUR) == [("Jan", [])]
    stand(session, one, ACTIVE, MARCH + DAY)
    assert closed_by(session, one, MARCH + DAY) == [("Feb", [("base", 9_000_00)])]


def test_a_trial_that_runs_out_at_rest_bills_its_use_and_the_month_it_comes_back_in(session: Session) -> None:
    one = on_trial(session)
    metered(session, one.tenant_id, event("1000500"))
    stand(session, one, PAUSED, NOON + DAY)
    assert closed_by(session, one, NOON + 15 * DAY) == [("Nov", [("overage", 1_00)])]
    with pytest.raises(SubscriptionConflict, match="cannot become"):
        stand(session, one, TRIALING, NOON + 16 * DAY)
    stand(session, one, ACTIVE, NOON + 20 * DAY)
    assert closed_by(session, one, NOON + 50 * DAY) == [("Dec", [("base", 9_000_00), ("base", 9_000_00)])]


def test_one_cancelled_in_a_month_at_rest_owes_nothing_for_it(session: Session) -> None:
    one = customer(session)
    metered(session, one.tenant_id, event("1000500"))
    stand(session, one, PAUSED, NOON + DAY)
    assert closed_by(session, one, DECEMBER + HOUR) == [("Nov", [("overage", 1_00)])]
    end_subscription(
        session, tenant_id=one.tenant_id, subscription_id=one.subscription_id, ended_at=DECEMBER + DAY,
        at=DECEMBER + DAY,
    )  # fmt: skip
    assert closed_by(session, one, MARCH) == []
    assert due_subscriptions(session, at=MARCH) == []


def test_a_rest_that_begins_in_the_grace_of_the_month_before_leaves_the_month_begun_to_be_paid(
    session: Session,
) -> None:
    one = customer(session)
    metered(session, one.tenant_id, event("1"), at=DECEMBER + HOUR / 4)
    stand(session, one, SUSPENDED, DECEMBER + HOUR / 2)
    assert closed_by(session, one, DECEMBER + HOUR) == [("Nov", [("base", 9_000_00)])]
    assert closed_by(session, one, JANUARY + HOUR) == [("Dec", [])]
    assert closed_by(session, one, MARCH) == []


def test_use_booked_ahead_of_the_clock_is_before_the_rest(session: Session) -> None:
    one = customer(session)
    before_midnight = DECEMBER - timedelta(minutes=3)
    metered(session, one.tenant_id, event("1000500", occurred_at=DECEMBER + timedelta(minutes=1)), at=before_midnight)
    stand(session, one, SUSPENDED, before_midnight)
    assert closed_by(session, one, JANUARY + HOUR) == [("Nov", [("base", 9_000_00)]), ("Dec", [("overage", 1_00)])]
