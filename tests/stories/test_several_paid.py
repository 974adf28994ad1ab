"""A customer who pays for several subscriptions by card: each is collected for by itself, and all sides agree."""

from datetime import timedelta

import pytest

from models import Collection, StripeCustomer, StripeSubscription, Subscription
from services.contracts.agreements import Paper, draft_contract, start_contract
from services.contracts.terms import read_terms
from services.payments.stripe_setup import set_up
from services.rules.periods import business_date
from tests.given import event, metered
from tests.payments_world import PaymentsWorld

pytestmark = pytest.mark.slow


def named(world: PaymentsWorld, name: str) -> Subscription:
    found: Subscription = world.row(Subscription, tenant_id=world.tenant_id, name=name)
    return found


def test_each_is_bought_renewed_and_paid_beside_the_others(sqlite_payments_world: PaymentsWorld) -> None:
    world = sqlite_payments_world
    world.buy("PRO")
    world.pass_time(days=2)
    world.buy("STARTER", name="Plant 2", site="plant-2")
    main, plant = named(world, ""), named(world, "Plant 2")
    assert (plant.site, plant.collection) == ("plant-2", Collection.AUTOMATIC)
    assert len(world.rows(StripeCustomer)) == 1
    assert {row.subscription_id for row in world.rows(StripeSubscription)} == {main.id, plant.id}

    def meter(session: object, *, units: str, site: str | None) -> None:
        metered(session, world.tenant_id, event(units, site=site), at=world.now())  # type: ignore[arg-type]

    world.transact(meter, units="300000", site="plant-2")
    world.transact(meter, units="1100000", site=None)
    world.live(until=plant.current_period_end + timedelta(hours=30), step=timedelta(hours=6))
    paid = {
        each.id: [(bill.total_minor, bill.status) for bill in world.invoices() if bill.subscription_id == each.id]
        for each in (main, plant)
    }
    assert paid == {
        main.id: [(900_000, "paid"), (900_000 + 20_000, "paid")],
        plant.id: [(400_000, "paid"), (400_000 + 10_000, "paid")],
    }
    world.assert_all_agrees()


def test_a_contract_is_collected_for_at_its_own_price(sqlite_payments_world: PaymentsWorld) -> None:
    world = sqlite_payments_world
    world.buy("PRO")
    today = business_date(world.now(), "America/Toronto")
    contract = world.transact(
        draft_contract,
        tenant_id=world.tenant_id,
        plan_code="ENTERPRISE",
        terms=read_terms({"base_price": "15000.00"}),
        paper=Paper("Frame agreement", today),
        by="usr_1",
        at=world.now(),
    )
    report = set_up(world.stripe, at=world.now(), book_code="reliability")
    made = [step.key for step in report.steps if step.action == "created"]
    assert len(made) == 2
    assert all(":ENTERPRISE:contract:" in key for key in made)
    assert set_up(world.stripe, at=world.now(), book_code="reliability").has_changed_stripe is False
    started = world.transact(
        start_contract,
        tenant_id=world.tenant_id,
        contract_id=contract.id,
        collection=Collection.AUTOMATIC,
        name="Team",
        at=world.now(),
    )
    world.live(until=started.current_period_end + timedelta(hours=30), step=timedelta(hours=6))
    bills = [(each.total_minor, each.status) for each in world.invoices() if each.subscription_id == started.id]
    assert bills == [(1_500_000, "paid"), (1_500_000, "paid")]
    world.assert_all_agrees()
