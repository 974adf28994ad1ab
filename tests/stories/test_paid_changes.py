"""A subscription paid by card is changed, cancelled and paused: our engine says what it costs, Stripe collects that."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import stripe as sdk

from app import jobs, payments
from models import (
    Interval,
    Invoice,
    InvoiceStatus,
    StripeCall,
    StripeCallKind,
    StripeInvoice,
    StripeSubscription,
    SubscriptionStatus,
)
from services.gateways.stripe import client
from services.payments.stripe_catalog import forget_entry
from services.subscriptions.change_preview import PlanChange, When
from services.subscriptions.lifecycle import cancel_subscription, pause_subscription, resume_subscription
from services.subscriptions.plan_changes import change_plan
from services.subscriptions.scheduled_changes import withdraw_change
from tests.payments_world import PaymentsWorld

FAULTS = ("409", "429", "500", "503", "timeout", "drop_after")


def changed(world: PaymentsWorld, plan_code: str, **more: Any) -> PlanChange:
    done: PlanChange = world.transact(
        change_plan, tenant_id=world.tenant_id, plan_code=plan_code, at=world.now(), **more
    )
    return done


def acted(world: PaymentsWorld, act: Any, **more: Any) -> None:
    ours = world.subscription()
    world.transact(act, tenant_id=world.tenant_id, subscription_id=ours.id, at=world.now(), **more)


def canceled(world: PaymentsWorld, when: When = When.PERIOD_END) -> None:
    acted(world, cancel_subscription, when=when, by="usr_1")


def through_the_close(world: PaymentsWorld) -> Invoice:
    """To the end of the running period and some hours on; the invoice that closed it.

    Stripe's renewal, which may be a day before that or after it, is heard of as it comes.
    """
    end, renews_at = world.subscription().current_period_end, world.row(StripeSubscription).current_period_end
    if world.now() < renews_at < end:
        world.pass_until(renews_at + timedelta(minutes=5))
        world.work()
    world.reach(end - timedelta(hours=1))
    world.live(until=end + timedelta(hours=5), step=timedelta(minutes=30))
    if world.now() < renews_at <= end + timedelta(days=1, hours=2):
        world.reach(renews_at - timedelta(minutes=5))
        world.live(until=renews_at + timedelta(hours=2), step=timedelta(minutes=30))
    return world.invoices()[-1]


def at_stripe(world: PaymentsWorld) -> tuple[int | None, bool, str]:
    """What the subscription at Stripe charges, whether it ends as its period does, and its status."""
    link = world.row(StripeSubscription)
    there = world.ask("GET", f"/v1/subscriptions/{link.stripe_id}")
    price = there["items"]["data"][0]["price"]
    return price["unit_amount"], there["cancel_at_period_end"], there["status"]


def carried(world: PaymentsWorld, invoice: Invoice) -> list[tuple[str | None, int, str]]:
    rows = world.rows(StripeInvoice, invoice_id=invoice.id)
    return sorted((row.part, row.total_minor, row.status) for row in rows)


def calls_made(world: PaymentsWorld, kind: StripeCallKind) -> int:
    return len([row for row in world.rows(StripeCall, kind=kind) if row.done_at])


# -- another plan


def test_a_dearer_plan_now_and_a_cheaper_one_later_are_collected_to_the_cent(payments_world: PaymentsWorld) -> None:
    world = payments_world
    world.buy("PRO")
    world.pass_time(days=10)
    world.use("1500000")
    up = changed(world, "ENTERPRISE")
    assert up.when == When.NOW
    world.work()
    assert at_stripe(world) == (1_800_000, False, "active")
    first = through_the_close(world)
    assert first.total_minor == 1_800_000 + up.total.amount_minor + 100_000  # use before the change, at its prices
    assert carried(world, first) == [("whole", first.total_minor, "paid")]

    world.pass_time(days=3)
    down = changed(world, "STARTER")
    assert down.when == When.PERIOD_END
    world.work()
    assert at_stripe(world) == (400_000, False, "active")
    assert len(world.at_stripe("invoice")) == 2  # nothing was charged for either change
    second = through_the_close(world)
    assert (second.total_minor, carried(world, second)) == (400_000, [("whole", 400_000, "paid")])
    assert {each.status for each in world.invoices()} == {InvoiceStatus.PAID}
    assert calls_made(world, StripeCallKind.CHANGE_PRICE) == 2
    world.assert_all_agrees()


def test_a_change_that_is_withdrawn_or_replaced_leaves_no_trace_in_the_renewal(
    sqlite_payments_world: PaymentsWorld,
) -> None:
    world = sqlite_payments_world
    world.buy("PRO")
    changed(world, "STARTER", when=When.PERIOD_END)
    world.work()
    assert at_stripe(world)[0] == 400_000
    acted(world, withdraw_change)
    world.work()
    assert at_stripe(world)[0] == 900_000
    changed(world, "STARTER", when=When.PERIOD_END)
    world.work()
    changed(world, "ENTERPRISE", when=When.PERIOD_END)
    world.work()
    assert at_stripe(world)[0] == 1_800_000
    assert through_the_close(world).total_minor == 1_800_000
    assert calls_made(world, StripeCallKind.CHANGE_PRICE) == 4
    assert len({row.key for row in world.rows(StripeCall)}) == len(world.rows(StripeCall))
    world.assert_all_agrees()


def test_a_price_that_somebody_changed_at_stripe_is_put_right(sqlite_payments_world: PaymentsWorld) -> None:
    world = sqlite_payments_world
    world.buy("PRO")
    there = world.at_stripe("subscription")[0]
    item = there["items"]["data"][0]
    product = item["price"]["product"]
    data = {"currency": "cad", "product": product, "recurring": {"interval": "month"}, "unit_amount": 100}
    price = world.ask("POST", "/v1/prices", _form(data))
    form = {"items[0][id]": item["id"], "items[0][price]": price["id"], "proration_behavior": "none"}
    world.ask("POST", f"/v1/subscriptions/{there['id']}", form)
    world.work()
    assert at_stripe(world)[0] == 900_000
    assert through_the_close(world).total_minor == 900_000
    world.assert_all_agrees()


def _form(data: dict[str, Any]) -> dict[str, Any]:
    inner = {f"recurring[{name}]": value for name, value in data["recurring"].items()}
    return {name: value for name, value in data.items() if name != "recurring"} | inner


def test_who_goes_back_to_a_plan_off_sale_is_charged_its_price_all_the_same(
    sqlite_payments_world: PaymentsWorld,
) -> None:
    world = sqlite_payments_world
    world.buy("PRO")
    changed(world, "STARTER")
    world.work()
    world.transact(forget_entry, account=world.stripe.account, lookup_key="tallystick:reliability:PRO:month")
    acted(world, withdraw_change)
    world.work()
    assert at_stripe(world) == (900_000, False, "active")
    assert through_the_close(world).total_minor == 900_000
    world.assert_all_agrees()


def test_a_dearer_plan_within_a_paid_year_is_charged_with_the_month_and_renews_with_the_year(
    sqlite_payments_world: PaymentsWorld,
) -> None:
    world = sqlite_payments_world
    world.pay(world.open_checkout("PRO", interval=Interval.YEAR))
    world.work()
    world.pass_time(days=3)
    up = changed(world, "ENTERPRISE")
    world.work()
    assert at_stripe(world) == (17_280_000, False, "active")
    invoice = through_the_close(world)
    assert (invoice.total_minor, invoice.status) == (up.total.amount_minor, InvoiceStatus.PAID)
    assert carried(world, invoice) == [("whole", up.total.amount_minor, "paid")]
    canceled(world)
    world.work()
    assert at_stripe(world) == (17_280_000, True, "active")
    assert calls_made(world, StripeCallKind.CHANGE_PRICE) == 1
    world.assert_all_agrees()


@pytest.mark.parametrize(("plan_code", "when"), [("ENTERPRISE", None), ("STARTER", None)])
def test_a_draft_that_brings_the_fee_of_before_is_put_right_by_a_line(
    sqlite_payments_world: PaymentsWorld, plan_code: str, when: When | None
) -> None:
    world = sqlite_payments_world
    world.buy("PRO")
    world.pass_time(days=10)
    done = changed(world, plan_code, when=when)
    end, renews_at = world.subscription().current_period_end, world.row(StripeSubscription).current_period_end
    world.pass_until(renews_at + timedelta(minutes=5))  # nobody told Stripe of it
    world.live(until=max(renews_at, end) + timedelta(hours=5), step=timedelta(minutes=30))
    invoice = world.invoices()[-1]
    fee = 1_800_000 if plan_code == "ENTERPRISE" else 400_000
    assert invoice.total_minor == fee + done.total.amount_minor
    assert carried(world, invoice) == [("whole", invoice.total_minor, "paid")]
    assert calls_made(world, StripeCallKind.ADD_DIFFERENCE) == 1
    world.assert_all_agrees()
    assert through_the_close(world).total_minor == fee
    assert calls_made(world, StripeCallKind.ADD_DIFFERENCE) == 1
    world.assert_all_agrees()


def test_a_renewal_that_charged_the_fee_of_before_has_the_rest_made_up_for(
    sqlite_payments_world: PaymentsWorld,
) -> None:
    world = sqlite_payments_world
    world.buy("PRO")
    world.pass_time(days=10)
    done = changed(world, "ENTERPRISE")
    end, renews_at = world.subscription().current_period_end, world.row(StripeSubscription).current_period_end
    world.pass_until(max(renews_at, end) + timedelta(hours=3))  # nobody listened, and Stripe finalised it by itself
    world.tick()
    invoice = world.invoices()[-1]
    assert invoice.total_minor == 1_800_000 + done.total.amount_minor
    assert carried(world, invoice) == [("base", 900_000, "paid"), ("rest", invoice.total_minor - 900_000, "paid")]
    assert invoice.status == InvoiceStatus.PAID
    world.assert_all_agrees()


# -- ends


def test_an_end_is_told_to_stripe_taken_back_and_told_again(payments_world: PaymentsWorld) -> None:
    world = payments_world
    world.buy("PRO")
    world.pass_time(days=2)
    canceled(world)
    world.work()
    assert at_stripe(world) == (900_000, True, "active")
    acted(world, withdraw_change)
    world.work()
    assert at_stripe(world) == (900_000, False, "active")
    canceled(world)
    world.work()
    assert at_stripe(world)[1]
    world.use("1500000")
    end = world.subscription().current_period_end
    last = through_the_close(world)
    ours = world.subscription()
    assert (ours.status, ours.canceled_at) == (SubscriptionStatus.CANCELED, end)
    assert (last.total_minor, last.status) == (100_000, InvoiceStatus.PAID)
    assert [each["total"] for each in world.at_stripe("invoice")] == [900_000, 100_000]
    assert at_stripe(world)[2] == "canceled"
    world.assert_all_agrees()


def test_a_withdrawn_end_renews_as_if_nothing_had_been(sqlite_payments_world: PaymentsWorld) -> None:
    world = sqlite_payments_world
    world.buy("PRO")
    canceled(world)
    world.work()
    acted(world, withdraw_change)
    world.work()
    assert through_the_close(world).total_minor == 900_000
    assert world.subscription().status == SubscriptionStatus.ACTIVE
    world.assert_all_agrees()


def test_an_end_that_is_taken_back_at_stripe_alone_still_comes(sqlite_payments_world: PaymentsWorld) -> None:
    world = sqlite_payments_world
    world.buy("PRO")
    canceled(world)
    world.work()
    link = world.row(StripeSubscription)
    world.ask("POST", f"/v1/subscriptions/{link.stripe_id}", {"cancel_at_period_end": "false"})
    world.work()
    through_the_close(world)
    assert world.subscription().status == SubscriptionStatus.CANCELED
    assert [each["total"] for each in world.at_stripe("invoice") if each["status"] == "paid"] == [900_000]
    assert at_stripe(world)[2] == "canceled"
    world.assert_all_agrees()


def test_an_end_planned_at_stripe_is_not_taken_back_by_us(sqlite_payments_world: PaymentsWorld) -> None:
    world = sqlite_payments_world
    world.buy("PRO")
    link = world.row(StripeSubscription)
    world.ask("POST", f"/v1/subscriptions/{link.stripe_id}", {"cancel_at_period_end": "true"})
    world.work()
    changed(world, "ENTERPRISE")
    world.work()
    assert at_stripe(world) == (1_800_000, True, "active")
    assert calls_made(world, StripeCallKind.PLAN_END) == 0


def test_an_end_now_ends_it_there_too(sqlite_payments_world: PaymentsWorld) -> None:
    world = sqlite_payments_world
    world.buy("PRO")
    world.pass_time(days=3)
    world.use("1500000")
    canceled(world, When.NOW)
    world.work()
    assert at_stripe(world)[2] == "canceled"
    world.live(until=world.now() + timedelta(hours=5))
    assert [(each.total_minor, each.status) for each in world.invoices()] == [(900_000, "paid"), (100_000, "paid")]
    world.assert_all_agrees()


# -- rests


def test_a_pause_as_the_period_ends_is_charged_nothing_until_it_is_resumed(
    sqlite_payments_world: PaymentsWorld,
) -> None:
    world = sqlite_payments_world
    world.buy("PRO")
    acted(world, pause_subscription, when=When.PERIOD_END, by="usr_1")
    through_the_close(world)
    assert world.subscription().status == SubscriptionStatus.PAUSED
    world.pass_time(days=3)
    world.work()
    assert {each["status"] for each in world.at_stripe("invoice")} == {"paid", "void"}
    acted(world, resume_subscription)
    world.work()
    assert world.subscription().status == SubscriptionStatus.ACTIVE
    renewed = through_the_close(world)
    assert renewed.total_minor == 1_800_000  # the month it came back in, and the next
    assert carried(world, renewed) == [("whole", 1_800_000, "paid")]
    world.assert_all_agrees()


def test_a_pause_now_stays_one_whatever_stripe_tells_of_meanwhile(sqlite_payments_world: PaymentsWorld) -> None:
    world = sqlite_payments_world
    world.buy("PRO")
    acted(world, pause_subscription, when=When.NOW, by="usr_1")
    link = world.row(StripeSubscription)
    world.ask("POST", f"/v1/subscriptions/{link.stripe_id}", {"description": "A note"})
    world.work()
    assert world.subscription().status == SubscriptionStatus.PAUSED
    acted(world, resume_subscription)
    world.work()
    assert world.subscription().status == SubscriptionStatus.ACTIVE
    assert through_the_close(world).total_minor == 900_000
    world.assert_all_agrees()


# -- failures


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries within a call do not wait."""
    monkeypatch.setattr(client, "BACKOFF_SECONDS", 0)
    monkeypatch.setattr(sdk._http_client.HTTPClient, "INITIAL_DELAY", 0)
    monkeypatch.setattr(sdk._http_client.HTTPClient, "MAX_DELAY", 0)


def fail_at_first(world: PaymentsWorld, fault: str) -> None:
    """What is owed is called for and fails, and is put off."""
    world.sandbox.control("answer_next", status=fault, count=4, delay_seconds=0)
    payments.work_until_done(world.stripe, clock=world.now)
    world.sandbox.sandbox.world.faults.answers.clear()


def until_nothing_waits(world: PaymentsWorld, until: datetime) -> None:
    while world.now() < until:
        world.pass_time(minutes=2)
        world.work()
    assert [row.key for row in world.rows(StripeCall) if not row.done_at] == []


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_changes_are_told_once_though_the_first_calls_fail(
    sqlite_payments_world: PaymentsWorld, impatient: None, fault: str
) -> None:
    world = sqlite_payments_world
    world.buy("PRO")
    up = changed(world, "ENTERPRISE")
    fail_at_first(world, fault)
    until_nothing_waits(world, world.now() + timedelta(minutes=10))
    assert at_stripe(world) == (1_800_000, False, "active")
    canceled(world)
    fail_at_first(world, fault)
    until_nothing_waits(world, world.now() + timedelta(minutes=10))
    assert at_stripe(world) == (1_800_000, True, "active")
    acted(world, withdraw_change)
    fail_at_first(world, fault)
    until_nothing_waits(world, world.now() + timedelta(minutes=10))
    assert at_stripe(world) == (1_800_000, False, "active")
    assert through_the_close(world).total_minor == 1_800_000 + up.total.amount_minor
    assert (calls_made(world, StripeCallKind.CHANGE_PRICE), calls_made(world, StripeCallKind.PLAN_END)) == (1, 2)
    world.assert_all_agrees()


def test_a_close_while_stripe_is_away_waits_for_its_renewal(sqlite_payments_world: PaymentsWorld) -> None:
    world = sqlite_payments_world
    world.buy("PRO")
    changed(world, "STARTER")
    world.work()
    world.pass_until(world.subscription().current_period_end + timedelta(hours=2))
    assert not jobs.close_due_periods(at=world.now()).failed
    world.work_deaf()
    assert world.invoices()[-1].status == InvoiceStatus.OPEN
    world.tick()
    assert [(each.total_minor, each.status) for each in world.invoices()] == [(900_000, "paid"), (400_000, "paid")]
    world.assert_all_agrees()
