"""Renewals at Stripe for months that our side does not bill are made void, and nobody is charged for them."""

from datetime import timedelta

import pytest

from models import StripeInvoice, StripeSubscription, SubscriptionStatus
from tests.payments_world import PaymentsWorld


@pytest.mark.slow
def test_a_month_at_rest_is_not_charged_at_stripe_either(sqlite_payments_world: PaymentsWorld) -> None:
    world = sqlite_payments_world
    world.buy()
    first_end = world.subscription().current_period_end
    world.sandbox.control("fail_next_payment", count=4)  # and each of the retries
    world.live(until=first_end + timedelta(days=10), step=timedelta(hours=12))
    assert world.subscription().status == SubscriptionStatus.SUSPENDED

    world.live(until=first_end + timedelta(days=65), step=timedelta(hours=12))
    (unpaid,) = world.rows(StripeInvoice, status="open")
    world.ask("POST", f"/v1/invoices/{unpaid.stripe_id}/pay", {"paid_out_of_band": "true"})
    world.live(until=first_end + timedelta(days=70), step=timedelta(hours=12))
    assert world.subscription().status == SubscriptionStatus.ACTIVE
    at_stripe = sorted((row.renews_at, row.status, row.invoice_id is None) for row in world.rows(StripeInvoice))
    assert [(status, is_unmet) for _, status, is_unmet in at_stripe] == [
        ("paid", False),
        ("paid", False),
        ("void", True),
        ("paid", False),
    ]
    assert [bill.total_minor for bill in world.invoices()] == [900_000, 900_000, 0, 900_000]
    world.assert_all_agrees()


def test_a_renewal_after_the_end_is_not_charged(sqlite_payments_world: PaymentsWorld) -> None:
    world = sqlite_payments_world
    world.buy()
    ours = world.subscription()
    world.pass_until(ours.current_period_end + timedelta(seconds=5))
    world.work()  # the draft is held
    link = world.row(StripeSubscription)
    world.ask("DELETE", f"/v1/subscriptions/{link.stripe_id}")
    world.live(until=world.now() + timedelta(hours=5))
    assert world.subscription().status == SubscriptionStatus.CANCELED
    assert "draft" not in {row.status for row in world.rows(StripeInvoice)}
    world.assert_all_agrees()


@pytest.mark.slow
def test_what_was_used_before_a_suspension_is_collected_and_the_month_it_comes_back_in_once(
    sqlite_payments_world: PaymentsWorld,
) -> None:
    world = sqlite_payments_world
    world.buy()
    first_end = world.subscription().current_period_end
    world.sandbox.control("fail_next_payment", count=4)  # and each of the retries
    world.live(until=first_end + timedelta(days=2), step=timedelta(hours=12))
    world.use("1500000")
    world.live(until=first_end + timedelta(days=10), step=timedelta(hours=12))
    assert world.subscription().status == SubscriptionStatus.SUSPENDED

    world.live(until=first_end + timedelta(days=40), step=timedelta(hours=12))
    assert [bill.total_minor for bill in world.invoices()] == [900_000, 900_000, 100_000]
    assert [row.status for row in world.rows(StripeInvoice) if row.invoice_id is None] == ["void"]
    assert world.subscription().status == SubscriptionStatus.SUSPENDED
    (unpaid,) = world.rows(StripeInvoice, status="open")
    world.ask("POST", f"/v1/invoices/{unpaid.stripe_id}/pay", {"paid_out_of_band": "true"})
    world.live(until=first_end + timedelta(days=65), step=timedelta(hours=12))
    assert world.subscription().status == SubscriptionStatus.ACTIVE
    assert [(bill.total_minor, bill.status) for bill in world.invoices()][2:] == [
        (100_000, "paid"),
        (1_800_000, "paid"),
    ]
    world.assert_all_agrees()
