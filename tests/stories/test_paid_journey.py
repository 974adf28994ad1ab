"""Whole journeys with money: over the API, the hosted pages, and webhooks that the sandbox delivers over HTTP."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli.commands import cli
from models import (
    Checkout,
    Collection,
    Dunning,
    Interval,
    InvoiceStatus,
    Notice,
    PaymentReminder,
    Refund,
    StripeCall,
    StripeEvent,
    StripeInvoice,
    StripeSubscription,
    SubscriptionStatus,
)
from services.invoices.finding import mark_invoice_paid, read_invoice
from services.payments.crediting import GiveBack, give_back
from services.payments.stripe_setup import set_up
from services.price_books.books import load_book
from services.price_books.entries import BookEntry
from tests.hosted_pages import CARD, DECLINED
from tests.payments_world import PaymentsWorld, ServedWorld

EVENT = {"event_type": "LLM_token_usage", "units": "1500000"}


def reconciled() -> dict[str, Any]:
    """What `tallystick reconcile` prints; everything must agree."""
    result = CliRunner().invoke(cli, ["reconcile", "--json"])
    assert result.exit_code == 0, (result.stdout, result.stderr, result.exception)
    said: dict[str, Any] = json.loads(result.stdout)
    return said


def theirs_for(world: PaymentsWorld, invoice_id: str) -> list[dict[str, Any]]:
    """What carries an invoice of ours at Stripe, as Stripe says it is."""
    rows = world.rows(StripeInvoice, invoice_id=invoice_id)
    return [world.ask("GET", f"/v1/invoices/{row.stripe_id}") for row in rows]


def through_the_close(served: ServedWorld) -> None:
    """To the end of the running period and some hours on, in steps in which the draft is met before it finalises."""
    end = served.world.subscription().current_period_end
    served.world.pass_until(end - timedelta(minutes=10))
    served.live(until=end + timedelta(hours=3), step=timedelta(minutes=30))


def test_from_the_first_page_to_a_bill_that_everybody_agrees_on(served_world: ServedWorld) -> None:
    world, portal = served_world.world, served_world.portal
    opened = portal.call("POST", "/v1/checkout/sessions", {"plan_code": "PRO"}, status=201)
    person = world.visitor().open(opened["url"])
    person.press("pay", email="ada@acme.example", **DECLINED)
    assert "declined" in person.text
    served_world.work()
    assert portal.call("GET", f"/v1/checkout/sessions/{opened['checkout_id']}")["status"] == "open"
    portal.call("POST", "/v1/usage/track", EVENT, status=404)

    person.press("pay", email="ada@acme.example", **CARD)
    served_world.work()
    bought = portal.call("GET", f"/v1/checkout/sessions/{opened['checkout_id']}")
    assert bought["status"] == "completed"
    started = portal.call("GET", f"/v1/subscriptions/{bought['subscription_id']}")
    assert (started["status"], started["plan_code"]) == ("active", "PRO")
    (first,) = portal.call("GET", "/v1/invoices")["invoices"]
    assert (first["status"], first["total"]) == ("paid", "9000.00")

    world.pass_time(days=4)
    portal.call("POST", "/v1/usage/track", {**EVENT, "event_id": "e1"})
    end = world.subscription().current_period_end
    world.pass_until(end + timedelta(minutes=5))
    served_world.work()
    held = world.row(StripeInvoice, billing_reason="subscription_cycle")
    assert (held.status, held.total_minor, held.invoice_id) == ("draft", 900_000, None)
    assert world.ask("GET", f"/v1/invoices/{held.stripe_id}")["auto_advance"] is False
    served_world.live(until=end + timedelta(hours=3), step=timedelta(minutes=30))

    renewed = portal.call("GET", "/v1/invoices")["invoices"][0]
    assert (renewed["status"], renewed["total"]) == ("paid", "10000.00")
    (theirs,) = theirs_for(world, renewed["invoice_id"])
    assert (theirs["id"], theirs["status"], theirs["total"]) == (held.stripe_id, "paid", 1_000_000)
    ours = portal.call("GET", f"/v1/invoices/{renewed['invoice_id']}")["lines"]
    assert sorted(line["amount"] for line in theirs["lines"]["data"]) == sorted(
        line["amount"]["amount_minor"] for line in ours
    )
    assert reconciled() == {"invoices": 2, "differing": 0, "differences": []}
    world.assert_all_agrees()


def test_a_failed_payment_is_reminded_of_suspends_and_is_forgiven_when_it_is_paid(served_world: ServedWorld) -> None:
    world, portal = served_world.world, served_world.portal
    world.pay(world.open_checkout("PRO"))
    served_world.work()
    portal.call("POST", "/v1/usage/track", EVENT)
    world.sandbox.control("fail_next_payment", count=20)
    through_the_close(served_world)
    invoice = world.invoices()[-1]
    assert (invoice.status, world.subscription().status) == (InvoiceStatus.OPEN, SubscriptionStatus.PAST_DUE)
    portal.call("POST", "/v1/usage/track", EVENT)  # who is late is still served

    failed_at = world.row(Dunning, invoice_id=invoice.id).failed_at
    for day in (0, 3, 5, 7):
        served_world.live(until=failed_at + timedelta(days=day, minutes=10), step=timedelta(days=1))
        assert [row.day for row in world.rows(PaymentReminder)][-1] == day
    assert world.subscription().status == SubscriptionStatus.PAST_DUE
    served_world.live(until=failed_at + timedelta(days=8, minutes=10), step=timedelta(days=1))
    assert world.subscription().status == SubscriptionStatus.SUSPENDED
    assert [row.day for row in world.rows(PaymentReminder)] == [0, 3, 5, 7]

    refused = portal.call("POST", "/v1/usage/track", EVENT, status=409)
    assert "suspended" in refused["detail"]
    assert portal.call("GET", "/v1/invoices")["invoices"][0]["status"] == "open"
    assert portal.call("GET", "/v1/usage/summary")["total_credits"]

    world.sandbox.sandbox.world.faults.payments.clear()
    person = world.visitor().open(str(world.invoices()[-1].stripe_hosted_url))
    person.press("pay", **CARD)
    assert "the invoice is paid" in person.text
    served_world.work()
    assert world.invoices()[-1].status == InvoiceStatus.PAID
    assert world.subscription().status == SubscriptionStatus.ACTIVE
    portal.call("POST", "/v1/usage/track", EVENT)
    ended = world.row(Dunning, invoice_id=invoice.id)
    assert (ended.outcome, ended.ended_at is not None) == ("paid", True)
    told = sorted(world.rows(Notice, subject_id=invoice.id), key=lambda notice: notice.seq)
    failures = [notice.data["attempt"] for notice in told if notice.type == "invoice.payment_failed"]
    assert failures == sorted(set(failures))
    assert [notice.data["day"] for notice in told if notice.type == "invoice.payment_reminder"] == [0, 3, 5, 7]
    assert (told[0].type, told[-1].type) == ("invoice.finalized", "invoice.paid")
    world.assert_all_agrees()


def test_money_given_back_here_and_there_is_the_same_on_both_sides(served_world: ServedWorld) -> None:
    world = served_world.world
    world.pay(world.open_checkout("PRO"))
    served_world.work()
    (invoice,) = world.invoices()
    world.transact(
        give_back, tenant_id=world.tenant_id, invoice_id=invoice.id, amount_minor=50_000, reason="A day was lost.",
        way=GiveBack.REFUND, at=world.now(),
    )  # fmt: skip
    served_world.work()
    theirs = world.row(StripeInvoice).stripe_id
    world.ask(
        "POST", "/v1/credit_notes", {"invoice": theirs, "amount": 20_000, "refund_amount": 20_000, "memo": "Said so"}
    )
    served_world.work()
    assert [each["total"] for each in world.at_stripe("credit_note")] == [50_000, 20_000]
    assert sorted(row.amount_minor for row in world.rows(Refund, status="succeeded")) == [20_000, 50_000]
    assert {row.invoice_id for row in world.rows(Refund)} == {invoice.id}
    world.assert_all_agrees()
    assert reconciled()["differing"] == 0


# -- years


def test_a_year_is_paid_ahead_and_its_months_bill_use_alone(sqlite_payments_world: PaymentsWorld) -> None:
    world = sqlite_payments_world
    opened = world.open_checkout("PRO", interval=Interval.YEAR)
    world.pay(opened)
    world.work()
    assert [each.total_minor for each in world.invoices()] == [8_640_000]
    world.use("1500000")
    first_end = world.subscription().current_period_end
    world.pass_until(first_end - timedelta(minutes=10))
    world.live(until=first_end + timedelta(hours=3), step=timedelta(minutes=40))
    month = world.invoices()[-1]
    assert (month.total_minor, month.status) == (100_000, InvoiceStatus.PAID)
    assert [each["billing_reason"] for each in theirs_for(world, month.id)] == ["manual"]

    year_end = world.subscription().base_paid_until
    assert year_end is not None
    world.live(until=year_end - timedelta(minutes=10), step=timedelta(days=6))
    world.use("1200000")
    world.live(until=year_end + timedelta(hours=3), step=timedelta(minutes=40))
    renewed = world.invoices()[-1]
    assert (renewed.total_minor, renewed.status) == (8_640_000 + 40_000, InvoiceStatus.PAID)
    (theirs,) = theirs_for(world, renewed.id)
    assert (theirs["billing_reason"], theirs["total"]) == ("subscription_cycle", 8_680_000)
    assert [each.total_minor for each in world.invoices() if each.total_minor] == [8_640_000, 100_000, 8_680_000]
    world.assert_all_agrees()


# -- trials

TRY = {
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


def test_a_trial_costs_nothing_and_the_first_paid_period_follows_it(payments_world: PaymentsWorld) -> None:
    world = payments_world
    world.transact(load_book, book=BookEntry.model_validate(TRY), at=world.now())
    set_up(world.stripe, at=world.now(), book_code="try")
    opened = world.open_checkout("try/TRIAL")
    assert opened.trial_days == 14
    world.pay(opened)
    world.work()
    ours = world.subscription()
    assert (ours.status, ours.trial_ends_at) == (SubscriptionStatus.TRIALING, ours.current_period_end)
    assert [each.total_minor for each in world.invoices()] == []
    world.use("80", "work")
    world.pass_until(ours.current_period_end - timedelta(minutes=10))
    world.live(until=ours.current_period_end + timedelta(hours=3), step=timedelta(minutes=30))
    after = world.subscription()
    assert (after.status, after.current_period_start) == (SubscriptionStatus.ACTIVE, ours.current_period_end)
    assert [(each.total_minor, each.status) for each in world.invoices()] == [(5_000, InvoiceStatus.PAID)]
    world.assert_all_agrees()


def test_who_cancels_during_the_trial_is_never_charged(payments_world: PaymentsWorld) -> None:
    world = payments_world
    world.transact(load_book, book=BookEntry.model_validate(TRY), at=world.now())
    set_up(world.stripe, at=world.now(), book_code="try")
    world.pay(world.open_checkout("try/TRIAL"))
    world.work()
    world.pass_time(days=3)
    theirs = world.row(StripeSubscription).stripe_id
    assert world.sandbox.call("DELETE", f"/v1/subscriptions/{theirs}").status_code == 200
    world.work()
    assert world.subscription().status == SubscriptionStatus.CANCELED
    world.live(until=world.now() + timedelta(days=20), step=timedelta(days=1))
    assert [each["total"] for each in world.at_stripe("invoice") if each["total"]] == []
    assert [each.total_minor for each in world.invoices() if each.total_minor] == []


# -- promotions, through months that end early and a change of the clocks

STARTS = {
    "the last of January": datetime(2027, 1, 31, 17, tzinfo=UTC),
    "before the clocks go forward": datetime(2027, 2, 14, 7, 30, tzinfo=UTC),
    "before the clocks go back": datetime(2027, 10, 7, 5, 30, tzinfo=UTC),
}
COUPONS = {
    "once": ({"percent_off": "25", "duration": "once"}, [675_000, 900_000, 900_000, 900_000]),
    "repeating": (
        {"percent_off": "20", "duration": "repeating", "duration_in_months": 2},
        [720_000, 720_000, 900_000, 900_000],
    ),
    "forever": ({"amount_off": "100000", "currency": "cad", "duration": "forever"}, [800_000] * 4),
}


@pytest.mark.slow
@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("duration", COUPONS)
def test_a_promotion_takes_off_the_same_on_both_sides_for_as_long_as_it_lasts(
    sqlite_payments_world: PaymentsWorld, duration: str, start: str
) -> None:
    world = sqlite_payments_world
    coupon, expected = COUPONS[duration]
    made = world.ask("POST", "/v1/coupons", coupon)["id"]
    world.ask("POST", "/v1/promotion_codes", {"promotion[type]": "coupon", "promotion[coupon]": made, "code": "SAVE"})
    world.pass_until(STARTS[start])
    world.pay(world.open_checkout("PRO"), code="save")
    world.work()
    for _ in range(3):
        end = world.subscription().current_period_end
        world.pass_until(end - timedelta(hours=2))
        world.live(until=end + timedelta(hours=5), step=timedelta(minutes=40))
    assert [each.total_minor for each in world.invoices()] == expected
    assert [each["total"] for each in world.at_stripe("invoice")] == expected
    assert {each.status for each in world.invoices()} == {InvoiceStatus.PAID}
    for each in world.invoices():
        lines = world.transact(read_invoice, tenant_id=world.tenant_id, invoice_id=each.id).lines
        assert sum(line.amount_minor for line in lines) == each.total_minor
    world.assert_all_agrees()


# -- large, by transfer, by API


def test_an_invoice_too_large_for_one_payment_is_sent_and_paid_by_transfer(payments_world: PaymentsWorld) -> None:
    world = payments_world
    world.buy("PRO")
    world.use("800000000")
    end = world.subscription().current_period_end
    world.pass_until(end - timedelta(minutes=10))
    world.live(until=end + timedelta(hours=3), step=timedelta(minutes=30))
    large = world.invoices()[-1]
    assert large.total_minor > 99_999_999
    assert large.status == InvoiceStatus.OPEN
    (theirs,) = theirs_for(world, large.id)
    assert (theirs["collection_method"], theirs["status"], theirs["total"]) == (
        "send_invoice",
        "open",
        large.total_minor,
    )
    world.transact(
        mark_invoice_paid, tenant_id=world.tenant_id, invoice_id=large.id, reference="Wire 88", at=world.now()
    )
    world.work()
    (theirs,) = theirs_for(world, large.id)
    assert (theirs["status"], theirs["amount_remaining"]) == ("paid", 0)
    world.assert_all_agrees()


def test_a_start_by_api_is_collected_automatically_from_its_first_bill_on(served_world: ServedWorld) -> None:
    world, portal = served_world.world, served_world.portal
    body = {"plan_code": "PRO", "collection": Collection.AUTOMATIC}
    started = portal.call("POST", "/v1/subscriptions", body, status=201)
    served_world.work()
    (first,) = world.invoices()
    (theirs,) = theirs_for(world, first.id)
    assert (theirs["status"], theirs["total"]) == ("open", 900_000)
    person = world.visitor().open(str(world.invoices()[0].stripe_hosted_url))
    person.press("pay", **CARD)
    served_world.work()
    assert world.invoices()[0].status == InvoiceStatus.PAID
    assert portal.call("GET", f"/v1/subscriptions/{started['subscription_id']}")["status"] == "active"
    link = world.row(StripeSubscription)
    assert (link.subscription_id, link.status) == (started["subscription_id"], "active")
    world.assert_all_agrees()


# -- ends


def test_what_was_used_before_an_end_at_stripe_is_billed_once_more(payments_world: PaymentsWorld) -> None:
    world = payments_world
    world.buy("PRO")
    world.pass_time(days=5)
    world.use("1500000")
    world.pass_time(days=1)
    theirs = world.row(StripeSubscription).stripe_id
    assert world.sandbox.call("DELETE", f"/v1/subscriptions/{theirs}").status_code == 200
    world.work()
    assert world.subscription().status == SubscriptionStatus.CANCELED
    world.live(until=world.now() + timedelta(hours=4), step=timedelta(minutes=40))
    assert [each.total_minor for each in world.invoices()] == [900_000, 100_000]
    assert [each["total"] for each in world.at_stripe("invoice")] == [900_000, 100_000]
    world.assert_all_agrees()


@pytest.mark.parametrize("closed_first", [True, False])
def test_an_end_after_a_renewal_is_heard_of_before_or_after_the_close_to_the_same_bill(
    payments_world: PaymentsWorld, closed_first: bool
) -> None:
    from app import jobs

    world = payments_world
    world.buy("PRO")
    world.use("1500000")
    end = world.subscription().current_period_end
    world.pass_until(end + timedelta(hours=30))  # nobody listened, and Stripe charged the next base fee
    theirs = world.row(StripeSubscription).stripe_id
    assert world.sandbox.call("DELETE", f"/v1/subscriptions/{theirs}").status_code == 200
    world.pass_until(end + timedelta(hours=60))
    if closed_first:
        assert not jobs.close_due_periods(at=world.now()).failed
    world.live(until=world.now() + timedelta(hours=6))
    assert world.subscription().status == SubscriptionStatus.CANCELED
    assert [each.total_minor for each in world.invoices()] == [900_000, 1_000_000]
    assert sorted(each["total"] for each in world.at_stripe("invoice")) == [100_000, 900_000, 900_000]
    world.assert_all_agrees()


def test_an_end_planned_in_the_billing_portal_comes_with_the_period(payments_world: PaymentsWorld) -> None:
    world = payments_world
    world.buy("STARTER")
    link = world.row(StripeSubscription)
    world.ask("POST", f"/v1/subscriptions/{link.stripe_id}", {"cancel_at_period_end": "true"})
    world.work()
    assert world.row(StripeSubscription).cancel_at_period_end
    assert world.subscription().status == SubscriptionStatus.ACTIVE
    end = world.subscription().current_period_end
    world.live(until=end + timedelta(hours=5), step=timedelta(days=3))
    assert world.subscription().status == SubscriptionStatus.CANCELED
    assert [each.total_minor for each in world.invoices() if each.total_minor] == [400_000]
    assert [each["total"] for each in world.at_stripe("invoice")] == [400_000]
    world.assert_all_agrees()


# -- two purchases


def test_a_second_checkout_is_refused_and_two_paid_ones_are_undone_to_one(served_world: ServedWorld) -> None:
    world, portal = served_world.world, served_world.portal
    first = portal.call("POST", "/v1/checkout/sessions", {"plan_code": "PRO"}, status=201)
    world.pass_time(minutes=31)
    second = portal.call("POST", "/v1/checkout/sessions", {"plan_code": "PRO"}, status=201)
    for opened in (first, second):
        world.pay(world.row(Checkout, id=opened["checkout_id"]))
    served_world.work()
    refused = portal.call("POST", "/v1/checkout/sessions", {"plan_code": "PRO"}, status=409)
    assert refused["code"] == "subscription_conflict"
    assert sorted(row.status for row in world.rows(Checkout)) == ["completed", "failed"]
    assert sorted(each["status"] for each in world.at_stripe("subscription")) == ["active", "canceled"]
    assert [each["amount"] for each in world.at_stripe("refund")] == [900_000]
    assert [each.total_minor for each in world.invoices()] == [900_000]
    world.live(until=world.now() + timedelta(hours=3))
    world.assert_nothing_doubled()


# -- who pays without Stripe


def test_who_pays_by_transfer_meets_nothing_of_stripe(served_world: ServedWorld) -> None:
    world, portal = served_world.world, served_world.portal
    portal.call("POST", "/v1/subscriptions", {"plan_code": "PRO"}, status=201)
    portal.call("POST", "/v1/usage/track", EVENT)
    through_the_close(served_world)
    first, second = world.invoices()
    assert [(each.total_minor, each.status) for each in (first, second)] == [(900_000, "open"), (1_000_000, "open")]
    assert (world.rows(StripeCall), world.rows(StripeEvent), world.rows(StripeInvoice)) == ([], [], [])
    world.transact(
        mark_invoice_paid, tenant_id=world.tenant_id, invoice_id=first.id, reference="Wire 1", at=world.now()
    )
    served_world.work()
    assert world.at_stripe("customer") == []
    assert reconciled() == {"invoices": 2, "differing": 0, "differences": []}


# -- the news goes astray


def test_a_week_without_deliveries_is_made_up_by_the_sweep(served_world: ServedWorld) -> None:
    from app import payments

    world = served_world.world
    world.sandbox.control("deliveries", mode="drop")
    world.pay(world.open_checkout("PRO"))
    served_world.work()
    assert world.invoices() == []
    world.pass_time(days=2)
    assert payments.sweep_events(world.stripe, at=world.now()) > 5
    served_world.work()
    assert [each.status for each in world.invoices()] == [InvoiceStatus.PAID]
    world.assert_all_agrees()


@pytest.mark.parametrize("mode", ["duplicate", "reorder"])
def test_deliveries_that_come_twice_or_in_another_order_change_nothing(served_world: ServedWorld, mode: str) -> None:
    world = served_world.world
    world.sandbox.control("deliveries", mode=mode)
    world.pay(world.open_checkout("PRO"))
    served_world.work()
    served_world.portal.call("POST", "/v1/usage/track", EVENT)
    through_the_close(served_world)
    assert [(each.total_minor, each.status) for each in world.invoices()] == [(900_000, "paid"), (1_000_000, "paid")]
    world.assert_all_agrees()
