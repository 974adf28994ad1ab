"""Closing a period: the worked example, idempotence, late usage, annual terms, months of different length."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, select

from app.jobs import close_due_periods
from models import (
    BillingPeriod,
    BillingReason,
    Interval,
    Invoice,
    InvoiceStatus,
    PeriodStatus,
    PlanVersion,
    Subscription,
)
from services.assets.snapshots import record_snapshot
from services.closing.close import close_period, preview_invoice
from services.database import reading, transaction
from services.errors import PeriodNotEnded
from services.identity import create_tenant
from services.invoices.finding import InvoiceDocument, list_invoices, read_invoice
from services.price_books.books import load_shipped_books
from services.subscriptions.finding import read_subscription
from services.subscriptions.starting import create_subscription
from tests.given import NOON, assert_books_agree, customer, event, metered, own_plan

DECEMBER = datetime(2026, 12, 1, 6, 0, tzinfo=UTC)


def lines_of(document: InvoiceDocument) -> list[tuple[str, int]]:
    return [(line.kind.value, line.amount_minor) for line in document.lines]


def _odd(session: Session) -> str:
    """A plan version whose document lost its prices, as no service writes it."""
    row = PlanVersion(
        id="sha256:odd",
        book_code="odd",
        plan_code="odd",
        name="Odd",
        currency="CAD",
        document={},
        loaded_at=NOON,
    )
    session.add(row)
    session.flush()
    return row.id


def test_the_worked_example_of_a_pro_month(session: Session) -> None:
    one = customer(session)
    metered(session, one.tenant_id, event("1000000"), event("1000", "optimizer_job"))
    record_snapshot(session, tenant_id=one.tenant_id, asset_count=1_200, at=NOON)
    invoice = close_period(session, tenant_id=one.tenant_id, at=DECEMBER)
    document = read_invoice(session, tenant_id=one.tenant_id, invoice_id=invoice.id)
    assert lines_of(document) == [("base", 900_000), ("asset_uplift", 60_000), ("overage", 100_000)]
    assert (invoice.total_minor, invoice.currency) == (1_060_000, "CAD")
    assert invoice.status is InvoiceStatus.OPEN


def test_the_preview_is_what_is_then_billed(session: Session) -> None:
    one = customer(session)
    metered(session, one.tenant_id, event("1234567.891"))
    record_snapshot(session, tenant_id=one.tenant_id, asset_count=1_001, at=NOON)
    preview = preview_invoice(session, tenant_id=one.tenant_id, at=NOON)
    invoice = close_period(session, tenant_id=one.tenant_id, at=DECEMBER)
    billed = read_invoice(session, tenant_id=one.tenant_id, invoice_id=invoice.id)
    assert lines_of(preview) == lines_of(billed)
    assert preview.invoice.total_minor == invoice.total_minor
    assert preview.invoice.number is None


def test_a_preview_stores_nothing(engine: Engine) -> None:
    with transaction(engine) as session:
        one = customer(session)
    with transaction(engine) as session:
        preview_invoice(session, tenant_id=one.tenant_id, at=NOON)
    with reading(engine) as session:
        assert len(list_invoices(session, tenant_id=one.tenant_id)) == 1


def test_closing_again_answers_with_the_same_invoice(session: Session) -> None:
    one = customer(session)
    first = close_period(session, tenant_id=one.tenant_id, at=DECEMBER)
    again = close_period(session, tenant_id=one.tenant_id, at=DECEMBER + timedelta(days=3))
    assert again.id == first.id
    assert len(list_invoices(session, tenant_id=one.tenant_id)) == 2


def test_a_period_still_running_is_not_closed(session: Session) -> None:
    one = customer(session)
    with pytest.raises(PeriodNotEnded, match="runs until"):
        close_period(session, tenant_id=one.tenant_id, at=NOON)


def test_a_period_in_its_grace_waits_for_late_events(session: Session) -> None:
    one = customer(session)
    with pytest.raises(PeriodNotEnded, match="late events"):
        close_period(session, tenant_id=one.tenant_id, at=datetime(2026, 12, 1, 5, 30, tzinfo=UTC))


def test_closing_expires_the_allowance_and_grants_the_next(session: Session) -> None:
    one = customer(session)
    metered(session, one.tenant_id, event("400000"))
    close_period(session, tenant_id=one.tenant_id, at=DECEMBER)
    (answer,) = metered(session, one.tenant_id, event("1"), at=DECEMBER)
    assert answer.remaining_micro == 999_999_000_000
    assert_books_agree(session, one.tenant_id)


def test_an_event_in_the_grace_bills_in_its_own_period(session: Session) -> None:
    one = customer(session)
    metered(session, one.tenant_id, event("1000000"))
    in_grace = datetime(2026, 12, 1, 5, 20, tzinfo=UTC)
    metered(session, one.tenant_id, event("50", occurred_at=in_grace - timedelta(hours=1)), at=in_grace)
    invoice = close_period(session, tenant_id=one.tenant_id, at=DECEMBER)
    lines = read_invoice(session, tenant_id=one.tenant_id, invoice_id=invoice.id).lines
    assert [(line.kind.value, str(line.quantity)) for line in lines] == [("base", "1"), ("overage", "50")]


def test_late_usage_is_billed_next_at_the_old_periods_prices_once(session: Session) -> None:
    one = customer(session)
    metered(session, one.tenant_id, event("1000000.4"))
    first = close_period(session, tenant_id=one.tenant_id, at=DECEMBER)
    metered(session, one.tenant_id, event("2500", occurred_at=NOON), at=DECEMBER + timedelta(days=2))
    january = datetime(2027, 1, 1, 6, tzinfo=UTC)
    second = close_period(session, tenant_id=one.tenant_id, at=january)
    late = read_invoice(session, tenant_id=one.tenant_id, invoice_id=second.id).lines[-1]
    assert (late.kind.value, str(late.quantity), late.amount_minor) == ("late_usage", "2500", 500)
    assert "2026-11-01" in late.description
    third = close_period(session, tenant_id=one.tenant_id, at=datetime(2027, 2, 1, 6, tzinfo=UTC))
    assert (first.total_minor, second.total_minor, third.total_minor) == (900_000, 900_500, 900_000)


def test_numbers_have_no_gaps_and_the_first_invoice_is_the_first_base_fee(session: Session) -> None:
    one = customer(session)
    for month in range(3):
        close_period(session, tenant_id=one.tenant_id, at=DECEMBER + timedelta(days=32 * month))
    invoices = list_invoices(session, tenant_id=one.tenant_id)
    assert sorted(i.number or 0 for i in invoices) == [1, 2, 3, 4]
    first = next(i for i in invoices if i.number == 1)
    assert (first.billing_reason, first.total_minor) == (BillingReason.SUBSCRIPTION_START, 900_000)


def test_forcing_ends_the_period_now_and_anchors_the_next_there(session: Session) -> None:
    one = customer(session)
    metered(session, one.tenant_id, event("1500000"))
    record_snapshot(session, tenant_id=one.tenant_id, asset_count=1_200, at=NOON)
    invoice = close_period(session, tenant_id=one.tenant_id, force=True, at=NOON + timedelta(minutes=1))
    assert invoice.total_minor == 1_060_000
    subscription = read_subscription(session, tenant_id=one.tenant_id)
    assert subscription.current_period_start == invoice.period_end == NOON + timedelta(minutes=1)
    assert subscription.current_period_end == datetime(2026, 12, 20, 12, 1, tzinfo=UTC)
    closed = session.exec(select(BillingPeriod).where(BillingPeriod.status == PeriodStatus.CLOSED)).one()
    assert closed.invoice_id == invoice.id


def test_forcing_bills_what_events_ahead_of_the_clock_put_into_the_next_period(session: Session) -> None:
    one = customer(session, timezone="UTC")
    ends_at = datetime(2026, 12, 1, tzinfo=UTC)
    at = ends_at - timedelta(minutes=2)
    metered(session, one.tenant_id, event("2000000", occurred_at=ends_at + timedelta(minutes=1)), at=at)
    first = close_period(session, tenant_id=one.tenant_id, force=True, at=at)
    second = close_period(session, tenant_id=one.tenant_id, at=ends_at + timedelta(days=32))
    assert (first.period_end, second.period_start) == (ends_at, ends_at)
    assert (first.total_minor, second.total_minor) == (900_000, 900_000 + 200_000)


def test_month_ends_clip_and_come_back(session: Session) -> None:
    one = customer(session, start=date(2026, 1, 31), timezone="UTC", at=datetime(2026, 1, 31, 1, tzinfo=UTC))
    ends = []
    for _ in range(3):
        ends.append(read_subscription(session, tenant_id=one.tenant_id).current_period_end)
        close_period(session, tenant_id=one.tenant_id, at=ends[-1] + timedelta(hours=1))
    assert [f"{end:%m-%d}" for end in ends] == ["02-28", "03-31", "04-30"]


def test_an_annual_subscription_pays_its_base_once_a_year(session: Session) -> None:
    load_shipped_books(session, at=NOON)
    tenant = create_tenant(session, name="Yearly", currency="CAD", timezone="UTC", at=NOON)
    create_subscription(
        session, tenant_id=tenant.id, plan_code="PRO", interval=Interval.YEAR, start_date=date(2025, 11, 1), at=NOON
    )
    totals = [
        close_period(session, tenant_id=tenant.id, at=datetime(2026, 12, 2, tzinfo=UTC)).total_minor for _ in range(13)
    ]
    assert totals == [0] * 11 + [8_640_000, 0]  # 12 × 9,000.00 less 20 %
    opening = list_invoices(session, tenant_id=tenant.id)
    assert max(i.total_minor for i in opening if i.number == 1) == 8_640_000


def test_an_invoice_with_nothing_to_pay_is_paid(session: Session) -> None:
    one = customer(session, plan="assistant/free", currency="USD")
    invoice = close_period(session, tenant_id=one.tenant_id, at=DECEMBER)
    assert (invoice.total_minor, invoice.status, invoice.currency) == (0, InvoiceStatus.PAID, "USD")


def test_graduated_overage_names_its_tiers(session: Session) -> None:
    one = customer(session, plan="verified-exchange/Starter", currency="USD")
    metered(session, one.tenant_id, event("70000", "verified_exchange"))
    invoice = close_period(session, tenant_id=one.tenant_id, at=DECEMBER)
    line = read_invoice(session, tenant_id=one.tenant_id, invoice_id=invoice.id).lines[-1]
    assert line.amount_minor == 25_000 + 8_000  # 50,000 at 0.005, then 10,000 at 0.008
    assert [(s["from"], s["to"], s["unit_price"], s["amount"]) for s in line.steps] == [
        ("0", "50000", "0.005", "250"),
        ("50000", "60000", "0.008", "80"),
    ]


def test_daily_overage_is_summed_over_the_period_before_it_is_priced(session: Session) -> None:
    one = customer(session, plan="memory-cloud/pro", currency="USD")
    for back in (2, 1):
        metered(session, one.tenant_id, event("10400", "api_call", occurred_at=NOON - timedelta(days=back)))
    invoice = close_period(session, tenant_id=one.tenant_id, at=DECEMBER)
    line = read_invoice(session, tenant_id=one.tenant_id, invoice_id=invoice.id).lines[-1]
    assert (str(line.quantity), line.amount_minor) == ("800", 10)  # one started package of 1,000
    assert_books_agree(session, one.tenant_id)


def test_the_clock_closes_every_overdue_period_month_by_month(engine: Engine) -> None:
    with transaction(engine) as session:
        one = customer(session, start=date(2026, 8, 1))
        other = customer(session, name="Other", plan="STARTER")
    closed = close_due_periods(at=DECEMBER).invoices
    assert [f"{i.period_start:%m}" for i in closed if i.tenant_id == one.tenant_id] == ["08", "09", "10", "11"]
    assert [f"{i.period_start:%m}" for i in closed if i.tenant_id == other.tenant_id] == ["11"]
    assert close_due_periods(at=DECEMBER).invoices == ()


def test_one_that_cannot_be_closed_is_named_and_keeps_no_other_from_closing(
    engine: Engine,
) -> None:
    with transaction(engine) as session:
        broken, sound = customer(session), customer(session, name="Other")
        session.get_one(Subscription, (broken.tenant_id, broken.subscription_id)).plan_version_id = _odd(session)
    closings = close_due_periods(at=DECEMBER)
    assert [invoice.tenant_id for invoice in closings.invoices] == [sound.tenant_id]
    assert closings.failed == ((broken.tenant_id, broken.subscription_id),)


def test_two_clocks_at_once_close_each_period_once(engine: Engine) -> None:
    with transaction(engine) as session:
        tenants = [customer(session, name=f"Tenant {n}", start=date(2026, 9, 1)).tenant_id for n in range(6)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: close_due_periods(at=DECEMBER), range(4)))
    with reading(engine) as session:
        for tenant_id in tenants:
            invoices = session.exec(select(Invoice).where(Invoice.tenant_id == tenant_id)).all()
            assert sorted(i.number or 0 for i in invoices) == [1, 2, 3, 4]
            assert_books_agree(session, tenant_id)


def test_the_working_of_a_line_keeps_every_digit(session: Session) -> None:
    plan = own_plan(session, overage={"model": "per_unit", "unit_price": "0.123456789012"})
    one = customer(session, plan=plan)
    metered(session, one.tenant_id, *[event("8818342079.437389", "work")] * 14, event("0.000010", "work"))
    invoice = close_period(session, tenant_id=one.tenant_id, at=DECEMBER)
    (step,) = read_invoice(session, tenant_id=one.tenant_id, invoice_id=invoice.id).lines[-1].steps
    assert step["amount"] == "15241578753.168725417488265472"


@pytest.mark.parametrize(
    "overage", [{"model": "flat", "amount": "20"}, {"model": "per_unit", "unit_price": "1", "minimum": "20"}]
)
def test_a_least_price_of_overage_is_due_once_and_only_with_overage(session: Session, overage: dict[str, str]) -> None:
    one = customer(session, plan=own_plan(session, overage=overage))
    metered(session, one.tenant_id, event("100", "work"))
    totals = [close_period(session, tenant_id=one.tenant_id, at=DECEMBER).total_minor]
    for month in (1, 2):
        at = DECEMBER + timedelta(days=month)
        metered(session, one.tenant_id, event("3", "work", occurred_at=NOON), at=at)
        totals.append(close_period(session, tenant_id=one.tenant_id, at=at, force=True).total_minor)
    assert totals == [1_000, 1_000 + 2_000, 1_000]
