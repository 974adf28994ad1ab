"""Credits that are bought by card: granted once the provider has the money, and no service stops where it has not."""

from datetime import timedelta

from app import credit_jobs
from models import AutoTopUp, CreditGrant, CreditPurchase, Dunning, Invoice, Notice
from services.rules.quantities import MICRO
from services.top_ups.automatic import AutoTopUpTerms, set_auto_top_up
from services.top_ups.buying import buy_top_up
from tests.payments_world import PaymentsWorld

TERMS = AutoTopUpTerms(pack="credits-250k", threshold="50000", month_count_max=3, month_amount_max="2000.00")


def bought(world: PaymentsWorld) -> CreditPurchase:
    asked = {"tenant_id": world.subscription().tenant_id, "pack": "credits-250k", "by": "usr_1", "at": world.now()}
    return world.transact(buy_top_up, **asked)


def test_what_is_bought_by_card_is_charged_at_once_and_granted(sqlite_payments_world: PaymentsWorld) -> None:
    world = sqlite_payments_world
    world.buy("PRO")
    purchase = bought(world)
    assert (purchase.status, world.rows(CreditGrant, kind="purchase")) == ("pending", [])
    world.pass_time(hours=2)
    world.tick()
    (lot,) = world.rows(CreditGrant, kind="purchase")
    assert (lot.granted_micro, world.row(CreditPurchase).status) == (250_000 * MICRO, "granted")
    assert world.row(Invoice, id=purchase.invoice_id).status == "paid"
    world.assert_all_agrees()


def test_a_payment_that_fails_grants_nothing_stops_nothing_and_ends_when_it_was_due(
    sqlite_payments_world: PaymentsWorld,
) -> None:
    world = sqlite_payments_world
    world.buy("PRO")
    subscription = world.subscription()
    named = {"tenant_id": subscription.tenant_id, "pool": "credits", "by": "usr_1"}
    world.transact(set_auto_top_up, terms=TERMS, at=world.now(), **named)
    world.use("960000")
    assert credit_jobs.top_up_due(at=world.now()) == {"bought": 1}
    world.sandbox.control("fail_next_payment", count=20)
    world.pass_time(hours=2)
    world.tick()
    purchase, order = world.row(CreditPurchase), world.row(AutoTopUp)
    assert (purchase.status, purchase.payment_failed_at is None) == ("pending", False)
    assert (order.is_on, order.due_at) == (False, None)
    assert (world.rows(Dunning), world.subscription().status) == ([], "active")
    assert len(world.rows(Notice, type="credits.top_up_failed")) == 1
    due_at = world.row(Invoice, id=purchase.invoice_id).due_at
    assert credit_jobs.cancel_unpaid_due(at=due_at + timedelta(seconds=1)) == {"unpaid": 1}
    world.tick()
    assert (world.row(CreditPurchase).status, world.rows(CreditGrant, kind="purchase")) == ("canceled", [])
    assert world.row(Invoice, id=purchase.invoice_id).status == "void"
    world.assert_all_agrees()
