"""A fee on savings is approved, charged to a card through Stripe with plan and taxes, and given back in part."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from app import reconciling
from models import GainShareRun, Invoice, InvoiceStatus, StripeInvoice, StripeInvoicePart
from services.gain_share.decisions import approve_run
from services.gain_share.follow_ups import follow_up_of
from services.payments.crediting import GiveBack, give_back
from services.subscriptions.change_preview import When
from services.subscriptions.lifecycle import cancel_subscription
from tests.gain_share_given import BETTER, OURS, RATES, THEIRS, accepted_baseline, measure, submit
from tests.hosted_pages import CARD
from tests.parties_given import billed_in, seller
from tests.payments_world import PaymentsWorld

GST, QST = "GST 5 % (CA-QC)", "QST 9.975 % (CA-QC)"


@pytest.fixture
def world(payments_world: PaymentsWorld) -> PaymentsWorld:
    """A customer in Quebec, where two taxes are due, that pays for a plan with gain-share by card."""
    payments_world.transact(seller, at=payments_world.now())
    payments_world.transact(billed_in, tenant_id=payments_world.tenant_id, place="QC", at=payments_world.now())
    payments_world.buy("ENTERPRISE")
    return payments_world


def approved_run(world: PaymentsWorld, **rates: Decimal) -> GainShareRun:
    """A run over the twelve months before this one: savings of 2,484,000.00, of which 15 % are 372,600.00."""
    ends = (world.now() - timedelta(days=1)).date().replace(day=1)  # over for the customer, too
    starts = ends.replace(year=ends.year - 1)
    before = {
        "period_start": starts - timedelta(days=400), "period_end": starts, "effective_from": starts,
        "rates": RATES | rates,
    }  # fmt: skip
    given = {"tenant_id": world.tenant_id, "at": world.now()}
    for kpi, value in (("mtbf_hours", "92"), ("mttr_hours", "8")):
        world.transact(accepted_baseline, kpi=kpi, value=value, **before, **given)
    world.transact(measure, values=BETTER, days=(starts, ends), **given)
    run = world.transact(submit, period_start=starts, period_end=ends, signer=OURS, **given)
    approved: GainShareRun = world.transact(approve_run, run_id=run.id, signer=THEIRS, **given)
    return approved


def through_the_close(world: PaymentsWorld) -> Invoice:
    end = world.subscription().current_period_end
    world.pass_until(end - timedelta(hours=1))
    world.live(until=end + timedelta(hours=5), step=timedelta(minutes=30))
    return world.invoices()[-1]


def lines_there(world: PaymentsWorld, carried: StripeInvoice) -> dict[str, int]:
    lines = world.ask("GET", f"/v1/invoices/{carried.stripe_id}")["lines"]["data"]
    return {line["description"]: line["amount"] for line in lines}


def of_fee(lines: Mapping[str, int]) -> dict[str, int]:
    return {words: amount for words, amount in lines.items() if "avings" in words or "%" in words}


def pay_on_the_hosted_page(world: PaymentsWorld, invoice: Invoice) -> None:
    world.sandbox.sandbox.world.faults.payments.clear()
    person = world.visitor().open(str(invoice.stripe_hosted_url))
    person.press("pay", **CARD)
    assert "the invoice is paid" in person.text
    world.work()


def assert_reconciled(world: PaymentsWorld) -> None:
    world.assert_all_agrees()
    assert reconciling.check_all(world.stripe, at=world.now()).differing == ()


def test_an_approved_fee_is_collected_with_the_plan_and_its_taxes_and_given_back_to_the_cent(
    world: PaymentsWorld,
) -> None:
    run = approved_run(world)
    assert (run.savings_minor, run.fee_minor) == (2_484_000_00, 372_600_00)
    world.sandbox.control("fail_next_payment", count=20)
    invoice = through_the_close(world)
    assert (invoice.status, invoice.subtotal_minor) == (InvoiceStatus.OPEN, 18_000_00 + 372_600_00)
    assert invoice.tax_minor == 19_530_00 + 38_962_35
    assert world.transact(follow_up_of, run=run).invoice_id == invoice.id

    carried = world.row(StripeInvoice, invoice_id=invoice.id)
    assert (carried.part, carried.total_minor) == (StripeInvoicePart.WHOLE, 449_092_35)
    last = run.period_end - timedelta(days=1)
    words = f"Gain-share, {run.period_start} to {last}: 15 % of documented savings"
    assert of_fee(lines_there(world, carried)) == {words: 372_600_00, GST: 18_630_00, QST: 37_166_85}

    pay_on_the_hosted_page(world, invoice)
    assert world.invoices()[-1].status == InvoiceStatus.PAID
    named = {"tenant_id": world.tenant_id, "invoice_id": invoice.id, "at": world.now()}
    back = {"amount_minor": 100_000_00, "reason": "A part of the savings was not so.", "way": GiveBack.REFUND}
    note = world.transact(give_back, **named, **back).note
    assert (note.subtotal_minor, note.tax_minor) == (-86_975_43, -13_024_57)
    world.work()
    assert [each["total"] for each in world.at_stripe("credit_note")] == [100_000_00]
    assert [each["amount"] for each in world.at_stripe("refund")] == [100_000_00]
    assert_reconciled(world)

    rest = {"amount_minor": invoice.total_minor - 100_000_00, "reason": "Nor was the rest.", "way": GiveBack.REFUND}
    world.transact(give_back, **named, **rest)
    world.work()
    assert sum(each["amount"] for each in world.at_stripe("refund")) == invoice.total_minor
    assert_reconciled(world)

    assert through_the_close(world).subtotal_minor == 18_000_00  # once only
    assert_reconciled(world)


def test_a_fee_approved_after_the_end_was_asked_for_is_on_the_last_bill(sqlite_payments_world: PaymentsWorld) -> None:
    world = sqlite_payments_world
    world.buy("ENTERPRISE")
    given: dict[str, Any] = {"when": When.PERIOD_END, "by": "usr_1", "at": world.now()}
    world.transact(cancel_subscription, tenant_id=world.tenant_id, subscription_id=world.subscription().id, **given)
    world.work()
    run = approved_run(world)
    last = through_the_close(world)
    assert (last.subtotal_minor, last.status) == (372_600_00, InvoiceStatus.PAID)
    assert world.transact(follow_up_of, run=run).invoice_id == last.id
    assert_reconciled(world)


def test_a_fee_beyond_what_a_card_may_be_charged_is_sent_to_be_paid(sqlite_payments_world: PaymentsWorld) -> None:
    world = sqlite_payments_world
    world.buy("ENTERPRISE")
    run = approved_run(world, downtime_rate=Decimal(50_000))
    assert run.fee_minor > 999_999_99
    invoice = through_the_close(world)
    assert invoice.total_minor == run.fee_minor + 18_000_00
    assert invoice.status == InvoiceStatus.OPEN
    assert world.at_stripe("invoice")[-1]["collection_method"] == "send_invoice"
    assert sum(row.total_minor for row in world.rows(StripeInvoice, invoice_id=invoice.id)) == invoice.total_minor
    assert_reconciled(world)
