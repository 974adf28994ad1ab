"""Paid by card, not paid, moved to the free plan and back: Stripe has no subscription meanwhile and another one after,
and nothing is charged twice.
"""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from models import CreditGrant, Dunning, Interval, InvoiceStatus, Notice, StripeInvoice, SubscriptionStatus
from services.database import reading
from services.invoices.finding import mark_invoice_paid
from services.invoices.transitions import mark_uncollectible, void_invoice
from services.payments.crediting import GiveBack, give_back
from services.payments.standing_views import read_notice
from services.payments.stripe_setup import set_up
from services.price_books.books import load_book
from services.price_books.entries import BookEntry
from services.rules.quantities import MICRO
from services.subscriptions.finding import plan_of
from services.subscriptions.plan_offers import read_offers
from tests.hosted_pages import CARD
from tests.payments_world import PaymentsWorld
from tests.stories.test_paid_intervals import assert_paid_once, standing, there, through_the_close

pytestmark = pytest.mark.slow

SOLD = {"credits": {"model": "per_unit", "unit_price": Decimal("0.01")}}
KEPT = {
    "code": "kept",
    "name": "Kept",
    "currency": "CAD",
    "annual_discount_pct": Decimal(20),
    "pools": {"credits": {"name": "Credits", "unit": "credit"}},
    "meters": {"work": {"name": "Work", "unit": "unit", "pool": "credits", "credits_per_unit": Decimal(1)}},
    "plans": [
        {"code": "FREE", "name": "Free", "base_price": Decimal(0), "allowances": {"credits": Decimal(10)}},
        {
            "code": "PLUS",
            "name": "Plus",
            "base_price": Decimal(50),
            "allowances": {"credits": Decimal(1000)},
            "overage": SOLD,
            "after_dunning": "FREE",
        },
    ],
}


@pytest.fixture
def kept(payments_world: PaymentsWorld) -> PaymentsWorld:
    """A world that sells a plan which gives way to a free one where it is not paid."""
    return sell(payments_world)


@pytest.fixture
def sqlite_kept(sqlite_payments_world: PaymentsWorld) -> PaymentsWorld:
    """The same on SQLite alone."""
    return sell(sqlite_payments_world)


def sell(world: PaymentsWorld) -> PaymentsWorld:
    world.transact(load_book, book=BookEntry.model_validate(KEPT), at=world.now())
    set_up(world.stripe, at=world.now(), book_code="kept")
    return world


def stands(world: PaymentsWorld) -> tuple[str, SubscriptionStatus]:
    with reading() as session:
        return plan_of(session, world.subscription()).code, world.subscription().status


def until_moved(world: PaymentsWorld, interval: Interval = Interval.MONTH) -> str:
    """Bought, renewed without being paid, and moved; the unpaid invoice at Stripe."""
    world.pay(world.open_checkout("kept/PLUS", interval=interval))
    world.work()
    world.sandbox.control("fail_next_payment", count=20)
    invoice = through_the_close(world)
    assert (invoice.status, stands(world)) == (InvoiceStatus.OPEN, ("PLUS", SubscriptionStatus.PAST_DUE))
    failed_at = world.row(Dunning, invoice_id=invoice.id).failed_at
    world.live(until=failed_at + timedelta(days=8, minutes=10), step=timedelta(hours=12))
    assert stands(world) == ("FREE", SubscriptionStatus.PAST_DUE)
    world.sandbox.sandbox.world.faults.payments.clear()
    return str(world.row(StripeInvoice, invoice_id=invoice.id, status="open").stripe_id)


def pay_there(world: PaymentsWorld, stripe_id: str) -> None:
    """The customer pays on the provider's page, as the notice above every page says."""
    with reading() as session:
        notice = read_notice(session, tenant_id=world.tenant_id, timezone="America/Toronto", at=world.now())
    assert (notice.state, notice.title) == ("moved", "You are on Free because $50.00 for INV-000002 has not been paid")
    assert "Pay it to get Plus back at once." in notice.detail
    assert world.row(StripeInvoice, stripe_id=stripe_id).hosted_url == notice.pay_url
    person = world.visitor().open(notice.pay_url)
    person.press("pay", **CARD)
    assert "the invoice is paid" in person.text
    world.work()


def test_paying_within_the_period_brings_it_back_and_the_next_is_charged_once(kept: PaymentsWorld) -> None:
    world = kept
    unpaid = until_moved(world)
    assert there(world) == [("canceled", "month", 5_000)]
    assert standing(world) == []
    with reading() as session:
        view = read_offers(session, tenant_id=world.tenant_id, at=world.now(), by_card=True)
    assert view.refused == "Your plan can be changed once INV-000002 is paid and you are back on Plus."
    assert not any(offer.can_start for offer in view.offers)

    world.pass_time(days=2)
    pay_there(world, unpaid)
    assert stands(world) == ("PLUS", SubscriptionStatus.ACTIVE)
    world.work()
    assert there(world)[1:] in ([("active", "month", 5_000)], [("trialing", "month", 5_000)])
    assert [each.total_minor for each in world.invoices()] == [5_000, 5_000]
    assert_paid_once(world)
    world.use("1110", "work")
    free = min(lot.granted_micro for lot in world.rows(CreditGrant)) / MICRO
    assert 7 < free < 8  # of 10, for what was left of the period
    renewed = through_the_close(world)
    assert (renewed.total_minor, renewed.status) == (5_000 + round(110 - free), InvoiceStatus.PAID)
    assert_paid_once(world)
    told = [row.type for row in sorted(world.rows(Notice), key=lambda row: row.seq)]
    assert told.index("subscription.moved_unpaid") < told.index("subscription.restored")
    assert "subscription.suspended" not in told


def test_paying_in_a_later_period_charges_what_is_left_of_that(kept: PaymentsWorld) -> None:
    world = kept
    unpaid = until_moved(world)
    free = through_the_close(world)
    assert free.total_minor == 0
    world.use("5", "work")
    start, end = world.subscription().current_period_start, world.subscription().current_period_end
    world.pass_until(start + (end - start) / 2)
    world.work()
    pay_there(world, unpaid)
    assert stands(world) == ("PLUS", SubscriptionStatus.ACTIVE)
    world.work()
    renewed = through_the_close(world)
    assert (renewed.total_minor, renewed.status) == (5_000 + 2_500, InvoiceStatus.PAID)
    assert through_the_close(world).total_minor == 5_000
    assert_paid_once(world)
    assert len(standing(world)) == 1


def test_paid_by_transfer_and_marked_by_hand_it_is_back_too(sqlite_kept: PaymentsWorld) -> None:
    world = sqlite_kept
    until_moved(world)
    unpaid = world.invoices()[-1]
    world.transact(
        mark_invoice_paid, tenant_id=world.tenant_id, invoice_id=unpaid.id, reference="Wire 7", at=world.now()
    )
    world.tick()
    assert stands(world) == ("PLUS", SubscriptionStatus.ACTIVE)
    world.assert_all_agrees()


def credit_whole(session: Any, *, tenant_id: str, invoice_id: str, at: Any) -> None:
    """All of it is taken off what is to be paid, by a credit note."""
    give_back(
        session, tenant_id=tenant_id, invoice_id=invoice_id, amount_minor=5_000, reason="Ours.",
        way=GiveBack.REDUCE, at=at,
    )  # fmt: skip


@pytest.mark.parametrize("how", [void_invoice, mark_uncollectible, credit_whole])
def test_what_is_taken_back_or_given_up_brings_it_back(sqlite_kept: PaymentsWorld, how: Callable[..., Any]) -> None:
    world = sqlite_kept
    until_moved(world)
    world.transact(how, tenant_id=world.tenant_id, invoice_id=world.invoices()[-1].id, at=world.now())
    world.tick()
    assert stands(world) == ("PLUS", SubscriptionStatus.ACTIVE)
    world.assert_all_agrees()


def test_money_given_back_later_moves_nobody_again(sqlite_kept: PaymentsWorld) -> None:
    world = sqlite_kept
    unpaid = until_moved(world)
    pay_there(world, unpaid)
    paid = world.invoices()[-1]
    world.transact(
        give_back, tenant_id=world.tenant_id, invoice_id=paid.id, amount_minor=5_000, reason="Goodwill.",
        way=GiveBack.REFUND, at=world.now(),
    )  # fmt: skip
    world.tick()
    assert stands(world) == ("PLUS", SubscriptionStatus.ACTIVE)
    world.assert_all_agrees()
