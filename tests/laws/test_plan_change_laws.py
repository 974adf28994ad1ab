"""Laws of changes: whatever is changed and used, in whatever order, the bill is what its preview said, and what another
reckoning, which knows nothing but fees, moments and days, says of the base fees; and anyone can rate all of it again.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from io import BytesIO
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlmodel import Session

from models import Interval, InvoiceLine, LineKind, SubscriptionStatus
from services.bundles.exports import export_document, prepare_range
from services.bundles.verification import verify_bundle
from services.closing.close import close_if_due, preview_invoice
from services.database import reading, transaction
from services.errors import Conflict, Refusal, SubscriptionConflict, Unprocessable
from services.invoices.finding import list_invoices, read_invoice
from services.metering import UsageInput, record_usage
from services.price_books.books import load_book
from services.price_books.entries import BookEntry
from services.rules.discounts import Discount
from services.rules.quantities import MICRO
from services.subscriptions.arrears_moves import can_be_cut, move_to_free_plan, plan_after_dunning, restore_plan
from services.subscriptions.change_preview import When, preview_change
from services.subscriptions.discounts import Promotion, add_promotions
from services.subscriptions.finding import plan_of, read_subscription
from services.subscriptions.lifecycle import cancel_subscription, pause_subscription, resume_subscription
from services.subscriptions.plan_changes import change_plan
from tests.given import Customer, assert_books_agree, customer

FEES = {LineKind.BASE, LineKind.DISCOUNT}
PLANS = {"S": "7.01", "M": "20", "L": "99.99", "FREE": "0"}
HOUR = timedelta(hours=1)


class Use(NamedTuple):
    """Use at that share of a step, sent late by so many hours."""

    units: int
    hours_late: int


class Change(NamedTuple):
    plan: str
    interval: Interval | None
    when: When | None


class Rest(NamedTuple):
    when: When


class Unpaid(NamedTuple):
    """An invoice is not paid to the end of the reminders, or it is paid after all."""


class Wait(NamedTuple):
    hours: int


steps = st.one_of(
    st.builds(Use, st.integers(1, 60), st.integers(0, 60)),
    st.builds(Use, st.integers(1, 60), st.integers(0, 2)),
    st.builds(Change, st.sampled_from(list(PLANS)), st.sampled_from([None, *Interval]), st.sampled_from([None, *When])),
    st.builds(Change, st.sampled_from(list(PLANS)), st.none(), st.none()),
    st.builds(Wait, st.integers(1, 30 * 24)),
    st.builds(Rest, st.sampled_from(list(When))),
    st.builds(Unpaid),
    st.builds(Unpaid),
)
starts = st.sampled_from(
    [
        ("America/Toronto", date(2026, 10, 31)),
        ("America/Toronto", date(2026, 2, 28)),
        ("Australia/Lord_Howe", date(2026, 3, 31)),
        ("Europe/Paris", date(2028, 1, 31)),
        ("UTC", date(2028, 2, 29)),
    ]
)
promotions = st.sampled_from(
    [(), (Discount(percent_off=Decimal("33.333")),), (Discount(percent_off=Decimal(50)), "amount")]
)


def load_plans(session: Session, at: datetime) -> None:
    meters = {"work": {"name": "Work", "unit": "unit", "pool": "credits", "credits_per_unit": Decimal(1)}}
    plans = [
        {
            "code": code,
            "name": code,
            "base_price": Decimal(price),
            "allowances": {"credits": Decimal(10 * (place + 1))} if code != "FREE" else {"credits": Decimal(1)},
            "overage": {"credits": {"model": "per_unit", "unit_price": f"0.{place + 1}3"}},
            "after_dunning": None if code == "FREE" else "FREE",
        }
        for place, (code, price) in enumerate(PLANS.items())
    ]
    document: dict[str, Any] = {
        "code": "laws", "name": "Laws", "currency": "CAD", "annual_discount_pct": Decimal(20), "meters": meters,
        "pools": {"credits": {"name": "Credits", "unit": "credit"}}, "plans": plans,
    }  # fmt: skip
    load_book(session, book=BookEntry.model_validate(document), at=at)


class World:
    """A customer whose days go by; every close is held to its preview."""

    def __init__(self, session: Session, timezone: str, start: date, off: tuple[Any, ...]) -> None:
        self.session = session
        at = datetime(start.year, start.month, start.day, 15, tzinfo=UTC)
        load_plans(session, at)
        name = f"C {datetime.now(UTC).timestamp()}"
        self.acme: Customer = customer(session, plan="laws/S", name=name, timezone=timezone, start=start, at=at)
        self.at = at
        self.mine = {"tenant_id": self.acme.tenant_id, "subscription_id": self.acme.subscription_id}
        if off:
            subscription = read_subscription(session, **self.mine)
            kinds = [
                Promotion(stripe_id=f"p{place}", code=f"P{place}", starts_at=at + HOUR, off_minor=150)
                if discount == "amount"
                else Promotion(stripe_id=f"p{place}", code=f"P{place}", starts_at=at, percent_off=discount.percent_off)
                for place, discount in enumerate(off)
            ]
            add_promotions(session, subscription=subscription, promotions=kinds, currency="CAD")

    def take(self, step: Use | Change | Wait | Rest) -> None:
        self.at += HOUR
        if isinstance(step, Wait):
            self.at += step.hours * HOUR
        self.close()
        if isinstance(step, Use):
            happened = self.at - step.hours_late * HOUR
            use = UsageInput(None, "work", step.units * MICRO, occurred_at=happened)
            record_usage(self.session, tenant_id=self.acme.tenant_id, events=[use], at=self.at)
        elif isinstance(step, Change):
            self.change(step)
        elif isinstance(step, Rest):
            self.rest(step)
        elif isinstance(step, Unpaid):
            self.leave_unpaid_or_pay()

    def leave_unpaid_or_pay(self) -> None:
        subscription = read_subscription(self.session, **self.mine)
        if not can_be_cut(self.session, subscription=subscription, at=self.at):
            return
        before = (subscription.plan_version_id, subscription.interval)
        if subscription.former_version_id is not None:
            former = subscription.former_version_id
            restore_plan(self.session, subscription=subscription, at=self.at)
            assert (subscription.plan_version_id, subscription.interval) == (former, before[1])
            return
        then = plan_after_dunning(self.session, subscription=subscription, at=self.at)
        bills = list_invoices(self.session, tenant_id=self.acme.tenant_id, limit=1)
        if then is None:
            return
        shown = preview_invoice(self.session, **self.mine, at=self.at)
        move_to_free_plan(self.session, subscription=subscription, then=then, invoice=bills[0], at=self.at)
        assert (subscription.former_version_id, subscription.interval) == before
        ends = subscription.current_period_end
        kept = [line for line in shown.lines if line.kind not in FEES or line.period_start < ends]
        now = preview_invoice(self.session, **self.mine, at=self.at)
        assert told(now.lines) == told(kept), "only the fee of a term to come falls away"

    def change(self, step: Change) -> None:
        wanted: dict[str, Any] = {
            "plan_code": f"laws/{step.plan}", "interval": step.interval, "when": step.when, "at": self.at, **self.mine,
        }  # fmt: skip
        try:
            shown = preview_change(self.session, **wanted)
        except (Unprocessable, Conflict):
            return
        done = change_plan(self.session, **wanted)
        assert (shown.lines, shown.when, shown.effective_at) == (done.lines, done.when, done.effective_at)
        assert done.total.amount_minor >= 0
        assert read_subscription(self.session, **self.mine).former_version_id is None

    def rest(self, step: Rest) -> None:
        try:
            subscription = read_subscription(self.session, **self.mine)
            if subscription.status == SubscriptionStatus.PAUSED:
                resume_subscription(self.session, **self.mine, at=self.at)
            else:
                pause_subscription(self.session, **self.mine, when=step.when, by="", at=self.at)
        except Refusal:
            return

    def close(self) -> None:
        while True:
            shown = preview_invoice(self.session, **self.mine, at=self.at)
            invoice = close_if_due(self.session, **self.mine, at=self.at)
            if invoice is None:
                return
            lines = read_invoice(self.session, tenant_id=self.acme.tenant_id, invoice_id=invoice.id).lines
            says = [(line.kind, line.description, line.quantity, line.amount_minor) for line in lines]
            assert [(line.kind, line.description, line.quantity, line.amount_minor) for line in shown.lines] == says
            assert invoice.subtotal_minor >= 0


def told(lines: Iterable[InvoiceLine]) -> list[tuple[LineKind, int]]:
    """What lines come to, but for credit of the account, which follows from the others."""
    return [(line.kind, line.amount_minor) for line in lines if line.kind != LineKind.CARRIED]


def verified(acme: Customer, at: datetime) -> int:
    """The whole log as anyone may check it; how many bills it has."""
    with reading() as session:
        export = prepare_range(session, tenant_id=acme.tenant_id, first_seq=1, last_seq=None, at=at)
        return len(verify_bundle(BytesIO(export_document(session, export=export))).bills)


def check_history(engine: Engine, start: tuple[str, date], off: tuple[Any, ...], history: list[Any]) -> None:
    with transaction(engine) as session:
        world = World(session, *start, off)
        for step in history:
            world.take(step)
        for _ in range(2):
            world.take(Wait(32 * 24))
        cancel_quietly(world)
        world.take(Wait(32 * 24))
        assert_books_agree(session, world.acme.tenant_id)
        count = len(list_invoices(session, tenant_id=world.acme.tenant_id))
    assert verified(world.acme, world.at) == count


def cancel_quietly(world: World) -> None:
    try:
        cancel_subscription(world.session, **world.mine, when=When.NOW, by="", at=world.at)
    except (Conflict, SubscriptionConflict):
        return


@settings(max_examples=25)
@given(starts, promotions, st.lists(steps, min_size=1, max_size=9))
def test_every_bill_is_what_its_preview_said_and_can_be_rated_again(
    sqlite_engine: Engine, start: tuple[str, date], off: tuple[Any, ...], history: list[Any]
) -> None:
    check_history(sqlite_engine, start, off, history)


@pytest.mark.slow
@settings(max_examples=400)
@given(starts, promotions, st.lists(steps, min_size=4, max_size=16))
def test_every_bill_of_long_histories_is_what_its_preview_said(
    sqlite_engine: Engine, start: tuple[str, date], off: tuple[Any, ...], history: list[Any]
) -> None:
    check_history(sqlite_engine, start, off, history)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 29 * 24 - 1), st.sampled_from("SML")), max_size=5))
def test_upgrades_within_a_month_cost_what_each_plan_costs_for_its_hours(
    sqlite_engine: Engine, moments: list[tuple[int, str]]
) -> None:
    with transaction(sqlite_engine) as session:
        world = World(session, "UTC", date(2026, 11, 1), ())
        start, end = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
        spent, since, price = Fraction(0), start, Decimal(PLANS["S"])
        changes = 0
        for hours, plan in sorted(moments):
            at = max(world.at, start + timedelta(hours=hours)) + HOUR
            if at >= end or Decimal(PLANS[plan]) <= price:
                continue
            world.at = at
            change_plan(session, **world.mine, plan_code=f"laws/{plan}", at=at)
            spent += Fraction(price) * Fraction((at - since) // HOUR, (end - start) // HOUR)
            since, price, changes = at, Decimal(PLANS[plan]), changes + 1
        spent += Fraction(price) * Fraction((end - since) // HOUR, (end - start) // HOUR)
        world.at = end + 2 * HOUR
        world.close()
        found = list_invoices(session, tenant_id=world.acme.tenant_id)
        lines = [
            line
            for invoice in found
            for line in read_invoice(session, tenant_id=world.acme.tenant_id, invoice_id=invoice.id).lines
            if line.kind == LineKind.PRORATION or (line.kind == LineKind.BASE and line.period_start == start)
        ]
        assert abs(sum(line.amount_minor for line in lines) - spent * 100) <= changes
        assert plan_of(session, read_subscription(session, **world.mine)).base_price == price
