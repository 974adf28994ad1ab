"""Paid by card, by the month, by the year, without a fee, and back: Stripe has another subscription for each, and every
invoice is paid once, by what the preview said.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from app import jobs
from models import (
    Interval,
    Invoice,
    InvoiceStatus,
    StripeCall,
    StripeCallKind,
    StripeInvoice,
    StripeSubscription,
    Subscription,
    SubscriptionStatus,
)
from services.database import reading
from services.errors import SubscriptionConflict
from services.payments.stripe_catalog import forget_entry
from services.payments.stripe_setup import set_up
from services.price_books.books import load_book
from services.price_books.entries import BookEntry
from services.subscriptions.change_outlook import invoice_after
from services.subscriptions.change_preview import PlanChange, When, preview_change
from services.subscriptions.lifecycle import cancel_subscription
from services.subscriptions.plan_changes import change_plan
from services.subscriptions.plan_offers import read_offers
from services.subscriptions.scheduled_changes import withdraw_change
from tests.payments_world import PaymentsWorld
from tests.stories.test_paid_changes import FAULTS, fail_at_first, impatient, until_nothing_waits

pytestmark = pytest.mark.slow

__all__ = ["impatient"]

A_DAY_APART = timedelta(days=1, hours=2)
"""How far Stripe's calendar, which is in UTC, may be from ours."""

FLEX = {
    "code": "flex",
    "name": "Flex",
    "currency": "CAD",
    "annual_discount_pct": Decimal(20),
    "pools": {"credits": {"name": "Credits", "unit": "credit"}},
    "meters": {"work": {"name": "Work", "unit": "unit", "pool": "credits", "credits_per_unit": Decimal(1)}},
    "plans": [
        {
            "code": "PAYG",
            "name": "Pay as you go",
            "base_price": Decimal(0),
            "allowances": {"credits": Decimal(10)},
            "overage": {"credits": {"model": "per_unit", "unit_price": Decimal("0.05")}},
        },
        {
            "code": "PLUS",
            "name": "Plus",
            "base_price": Decimal(50),
            "allowances": {"credits": Decimal(1000)},
            "overage": {"credits": {"model": "per_unit", "unit_price": Decimal("0.01")}},
        },
        {
            "code": "TRY",
            "name": "Try",
            "base_price": Decimal(70),
            "trial_days": 45,
            "allowances": {"credits": Decimal(1000)},
            "overage": {"credits": {"model": "per_unit", "unit_price": Decimal("0.01")}},
        },
    ],
}


@pytest.fixture
def flex(payments_world: PaymentsWorld) -> PaymentsWorld:
    """A world that also sells a plan without a base fee whose use is charged."""
    return sell_flex(payments_world)


@pytest.fixture
def sqlite_flex(sqlite_payments_world: PaymentsWorld) -> PaymentsWorld:
    """The same on SQLite alone."""
    return sell_flex(sqlite_payments_world)


def sell_flex(world: PaymentsWorld) -> PaymentsWorld:
    world.transact(load_book, book=BookEntry.model_validate(FLEX), at=world.now())
    set_up(world.stripe, at=world.now(), book_code="flex")
    return world


def changed(world: PaymentsWorld, plan_code: str, **more: Any) -> tuple[PlanChange, int]:
    """Change the plan after looking at what it comes to; the second answer is the next invoice as that was shown."""
    given = {"tenant_id": world.tenant_id, "plan_code": plan_code, "at": world.now(), **more}
    with reading() as session:
        seen = preview_change(session, **given)
        will_be = invoice_after(session, change=seen, at=given["at"]).total_minor
    done: PlanChange = world.transact(change_plan, **given)
    assert (done.when, done.effective_at, done.total) == (seen.when, seen.effective_at, seen.total)
    return done, will_be


def through_the_close(world: PaymentsWorld, step: timedelta = timedelta(minutes=30)) -> Invoice:
    """To the end of the running period and some hours on; the invoice that closed it.

    Where Stripe's calendar is a day ahead of ours it is heard of then, and where it is a day behind waited for; nothing
    counts as wrong meanwhile.
    """
    end = world.subscription().current_period_end
    for renews_at in renewals(world, max(world.now(), end - A_DAY_APART), end):
        world.reach(renews_at + timedelta(minutes=5))
        world.work()
        if end - renews_at > timedelta(hours=5):
            world.pass_until(renews_at + timedelta(hours=4))
            world.assert_all_agrees()
    world.reach(end - timedelta(hours=1))
    world.live(until=end + timedelta(hours=5), step=step)
    for renews_at in renewals(world, world.now(), end + A_DAY_APART):
        world.assert_all_agrees()
        world.reach(renews_at - timedelta(minutes=5))
        world.live(until=renews_at + timedelta(hours=2), step=step)
    return world.invoices()[-1]


def renewals(world: PaymentsWorld, after: datetime, until: datetime) -> list[datetime]:
    """When those that stand at Stripe renew next, as far as that is between."""
    return [row.current_period_end for row in standing(world) if after < row.current_period_end < until]


def until_drafted(world: PaymentsWorld) -> None:
    """Stripe has begun its next period, and nothing was heard meanwhile."""
    (link,) = standing(world)
    world.pass_until(link.current_period_end + timedelta(minutes=5))


def until(world: PaymentsWorld, moment: datetime) -> None:
    """Months go by, each lived through where it ends."""
    while world.subscription().current_period_end < moment:
        through_the_close(world, timedelta(hours=3))


def there(world: PaymentsWorld) -> list[tuple[str, str, int]]:
    """Every subscription at Stripe: its status, what it charges by and how much."""
    found = []
    for each in world.at_stripe("subscription"):
        price = each["items"]["data"][0]["price"]
        found.append((each["status"], price["recurring"]["interval"], price["unit_amount"]))
    return found


def steps(world: PaymentsWorld) -> list[tuple[str, bool]]:
    """What the button of each plan says to who has one, and whether it is bought on the payment page instead."""
    with reading() as session:
        view = read_offers(session, tenant_id=world.tenant_id, at=world.now(), by_card=True)
    return [(offer.change.words, offer.can_start) for offer in view.offers]


def standing(world: PaymentsWorld) -> list[StripeSubscription]:
    return [row for row in world.rows(StripeSubscription) if row.replaced_at is None]


def assert_paid_once(world: PaymentsWorld) -> None:
    """Each invoice is paid, by one at Stripe of the same total, and nothing else was charged there."""
    ours = [(each.total_minor, each.status) for each in world.invoices()]
    assert {status for _, status in ours} <= {InvoiceStatus.PAID}
    for each in world.invoices():
        carried = world.rows(StripeInvoice, invoice_id=each.id)
        assert sum(row.total_minor for row in carried) == each.total_minor
        assert {row.status for row in carried} <= {"paid"}
    charged = [each["total"] for each in world.at_stripe("invoice") if each["status"] == "paid" and each["total"]]
    assert sorted(charged) == sorted(total for total, _ in ours if total)
    assert not [each for each in world.at_stripe("invoice") if each["status"] in ("draft", "open")]
    world.assert_all_agrees()


# -- months and years


def test_months_become_a_year_and_months_again_each_paid_once(payments_world: PaymentsWorld) -> None:
    world = payments_world
    world.buy("PRO")
    begun = world.subscription().current_period_start
    world.pass_time(days=10)
    yearly, will_be = changed(world, "PRO", interval=Interval.YEAR)
    assert yearly.when == When.NOW
    world.work()
    assert there(world) == [("canceled", "month", 900_000), ("active", "year", 8_640_000)]
    first = through_the_close(world)
    assert first.total_minor == will_be == yearly.total.amount_minor
    assert_paid_once(world)

    paid_until = world.subscription().base_paid_until
    assert paid_until is not None
    assert (paid_until - begun).days in (365, 366)
    until(world, begun + timedelta(days=100))
    monthly, _ = changed(world, "PRO", interval=Interval.MONTH)
    assert (monthly.when, monthly.effective_at) == (When.PERIOD_END, paid_until)
    world.work()
    assert there(world)[1:] == [("active", "year", 8_640_000)]
    assert standing(world)[0].cancel_at_period_end
    until(world, paid_until)
    assert [each.total_minor for each in world.invoices()[2:]] == [0] * (len(world.invoices()) - 2)

    renewed = through_the_close(world)
    assert (renewed.total_minor, renewed.status) == (900_000, InvoiceStatus.PAID)
    assert world.subscription().interval == Interval.MONTH
    world.work()
    assert there(world)[1:] == [("canceled", "year", 8_640_000), ("active", "month", 900_000)]
    assert_paid_once(world)
    assert through_the_close(world).total_minor == 900_000
    assert through_the_close(world).total_minor == 900_000
    assert_paid_once(world)
    assert len(standing(world)) == 1


def test_a_year_renews_by_the_subscription_that_took_the_place_of_the_monthly_one(
    sqlite_payments_world: PaymentsWorld,
) -> None:
    world = sqlite_payments_world
    world.buy("STARTER")
    world.pass_time(days=2)
    changed(world, "STARTER", interval=Interval.YEAR)
    world.work()
    paid_until = world.subscription().base_paid_until
    assert paid_until is not None
    until(world, paid_until)
    again = through_the_close(world)
    assert again.total_minor == 3_840_000
    (row,) = world.rows(StripeInvoice, invoice_id=again.id)
    assert (row.part, row.status, row.billing_reason) == ("whole", "paid", "subscription_cycle")
    assert_paid_once(world)


def test_a_dearer_plan_by_the_year_at_once(sqlite_payments_world: PaymentsWorld) -> None:
    world = sqlite_payments_world
    world.buy("STARTER")
    world.pass_time(days=12)
    world.use("300000")
    _, will_be = changed(world, "PRO", interval=Interval.YEAR)
    world.work()
    assert through_the_close(world).total_minor == will_be
    assert_paid_once(world)


def test_months_may_become_a_year_as_the_period_ends(sqlite_payments_world: PaymentsWorld) -> None:
    world = sqlite_payments_world
    world.buy("PRO")
    _, will_be = changed(world, "PRO", interval=Interval.YEAR, when=When.PERIOD_END)
    world.work()
    assert standing(world)[0].cancel_at_period_end
    first = through_the_close(world)
    assert (first.total_minor, will_be) == (8_640_000, 8_640_000)
    world.work()
    assert there(world) == [("canceled", "month", 900_000), ("active", "year", 8_640_000)]
    assert_paid_once(world)


def test_a_scheduled_change_of_interval_that_is_withdrawn_renews_as_before(
    sqlite_payments_world: PaymentsWorld,
) -> None:
    world = sqlite_payments_world
    world.buy("PRO")
    changed(world, "PRO", interval=Interval.YEAR, when=When.PERIOD_END)
    world.work()
    ours = world.subscription()
    world.transact(withdraw_change, tenant_id=world.tenant_id, subscription_id=ours.id, at=world.now())
    world.work()
    assert not standing(world)[0].cancel_at_period_end
    assert through_the_close(world).total_minor == 900_000
    assert there(world) == [("active", "month", 900_000)]
    assert_paid_once(world)


def test_a_change_that_is_withdrawn_after_stripe_ended_for_it_goes_on_with_another(
    sqlite_payments_world: PaymentsWorld,
) -> None:
    world = sqlite_payments_world
    world.buy("PRO")
    changed(world, "PRO", interval=Interval.YEAR, when=When.PERIOD_END)
    world.work()
    ours = world.subscription()
    world.pass_until(ours.current_period_end - timedelta(hours=2))
    if there(world) == [("active", "month", 900_000)]:  # its calendar is not ahead of ours; let it be
        world.ask("DELETE", f"/v1/subscriptions/{standing(world)[0].stripe_id}")
    world.work()
    assert world.subscription().status == SubscriptionStatus.ACTIVE
    world.transact(withdraw_change, tenant_id=world.tenant_id, subscription_id=ours.id, at=world.now())
    world.work()
    assert there(world) == [("canceled", "month", 900_000), ("active", "month", 900_000)]
    assert through_the_close(world).total_minor == 900_000
    assert_paid_once(world)


@pytest.mark.slow
@pytest.mark.parametrize("started_at", [datetime(2027, 3, 1, 1, 41, tzinfo=UTC), datetime(2027, 5, 1, 2, tzinfo=UTC)])
def test_the_last_evening_of_a_month_is_another_day_at_stripe_and_one_renewal(
    sqlite_payments_world: PaymentsWorld, started_at: datetime
) -> None:
    world = sqlite_payments_world
    world.pass_until(started_at)
    world.buy("PRO")
    for _ in range(2):
        end = world.subscription().current_period_end
        world.pass_until(end - timedelta(hours=2))
        world.live(until=end + timedelta(days=4), step=timedelta(minutes=50))
    assert [each.total_minor for each in world.invoices()] == [900_000] * 3
    assert_paid_once(world)
    changed(world, "PRO", interval=Interval.YEAR)
    world.work()
    through_the_close(world)
    assert_paid_once(world)


# -- where Stripe hears of it late


def test_a_month_that_stripe_drafted_before_it_heard_of_the_year_is_made_void(
    sqlite_payments_world: PaymentsWorld,
) -> None:
    world = sqlite_payments_world
    world.buy("PRO")
    world.pass_time(days=10)
    yearly, _ = changed(world, "PRO", interval=Interval.YEAR)
    end = world.subscription().current_period_end
    until_drafted(world)  # nobody told Stripe of it
    world.live(until=max(world.now(), end) + timedelta(hours=5), step=timedelta(minutes=30))
    assert world.invoices()[-1].total_minor == yearly.total.amount_minor
    assert sorted(each["status"] for each in world.at_stripe("invoice")) == ["paid", "paid", "void"]
    assert_paid_once(world)


def test_a_year_that_stripe_drafted_before_it_heard_of_the_months_is_put_right_by_a_line(
    sqlite_payments_world: PaymentsWorld,
) -> None:
    world = sqlite_payments_world
    world.pay(world.open_checkout("PRO", interval=Interval.YEAR))
    world.work()
    paid_until = world.subscription().base_paid_until
    assert paid_until is not None
    until(world, paid_until)
    changed(world, "PRO", interval=Interval.MONTH)
    until_drafted(world)  # nobody told Stripe of it
    world.live(until=max(world.now(), paid_until) + timedelta(hours=5), step=timedelta(minutes=30))
    assert (world.invoices()[-1].total_minor, world.invoices()[-1].status) == (900_000, InvoiceStatus.PAID)
    assert there(world) == [("canceled", "year", 8_640_000), ("active", "month", 900_000)]
    assert_paid_once(world)
    assert through_the_close(world).total_minor == 900_000
    assert_paid_once(world)


def test_a_month_that_stripe_charged_before_it_heard_of_the_year_counts_towards_it(
    sqlite_payments_world: PaymentsWorld,
) -> None:
    world = sqlite_payments_world
    world.buy("PRO")
    changed(world, "PRO", interval=Interval.YEAR, when=When.PERIOD_END)
    end = world.subscription().current_period_end
    until_drafted(world)
    world.pass_until(max(world.now(), end) + timedelta(hours=3))  # nobody listened, and Stripe finalised it by itself
    world.tick()
    invoice = world.invoices()[-1]
    assert invoice.total_minor == 8_640_000
    parts = sorted((row.part, row.total_minor) for row in world.rows(StripeInvoice, invoice_id=invoice.id))
    assert parts == [("base", 900_000), ("rest", 7_740_000)]
    world.tick()
    assert there(world) == [("canceled", "month", 900_000), ("active", "year", 8_640_000)]
    world.assert_all_agrees()


# -- without a base fee


def test_from_no_fee_to_one_and_back_all_by_one_card(flex: PaymentsWorld) -> None:
    world = flex
    world.buy("flex/PLUS")
    down, _ = changed(world, "flex/PAYG")
    assert down.when == When.PERIOD_END
    world.work()
    assert standing(world)[0].cancel_at_period_end
    assert through_the_close(world).total_minor == 0
    ours = world.subscription()
    assert (ours.status, there(world)) == (SubscriptionStatus.ACTIVE, [("canceled", "month", 5_000)])
    assert standing(world) == []

    world.use("30", "work")  # twenty beyond the allowance
    overage = through_the_close(world)
    assert (overage.total_minor, overage.status) == (100, InvoiceStatus.PAID)
    assert_paid_once(world)

    world.pass_time(days=10)
    world.use("30", "work")
    assert steps(world) == [("", False), ("Upgrade now", False), ("Upgrade now", False)]
    up, will_be = changed(world, "flex/PLUS")
    assert up.when == When.NOW
    world.work()
    assert there(world)[1:] == [("active", "month", 5_000)]
    renewed = through_the_close(world)
    assert renewed.total_minor == will_be == up.total.amount_minor + 100 + 5_000
    (row,) = world.rows(StripeInvoice, invoice_id=renewed.id)
    assert (row.part, row.billing_reason) == ("whole", "subscription_cycle")
    assert_paid_once(world)

    changed(world, "flex/PAYG")
    world.work()
    through_the_close(world)
    through_the_close(world)
    assert [status for status, _, _ in there(world)] == ["canceled", "canceled"]
    assert_paid_once(world)


def test_a_fee_from_the_next_period_on_is_charged_with_it(sqlite_flex: PaymentsWorld) -> None:
    world = sqlite_flex
    world.buy("flex/PLUS")
    changed(world, "flex/PAYG")
    world.work()
    through_the_close(world)
    _, will_be = changed(world, "flex/PLUS", interval=Interval.YEAR, when=When.PERIOD_END)
    world.work()
    assert standing(world) == []
    first = through_the_close(world)
    assert (first.total_minor, will_be) == (48_000, 48_000)
    world.work()
    assert there(world)[1:] == [("active", "year", 48_000)]
    assert_paid_once(world)


def test_without_a_card_a_fee_is_refused_and_says_where_to_give_one(sqlite_flex: PaymentsWorld) -> None:
    world = sqlite_flex
    world.buy("flex/PLUS")
    changed(world, "flex/PAYG")
    world.work()
    through_the_close(world)
    (method,) = world.at_stripe("payment_method")
    world.ask("POST", f"/v1/payment_methods/{method['id']}/detach")
    (customer,) = world.at_stripe("customer")
    world.ask("POST", f"/v1/customers/{customer['id']}", {"description": "No card"})
    world.work()
    assert steps(world) == [("", False), ("", True), ("", True)]
    with pytest.raises(SubscriptionConflict, match="no card to charge for Plus; buy it on the payment page"):
        changed(world, "flex/PLUS")
    opened = world.open_checkout("flex/PLUS")
    world.pay(opened)
    world.work()
    statuses = sorted(row.status for row in world.rows(Subscription))
    assert statuses == [SubscriptionStatus.ACTIVE, SubscriptionStatus.CANCELED]
    world.live(until=world.now() + timedelta(hours=3))
    world.assert_all_agrees()


def test_an_end_instead_of_a_change_ends_both(sqlite_flex: PaymentsWorld) -> None:
    world = sqlite_flex
    world.buy("flex/PLUS")
    changed(world, "flex/PAYG")
    world.work()
    ours = world.subscription()
    world.transact(
        cancel_subscription, tenant_id=world.tenant_id, subscription_id=ours.id, when=When.PERIOD_END, by="usr_1",
        at=world.now(),
    )  # fmt: skip
    world.work()
    through_the_close(world)
    assert world.subscription().status == SubscriptionStatus.CANCELED
    assert there(world) == [("canceled", "month", 5_000)]
    assert_paid_once(world)


# -- promotions, trials, failures


@pytest.mark.slow
@pytest.mark.parametrize(
    ("coupon", "expected"),
    [
        ({"percent_off": "10", "duration": "forever"}, [810_000, 810_000]),
        ({"percent_off": "10", "duration": "repeating", "duration_in_months": "20"}, [810_000, 810_000]),
        ({"percent_off": "10", "duration": "once"}, [900_000, 900_000]),
    ],
)
def test_promotions_last_as_long_as_they_would_have(
    sqlite_payments_world: PaymentsWorld, coupon: dict[str, str], expected: list[int]
) -> None:
    world = sqlite_payments_world
    made = world.ask("POST", "/v1/coupons", coupon)["id"]
    world.ask("POST", "/v1/promotion_codes", {"promotion[type]": "coupon", "promotion[coupon]": made, "code": "SAVE"})
    world.pay(world.open_checkout("PRO", interval=Interval.YEAR), code="save")
    world.work()
    assert world.invoices()[0].total_minor == 7_776_000
    changed(world, "PRO", interval=Interval.MONTH)
    world.work()
    paid_until = world.subscription().base_paid_until
    assert paid_until is not None
    until(world, paid_until)
    assert [through_the_close(world).total_minor for _ in range(2)] == expected
    assert_paid_once(world)


def test_a_trial_goes_on_whatever_it_is_paid_by_afterwards(sqlite_flex: PaymentsWorld) -> None:
    world = sqlite_flex
    made = world.ask("POST", "/v1/coupons", {"percent_off": "50", "duration": "once"})["id"]
    world.ask("POST", "/v1/promotion_codes", {"promotion[type]": "coupon", "promotion[coupon]": made, "code": "HALF"})
    world.pay(world.open_checkout("flex/TRY", interval=Interval.YEAR), code="half")
    world.work()
    ends_at = world.subscription().trial_ends_at
    changed(world, "flex/TRY", interval=Interval.MONTH)  # which is further off than a month
    world.work()
    assert there(world) == [("canceled", "year", 67_200), ("trialing", "month", 7_000)]
    assert world.subscription().status == SubscriptionStatus.TRIALING
    changed(world, "flex/TRY", interval=Interval.YEAR)
    world.work()
    changed(world, "flex/TRY", interval=Interval.MONTH)
    world.work()
    assert [status for status, _, _ in there(world)] == ["canceled", "canceled", "canceled", "trialing"]
    first = through_the_close(world)
    assert (first.period_end, first.total_minor) == (ends_at, 3_500)
    assert through_the_close(world).total_minor == 7_000
    assert_paid_once(world)


def test_who_is_on_a_version_off_sale_keeps_its_price_by_the_year(sqlite_payments_world: PaymentsWorld) -> None:
    world = sqlite_payments_world
    world.buy("STARTER")
    for interval in Interval:
        key = f"tallystick:reliability:STARTER:{interval}"
        world.transact(forget_entry, account=world.stripe.account, lookup_key=key)
    changed(world, "STARTER", interval=Interval.YEAR)
    world.work()
    assert there(world) == [("canceled", "month", 400_000), ("active", "year", 3_840_000)]
    through_the_close(world)
    assert_paid_once(world)


def test_deaf_to_all_news_the_books_come_out_the_same(sqlite_payments_world: PaymentsWorld) -> None:
    world = sqlite_payments_world
    world.buy("PRO")
    world.pass_time(days=10)
    changed(world, "PRO", interval=Interval.YEAR)
    world.work_deaf()
    old, new = world.at_stripe("subscription")
    assert (old["status"], new["status"]) == ("canceled", "active")
    unheard = world.undelivered()
    for events in (unheard[::-1], unheard, unheard[::2]):
        world.deliver(events)
        world.work_deaf()
    assert world.subscription().status == SubscriptionStatus.ACTIVE
    assert [row.stripe_id for row in standing(world)] == [new["id"]]
    assert not jobs.close_due_periods(at=world.now()).failed
    through_the_close(world)
    assert_paid_once(world)


def test_a_call_that_is_held_for_the_subscription_of_before_does_not_stand_in_the_way(
    sqlite_payments_world: PaymentsWorld,
) -> None:
    world = sqlite_payments_world
    world.buy("PRO")
    for key in ("tallystick:reliability:ENTERPRISE", "tallystick:reliability:ENTERPRISE:month"):
        world.transact(forget_entry, account=world.stripe.account, lookup_key=key)
    changed(world, "ENTERPRISE", when=When.PERIOD_END)
    world.work()
    assert [row.kind for row in world.rows(StripeCall) if not row.done_at] == [StripeCallKind.CHANGE_PRICE]
    changed(world, "PRO", interval=Interval.YEAR)
    world.work()
    world.work()
    assert there(world) == [("canceled", "month", 900_000), ("active", "year", 8_640_000)]
    assert [row.key for row in world.rows(StripeCall) if not row.done_at] == []
    assert len(world.rows(StripeCall, kind=StripeCallKind.CREATE_SUBSCRIPTION)) == 1
    through_the_close(world)
    assert_paid_once(world)


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("fault", FAULTS)
def test_one_takes_the_place_of_another_once_though_the_first_calls_fail(
    sqlite_payments_world: PaymentsWorld, fault: str
) -> None:
    world = sqlite_payments_world
    world.buy("PRO")
    changed(world, "PRO", interval=Interval.YEAR)
    fail_at_first(world, fault)
    until_nothing_waits(world, world.now() + timedelta(minutes=10))
    assert there(world) == [("canceled", "month", 900_000), ("active", "year", 8_640_000)]
    through_the_close(world)
    assert_paid_once(world)
