"""Subscriptions that begin at an exact moment, trials, and years that last a year however periods are cut."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlmodel import Session, select

from models import CreditGrant, Interval, Invoice, PlanVersion, SubscriptionStatus
from services.closing.close import close_if_due, close_period, preview_invoice
from services.closing.due_periods import due_subscriptions
from services.errors import Unprocessable
from services.identity import create_tenant
from services.invoices.finding import InvoiceDocument, list_invoices, read_invoice
from services.price_books.books import load_book, load_shipped_books, plan_in_force
from services.price_books.entries import BookEntry
from services.price_books.files import PriceBookRefused, read_book
from services.settings import CATALOGS
from services.subscriptions.finding import read_subscription
from services.subscriptions.plan_changes import change_plan
from services.subscriptions.plan_starts import offered_trial_days, preview_start, start_plan
from services.subscriptions.starting import create_subscription
from tests.given import NOON, assert_books_agree, event, metered

PAID_AT = datetime(2026, 11, 20, 11, 59, 43, tzinfo=UTC)
TRIAL_END = PAID_AT + timedelta(days=14)
HOUR = timedelta(hours=1)


@pytest.fixture
def tenant_id(session: Session) -> str:
    load_shipped_books(session, at=NOON)
    return create_tenant(session, name="Acme", currency="CAD", timezone="America/Toronto", at=NOON).id


def lines_of(session: Session, invoice: Invoice) -> list[tuple[str, int, datetime, datetime]]:
    document = read_invoice(session, tenant_id=invoice.tenant_id, invoice_id=invoice.id)
    return [(line.kind.value, line.amount_minor, line.period_start, line.period_end) for line in document.lines]


def amounts(document: InvoiceDocument) -> list[tuple[str, int]]:
    return [(line.kind.value, line.amount_minor) for line in document.lines]


def book_with_trial(session: Session, **plan: Any) -> None:
    book = read_book(CATALOGS / "reliability.toml")
    plans = tuple(each.model_copy(update=plan) if each.code == "PRO" else each for each in book.plans)
    load_book(session, book=book.model_copy(update={"plans": plans}), at=NOON)


def test_it_starts_at_the_very_second_that_was_given(session: Session, tenant_id: str) -> None:
    made = create_subscription(session, tenant_id=tenant_id, plan_code="PRO", started_at=PAID_AT, at=NOON)
    assert (made.started_at, made.current_period_start, made.anchor_at) == (PAID_AT, PAID_AT, PAID_AT)
    assert made.current_period_end == made.base_paid_until == datetime(2026, 12, 20, 11, 59, 43, tzinfo=UTC)


def test_another_clock_may_be_ahead_by_minutes_and_no_more(session: Session, tenant_id: str) -> None:
    for wrong in (timedelta(minutes=5, seconds=1), timedelta(days=-2_000)):
        with pytest.raises(Unprocessable) as refused:
            create_subscription(session, tenant_id=tenant_id, plan_code="PRO", started_at=NOON + wrong, at=NOON)
        assert refused.value.field == "started_at"
    ahead = NOON + timedelta(minutes=5)
    assert create_subscription(
        session, tenant_id=tenant_id, plan_code="PRO", started_at=ahead, at=NOON
    ).started_at == ahead  # fmt: skip


def test_what_was_offered_is_bought_though_the_book_has_changed(session: Session, tenant_id: str) -> None:
    offered = plan_in_force(session, plan_code="PRO")
    book_with_trial(session, base_price=Decimal(12_000))
    made = create_subscription(session, tenant_id=tenant_id, version_id=offered.version_id, at=NOON)
    assert made.plan_version_id == offered.version_id != plan_in_force(session, plan_code="PRO").version_id
    (invoice,) = list_invoices(session, tenant_id=tenant_id)
    assert invoice.total_minor == 900_000


@pytest.mark.parametrize(
    "asked", [{"version_id": "sha256:none"}, {}, {"plan_code": "PRO", "version_id": "sha256:none"}]
)
def test_one_plan_must_be_named_and_known(session: Session, tenant_id: str, asked: dict[str, Any]) -> None:
    with pytest.raises(Unprocessable):
        create_subscription(session, tenant_id=tenant_id, at=NOON, **asked)


def in_trial(session: Session, tenant_id: str, **more: Any) -> None:
    create_subscription(
        session, tenant_id=tenant_id, plan_code="PRO", started_at=PAID_AT, trial_ends_at=TRIAL_END, at=NOON, **more
    )


def test_a_trial_has_its_allowance_and_no_invoice(session: Session, tenant_id: str) -> None:
    in_trial(session, tenant_id)
    made = read_subscription(session, tenant_id=tenant_id)
    assert (made.status, made.trial_ends_at, made.base_paid_until) == (SubscriptionStatus.TRIALING, TRIAL_END, None)
    assert (made.current_period_start, made.current_period_end, made.anchor_at) == (PAID_AT, TRIAL_END, TRIAL_END)
    grant = session.exec(select(CreditGrant)).one()
    assert (grant.granted_micro, grant.expires_at) == (1_000_000_000_000, TRIAL_END)
    assert list_invoices(session, tenant_id=tenant_id) == []


def test_the_first_base_fee_is_due_when_the_trial_ends(session: Session, tenant_id: str) -> None:
    in_trial(session, tenant_id)
    metered(session, tenant_id, event("1000500"), at=NOON)
    preview = preview_invoice(session, tenant_id=tenant_id, at=NOON)
    assert due_subscriptions(session, at=TRIAL_END) == []
    invoice = close_period(session, tenant_id=tenant_id, at=TRIAL_END + HOUR)
    ends_at = datetime(2027, 1, 4, 11, 59, 43, tzinfo=UTC)
    assert lines_of(session, invoice) == [
        ("base", 900_000, TRIAL_END, ends_at),
        ("overage", 100, PAID_AT, TRIAL_END),
    ]
    assert (amounts(preview), invoice.number) == ([("base", 900_000), ("overage", 100)], 1)
    subscription = read_subscription(session, tenant_id=tenant_id)
    assert (subscription.status, subscription.base_paid_until) == (SubscriptionStatus.ACTIVE, ends_at)
    second = close_period(session, tenant_id=tenant_id, at=ends_at + HOUR)
    assert [line[:2] for line in lines_of(session, second)] == [("base", 900_000)]
    assert_books_agree(session, tenant_id)


def test_an_event_just_after_the_trial_counts_for_the_first_month(session: Session, tenant_id: str) -> None:
    in_trial(session, tenant_id)
    (answer,) = metered(session, tenant_id, event("1", occurred_at=TRIAL_END), at=TRIAL_END + timedelta(minutes=9))
    assert answer.remaining_micro == 999_999_000_000
    close_period(session, tenant_id=tenant_id, at=TRIAL_END + HOUR)
    assert_books_agree(session, tenant_id)


def test_a_status_that_came_meanwhile_survives_the_end_of_the_trial(session: Session, tenant_id: str) -> None:
    in_trial(session, tenant_id)
    read_subscription(session, tenant_id=tenant_id).status = SubscriptionStatus.PAST_DUE
    session.flush()
    close_period(session, tenant_id=tenant_id, at=TRIAL_END + HOUR)
    assert read_subscription(session, tenant_id=tenant_id).status == SubscriptionStatus.PAST_DUE


def test_a_trial_that_is_cut_short_ends_there(session: Session, tenant_id: str) -> None:
    in_trial(session, tenant_id, interval=Interval.YEAR)
    at = PAID_AT + timedelta(days=3)
    invoice = close_period(session, tenant_id=tenant_id, at=at, force=True)
    assert lines_of(session, invoice) == [("base", 8_640_000, at, datetime(2027, 11, 23, 11, 59, 43, tzinfo=UTC))]
    subscription = read_subscription(session, tenant_id=tenant_id)
    assert (subscription.status, subscription.trial_ends_at) == (SubscriptionStatus.ACTIVE, at)


@pytest.mark.parametrize("ends_at", [PAID_AT, PAID_AT - HOUR, PAID_AT + timedelta(days=732)])
def test_a_trial_that_does_not_fit_is_refused(session: Session, tenant_id: str, ends_at: datetime) -> None:
    with pytest.raises(Unprocessable) as refused:
        create_subscription(
            session, tenant_id=tenant_id, plan_code="PRO", started_at=PAID_AT, trial_ends_at=ends_at, at=NOON
        )
    assert refused.value.field == "trial_ends_at"


def test_a_year_after_a_trial_is_due_once_a_year(session: Session, tenant_id: str) -> None:
    in_trial(session, tenant_id, interval=Interval.YEAR)
    late, base = TRIAL_END + timedelta(days=800), []
    while invoice := close_if_due(
        session, tenant_id=tenant_id, subscription_id=read_subscription(session, tenant_id=tenant_id).id, at=late
    ):
        base += [line for line in lines_of(session, invoice) if line[0] == "base"]
    assert [(start.date(), end.date()) for _, _, start, end in base] == [
        (date(2026, 12, 4), date(2027, 12, 4)),
        (date(2027, 12, 4), date(2028, 12, 4)),
        (date(2028, 12, 4), date(2029, 12, 4)),
    ]


def test_a_forced_close_neither_shortens_a_year_nor_charges_it_again(session: Session, tenant_id: str) -> None:
    create_subscription(
        session, tenant_id=tenant_id, plan_code="PRO", interval=Interval.YEAR, started_at=PAID_AT, at=NOON
    )
    forced = close_period(session, tenant_id=tenant_id, force=True, at=NOON + timedelta(days=9))
    assert lines_of(session, forced) == []
    paid_until = datetime(2027, 11, 20, 11, 59, 43, tzinfo=UTC)
    subscription = read_subscription(session, tenant_id=tenant_id)
    assert subscription.base_paid_until == paid_until
    late, base = datetime(2028, 3, 1, tzinfo=UTC), []
    while invoice := close_if_due(session, tenant_id=tenant_id, subscription_id=subscription.id, at=late):
        base += lines_of(session, invoice)
    assert base == [("base", 8_640_000, paid_until, datetime(2028, 11, 20, 11, 59, 43, tzinfo=UTC))]


def test_what_waits_for_the_end_of_a_paid_year_waits_for_it_also_where_its_last_month_is_forced_to_close(
    session: Session, tenant_id: str
) -> None:
    made = create_subscription(
        session, tenant_id=tenant_id, plan_code="PRO", interval=Interval.YEAR, started_at=NOON, at=NOON
    )
    year_ends = made.base_paid_until
    assert year_ends is not None
    at = year_ends - timedelta(days=12)
    while close_if_due(session, tenant_id=tenant_id, subscription_id=made.id, at=at):
        pass
    change_plan(session, tenant_id=tenant_id, plan_code="PRO", interval=Interval.MONTH, at=at)
    forced = close_period(session, tenant_id=tenant_id, force=True, at=at)
    assert lines_of(session, forced) == []
    subscription = read_subscription(session, tenant_id=tenant_id)
    assert (subscription.current_period_start, subscription.current_period_end) == (at, year_ends)
    assert subscription.interval == Interval.YEAR
    (month,) = lines_of(session, close_period(session, tenant_id=tenant_id, at=year_ends + timedelta(hours=1)))
    assert month[:3] == ("base", 900_000, year_ends)
    assert read_subscription(session, tenant_id=tenant_id).interval == Interval.MONTH


def test_a_forced_close_of_a_month_still_begins_another_month(session: Session, tenant_id: str) -> None:
    create_subscription(session, tenant_id=tenant_id, plan_code="PRO", started_at=PAID_AT, at=NOON)
    at = NOON + timedelta(days=9)
    forced = close_period(session, tenant_id=tenant_id, force=True, at=at)
    assert lines_of(session, forced) == [("base", 900_000, at, datetime(2026, 12, 29, 12, tzinfo=UTC))]


def test_a_plan_without_a_trial_keeps_its_name(session: Session, tenant_id: str) -> None:
    before = plan_in_force(session, plan_code="PRO")
    book_with_trial(session, trial_days=0)
    assert plan_in_force(session, plan_code="PRO").version_id == before.version_id
    assert "trial_days" not in session.get_one(PlanVersion, before.version_id).document
    book_with_trial(session, trial_days=14)
    after = plan_in_force(session, plan_code="PRO")
    assert (before.trial_days, after.trial_days) == (0, 14)
    assert after.version_id != before.version_id


@pytest.mark.parametrize("days", ["-1", "731", "1.5", "true", '"14"'])
def test_a_trial_in_a_book_is_a_number_of_days(days: str, tmp_path: Any) -> None:
    text = (CATALOGS / "reliability.toml").read_text()
    path = tmp_path / "book.toml"
    path.write_text(text.replace("[[plans]]", f"[[plans]]\ntrial_days = {days}", 1))
    with pytest.raises(PriceBookRefused, match="trial_days"):
        read_book(path)


def test_what_a_start_with_a_trial_shows_is_what_is_billed(session: Session, tenant_id: str) -> None:
    book_with_trial(session, trial_days=14)
    shown = preview_start(session, tenant_id=tenant_id, plan_code="PRO", interval="month", at=NOON)
    assert (shown.today, shown.period) == ("$0.00", "20 Nov – 3 Dec 2026")
    assert shown.today_detail == "Nothing is invoiced today; Pro, monthly base fee, $9,000.00, on 4 Dec 2026"
    made = start_plan(
        session, tenant_id=tenant_id, plan_code="PRO", interval="month", version_id=shown.version_id, at=NOON
    )
    assert (made.status, made.trial_ends_at) == (SubscriptionStatus.TRIALING, datetime(2026, 12, 4, 5, tzinfo=UTC))
    assert list_invoices(session, tenant_id=tenant_id) == []
    invoice = close_period(session, tenant_id=tenant_id, at=datetime(2026, 12, 4, 6, tzinfo=UTC))
    assert invoice.total_minor == 900_000


def test_a_trial_is_offered_to_whoever_never_had_a_subscription(session: Session, tenant_id: str) -> None:
    book_with_trial(session, trial_days=14)
    plan = plan_in_force(session, plan_code="PRO")
    assert offered_trial_days(session, tenant_id=tenant_id, plan=plan) == 14
    made = create_subscription(session, tenant_id=tenant_id, plan_code="PRO", at=NOON)
    made.status, made.canceled_at = SubscriptionStatus.CANCELED, NOON
    session.flush()
    assert offered_trial_days(session, tenant_id=tenant_id, plan=plan) == 0
    assert preview_start(
        session, tenant_id=tenant_id, plan_code="PRO", interval="month", at=NOON
    ).today == "$9,000.00"  # fmt: skip


def test_a_book_entry_has_no_trial_unless_it_says_so() -> None:
    book: BookEntry = read_book(CATALOGS / "reliability.toml")
    assert {plan.trial_days for plan in book.plans} == {0}
