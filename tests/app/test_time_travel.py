"""A customer's clock is set forward: every close, reminder and notice on the way is made at its own moment."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from app import time_travel, unit_of_work
from models import Invoice, InvoiceLine, LineKind, Subscription
from services.database import reading, transaction
from services.errors import Forbidden, NotFound
from services.gain_share.decisions import approve_run
from services.invoices.finding import list_invoices, mark_invoice_paid
from services.payments.dunning import begin_dunning, end_dunning
from services.price_books.books import load_book
from services.price_books.entries import BookEntry
from services.price_books.files import read_book
from services.settings import CATALOGS, settings
from services.subscriptions.finding import plan_of
from services.subscriptions.starting import create_subscription
from services.tenant_clocks import now_of
from tests.gain_share_given import BETTER, THEIRS, accepted_baseline, measure, submit
from tests.given import customer, event, metered

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _allowed(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings(), "test_clocks", True)
    monkeypatch.setattr(time_travel.payment_jobs, "can_be_had", lambda: False)  # no provider for these customers


def a_customer(**more: object) -> tuple[str, datetime]:
    at = datetime.now(UTC)
    with transaction() as session:
        acme = customer(session, start=at.date() - timedelta(days=3), at=at, timezone="UTC", **more)  # type: ignore[arg-type]
    return acme.tenant_id, at


def test_a_year_is_walked_month_by_month() -> None:
    tenant_id, at = a_customer()
    time_travel.start(tenant_id=tenant_id)
    journey = time_travel.advance(tenant_id=tenant_id, to=at + 366 * DAY)
    with reading() as session:
        invoices = list_invoices(session, tenant_id=tenant_id)
        assert now_of(session, tenant_id=tenant_id, at=datetime.now(UTC)) >= at + 366 * DAY
    assert len(invoices) == 13
    assert [invoice.number for invoice in invoices] == list(range(13, 0, -1))
    for invoice in invoices[:-1]:  # an hour's grace after its period's end, to the moment
        assert timedelta(hours=1) <= invoice.issued_at - invoice.period_end < timedelta(hours=1, minutes=1)
    assert [notice.type for notice in journey.told].count("invoice.finalized") == 12


def test_use_and_pages_go_by_the_customers_own_time() -> None:
    tenant_id, at = a_customer()
    time_travel.start(tenant_id=tenant_id)
    time_travel.advance(tenant_id=tenant_id, to=at + 40 * DAY)
    its_now = asyncio.run(unit_of_work.now_of(tenant_id))
    with transaction() as session:
        metered(session, tenant_id, event("5"), at=its_now)
        subscription = session.exec(select(Subscription).where(Subscription.tenant_id == tenant_id)).one()
        assert subscription.current_period_start <= its_now < subscription.current_period_end


def test_a_time_that_has_passed_changes_nothing() -> None:
    tenant_id, at = a_customer()
    time_travel.start(tenant_id=tenant_id)
    time_travel.advance(tenant_id=tenant_id, to=at + 40 * DAY)
    again = time_travel.advance(tenant_id=tenant_id, to=at + 20 * DAY)
    assert (again.stops, again.told) == (0, ())
    assert again.now >= at + 40 * DAY


def test_others_stay_where_they_are() -> None:
    tenant_id, at = a_customer()
    other, _ = a_customer(name="Other")
    time_travel.start(tenant_id=tenant_id)
    time_travel.advance(tenant_id=tenant_id, to=at + 70 * DAY)
    with reading() as session:
        assert len(session.exec(select(Invoice).where(Invoice.tenant_id == other)).all()) == 1


def test_without_a_clock_or_where_they_are_off_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    tenant_id, at = a_customer()
    with pytest.raises(NotFound):
        time_travel.advance(tenant_id=tenant_id, to=at + DAY)
    monkeypatch.setattr(settings(), "test_clocks", False)
    with pytest.raises(Forbidden):
        time_travel.start(tenant_id=tenant_id)


def test_a_start_in_the_past_is_caught_up_with_on_the_first_stop() -> None:
    at = datetime.now(UTC)
    with transaction() as session:
        acme = customer(session, start=date(at.year - 1, 1, 31), at=at)
    time_travel.start(tenant_id=acme.tenant_id)
    time_travel.advance(tenant_id=acme.tenant_id, to=at + DAY)
    with reading() as session:
        subscription = session.get_one(Subscription, (acme.tenant_id, acme.subscription_id))
        assert subscription.current_period_end > at


def test_who_does_not_pay_is_moved_on_the_way_and_put_back_after_the_close() -> None:
    tenant_id, at = a_customer()
    with transaction() as session:
        book = read_book(CATALOGS / "assistant.toml").model_dump(exclude_unset=True)
        book |= {"code": "kept", "currency": "CAD", "plans": [dict(plan) for plan in book["plans"]]}
        book["plans"][1]["after_dunning"] = "free"
        load_book(session, book=BookEntry.model_validate(book), at=at)
        team = create_subscription(session, tenant_id=tenant_id, plan_code="kept/pro", name="Team", at=at)
        bill = list_invoices(session, tenant_id=tenant_id, subscription_id=team.id)[0]
        begin_dunning(session, invoice=bill, failed_at=at)

    def plan() -> str:
        with reading() as session:
            return plan_of(session, session.get_one(Subscription, (tenant_id, team.id))).code

    time_travel.start(tenant_id=tenant_id)
    time_travel.advance(tenant_id=tenant_id, to=at + 7 * DAY)
    assert plan() == "pro"
    journey = time_travel.advance(tenant_id=tenant_id, to=at + 9 * DAY)
    assert plan() == "free"
    assert [notice.type for notice in journey.told].count("subscription.moved_unpaid") == 1
    with transaction() as session:
        paid = mark_invoice_paid(session, tenant_id=tenant_id, invoice_id=bill.id, at=at + 9 * DAY)
        end_dunning(session, invoice=paid, at=at + 9 * DAY)
    time_travel.advance(tenant_id=tenant_id, to=at + 40 * DAY)
    assert plan() == "pro"


def test_a_run_that_waits_is_reminded_of_in_its_time_and_billed_once_it_is_approved_however_late() -> None:
    tenant_id, at = a_customer(plan="ENTERPRISE")
    time_travel.start(tenant_id=tenant_id)
    days = (at.date() - 360 * DAY, at.date() - 5 * DAY)
    before = {"period_start": days[0] - 90 * DAY, "period_end": days[0], "effective_from": days[0]}
    with transaction() as session:
        for kpi, value in (("mtbf_hours", "92"), ("mttr_hours", "8")):
            accepted_baseline(session, tenant_id, kpi, value, at=at, **before)
        measure(session, tenant_id, BETTER, days=days, at=at)
        run = submit(session, tenant_id, at=at, period_start=days[0], period_end=days[1])
        run_id, deadline, fee_minor = run.id, run.deadline_on, run.fee_minor
    journey = time_travel.advance(tenant_id=tenant_id, to=at + 45 * DAY)
    reminders = [notice.data["days_left"] for notice in journey.told if notice.type == "gain_share.reminder"]
    assert reminders == [7, 1]
    assert gain_shares(tenant_id) == []
    its_now = asyncio.run(unit_of_work.now_of(tenant_id))
    assert its_now.date() > deadline
    with transaction() as session:
        approve_run(session, tenant_id=tenant_id, run_id=run_id, signer=THEIRS, at=its_now)
    time_travel.advance(tenant_id=tenant_id, to=at + 120 * DAY)
    assert gain_shares(tenant_id) == [fee_minor]


def gain_shares(tenant_id: str) -> list[int]:
    with reading() as session:
        billed = select(InvoiceLine.amount_minor).where(
            InvoiceLine.tenant_id == tenant_id, InvoiceLine.kind == LineKind.GAIN_SHARE
        )
        return list(session.exec(billed))
