"""Where Stripe's calendar is a day ahead of ours or behind it, nothing counts as wrong before both have come."""

from datetime import UTC, datetime, timedelta

import pytest

from app import jobs
from models import StripeInvoice, StripeSubscription
from services.database import reading
from services.payments.payment_views import read_payment
from services.payments.reconciliation import check_invoice, unknown_at_stripe
from services.payments.uncollected import uncollected_invoices
from tests.payments_world import PaymentsWorld

IN_AUCKLAND = (datetime(2027, 1, 30, 23, 30, tzinfo=UTC), "Pacific/Auckland")  # the 31st there
IN_TORONTO = (datetime(2027, 1, 30, 2, 0, tzinfo=UTC), "America/Toronto")  # the 29th there
A_MINUTE = timedelta(minutes=1)


def codes(world: PaymentsWorld) -> list[str]:
    """What is found about the newest invoice by what is known here."""
    invoice = world.invoices()[-1]
    checked = world.transact(check_invoice, tenant_id=world.tenant_id, invoice_id=invoice.id, at=world.now())
    return [each["code"] for each in checked.differences]


def how_paid(world: PaymentsWorld) -> str:
    with reading() as session:
        given = {"tenant_id": world.tenant_id, "invoice_id": world.invoices()[-1].id, "at": world.now()}
        return read_payment(session, **given).line.detail


def unknown(world: PaymentsWorld) -> list[str]:
    found = world.transact(unknown_at_stripe, account=world.stripe.account, at=world.now())
    return [row.status for row in found]


@pytest.mark.parametrize(("begins_at", "zone"), [IN_AUCKLAND])
def test_an_invoice_is_missing_at_stripe_two_hours_after_that_was_to_renew(payments_world: PaymentsWorld) -> None:
    world = payments_world
    world.buy("PRO")
    end, renews_at = world.subscription().current_period_end, world.row(StripeSubscription).current_period_end
    assert renews_at - end == timedelta(days=1)
    world.pass_until(end + timedelta(hours=1))
    assert not jobs.close_due_periods(at=world.now()).failed
    assert how_paid(world) == "Collected automatically on 1 Mar 2027"  # where the customer lives
    world.pass_until(renews_at + timedelta(hours=2))
    assert codes(world) == []
    assert how_paid(world) == "Collected automatically in a moment"
    assert world.transact(uncollected_invoices, at=world.now()) == []
    world.pass_time(minutes=1)
    assert codes(world) == ["missing_at_stripe"]
    world.work()
    assert codes(world) == []
    world.assert_all_agrees()


@pytest.mark.parametrize(("begins_at", "zone"), [IN_TORONTO])
def test_a_renewal_is_nobodys_two_hours_after_our_period_was_to_close(payments_world: PaymentsWorld) -> None:
    world = payments_world
    world.buy("PRO")
    end, renews_at = world.subscription().current_period_end, world.row(StripeSubscription).current_period_end
    assert end - renews_at == timedelta(days=1)
    world.pass_until(renews_at + A_MINUTE)
    world.work()
    world.pass_until(end + timedelta(hours=3) - A_MINUTE)
    world.work()
    assert world.row(StripeInvoice, invoice_id=None).status == "draft"
    assert unknown(world) == []
    world.pass_time(minutes=2)
    assert unknown(world) == ["draft"]
    world.tick()
    assert unknown(world) == []
    world.assert_all_agrees()


@pytest.mark.parametrize(("begins_at", "zone"), [IN_TORONTO])
def test_an_invoice_for_which_stripe_renews_a_month_later_is_collected_by_itself(payments_world: PaymentsWorld) -> None:
    world = payments_world
    world.buy("PRO")
    end, (theirs,) = world.subscription().current_period_end, world.at_stripe("subscription")
    later = int((end + timedelta(days=30)).timestamp())  # somebody moved its cycle there
    world.ask("POST", f"/v1/subscriptions/{theirs['id']}", {"trial_end": later, "proration_behavior": "none"})
    world.work()
    world.live(until=end + timedelta(hours=3))
    carried = world.row(StripeInvoice, invoice_id=world.invoices()[-1].id)
    assert (carried.status, carried.billing_reason) == ("paid", "manual")
    world.assert_all_agrees()
