"""Taxed bills collected through Stripe: both sides come to the same cent, whatever of the tax Stripe charges itself."""

from datetime import timedelta
from typing import Any

import pytest

from app import reconciling
from models import Interval, InvoiceStatus, StripeInvoice, StripeInvoicePart
from services.parties.billing_profiles import SellersTerms
from services.payments.crediting import GiveBack, give_back
from services.subscriptions.change_preview import When
from services.subscriptions.plan_changes import change_plan
from tests.parties_given import billed_in, seller
from tests.payments_world import PaymentsWorld


@pytest.fixture
def world(sqlite_payments_world: PaymentsWorld) -> PaymentsWorld:
    """A registered seller and a customer in Quebec, where two taxes are due."""
    in_quebec(sqlite_payments_world)
    return sqlite_payments_world


def in_quebec(world: PaymentsWorld) -> None:
    world.transact(seller, at=world.now())
    world.transact(billed_in, tenant_id=world.tenant_id, place="QC", at=world.now())


def move(world: PaymentsWorld, place: str, **more: Any) -> None:
    world.transact(billed_in, tenant_id=world.tenant_id, place=place, at=world.now(), **more)


def renew(world: PaymentsWorld) -> None:
    end = world.subscription().current_period_end
    world.pass_until(end - timedelta(hours=1))
    world.live(until=end + timedelta(hours=5), step=timedelta(minutes=30))


def bills(world: PaymentsWorld) -> list[tuple[int, int, str]]:
    return [(each.tax_minor, each.total_minor, each.status) for each in world.invoices()]


def parts(world: PaymentsWorld, number: int) -> dict[str, int]:
    rows = world.rows(StripeInvoice, invoice_id=world.invoices()[number - 1].id)
    return {row.part: row.total_minor for row in rows}


def assert_reconciled(world: PaymentsWorld) -> None:
    world.assert_all_agrees()
    assert reconciling.check_all(world.stripe, at=world.now()).differing == ()


def test_a_plan_is_bought_with_its_taxes_and_renewed_with_those_of_the_use_too(payments_world: PaymentsWorld) -> None:
    world = payments_world
    in_quebec(world)
    world.buy("PRO")
    assert bills(world) == [(1_347_75, 10_347_75, "paid")]
    assert parts(world, 1) == {"whole": 10_347_75}
    world.use("1500000")
    renew(world)
    assert bills(world)[1] == (1_497_50, 11_497_50, "paid")
    carried = world.row(StripeInvoice, invoice_id=world.invoices()[1].id)
    assert (carried.part, carried.tax_minor, carried.total_minor) == (StripeInvoicePart.WHOLE, 1_347_75, 11_497_50)
    lines = world.ask("GET", f"/v1/invoices/{carried.stripe_id}")["lines"]["data"]
    taxes = {line["description"]: line["amount"] for line in lines if "%" in line["description"]}
    assert taxes == {"GST 5 % (CA-QC)": 50_00, "QST 9.975 % (CA-QC)": 99_75}
    assert_reconciled(world)


def test_a_promotion_lessens_the_tax_too(world: PaymentsWorld) -> None:
    world.ask("POST", "/v1/coupons", {"id": "third", "percent_off": "33.33", "duration": "once"})
    world.ask(
        "POST", "/v1/promotion_codes", {"promotion[type]": "coupon", "promotion[coupon]": "third", "code": "THIRD"}
    )
    world.buy("PRO", code="THIRD")
    (first,) = world.invoices()
    assert (first.subtotal_minor, first.tax_minor, first.status) == (6_000_30, 898_55, "paid")
    assert parts(world, 1) == {"whole": 6_898_85}
    assert_reconciled(world)


def test_a_renewal_that_finalised_itself_leaves_the_rest_of_the_tax_to_an_invoice_of_its_own(
    world: PaymentsWorld,
) -> None:
    world.buy("PRO")
    world.use("1500000")
    world.pass_until(world.subscription().current_period_end + timedelta(hours=3))  # nobody listened meanwhile
    world.tick()
    assert bills(world)[1] == (1_497_50, 11_497_50, "paid")
    assert parts(world, 2) == {"base": 10_347_75, "rest": 1_149_75}
    assert_reconciled(world)


def test_who_moves_is_charged_the_taxes_of_the_new_place_at_the_next_renewal(world: PaymentsWorld) -> None:
    world.buy("PRO")
    move(world, "AB")
    renew(world)
    assert bills(world)[1] == (450_00, 9_450_00, "paid")
    carried = world.row(StripeInvoice, invoice_id=world.invoices()[1].id)
    assert (carried.tax_minor, carried.total_minor) == (1_347_75, 9_450_00)
    assert_reconciled(world)


@pytest.mark.slow
def test_who_changes_the_interval_is_taxed_alike_before_and_after(world: PaymentsWorld) -> None:
    world.buy("PRO")
    given = {"tenant_id": world.tenant_id, "plan_code": "PRO", "interval": Interval.YEAR, "when": When.PERIOD_END}
    world.transact(change_plan, **given, at=world.now())
    end = world.subscription().current_period_end
    world.pass_until(end + timedelta(hours=3))  # nobody listened: the month was charged with its tax
    world.tick()
    assert parts(world, 2) == {"base": 10_347_75, "rest": 99_338_40 - 10_347_75}
    assert bills(world)[1] == (12_938_40, 99_338_40, "paid")
    paid_until = world.subscription().base_paid_until
    assert paid_until is not None
    world.transact(change_plan, **given | {"interval": Interval.MONTH, "when": None}, at=world.now())
    while world.subscription().current_period_end < paid_until:
        renew(world)
    renew(world)
    renew(world)
    assert bills(world)[-2:] == [(1_347_75, 10_347_75, "paid")] * 2
    assert_reconciled(world)


def test_who_becomes_exempt_pays_none_though_stripe_puts_it_on(world: PaymentsWorld) -> None:
    world.buy("PRO")
    exempt = SellersTerms(is_tax_exempt=True, exemption_reason="Diplomatic mission")
    move(world, "QC", terms=exempt)
    renew(world)
    assert bills(world)[1] == (0, 9_000_00, "paid")
    assert_reconciled(world)


def test_who_moves_while_paying_is_billed_the_difference_apart(world: PaymentsWorld) -> None:
    opened = world.open_checkout("PRO")
    move(world, "ON")
    world.pay(opened)
    world.work()
    renamed = [(each.tax_minor, each.total_minor) for each in world.invoices()]
    assert renamed == [(1_170_00, 10_170_00)]
    assert parts(world, 1) == {"base": 10_347_75, "rest": -177_75}
    assert_reconciled(world)


def test_a_start_by_api_has_its_taxes_as_lines(world: PaymentsWorld) -> None:
    from models import Collection
    from services.subscriptions.starting import create_subscription

    world.buy("STARTER")
    tenant_id = world.add_customer("Second")
    world.transact(billed_in, tenant_id=tenant_id, place="ON", at=world.now())
    world.transact(
        create_subscription, tenant_id=tenant_id, plan_code="PRO", collection=Collection.AUTOMATIC, at=world.now()
    )
    world.tick()
    (first,) = world.invoices(tenant_id)
    (row,) = world.rows(StripeInvoice, invoice_id=first.id)
    assert (first.total_minor, row.total_minor, row.tax_minor, row.part) == (10_170_00, 10_170_00, 0, "whole")


def test_money_given_back_of_a_taxed_bill_is_the_same_on_both_sides(world: PaymentsWorld) -> None:
    world.buy("PRO")
    (first,) = world.invoices()
    made = world.transact(
        give_back, tenant_id=world.tenant_id, invoice_id=first.id, amount_minor=1_000_00, reason="late",
        way=GiveBack.REFUND, at=world.now(),
    )  # fmt: skip
    world.work()
    assert made.note.total_minor == -1_000_00
    assert made.note.tax_minor == -130_25
    assert world.row(StripeInvoice, invoice_id=first.id).credited_minor == 1_000_00
    assert world.invoices()[0].status == InvoiceStatus.PAID
    assert_reconciled(world)
