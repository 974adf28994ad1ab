"""Ending a subscription: the cut period, its grace, the last bill, and nothing after it."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, select

from app.jobs import close_due_periods
from models import (
    BillingPeriod,
    Collection,
    CreditGrant,
    Interval,
    Invoice,
    PeriodStatus,
    StripeSubscription,
    Subscription,
    SubscriptionStatus,
)
from services.assets.snapshots import record_snapshot
from services.closing.close import close_if_due, close_period, preview_invoice
from services.closing.due_periods import due_subscriptions
from services.database import reading, transaction
from services.errors import Conflict, SubscriptionConflict, Unprocessable
from services.invoices.finding import list_invoices, read_invoice
from services.invoices.views import read_invoice_list
from services.overview import read_overview
from services.subscriptions.ends import end_subscription
from services.subscriptions.finding import read_subscription
from services.subscriptions.starting import create_subscription
from tests.given import NOON, Customer, assert_books_agree, customer, event, metered, refused

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
DECEMBER = datetime(2026, 12, 1, 5, tzinfo=UTC)
"""When the November of a customer in Toronto ends."""


def end(session: Session, one: Customer, ended_at: datetime = NOON, at: datetime | None = None) -> Subscription:
    return end_subscription(
        session, tenant_id=one.tenant_id, subscription_id=one.subscription_id, ended_at=ended_at, at=at or ended_at
    )


def last_close(session: Session, one: Customer, at: datetime) -> Invoice | None:
    return close_if_due(session, tenant_id=one.tenant_id, subscription_id=one.subscription_id, at=at)


def lines_of(session: Session, invoice: Invoice | None) -> list[tuple[str, int]]:
    assert invoice is not None
    document = read_invoice(session, tenant_id=invoice.tenant_id, invoice_id=invoice.id)
    return [(line.kind.value, line.amount_minor) for line in document.lines]


def test_the_period_is_cut_and_billed_once_without_a_next_one(session: Session) -> None:
    one = customer(session)
    metered(session, one.tenant_id, event("1000500"), at=NOON - HOUR)
    record_snapshot(session, tenant_id=one.tenant_id, asset_count=1_200, at=NOON - HOUR)
    ended = end(session, one)
    assert (ended.status, ended.canceled_at, ended.current_period_end) == (SubscriptionStatus.CANCELED, NOON, NOON)
    assert due_subscriptions(session, at=NOON + HOUR - DAY / 86_400) == []
    assert last_close(session, one, NOON + HOUR / 2) is None
    assert due_subscriptions(session, at=NOON + HOUR) == [(one.tenant_id, one.subscription_id)]
    shown = preview_invoice(session, tenant_id=one.tenant_id, at=NOON)
    invoice = last_close(session, one, NOON + HOUR)
    assert lines_of(session, invoice) == [("asset_uplift", 600_00), ("overage", 1_00)]
    assert invoice is not None
    assert (invoice.total_minor, invoice.period_end) == (shown.invoice.total_minor, NOON)
    assert due_subscriptions(session, at=NOON + 100 * DAY) == []
    assert last_close(session, one, NOON + 100 * DAY) is None
    assert close_period(session, tenant_id=one.tenant_id, at=NOON + 100 * DAY).id == invoice.id
    (period,) = session.exec(select(BillingPeriod)).all()
    assert (period.status, period.ends_at) == (PeriodStatus.CLOSED, NOON)
    (grant,) = session.exec(select(CreditGrant)).all()
    assert (grant.remaining_micro, grant.expires_at) == (0, NOON)
    assert_books_agree(session, one.tenant_id)


def test_where_nothing_is_left_to_bill_there_is_no_invoice(session: Session) -> None:
    one = customer(session)
    end(session, one)
    with pytest.raises(SubscriptionConflict, match="nothing is left to bill"):
        close_period(session, tenant_id=one.tenant_id, at=NOON + HOUR)
    assert last_close(session, one, NOON + HOUR) is None
    assert due_subscriptions(session, at=NOON + HOUR) == []
    assert len(list_invoices(session, tenant_id=one.tenant_id)) == 1
    with pytest.raises(SubscriptionConflict, match="ended on 2026-11-20"):
        close_period(session, tenant_id=one.tenant_id, at=NOON + 2 * HOUR)
    assert preview_invoice(session, tenant_id=one.tenant_id, at=NOON + 2 * HOUR).lines == ()
    assert_books_agree(session, one.tenant_id)


def test_use_before_the_end_is_taken_while_the_grace_runs_and_none_after_it(session: Session) -> None:
    one = customer(session)
    metered(session, one.tenant_id, event("1000000"), at=NOON - HOUR)
    end(session, one)
    later = NOON + HOUR / 3
    metered(session, one.tenant_id, event("50", occurred_at=NOON - timedelta(microseconds=1)), at=later)
    for occurred_at in (None, NOON, NOON + timedelta(minutes=1)):
        answer = refused(session, one.tenant_id, event("1", occurred_at=occurred_at), at=later)
        assert isinstance(answer, SubscriptionConflict)
        assert "ended at 2026-11-20T12:00:00Z" in answer.detail
    assert lines_of(session, last_close(session, one, NOON + HOUR)) == [("overage", 10)]
    answer = refused(session, one.tenant_id, event("1", occurred_at=NOON - HOUR), at=NOON + HOUR)
    assert isinstance(answer, SubscriptionConflict)
    assert_books_agree(session, one.tenant_id)


def test_other_processes_hear_of_the_end(engine: Engine) -> None:
    """What metering remembers of a tenant's books from one call to the next is void."""
    with transaction(engine) as session:
        one = customer(session)
    with transaction(engine) as session:
        metered(session, one.tenant_id, event("1"), at=NOON - HOUR)
    with transaction(engine) as session:
        end(session, one)
    with transaction(engine) as session:
        assert isinstance(refused(session, one.tenant_id, event("1"), at=NOON + HOUR / 6), SubscriptionConflict)


def test_it_does_not_end_before_its_last_event(session: Session) -> None:
    one = customer(session)
    happened = NOON + timedelta(minutes=4)
    metered(session, one.tenant_id, event("1000001", occurred_at=happened), at=NOON)
    ended = end(session, one, at=NOON + HOUR)
    assert ended.canceled_at == happened + timedelta(microseconds=1)
    assert lines_of(session, last_close(session, one, happened + HOUR + DAY)) == [("overage", 0)]


def test_ending_again_changes_nothing(session: Session) -> None:
    one = customer(session)
    end(session, one)
    assert end(session, one, NOON + DAY).canceled_at == NOON
    last_close(session, one, NOON + HOUR)
    assert end(session, one, NOON + 2 * DAY).canceled_at == NOON


def test_an_end_in_the_future_is_refused(session: Session) -> None:
    one = customer(session)
    with pytest.raises(Unprocessable) as wrong:
        end(session, one, NOON + timedelta(minutes=6), at=NOON)
    assert wrong.value.field == "ended_at"
    assert end(session, one, NOON + timedelta(minutes=5), at=NOON).canceled_at == NOON + timedelta(minutes=5)


def test_one_that_ends_with_its_period_gets_no_other(session: Session) -> None:
    one = customer(session)
    ended = end(session, one, DECEMBER, at=DECEMBER + timedelta(seconds=9))
    assert (ended.canceled_at, ended.current_period_end) == (DECEMBER, DECEMBER)
    assert last_close(session, one, DECEMBER + HOUR) is None
    assert due_subscriptions(session, at=DECEMBER + HOUR) == []


def test_one_that_ends_just_after_its_period_is_not_charged_for_another(session: Session) -> None:
    """Its last period is billed like any other, and then the minutes after it."""
    one = customer(session)
    metered(session, one.tenant_id, event("1000500"), at=NOON)
    metered(session, one.tenant_id, event("1000300"), at=DECEMBER + HOUR / 4)
    ended = end(session, one, DECEMBER + HOUR / 2)
    assert (ended.current_period_end, ended.canceled_at) == (DECEMBER, DECEMBER + HOUR / 2)
    assert lines_of(session, last_close(session, one, DECEMBER + HOUR)) == [("overage", 1_00)]
    assert last_close(session, one, DECEMBER + HOUR) is None
    last = last_close(session, one, DECEMBER + 2 * HOUR)
    assert lines_of(session, last) == [("overage", 60)]
    assert last is not None
    assert (last.period_start, last.period_end) == (DECEMBER, DECEMBER + HOUR / 2)
    assert last_close(session, one, DECEMBER + 9 * DAY) is None
    assert_books_agree(session, one.tenant_id)


def test_whole_months_that_were_not_closed_when_it_ended_are_charged(session: Session) -> None:
    one = customer(session)
    end(session, one, DECEMBER + 40 * DAY)
    at, bases = DECEMBER + 50 * DAY, []
    while invoice := last_close(session, one, at):
        bases += lines_of(session, invoice)
    assert bases == [("base", 9_000_00)]  # December, but not January
    assert due_subscriptions(session, at=at) == []


def test_an_end_we_hear_of_after_the_next_period_began_cuts_that_at_its_start(session: Session) -> None:
    one = customer(session)
    close_period(session, tenant_id=one.tenant_id, at=DECEMBER + HOUR)
    ended = end(session, one, DECEMBER - HOUR, at=DECEMBER + 2 * HOUR)
    assert ended.canceled_at == DECEMBER + timedelta(milliseconds=1)
    assert last_close(session, one, DECEMBER + 3 * HOUR) is None
    assert len(list_invoices(session, tenant_id=one.tenant_id)) == 2


def test_a_trial_that_ends_is_billed_for_use_beyond_its_allowance_alone(session: Session) -> None:
    one = customer(session)
    end(session, one)
    last_close(session, one, NOON + HOUR)
    again = create_subscription(
        session, tenant_id=one.tenant_id, plan_code="PRO", started_at=NOON + DAY, trial_ends_at=NOON + 15 * DAY,
        interval=Interval.YEAR, at=NOON + DAY,
    )  # fmt: skip
    tried = Customer(one.tenant_id, again.id)
    metered(session, one.tenant_id, event("1000500"), at=NOON + 2 * DAY)
    end(session, tried, NOON + 3 * DAY)
    assert lines_of(session, last_close(session, tried, NOON + 4 * DAY)) == [("overage", 1_00)]


def test_a_period_opened_after_the_end_is_closed_empty(session: Session) -> None:
    one = customer(session)
    ahead = event("9999999999", occurred_at=DECEMBER + timedelta(minutes=2), event_type="tea")
    refused(session, one.tenant_id, ahead, at=DECEMBER - timedelta(minutes=2))
    end(session, one, DECEMBER - timedelta(minutes=1))
    last_close(session, one, DECEMBER + HOUR)
    rows = session.exec(select(BillingPeriod).where(BillingPeriod.status == PeriodStatus.OPEN)).all()
    assert rows == []
    assert all(not grant.remaining_micro for grant in session.exec(select(CreditGrant)))
    assert_books_agree(session, one.tenant_id)


def test_pages_say_that_it_ended(session: Session) -> None:
    one = customer(session)
    end(session, one)
    overview = read_overview(session, tenant_id=one.tenant_id, at=NOON)
    assert "ended on 20 Nov 2026" in overview.next_step
    last_close(session, one, NOON + HOUR)
    assert read_overview(session, tenant_id=one.tenant_id, at=NOON + DAY).bill_lines == ()
    assert not read_invoice_list(session, tenant_id=one.tenant_id, at=NOON + DAY).preview.is_shown


def test_the_clock_closes_one_that_ended_and_then_leaves_it_alone(engine: Engine) -> None:
    with transaction(engine) as session:
        one = customer(session, start=date(2026, 10, 1))
        metered(session, one.tenant_id, event("1000500"), at=NOON)
        end(session, one, NOON + HOUR)
    closed = close_due_periods(at=NOON + 9 * HOUR).invoices
    assert [(f"{invoice.period_start:%m}", invoice.total_minor) for invoice in closed] == [("10", 0), ("11", 1_00)]
    assert close_due_periods(at=NOON + 9 * DAY).invoices == ()
    with reading(engine) as session:
        assert read_subscription(session, tenant_id=one.tenant_id).status == SubscriptionStatus.CANCELED


def linked(session: Session, one: Customer, **more: Any) -> None:
    subscription = read_subscription(session, tenant_id=one.tenant_id)
    subscription.collection = Collection.AUTOMATIC
    session.add(
        StripeSubscription(
            tenant_id=one.tenant_id, subscription_id=one.subscription_id, account="sandbox", stripe_id="sub_1",
            status="active", began_at=NOON - DAY, current_period_start=NOON - DAY, current_period_end=DECEMBER,
            read_at=NOON, **more,
        )
    )  # fmt: skip
    session.flush()


def test_what_stripe_renews_is_not_forced_to_end(session: Session) -> None:
    one = customer(session)
    linked(session, one)
    with pytest.raises(Conflict, match="renews this subscription on 2026-12-01 05:00 UTC"):
        close_period(session, tenant_id=one.tenant_id, at=NOON, force=True)
    assert len(list_invoices(session, tenant_id=one.tenant_id)) == 1
    assert close_period(session, tenant_id=one.tenant_id, at=DECEMBER + HOUR).total_minor == 9_000_00
