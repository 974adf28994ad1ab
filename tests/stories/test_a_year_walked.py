"""A customer who pays by card is walked through time by its test clock, and Stripe's goes along."""

from datetime import timedelta

import pytest

from app import payment_jobs, reconciling, time_travel, unit_of_work
from models import InvoiceStatus, StripeCustomer
from services.settings import settings
from tests.payments_world import PaymentsWorld

DAY = timedelta(days=1)


@pytest.fixture
def world(payments_world: PaymentsWorld, monkeypatch: pytest.MonkeyPatch) -> PaymentsWorld:
    """The same, where test clocks are allowed and our time is the sandbox's own."""
    monkeypatch.setattr(settings(), "test_clocks", True)
    monkeypatch.setattr(unit_of_work, "now", payments_world.now)
    monkeypatch.setattr(payment_jobs, "can_be_had", lambda: True)
    monkeypatch.setattr(payment_jobs, "connected", lambda: payments_world.stripe)
    return payments_world


def test_renewals_are_collected_at_their_own_moments(world: PaymentsWorld) -> None:
    time_travel.start(tenant_id=world.tenant_id)
    world.buy("PRO")
    customer = world.ask("GET", f"/v1/customers/{world.row(StripeCustomer).stripe_id}")
    assert customer["test_clock"]
    before = world.now()
    time_travel.advance(tenant_id=world.tenant_id, to=before + 70 * DAY)
    invoices = world.invoices()
    assert [invoice.total_minor for invoice in invoices] == [900_000] * 3
    assert {invoice.status for invoice in invoices} == {InvoiceStatus.PAID}
    for invoice in invoices[1:]:
        assert timedelta(hours=1) <= invoice.issued_at - invoice.period_end < timedelta(hours=2)
        assert invoice.paid_at is not None
        assert invoice.paid_at - invoice.period_end < 2 * DAY
    assert world.now() - before < timedelta(hours=1), "nobody else's time has moved"
    found = reconciling.check_all(world.stripe, at=before + 70 * DAY, tenant_id=world.tenant_id)
    assert not found.differing
