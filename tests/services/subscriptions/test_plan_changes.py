"""Changes of plan and interval: what they come to, and that the bill says what the preview said."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlmodel import Session, select

from models import BillingPeriod, ChangeStatus, CreditGrant, Interval, Invoice, LineKind, SubscriptionStatus
from services.assets.snapshots import record_snapshot
from services.closing.close import close_if_due, close_period, preview_invoice
from services.errors import Conflict, NotFound, UnknownPlan, Unprocessable
from services.invoices.finding import read_invoice
from services.invoices.pending_lines import waiting_lines
from services.rules.money import Money
from services.subscriptions.change_preview import PlanChange, When, preview_change
from services.subscriptions.finding import read_subscription
from services.subscriptions.plan_changes import change_plan
from services.subscriptions.scheduled_changes import list_changes, waiting_change, withdraw_change
from services.subscriptions.starting import create_subscription
from tests.given import NOON, Customer, assert_books_agree, customer, event, metered

NOVEMBER = (datetime(2026, 11, 1, 4, tzinfo=UTC), datetime(2026, 12, 1, 5, tzinfo=UTC))
DECEMBER = datetime(2026, 12, 1, 7, tzinfo=UTC)
JANUARY = datetime(2027, 1, 1, 7, tzinfo=UTC)
LEFT = (NOVEMBER[1] - NOON) / (NOVEMBER[1] - NOVEMBER[0])


def change(session: Session, acme: Customer, plan_code: str, at: datetime = NOON, **more: object) -> PlanChange:
    """Change, having seen that the preview says the same."""
    shown = preview_change(session, tenant_id=acme.tenant_id, plan_code=plan_code, at=at, **more)  # type: ignore[arg-type]
    done = change_plan(session, tenant_id=acme.tenant_id, plan_code=plan_code, at=at, **more)  # type: ignore[arg-type]
    assert (shown.lines, shown.when, shown.effective_at) == (done.lines, done.when, done.effective_at)
    return done


def billed(session: Session, acme: Customer, at: datetime) -> list[tuple[str, int]]:
    """The lines of the closing invoice, which the preview of the moment before says too."""
    shown = preview_invoice(session, tenant_id=acme.tenant_id, at=at)
    invoice = close_period(session, tenant_id=acme.tenant_id, at=at)
    lines = read_invoice(session, tenant_id=acme.tenant_id, invoice_id=invoice.id).lines
    amounts = [(line.kind, line.amount_minor) for line in lines]
    assert [(line.kind, line.amount_minor) for line in shown.lines] == amounts
    assert shown.invoice.total_minor == invoice.total_minor
    return amounts


def test_a_dearer_plan_takes_effect_now_and_is_charged_for_the_rest(session: Session) -> None:
    acme = customer(session)
    done = change(session, acme, "ENTERPRISE")
    credit, charge = round(900_000 * LEFT), round(1_800_000 * LEFT)
    assert (done.when, [line.amount.amount_minor for line in done.lines]) == (When.NOW, [-credit, charge])
    assert done.total == Money(charge - credit, "CAD")
    subscription = read_subscription(session, tenant_id=acme.tenant_id)
    assert subscription.plan_version_id == done.then.version_id
    assert billed(session, acme, DECEMBER) == [
        (LineKind.BASE, 1_800_000), (LineKind.PRORATION, -credit), (LineKind.PRORATION, charge),
    ]  # fmt: skip
    assert billed(session, acme, JANUARY) == [(LineKind.BASE, 1_800_000)]
    assert_books_agree(session, acme.tenant_id)


def test_use_before_the_change_is_rated_at_the_old_prices_and_after_it_at_the_new(session: Session) -> None:
    acme = customer(session, plan="STARTER")
    metered(session, acme.tenant_id, event("260", event_type="simulator_run", occurred_at=NOON - timedelta(hours=1)))
    done = change(session, acme, "ENTERPRISE", at=NOON)
    assert done.added_micro is not None
    added = done.added_micro["credits"]
    assert added == int(4_750_000 * 10**6 * LEFT)
    later = NOON + timedelta(hours=1)
    metered(session, acme.tenant_id, event("2000", event_type="simulator_run", occurred_at=later), at=later)
    lines = dict(_overage(session, acme, DECEMBER))
    over_after = 2_000_000 - added / 10**6
    assert lines["STARTER"] == (10_000, 2_000)
    assert lines["ENTERPRISE"][0] == pytest.approx(over_after)
    assert_books_agree(session, acme.tenant_id)


def test_the_old_allowance_stays_usable_after_the_change_and_for_late_use_before_it(session: Session) -> None:
    acme = customer(session, plan="STARTER")
    change(session, acme, "PRO")
    after, before = NOON + timedelta(hours=1), NOON - timedelta(hours=1)
    metered(session, acme.tenant_id, event("200", event_type="simulator_run", occurred_at=after), at=after)
    metered(session, acme.tenant_id, event("50", event_type="simulator_run", occurred_at=before), at=after)
    assert _overage(session, acme, DECEMBER) == []
    assert_books_agree(session, acme.tenant_id)


def test_two_changes_in_one_period_make_three_parts_closed_together(session: Session) -> None:
    acme = customer(session, plan="STARTER")
    change(session, acme, "PRO", at=NOON)
    change(session, acme, "ENTERPRISE", at=NOON + timedelta(days=2))
    kinds = [kind for kind, _ in billed(session, acme, DECEMBER)]
    assert kinds == [LineKind.BASE, *[LineKind.PRORATION] * 4]
    parts = session.exec(select(BillingPeriod).where(BillingPeriod.tenant_id == acme.tenant_id)).all()
    closed = [part for part in parts if part.invoice_id is not None]
    assert len(closed) == 3
    assert len({part.invoice_id for part in closed}) == 1
    assert_books_agree(session, acme.tenant_id)


def test_a_cheaper_plan_waits_for_the_end_of_the_period(session: Session) -> None:
    acme = customer(session)
    done = change(session, acme, "STARTER")
    assert (done.when, done.effective_at, done.lines) == (When.PERIOD_END, NOVEMBER[1], ())
    with pytest.raises(Unprocessable, match="pay back"):
        change(session, acme, "STARTER", when=When.NOW)
    assert billed(session, acme, DECEMBER) == [(LineKind.BASE, 400_000)]
    subscription = read_subscription(session, tenant_id=acme.tenant_id)
    assert subscription.plan_version_id == done.then.version_id
    assert [row.status for row in list_changes(session, tenant_id=acme.tenant_id, subscription_id=subscription.id)] == [
        ChangeStatus.APPLIED
    ]


def test_use_after_the_boundary_and_before_the_close_is_rated_by_the_plan_that_was_scheduled(session: Session) -> None:
    acme = customer(session)
    done = change(session, acme, "STARTER")
    just_after = NOVEMBER[1] + timedelta(minutes=10)
    metered(session, acme.tenant_id, event("300", event_type="simulator_run", occurred_at=just_after), at=just_after)
    with pytest.raises(Conflict):
        withdraw_change(session, tenant_id=acme.tenant_id, subscription_id=acme.subscription_id, at=NOON)
    assert billed(session, acme, DECEMBER) == [(LineKind.BASE, 400_000)]
    row = session.get_one(BillingPeriod, (acme.tenant_id, acme.subscription_id, NOVEMBER[1]))
    assert row.plan_version_id == done.then.version_id
    assert billed(session, acme, JANUARY) == [(LineKind.BASE, 400_000), (LineKind.OVERAGE, 10_000)]
    assert_books_agree(session, acme.tenant_id)


def test_a_month_becomes_a_year_that_began_with_the_running_period(session: Session) -> None:
    acme = customer(session)
    done = change(session, acme, "PRO", interval=Interval.YEAR)
    credit = round(900_000 * LEFT)
    year = datetime(2027, 11, 1, 4, tzinfo=UTC)
    charge = round(8_640_000 * ((year - NOON) / (year - NOVEMBER[0])))
    assert [line.amount.amount_minor for line in done.lines] == [-credit, charge]
    assert billed(session, acme, DECEMBER) == [(LineKind.PRORATION, -credit), (LineKind.PRORATION, charge)]
    assert billed(session, acme, JANUARY) == []
    subscription = read_subscription(session, tenant_id=acme.tenant_id)
    assert subscription.base_paid_until == year


def test_a_year_becomes_months_at_its_end(session: Session) -> None:
    acme = _yearly(session)
    done = change(session, acme, "PRO", interval=Interval.MONTH, at=NOON)
    assert (done.when, done.effective_at) == (When.PERIOD_END, datetime(2027, 11, 1, 4, tzinfo=UTC))
    with pytest.raises(Unprocessable, match="pay back"):
        change(session, acme, "ENTERPRISE", interval=Interval.MONTH, when=When.NOW)
    for month in range(12):
        at = datetime(2026 + (11 + month) // 12, (11 + month) % 12 + 1, 1, 7, tzinfo=UTC)
        lines = billed(session, acme, at)
        assert lines == ([] if month < 11 else [(LineKind.BASE, 900_000)])


def test_a_year_is_upgraded_within_its_term(session: Session) -> None:
    acme = _yearly(session)
    done = change(session, acme, "ENTERPRISE", at=NOON)
    year = datetime(2027, 11, 1, 4, tzinfo=UTC)
    share = (year - NOON) / (year - NOVEMBER[0])
    assert [line.amount.amount_minor for line in done.lines] == [-round(8_640_000 * share), round(17_280_000 * share)]
    assert [line.unit for line in done.lines] == ["year", "year"]


def test_a_trial_keeps_its_end_whatever_plan_it_is_of(session: Session) -> None:
    acme = customer(session)
    trial_end = NOON + timedelta(days=14)
    trial = create_subscription(
        session, tenant_id=acme.tenant_id, plan_code="STARTER", started_at=NOON, trial_ends_at=trial_end, at=NOON,
        name="second",
    )  # fmt: skip
    mine = {"subscription_id": trial.id}
    up = change(session, acme, "ENTERPRISE", at=NOON + timedelta(days=1), **mine)
    down = change(session, acme, "PRO", at=NOON + timedelta(days=2), **mine)
    assert [up.when, up.lines, down.when, down.lines] == [When.NOW, (), When.NOW, ()]
    invoice = close_if_due(
        session, tenant_id=acme.tenant_id, subscription_id=trial.id, at=trial_end + timedelta(hours=2)
    )
    assert invoice is not None
    assert invoice.subtotal_minor == 900_000
    session.refresh(trial)
    assert (trial.status, trial.trial_ends_at) == (SubscriptionStatus.ACTIVE, trial_end)


def test_a_later_change_takes_the_place_of_one_that_waits_and_can_be_withdrawn(session: Session) -> None:
    acme = customer(session)
    mine = {"tenant_id": acme.tenant_id, "subscription_id": acme.subscription_id}
    change(session, acme, "STARTER")
    change(session, acme, "STARTER", interval=Interval.YEAR, when=When.PERIOD_END)
    assert [row.status for row in list_changes(session, **mine)] == [ChangeStatus.SCHEDULED, ChangeStatus.REPLACED]
    withdraw_change(session, **mine, at=NOON)
    with pytest.raises(NotFound):
        withdraw_change(session, **mine, at=NOON)
    assert waiting_change(session, subscription=read_subscription(session, tenant_id=acme.tenant_id)) is None
    assert billed(session, acme, DECEMBER) == [(LineKind.BASE, 900_000)]


def test_what_cannot_be_changed_is_refused_and_changes_nothing(session: Session) -> None:
    acme = customer(session)
    for plan_code, refusal in (("PRO", Unprocessable), ("no-such", UnknownPlan), ("memory-cloud/pro", Unprocessable)):
        with pytest.raises(refusal):
            change_plan(session, tenant_id=acme.tenant_id, plan_code=plan_code, at=NOON)
    with pytest.raises(Conflict, match="being closed"):
        change_plan(session, tenant_id=acme.tenant_id, plan_code="ENTERPRISE", at=NOVEMBER[1])
    assert billed(session, acme, DECEMBER) == [(LineKind.BASE, 900_000)]


def test_a_change_at_the_start_of_a_period_charges_and_credits_the_whole(session: Session) -> None:
    acme = customer(session)
    billed(session, acme, DECEMBER)
    done = change(session, acme, "ENTERPRISE", at=NOVEMBER[1])
    assert [line.amount.amount_minor for line in done.lines] == [-900_000, 1_800_000]


def test_a_forced_close_bills_the_parts_and_what_was_scheduled_begins_with_it(session: Session) -> None:
    acme = customer(session, plan="STARTER")
    change(session, acme, "PRO", at=NOON)
    change(session, acme, "STARTER", at=NOON + timedelta(hours=1))
    invoice = close_period(session, tenant_id=acme.tenant_id, at=NOON + timedelta(hours=2), force=True)
    assert read_invoice(session, tenant_id=acme.tenant_id, invoice_id=invoice.id).lines[0].amount_minor == 400_000
    assert read_subscription(session, tenant_id=acme.tenant_id).current_period_start == NOON + timedelta(hours=2)


def test_use_ahead_of_the_clock_stays_before_the_change(session: Session) -> None:
    acme = customer(session, plan="STARTER")
    ahead = NOON + timedelta(minutes=3)
    metered(session, acme.tenant_id, event("1", event_type="simulator_run", occurred_at=ahead), at=NOON)
    change(session, acme, "PRO", at=NOON)
    parts = session.exec(
        select(BillingPeriod).where(BillingPeriod.tenant_id == acme.tenant_id).order_by(BillingPeriod.starts_at)  # type: ignore[arg-type]
    ).all()
    assert [part.ends_at for part in parts] == [ahead + timedelta(microseconds=1), NOVEMBER[1]]


def _yearly(session: Session) -> Customer:
    acme = customer(session)
    made = create_subscription(
        session, tenant_id=acme.tenant_id, plan_code="PRO", start_date=date(2026, 11, 1), interval=Interval.YEAR,
        at=NOON, name="year",
    )  # fmt: skip
    old = read_subscription(session, tenant_id=acme.tenant_id, subscription_id=acme.subscription_id)
    old.status, old.canceled_at = SubscriptionStatus.CANCELED, NOON
    row = session.get_one(BillingPeriod, (acme.tenant_id, old.id, old.current_period_start))
    row.status, row.closed_at = "closed", NOON  # type: ignore[assignment]
    session.add_all([old, row])
    session.flush()
    return replace(acme, subscription_id=made.id)


def _overage(session: Session, acme: Customer, at: datetime) -> list[tuple[str, tuple[float, int]]]:
    """(plan, (credits beyond, amount)) of each overage line of the closing invoice."""
    from services.price_books.books import plan_version

    invoice = close_period(session, tenant_id=acme.tenant_id, at=at)
    document = read_invoice(session, tenant_id=acme.tenant_id, invoice_id=invoice.id)
    lots = session.exec(select(CreditGrant).where(CreditGrant.tenant_id == acme.tenant_id)).all()
    assert all(lot.remaining_micro + lot.expired_micro <= lot.granted_micro for lot in lots)
    assert session.get_one(Invoice, (acme.tenant_id, invoice.id)).subtotal_minor == sum(
        line.amount_minor for line in document.lines
    )
    return [
        (plan_version(session, version_id=line.plan_version_id).code, (float(line.quantity), line.amount_minor))
        for line in document.lines
        if line.kind == LineKind.OVERAGE
    ]


def test_going_to_and_fro_in_a_trial_gives_each_allowance_once(session: Session) -> None:
    acme = customer(session)
    named = create_subscription(
        session, tenant_id=acme.tenant_id, plan_code="PRO", name="team", trial_ends_at=NOON + timedelta(days=20),
        started_at=NOON, at=NOON,
    )  # fmt: skip
    for hour, (code, when) in enumerate(
        [("ENTERPRISE", When.NOW), ("PRO", When.PERIOD_END), ("STARTER", When.NOW), ("ENTERPRISE", When.PERIOD_END)]
    ):
        done = change(session, acme, code, at=NOON + timedelta(hours=hour), subscription_id=named.id)
        assert done.when == when
    with pytest.raises(Unprocessable, match="earlier in this period"):
        change(session, acme, "PRO", at=NOON + timedelta(hours=9), subscription_id=named.id, when=When.NOW)
    lots = session.exec(select(CreditGrant).where(CreditGrant.subscription_id == named.id)).all()
    assert sum(lot.granted_micro for lot in lots) <= 5_000_000 * 10**6


def test_assets_are_priced_by_the_plan_of_most_of_the_period(session: Session) -> None:
    acme = customer(session)
    record_snapshot(session, tenant_id=acme.tenant_id, asset_count=1_200, captured_at=NOON, at=NOON)
    change(session, acme, "ENTERPRISE", at=NOVEMBER[1] - timedelta(hours=1))
    assert (LineKind.ASSET_UPLIFT, 60_000) in billed(session, acme, DECEMBER)
    change(session, acme, "STARTER", at=DECEMBER)
    record_snapshot(session, tenant_id=acme.tenant_id, asset_count=1_200, captured_at=DECEMBER, at=DECEMBER)
    assert LineKind.ASSET_UPLIFT not in dict(billed(session, acme, JANUARY))


@pytest.mark.parametrize(("plan", "interval"), [("PRO", Interval.YEAR), ("STARTER", Interval.MONTH)])
def test_a_preview_of_before_the_last_change_is_worth_nothing_after_it(
    session: Session, plan: str, interval: Interval
) -> None:
    acme = customer(session, plan=plan)
    mine, five = {"tenant_id": acme.tenant_id}, timedelta(minutes=5)
    change_plan(session, **mine, plan_code="PRO", interval=interval, since=NOON, at=NOON + five)
    waiting = waiting_lines(session, subscription=read_subscription(session, **mine))
    for since in (NOON, NOON + five / 2):
        with pytest.raises(Unprocessable, match="something changed since"):
            change_plan(session, **mine, plan_code="ENTERPRISE", since=since, at=NOON + 2 * five)
    assert waiting_lines(session, subscription=read_subscription(session, **mine)) == waiting
    done = change_plan(session, **mine, plan_code="ENTERPRISE", since=NOON + five, at=NOON + 2 * five)
    assert done.effective_at == NOON + five
