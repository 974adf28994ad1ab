"""Cancel, pause, resume and start again: when each takes effect, and what is billed."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, select

from app.scheduled_ends import end_subscriptions_due
from models import Invoice, LineKind, NoticeType, SubscriptionStatus
from services.closing.close import close_if_due, preview_invoice
from services.database import transaction
from services.errors import SubscriptionConflict
from services.invoices.finding import read_invoice
from services.notices import read_notices
from services.payments.dunning import advance_dunning, begin_dunning, end_dunning
from services.subscriptions.change_preview import When
from services.subscriptions.finding import read_subscription
from services.subscriptions.lifecycle import (
    cancel_subscription,
    pause_subscription,
    reactivate_subscription,
    resume_subscription,
)
from services.subscriptions.plan_changes import change_plan
from services.subscriptions.scheduled_changes import waiting_change
from tests.given import NOON, Customer, assert_books_agree, customer, event, metered, refused

ENDS = datetime(2026, 12, 1, 5, tzinfo=UTC)
DECEMBER = datetime(2026, 12, 1, 7, tzinfo=UTC)
JANUARY = datetime(2027, 1, 1, 7, tzinfo=UTC)
FEBRUARY = datetime(2027, 2, 1, 7, tzinfo=UTC)


def mine(acme: Customer) -> dict[str, str]:
    return {"tenant_id": acme.tenant_id, "subscription_id": acme.subscription_id}


def closed(session: Session, acme: Customer, at: datetime) -> list[tuple[str, int]] | None:
    shown = preview_invoice(session, **mine(acme), at=at)
    invoice = close_if_due(session, **mine(acme), at=at)
    if invoice is None:
        return None
    lines = read_invoice(session, tenant_id=acme.tenant_id, invoice_id=invoice.id).lines
    amounts = [(line.kind, line.amount_minor) for line in lines]
    assert [(line.kind, line.amount_minor) for line in shown.lines] == amounts
    return amounts


def test_a_cancelled_subscription_runs_to_its_periods_end_and_is_not_charged_again(session: Session) -> None:
    acme = customer(session)
    metered(session, acme.tenant_id, event("1100", event_type="simulator_run", occurred_at=NOON))
    cancel_subscription(session, **mine(acme), when=When.PERIOD_END, by="key", at=NOON)
    assert read_subscription(session, **mine(acme)).status == SubscriptionStatus.ACTIVE
    after = ENDS + timedelta(minutes=1)
    late = ENDS - timedelta(minutes=1)
    metered(session, acme.tenant_id, event("1", event_type="simulator_run", occurred_at=late), at=after)
    assert isinstance(
        refused(session, acme.tenant_id, event("1", event_type="simulator_run", occurred_at=after), at=after),
        SubscriptionConflict,
    )
    assert closed(session, acme, DECEMBER) == [(LineKind.OVERAGE, 20_200)]
    subscription = read_subscription(session, **mine(acme))
    assert (subscription.status, subscription.canceled_at) == (SubscriptionStatus.CANCELED, ENDS)
    assert closed(session, acme, JANUARY) is None
    assert_books_agree(session, acme.tenant_id)


def test_it_ends_at_its_moment_and_not_only_as_it_closes(engine: Engine) -> None:
    with transaction(engine) as session:
        acme = customer(session)
        cancel_subscription(session, **mine(acme), when=When.PERIOD_END, by="key", at=NOON)
    assert end_subscriptions_due(at=ENDS - timedelta(seconds=1)) == {"ended": 0, "failed": 0}
    assert end_subscriptions_due(at=ENDS) == {"ended": 1, "failed": 0}
    assert end_subscriptions_due(at=ENDS) == {"ended": 0, "failed": 0}
    with transaction(engine) as session:
        assert read_subscription(session, **mine(acme)).status == SubscriptionStatus.CANCELED
        told = [notice.type for notice in read_notices(session, tenant_id=acme.tenant_id)]
        assert told.count(NoticeType.SUBSCRIPTION_CANCELED) == 1


def test_a_cancellation_can_be_taken_back_before_it_takes_effect(session: Session) -> None:
    acme = customer(session)
    cancel_subscription(session, **mine(acme), when=When.PERIOD_END, by="key", at=NOON)
    reactivate_subscription(session, **mine(acme), at=NOON)
    with pytest.raises(SubscriptionConflict, match="not cancelled"):
        reactivate_subscription(session, **mine(acme), at=NOON)
    assert closed(session, acme, DECEMBER) == [(LineKind.BASE, 900_000)]


def test_cancelled_now_it_ends_now_and_is_started_again_as_a_new_one(session: Session) -> None:
    acme = customer(session)
    change_plan(session, **mine(acme), plan_code="ENTERPRISE", at=NOON)
    cancel_subscription(session, **mine(acme), when=When.NOW, by="key", at=NOON + timedelta(hours=1))
    assert [kind for kind, _ in closed(session, acme, DECEMBER) or []] == [LineKind.PRORATION, LineKind.PRORATION]
    again = reactivate_subscription(session, **mine(acme), at=DECEMBER)
    assert again.id != acme.subscription_id
    assert again.status == SubscriptionStatus.ACTIVE
    assert_books_agree(session, acme.tenant_id)


def test_a_pause_at_the_periods_end_charges_no_fee_and_the_month_it_comes_back_in_one(session: Session) -> None:
    acme = customer(session)
    pause_subscription(session, **mine(acme), when=When.PERIOD_END, by="key", at=NOON)
    assert closed(session, acme, DECEMBER) == []
    assert read_subscription(session, **mine(acme)).status == SubscriptionStatus.PAUSED
    tenth = datetime(2026, 12, 10, tzinfo=UTC)
    assert isinstance(
        refused(session, acme.tenant_id, event("1", event_type="simulator_run", occurred_at=tenth), at=tenth),
        SubscriptionConflict,
    )
    resume_subscription(session, **mine(acme), at=tenth)
    assert closed(session, acme, JANUARY) == [(LineKind.BASE, 900_000), (LineKind.BASE, 900_000)]
    assert_books_agree(session, acme.tenant_id)


def test_a_pause_over_whole_periods_charges_the_one_it_comes_back_in(session: Session) -> None:
    acme = customer(session)
    pause_subscription(session, **mine(acme), when=When.PERIOD_END, by="key", at=NOON)
    closed(session, acme, DECEMBER)
    resume_subscription(session, **mine(acme), at=datetime(2027, 1, 10, tzinfo=UTC))
    assert closed(session, acme, datetime(2027, 1, 10, tzinfo=UTC)) == [(LineKind.BASE, 900_000)]
    assert closed(session, acme, FEBRUARY) == [(LineKind.BASE, 900_000)]


def test_a_pause_now_stops_metering_and_resuming_goes_on(session: Session) -> None:
    acme = customer(session)
    pause_subscription(session, **mine(acme), when=When.NOW, by="key", at=NOON)
    with pytest.raises(SubscriptionConflict, match="already"):
        pause_subscription(session, **mine(acme), when=When.NOW, by="key", at=NOON)
    with pytest.raises(SubscriptionConflict, match="resume"):
        change_plan(session, **mine(acme), plan_code="ENTERPRISE", at=NOON)
    resume_subscription(session, **mine(acme), at=NOON + timedelta(hours=2))
    with pytest.raises(SubscriptionConflict, match="Only a paused"):
        resume_subscription(session, **mine(acme), at=NOON + timedelta(hours=2))
    assert closed(session, acme, DECEMBER) == [(LineKind.BASE, 900_000)]


def test_resuming_before_a_pause_begins_takes_it_back(session: Session) -> None:
    acme = customer(session)
    pause_subscription(session, **mine(acme), when=When.PERIOD_END, by="key", at=NOON)
    resume_subscription(session, **mine(acme), at=NOON)
    assert waiting_change(session, subscription=read_subscription(session, **mine(acme))) is None
    assert closed(session, acme, DECEMBER) == [(LineKind.BASE, 900_000)]


@pytest.mark.parametrize("when", list(When))
def test_a_paused_subscription_can_be_cancelled_however_long_it_rests_and_costs_nothing_more(
    session: Session, when: When
) -> None:
    acme = customer(session)
    pause_subscription(session, **mine(acme), when=When.NOW, by="key", at=NOON)
    ended = cancel_subscription(session, **mine(acme), when=when, by="key", at=JANUARY)
    assert (ended.status, ended.canceled_at) == (SubscriptionStatus.CANCELED, JANUARY)
    while (invoice := close_if_due(session, **mine(acme), at=FEBRUARY)) is not None:
        assert invoice.total_minor == 0


def test_a_pause_is_no_way_around_a_suspension(session: Session) -> None:
    acme = customer(session)
    (invoice,) = session.exec(select(Invoice)).all()
    dunned = {"tenant_id": acme.tenant_id, "invoice_id": invoice.id}
    begin_dunning(session, invoice=invoice, failed_at=NOON)
    advance_dunning(session, **dunned, at=NOON)
    pause_subscription(session, **mine(acme), when=When.NOW, by="key", at=NOON)
    assert resume_subscription(session, **mine(acme), at=NOON).status == SubscriptionStatus.PAST_DUE
    pause_subscription(session, **mine(acme), when=When.NOW, by="key", at=NOON)
    late = NOON + timedelta(days=9)
    advance_dunning(session, **dunned, at=late)
    with pytest.raises(SubscriptionConflict, match="is not paid"):
        resume_subscription(session, **mine(acme), at=late)
    end_dunning(session, invoice=invoice, at=late)
    assert resume_subscription(session, **mine(acme), at=late).status == SubscriptionStatus.ACTIVE
