"""Cycles of days that not every month, year or zone has: Stripe's keeps to ours, and the stories of moving hold."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from models import Collection, InvoiceStatus, StripeInvoice
from services.subscriptions.starting import create_subscription
from tests.payments_world import PaymentsWorld
from tests.stories import test_moved_unpaid as moved
from tests.stories import test_paid_intervals as intervals

pytestmark = pytest.mark.slow

TORONTO, AUCKLAND = "America/Toronto", "Pacific/Auckland"
PLACES = [
    pytest.param(datetime(2027, 1, 31, 23, 30, tzinfo=UTC), AUCKLAND, id="1 February in Auckland"),
    pytest.param(datetime(2028, 2, 29, 12, 0, tzinfo=UTC), TORONTO, id="29 February"),
    pytest.param(datetime(2026, 11, 30, 1, 20, tzinfo=UTC), TORONTO, id="the evening of 29 November in Toronto"),
    pytest.param(datetime(2026, 10, 31, 4, 30, tzinfo=UTC), TORONTO, id="31 October, the night before clocks go back"),
    pytest.param(datetime(2027, 3, 14, 6, 50, tzinfo=UTC), TORONTO, id="just before clocks go forward in Toronto"),
    pytest.param(datetime(2027, 4, 3, 13, 50, tzinfo=UTC), AUCKLAND, id="just before clocks go back in Auckland"),
    pytest.param(datetime(2027, 1, 30, 23, 10, tzinfo=UTC), AUCKLAND, id="31 January in Auckland"),
]
Story = Callable[[PaymentsWorld], None]


def named(story: Story) -> str:
    return story.__name__.removeprefix("test_")


KEPT = [
    moved.test_paying_in_a_later_period_charges_what_is_left_of_that,
]
FLEX = [
    intervals.test_from_no_fee_to_one_and_back_all_by_one_card,
    intervals.test_a_fee_from_the_next_period_on_is_charged_with_it,
]
WHOLE = [
    intervals.test_months_become_a_year_and_months_again_each_paid_once,
    intervals.test_a_change_that_is_withdrawn_after_stripe_ended_for_it_goes_on_with_another,
    intervals.test_a_month_that_stripe_drafted_before_it_heard_of_the_year_is_made_void,
]


@pytest.mark.slow
@pytest.mark.parametrize(("begins_at", "zone"), PLACES)
@pytest.mark.parametrize("story", [*KEPT, *FLEX, *WHOLE], ids=named)
def test_the_stories_hold_from_any_day(sqlite_payments_world: PaymentsWorld, story: Story) -> None:
    world = sqlite_payments_world
    if story in KEPT:
        moved.sell(world)
    if story in FLEX:
        intervals.sell_flex(world)
    story(world)


# -- Stripe's cycle beside ours, as dates and times in UTC


def start_alone(world: PaymentsWorld) -> None:
    """A subscription that was not bought on the hosted page, so that one at Stripe is made for it; with a card."""
    world.transact(
        create_subscription, tenant_id=world.tenant_id, plan_code="PRO", collection=Collection.AUTOMATIC,
        started_at=world.now(), at=world.now(),
    )  # fmt: skip


def give_card(world: PaymentsWorld) -> None:
    (customer,) = world.at_stripe("customer")
    card = world.ask("POST", "/v1/payment_methods/pm_card_visa/attach", {"customer": customer["id"]})["id"]
    world.ask("POST", f"/v1/customers/{customer['id']}", {"invoice_settings[default_payment_method]": card})
    for invoice in world.at_stripe("invoice", status="open"):
        world.ask("POST", f"/v1/invoices/{invoice['id']}/pay")


def day_and_hour(at: datetime) -> str:
    return f"{at:%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("begins_at", "zone", "heard_after", "ours", "theirs"),
    [
        pytest.param(
            datetime(2027, 1, 31, 12, 30, tzinfo=UTC), TORONTO, timedelta(),
            ["02-28 12:30", "03-31 11:30", "04-30 11:30"], ["02-28 12:30", "03-31 12:30", "04-30 12:30"],
            id="the last day of each month",
        ),
        pytest.param(
            datetime(2027, 1, 30, 2, 0, tzinfo=UTC), TORONTO, timedelta(),
            ["03-01 02:00", "03-30 01:00"], ["02-28 02:00", "03-30 02:00"],
            id="a day ahead of us in February",
        ),
        pytest.param(
            datetime(2027, 1, 30, 2, 0, tzinfo=UTC), TORONTO, timedelta(days=29, hours=10),
            ["03-01 02:00", "03-30 01:00"], ["03-30 02:00"],
            id="heard of when it had come around in February already",
        ),
        pytest.param(
            datetime(2027, 1, 30, 23, 30, tzinfo=UTC), AUCKLAND, timedelta(),
            ["02-27 23:30", "03-30 23:30", "04-30 00:30"], ["02-28 23:30", "03-30 23:30", "04-30 23:30"],
            id="a day behind us in short months",
        ),
        pytest.param(
            datetime(2028, 1, 30, 23, 30, tzinfo=UTC), AUCKLAND, timedelta(days=29, hours=10),
            ["03-30 23:30", "04-30 00:30"], ["03-30 23:30", "04-30 23:30"],
            id="heard of when ours had come around and is paid, and Stripe's had not",
        ),
    ],
)  # fmt: skip
def test_stripes_cycle_keeps_to_ours_month_by_month(
    sqlite_payments_world: PaymentsWorld, heard_after: timedelta, ours: list[str], theirs: list[str]
) -> None:
    world = sqlite_payments_world
    start_alone(world)
    world.pass_time(days=heard_after.days, seconds=heard_after.seconds)
    world.tick()
    give_card(world)
    world.work()
    closed_at = []
    for _ in ours:
        closed_at.append(day_and_hour(world.subscription().current_period_end))
        intervals.through_the_close(world)
        assert {each.status for each in world.invoices()} == {InvoiceStatus.PAID}
    assert closed_at == ours
    renewed = [row.renews_at for row in world.rows(StripeInvoice, billing_reason="subscription_cycle")]
    assert [day_and_hour(at) for at in sorted(renewed)] == theirs
    intervals.assert_paid_once(world)
