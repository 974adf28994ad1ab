"""Whatever plans and intervals a customer changes between by card, wherever it lives and on whatever day it began, and
whenever Stripe hears of it: each bill comes to what its preview said, is paid once, and nothing else is charged.
"""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from models import Interval, InvoiceStatus, StripeCustomer, StripeInvoice, StripeSubscription, Tenant
from services.database import reading
from services.errors import Conflict, SubscriptionConflict, Unprocessable
from services.subscriptions.change_outlook import invoice_after
from services.subscriptions.change_preview import When, preview_change
from services.subscriptions.lifecycle import cancel_subscription
from services.subscriptions.plan_changes import change_plan
from tests.payments_world import PaymentsWorld
from tests.stories.test_paid_intervals import A_DAY_APART, sell_flex


@dataclass(frozen=True)
class Step:
    """A change so many days into a period; where it `is_heard`, Stripe is told of it before it renews."""

    days: int
    plan: str
    interval: Interval
    when: When | None
    is_heard: bool


steps = st.builds(
    Step,
    days=st.integers(1, 20),
    plan=st.sampled_from(["flex/PAYG", "flex/PLUS", "flex/TRY"]),
    interval=st.sampled_from(Interval),
    when=st.sampled_from([None, None, When.PERIOD_END]),
    is_heard=st.booleans(),
)
histories = st.lists(steps, min_size=2, max_size=4)
waits = st.one_of(st.integers(0, 40 * 24 * 60), st.sampled_from([8, 9, 10, 11]).map(lambda day: day * 24 * 60))
zones = st.sampled_from(["America/Toronto", "Pacific/Auckland", "UTC", "Pacific/Kiritimati", "America/St_Johns"])


def beginning(turn: int) -> datetime:
    """Some days before the last ones of a month, at any minute of the day."""
    chosen = random.Random(turn)
    month = datetime(2027 + turn % 2, chosen.choice([1, 2, 3, 5, 10, 12]), 20, tzinfo=UTC)
    return month + timedelta(minutes=chosen.randrange(24 * 60))


def take(world: PaymentsWorld, tenant_id: str, step: Step) -> int | None:
    """Make the change if it can be; what the next invoice comes to as it was shown, None where it cannot."""
    world.pass_time(days=step.days)
    asked = {"tenant_id": tenant_id, "plan_code": step.plan, "interval": step.interval, "when": step.when}
    at = world.now()
    try:
        with reading() as session:
            seen = preview_change(session, **asked, at=at)
            total_minor = invoice_after(session, change=seen, at=at).total_minor
        world.transact(change_plan, **asked, at=at)
    except (Conflict, SubscriptionConflict, Unprocessable):
        return None
    return total_minor


def close(world: PaymentsWorld, tenant_id: str, *, is_heard: bool) -> int:
    """Let the period end and its invoice be collected; what it came to.

    Stripe, whose calendar may be a day ahead of ours, is heard of before it charges a draft by itself. Where it is
    a day behind, nothing counts as wrong before it has come.
    """
    end = world.subscription(tenant_id).current_period_end
    if is_heard:
        world.work()
    links = [row for row in world.rows(StripeSubscription, tenant_id=tenant_id) if row.status != "canceled"]
    renewals = [row.current_period_end for row in links if row.current_period_end > world.now()]
    world.pass_until(min([end, *renewals]) + timedelta(minutes=5))
    world.live(until=end + timedelta(hours=4), step=timedelta(minutes=40))
    world.work()
    links = world.rows(StripeSubscription, tenant_id=tenant_id, replaced_at=None)
    for renews_at in [row.current_period_end for row in links if row.status != "canceled"]:
        if world.now() < renews_at <= end + A_DAY_APART:
            world.assert_all_agrees()
            world.reach(renews_at - timedelta(minutes=5))
            world.live(until=renews_at + timedelta(hours=2), step=timedelta(minutes=40))
    return world.invoices(tenant_id)[-1].total_minor


def assert_paid_once(world: PaymentsWorld, tenant_id: str) -> None:
    bills = world.invoices(tenant_id)
    assert {each.status for each in bills} == {InvoiceStatus.PAID}
    customer: StripeCustomer = world.row(StripeCustomer, tenant_id=tenant_id)
    there = world.at_stripe("invoice", customer=customer.stripe_id)
    assert {each["status"] for each in there} <= {"paid", "void"}
    charged_minor = sum(each["total"] for each in there if each["status"] == "paid")
    assert charged_minor == sum(each.total_minor for each in bills)
    rows = world.rows(StripeInvoice, tenant_id=tenant_id)
    for bill in bills:
        assert sum(row.total_minor for row in rows if row.invoice_id == bill.id) == bill.total_minor
    assert not [row.stripe_id for row in rows if row.invoice_id is None and row.status == "paid" and row.total_minor]
    running = [row for row in world.rows(StripeSubscription, tenant_id=tenant_id) if row.status != "canceled"]
    assert [row.replaced_at for row in running] in ([], [None])


def check(world: PaymentsWorld, *, examples: int, turn: int) -> None:
    """Histories follow each other in one world, whose cards expire after four years."""
    sell_flex(world)

    @seed(turn)
    @settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.reuse, Phase.generate],
    )
    @given(history=histories, wait=waits, lives_in=zones)
    def holds(history: list[Step], wait: int, lives_in: str) -> None:
        world.pass_time(minutes=wait)
        tenant_id = world.add_customer(f"Customer {len(world.rows(Tenant)) + 1}", lives_in)
        world.buy("flex/PLUS", tenant_id=tenant_id)
        for step in history:
            shown = take(world, tenant_id, step)
            billed = close(world, tenant_id, is_heard=step.is_heard)
            assert shown in (None, billed)
        close(world, tenant_id, is_heard=True)
        assert_paid_once(world, tenant_id)
        ours = world.subscription(tenant_id)
        ending = {"tenant_id": tenant_id, "subscription_id": ours.id, "when": When.NOW, "by": "", "at": world.now()}
        world.transact(cancel_subscription, **ending)  # or it would be in the way of the next
        world.work()
        world.live(until=world.now() + timedelta(hours=3))
        world.assert_all_agrees()

    holds()


@pytest.mark.parametrize("begins_at", [beginning(0)])
def test_changes_by_card_are_billed_as_shown_and_paid_once(sqlite_payments_world: PaymentsWorld) -> None:
    check(sqlite_payments_world, examples=4, turn=0)


@pytest.mark.slow
@pytest.mark.parametrize(("turn", "begins_at"), [(turn, beginning(turn)) for turn in range(1, 7)])
def test_many_histories_of_changes_by_card_are_paid_once(sqlite_payments_world: PaymentsWorld, turn: int) -> None:
    check(sqlite_payments_world, examples=7, turn=turn)
