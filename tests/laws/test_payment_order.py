"""However the news of a history arrives, late, twice and in any order, the books end the same and nothing is doubled.

Twelve customers live through three days in which no delivery reaches us and nothing of ours runs: purchases, a renewal
whose draft is still open, one that finalised itself, payments that failed, one of them paid in the end, money given
back and a dispute at Stripe, a new card, an end, months that become a year at once and as a period ends. Books and
sandbox are then put back to that moment again and again, and the same events delivered another way.
"""

import copy
import random
import re
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlmodel import SQLModel

from app import jobs, payments, reconciling
from models import (
    Checkout,
    CreditGrant,
    CreditNote,
    Dunning,
    Interval,
    Invoice,
    InvoiceLine,
    PaymentReminder,
    Refund,
    StripeCall,
    StripeCallKind,
    StripeCreditNote,
    StripeCustomer,
    StripeEvent,
    StripeInvoice,
    StripeSubscription,
    Subscription,
    SubscriptionDiscount,
    Tenant,
)
from services import database
from services.gateways.stripe.facts import EventFacts
from services.payments.stripe_setup import set_up
from services.price_books.books import load_book
from services.price_books.entries import BookEntry
from services.subscriptions.change_preview import When
from services.subscriptions.plan_changes import change_plan
from tests.hosted_pages import CARD
from tests.payments_world import PaymentsWorld

DEAF_FROM = datetime(2027, 2, 10, 13, 20, tzinfo=UTC)
DEAF_UNTIL = datetime(2027, 2, 13, 13, 20, tzinfo=UTC)
TRIAL_BOOK = {
    "code": "try",
    "name": "Try",
    "currency": "CAD",
    "pools": {"credits": {"name": "Credits", "unit": "credit"}},
    "meters": {"work": {"name": "Work", "unit": "unit", "pool": "credits", "credits_per_unit": Decimal(1)}},
    "plans": [
        {
            "code": "TRIAL",
            "name": "Trial",
            "base_price": Decimal(50),
            "trial_days": 14,
            "allowances": {"credits": Decimal(100)},
            "overage": {"credits": {"model": "per_unit", "unit_price": Decimal("0.01")}},
        }
    ],
}


class StandingClock:
    """The host's clock, which stands where it is put."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


@dataclass
class Moment:
    """Books and sandbox as they were, and what had happened since anything was last heard."""

    world: PaymentsWorld
    books: sqlite3.Connection
    tables: Any
    unheard: list[EventFacts]

    def put_back(self) -> None:
        engine = database.engine()
        engine.dispose()
        path = Path(str(engine.url.database))
        for beside in ("-wal", "-shm"):
            path.with_name(path.name + beside).unlink(missing_ok=True)
        with sqlite3.connect(path) as file:
            self.books.backup(file)
        file.close()
        inner = self.world.sandbox.sandbox.world
        with inner.lock:
            inner.store.tables = copy.deepcopy(self.tables)
            inner.store._before = {}
            inner.agenda.rebuild()
            inner.clock.offset_seconds = 0
            inner.clock.host = StandingClock(DEAF_UNTIL)
        self.world._last_delivered = self.unheard[-1].id


def note_moment(world: PaymentsWorld) -> Moment:
    unheard = world.undelivered()
    engine = database.engine()
    engine.dispose()
    books = sqlite3.connect(":memory:", check_same_thread=False)
    with sqlite3.connect(str(engine.url.database)) as file:
        file.backup(books)
    file.close()
    inner = world.sandbox.sandbox.world
    with inner.lock:
        return Moment(world, books, copy.deepcopy(inner.store.tables), unheard)


# -- the history


@pytest.fixture
def moment(sqlite_payments_world: PaymentsWorld) -> Iterator[Moment]:
    """Where everything has happened and nothing of it was heard."""
    world = sqlite_payments_world
    inner = world.sandbox.sandbox.world
    conformance, host = world.sandbox.conformance, inner.clock.host
    at = datetime(2027, 1, 9, 12, tzinfo=UTC)
    inner.clock.host = StandingClock(at)
    world.transact(load_book, book=BookEntry.model_validate(TRIAL_BOOK), at=at)
    set_up(world.stripe, at=at, book_code="try")
    make_codes(world)
    before_it(world)
    world.pass_until(DEAF_FROM)
    meanwhile(world)
    world.pass_until(DEAF_UNTIL)
    world.sandbox.conformance = None  # the history is checked; what is asked again and again need not be
    try:
        yield note_moment(world)
    finally:
        world.sandbox.conformance = conformance
        inner.clock.host, inner.clock.offset_seconds = host, 0


def make_codes(world: PaymentsWorld) -> None:
    coupon = {"percent_off": 20, "duration": "repeating", "duration_in_months": 2}
    made = world.ask("POST", "/v1/coupons", coupon)["id"]
    promotion = {"promotion[type]": "coupon", "promotion[coupon]": made, "code": "SPRING20"}
    world.ask("POST", "/v1/promotion_codes", promotion)


STARTS = {
    "Trying": ("try/TRIAL", datetime(2027, 1, 28, 15, tzinfo=UTC)),
    "Paid late": ("PRO", datetime(2027, 1, 10, 12, tzinfo=UTC)),
    "Unpaid": ("PRO", datetime(2027, 1, 10, 12, 5, tzinfo=UTC)),
    "Base alone": ("PRO", datetime(2027, 1, 11, 12, tzinfo=UTC)),
    "Renewed, gone": ("PRO", datetime(2027, 1, 11, 18, tzinfo=UTC)),
    "Year to come": ("STARTER", datetime(2027, 1, 12, 12, tzinfo=UTC)),
    "Draft open": ("PRO", datetime(2027, 1, 13, 12, 50, tzinfo=UTC)),
    "Gone": ("STARTER", datetime(2027, 1, 20, 9, tzinfo=UTC)),
    "New card": ("STARTER", datetime(2027, 1, 21, 9, tzinfo=UTC)),
    "By the year": ("STARTER", datetime(2027, 1, 25, 9, tzinfo=UTC)),
}


def before_it(world: PaymentsWorld) -> None:
    """Ten customers buy and use, and the two whose month ends just before the three days get their bills.

    Two change to a year; Stripe does what it is asked to, and what it tells of that is heard no more.
    """
    for name, (plan, at) in sorted(STARTS.items(), key=lambda each: each[1][1]):
        world.pass_until(at)
        tenant_id = world.add_customer(name)
        world.buy(plan, tenant_id=tenant_id)
        meter, units = ("work", "300") if plan == "try/TRIAL" else ("LLM_token_usage", "1500000")
        world.use(units, meter, tenant_id=tenant_id)
    world.pass_until(datetime(2027, 2, 10, 11, 50, tzinfo=UTC))
    for name, count in (("Paid late", 1), ("Unpaid", 9)):
        world.sandbox.control("fail_next_payment", customer=customer_of(world, name), count=count)
    world.live(until=DEAF_FROM - timedelta(minutes=6), step=timedelta(minutes=7))
    for name, when in (("By the year", When.NOW), ("Year to come", When.PERIOD_END)):
        given = {"tenant_id": tenant_of(world, name), "plan_code": "STARTER", "interval": Interval.YEAR, "when": when}
        world.transact(change_plan, **given, at=world.now())
    world.work_deaf()


def tenant_of(world: PaymentsWorld, name: str) -> str:
    tenant: Tenant = world.row(Tenant, name=name)
    return tenant.id


def customer_of(world: PaymentsWorld, name: str) -> str:
    found: StripeCustomer = world.row(StripeCustomer, tenant_id=tenant_of(world, name))
    return found.stripe_id


def subscription_of(world: PaymentsWorld, name: str) -> str:
    found: StripeSubscription = world.row(StripeSubscription, tenant_id=tenant_of(world, name))
    return found.stripe_id


def latest_invoice(world: PaymentsWorld, name: str) -> dict[str, Any]:
    listed = world.ask("GET", "/v1/invoices", {"customer": customer_of(world, name), "limit": 1})
    found: dict[str, Any] = listed["data"][0]
    return found


def meanwhile(world: PaymentsWorld) -> None:
    """Three days in which nobody here listens, works or closes a period."""
    promoted, twice = world.add_customer("Promoted"), world.add_customer("Twice")
    world.pay(world.open_checkout("PRO", tenant_id=promoted), code="SPRING20")
    first = world.open_checkout("PRO", tenant_id=twice)
    world.pass_time(minutes=31)
    second = world.open_checkout("PRO", tenant_id=twice)
    assert first.id != second.id
    world.pay(first)
    world.pay(second)  # at the same moment: which of the two is kept is whichever is heard of first
    world.pass_until(datetime(2027, 2, 11, 10, tzinfo=UTC))
    late = latest_invoice(world, "Paid late")
    assert (late["status"], late["attempt_count"]) == ("open", 1)
    world.visitor().open(late["hosted_invoice_url"]).press("pay", **CARD)
    late = world.ask("GET", f"/v1/invoices/{late['id']}")
    assert late["status"] == "paid"
    world.ask("POST", "/v1/credit_notes", {"invoice": late["id"], "amount": 20_000, "refund_amount": 20_000})
    card = world.ask("POST", "/v1/payment_methods/pm_card_visa/attach", {"customer": customer_of(world, "New card")})
    world.ask(
        "POST",
        f"/v1/customers/{customer_of(world, 'New card')}",
        {"invoice_settings[default_payment_method]": card["id"], "email": "new@acme.example"},
    )
    world.pass_until(datetime(2027, 2, 11, 16, tzinfo=UTC))
    alone = latest_invoice(world, "Base alone")
    assert (alone["status"], alone["total"]) == ("paid", 900_000)
    world.ask("POST", "/v1/credit_notes", {"invoice": alone["id"], "amount": 30_000, "refund_amount": 30_000})
    world.sandbox.control(
        "dispute", charge=world.at_stripe("charge", customer=customer_of(world, "Base alone"))[-1]["id"]
    )
    world.pass_time(hours=5)
    end_at_stripe(world, "Gone")
    world.pass_until(datetime(2027, 2, 12, 20, tzinfo=UTC))
    end_at_stripe(world, "Renewed, gone")


def end_at_stripe(world: PaymentsWorld, name: str) -> None:
    assert world.sandbox.call("DELETE", f"/v1/subscriptions/{subscription_of(world, name)}").status_code == 200


# -- delivering it


@dataclass(frozen=True)
class Way:
    """One way in which the news arrives."""

    seed: int
    duplicates: float
    batch_max: int
    works: bool

    @property
    def dice(self) -> random.Random:
        return random.Random(self.seed)


IN_ORDER = Way(seed=0, duplicates=0, batch_max=1, works=False)
ways = st.builds(
    Way,
    seed=st.integers(1, 2**32),
    duplicates=st.sampled_from([0.0, 0.3, 1.0]),
    batch_max=st.sampled_from([1, 5, 30, 1_000]),
    works=st.booleans(),
)


def live_through(moment: Moment, way: Way) -> dict[str, Any]:
    """Deliver what happened and what it leads to, let the day end, and answer how it stands in the end."""
    world, dice = moment.world, way.dice
    moment.put_back()
    deliver(world, moment.unheard, way, dice)
    settle(world, way, dice)
    for _ in range(3):  # the draft that was open at first falls due to be closed, and is charged
        world.pass_time(minutes=40)
        jobs.close_due_periods(at=world.now())
        settle(world, way, dice)
    payments.advance_dunnings(at=world.now())
    world.pass_time(hours=3)
    settle(world, way, dice)
    return state_of(world)


def deliver(world: PaymentsWorld, events: list[EventFacts], way: Way, dice: random.Random) -> None:
    """In batches, with some of the work between them."""
    sent = [each for each in events for _ in range(2 if dice.random() < way.duplicates else 1)]
    if way != IN_ORDER:
        dice.shuffle(sent)
    acts: list[Callable[[], Any]] = [
        lambda: payments.handle_events(world.stripe, at=world.now(), clock=world.now),
        lambda: payments.owe_what_is_missing(world.stripe, at=world.now()),
        lambda: payments.make_calls(world.stripe, at=world.now(), clock=world.now),
        lambda: jobs.close_due_periods(at=world.now()),
    ]
    while sent:
        size = dice.randint(1, way.batch_max)
        batch, sent = sent[:size], sent[size:]
        world.deliver(batch)
        if way.works or way == IN_ORDER:
            for act in dice.sample(acts, dice.randint(0, len(acts))):
                act()


def settle(world: PaymentsWorld, way: Way, dice: random.Random) -> None:
    """Work, close and deliver until none of it leads to anything."""
    while True:
        done = payments.work_until_done(world.stripe, clock=world.now)
        closed = jobs.close_due_periods(at=world.now())
        assert not closed.failed
        new = world.undelivered()
        deliver(world, new, way, dice)
        if done.is_nothing and not closed.invoices and not new:
            return


# -- how it stands

LEFT_OUT = {
    # made at random
    "id", "tenant_id", "subscription_id", "invoice_id", "credit_note_id", "stripe_id", "stripe_invoice_id", "grant_id",
    "stripe_subscription_id", "hosted_url", "pdf_url", "payment_id", "number", "stripe_hosted_url", "reference", "url",
    "payment_reference", "source_id", "payment_salt", "parties_salt", "salt",
    # when, and in which turn, it was heard of
    "ticket", "read_at", "issued_at", "created_at", "seq", "first_seq", "last_seq", "receipt_seq", "settled_at",
    "ended_at", "suspended_at", "written_at", "sources", "finalized_at", "paid_seq", "due_at", "receipt_hash",
    "expires_at", "replaced_at",
}  # fmt: skip


def state_of(world: PaymentsWorld) -> dict[str, Any]:
    """Everything that is so in the end, by customer, without what is made at random or says when it was heard."""
    return {tenant.name: _state_of_tenant(world, tenant.id) for tenant in world.rows(Tenant)}


def _state_of_tenant(world: PaymentsWorld, tenant_id: str) -> dict[str, Any]:
    invoices = {each.id: each for each in world.rows(Invoice, tenant_id=tenant_id)}

    def listed(model: type[SQLModel]) -> list[str]:
        rows = world.rows(model, tenant_id=tenant_id)
        return sorted(_worded(row, invoices) for row in rows if not _is_end_of_replaced(row))

    return {
        model.__name__: listed(model)
        for model in (
            Checkout, CreditGrant, CreditNote, Dunning, Invoice, InvoiceLine, PaymentReminder, Refund, StripeCall,
            StripeCreditNote, StripeCustomer, StripeInvoice, StripeSubscription, Subscription, SubscriptionDiscount,
        )
    }  # fmt: skip


def _is_end_of_replaced(row: SQLModel) -> bool:
    """A subscription at Stripe that another took the place of is told to end, unless it was heard to have before."""
    is_cancel = isinstance(row, StripeCall) and row.kind == StripeCallKind.CANCEL_SUBSCRIPTION
    return is_cancel and row.key.endswith(f":cancel:{row.subject}")


def _worded(row: SQLModel, invoices: dict[str, Invoice]) -> str:
    if isinstance(row, StripeCall):
        return f"{row.kind} {row.status}"
    named = {name: value for name, value in sorted(row.model_dump().items()) if name not in LEFT_OUT}
    ours = invoices.get(getattr(row, "invoice_id", None) or getattr(row, "id", ""))
    whose = "" if ours is None else f"invoice {ours.number}: "
    return whose + re.sub(r"sub_\w+", "sub", ", ".join(f"{name}={value}" for name, value in named.items()))


def assert_same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert found.keys() == expected.keys()
    for tenant, tables in expected.items():
        for table, rows in tables.items():
            only = [row for row in found[tenant][table] if row not in rows]
            missing = [row for row in rows if row not in found[tenant][table]]
            assert (only, missing) == ([], []), f"{tenant}, {table}"
            assert found[tenant][table] == rows, f"{tenant}, {table}"


def assert_sound(world: PaymentsWorld) -> None:
    from tests.given import assert_books_agree

    assert [(row.type, row.error) for row in world.rows(StripeEvent) if row.status not in ("handled", "ignored")] == []
    assert [(row.key, row.error) for row in world.rows(StripeCall) if row.status != "done"] == []
    found = reconciling.check_all(None, at=world.now()).differing
    disputed = tenant_of(world, "Base alone")
    assert [(check.tenant_id, [each["code"] for each in check.differences]) for check in found] == [
        (disputed, ["disputed"])
    ]
    world.assert_nothing_doubled()
    for tenant in world.rows(Tenant):
        world.transact(assert_books_agree, tenant_id=tenant.id)


def check(moment: Moment, examples: int) -> None:
    expected = live_through(moment, IN_ORDER)
    assert_sound(moment.world)

    @settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.reuse, Phase.generate],
    )
    @given(way=ways)
    def holds(way: Way) -> None:
        found = live_through(moment, way)
        assert_same(found, expected)
        assert_sound(moment.world)

    holds()


def test_any_order_of_events_leads_to_the_same_books(moment: Moment) -> None:
    check(moment, examples=2)


@pytest.mark.slow
def test_a_hundred_orders_of_events_lead_to_the_same_books(moment: Moment) -> None:
    check(moment, examples=100)
