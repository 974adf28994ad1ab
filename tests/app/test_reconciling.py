"""Comparing events, our invoice, Stripe's and the payment: each way in which they can differ is found and named."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from app import jobs, reconciling
from models import Collection, Invoice, InvoiceCheck, InvoiceStatus, StripeInvoice, UsageEvent
from services.errors import NotFound, ProviderUnavailable
from services.gateways.stripe import client
from services.payments.crediting import GiveBack, give_back
from services.subscriptions.starting import create_subscription
from tests.given import break_in
from tests.payments_copies import ToldOnce
from tests.payments_world import PaymentsWorld

Tamper = Callable[[PaymentsWorld], None]


@pytest.fixture
def world(sqlite_payments_world: PaymentsWorld, told_once: ToldOnce) -> PaymentsWorld:
    """One customer with two paid invoices, the second for use beyond the allowance; everything agrees."""
    told_once.tell(sqlite_payments_world, with_bills)
    return sqlite_payments_world


def with_bills(world: PaymentsWorld) -> None:
    world.buy("PRO")
    world.use("1500000")
    end = world.subscription().current_period_end
    world.pass_until(end - timedelta(minutes=10))
    world.live(until=end + timedelta(hours=3), step=timedelta(minutes=30))
    world.assert_all_agrees()


def sql(world: PaymentsWorld, statement: str, **values: Any) -> None:
    def run(session: Any) -> None:
        break_in(session)
        assert session.execute(text(statement), values).rowcount > 0

    world.transact(run)


def codes(world: PaymentsWorld, *, online: bool = False) -> list[str]:
    """Every difference there is, by its code."""
    found = reconciling.check_all(world.stripe if online else None, at=world.now())
    return [each["code"] for check in found.differing for each in check.differences]


def details(world: PaymentsWorld) -> str:
    return " ".join(each["detail"] for row in world.rows(InvoiceCheck) for each in row.differences)


def last(world: PaymentsWorld) -> StripeInvoice:
    found: StripeInvoice = world.row(StripeInvoice, invoice_id=world.invoices()[-1].id)
    return found


def test_where_all_agrees_nothing_is_named_online_and_offline(payments_world: PaymentsWorld) -> None:
    with_bills(payments_world)
    for online in (True, False):
        assert codes(payments_world, online=online) == []
    checks = payments_world.rows(InvoiceCheck)
    assert [(each.difference_count, each.differences) for each in checks] == [(0, [])] * 2


# -- our side tampered with


def delete_event(world: PaymentsWorld) -> None:
    sql(world, "DELETE FROM usage_event")


def enlarge_event(world: PaymentsWorld) -> None:
    sql(world, "UPDATE usage_event SET credits_micro = credits_micro + 1")


def enlarge_overage(world: PaymentsWorld) -> None:
    sql(world, "UPDATE usage_event SET overage_micro = overage_micro + 1")


def change_line(world: PaymentsWorld) -> None:
    sql(world, "UPDATE invoice_line SET amount_minor = amount_minor + 100 WHERE kind = 'overage'")


def forget_payment(world: PaymentsWorld) -> None:
    sql(world, "UPDATE invoice SET status = 'open', paid_at = NULL WHERE number = 2")


def claim_paid(world: PaymentsWorld) -> None:
    sql(world, "UPDATE stripe_invoice SET status = 'open' WHERE stripe_id = :id", id=last(world).stripe_id)


def change_total(world: PaymentsWorld) -> None:
    sql(
        world, "UPDATE stripe_invoice SET total_minor = total_minor - 1 WHERE stripe_id = :id", id=last(world).stripe_id
    )


def pay_less(world: PaymentsWorld) -> None:
    sql(
        world, "UPDATE stripe_invoice SET paid_minor = paid_minor - 500 WHERE stripe_id = :id", id=last(world).stripe_id
    )


def pay_more(world: PaymentsWorld) -> None:
    sql(
        world, "UPDATE stripe_invoice SET paid_minor = paid_minor + 500 WHERE stripe_id = :id", id=last(world).stripe_id
    )


def still_draft(world: PaymentsWorld) -> None:
    world.pass_time(hours=3)
    sql(world, "UPDATE stripe_invoice SET status = 'draft' WHERE stripe_id = :id", id=last(world).stripe_id)


def made_void(world: PaymentsWorld) -> None:
    sql(world, "UPDATE stripe_invoice SET status = 'void' WHERE stripe_id = :id", id=last(world).stripe_id)


def invented_refund(world: PaymentsWorld) -> None:
    world.ask("POST", "/v1/refunds", {"payment_intent": last(world).payment_id, "amount": 700})
    world.work()


def disputed(world: PaymentsWorld) -> None:
    (charge,) = world.at_stripe("charge", payment_intent=last(world).payment_id)
    world.sandbox.control("dispute", charge=charge["id"])
    world.work()


def lost_note(world: PaymentsWorld) -> None:
    world.transact(
        give_back, tenant_id=world.tenant_id, invoice_id=world.invoices()[-1].id, amount_minor=1_000, reason="Agreed.",
        way=GiveBack.BALANCE, at=world.now(),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("tamper", "expected", "words"),
    [
        (
            delete_event,
            ["events_missing", "events_differ", "events_differ"],
            "Line 2: events: 1 on our invoice, 0 found",
        ),
        (enlarge_event, ["events_differ"], "1500000 on our invoice, 1500000.000001 found"),
        (enlarge_overage, ["events_differ"], "500000 on our invoice, 500000.000001 found"),
        (change_line, ["lines_differ"], "Sum of the lines: $10,000.00 on our invoice, $10,001.00 found"),
        (forget_payment, ["paid_there_only"], "Stripe has been paid; ours is open."),
        (claim_paid, ["paid_here_only"], "Ours is paid; at Stripe in_"),
        (change_total, ["stripe_total_differs"], "$10,000.00 on our invoice, $9,999.99 found"),
        (pay_less, ["payment_differs"], "counts as paid, but $5.00 of it was not"),
        (pay_more, ["payment_differs"], "$5.00 too much was paid"),
        (still_draft, ["not_finalized", "paid_here_only"], "is still a draft at Stripe"),
        (made_void, ["void_at_stripe", "paid_here_only"], "was voided at Stripe; ours is paid"),
        (disputed, ["disputed"], "is disputed"),
        (invented_refund, ["refund_differs"], "$7.00 was refunded, but credit notes come to $0.00"),
        (lost_note, ["credit_differs"], "Credit notes: $10.00 on our invoice, $0.00 found"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_each_difference_is_named_with_what_either_side_says(
    world: PaymentsWorld, tamper: Tamper, expected: list[str], words: str
) -> None:
    tamper(world)
    assert codes(world) == expected
    assert words in details(world)


@pytest.mark.parametrize("tamper", [claim_paid, change_total, pay_less, pay_more, still_draft, made_void])
def test_asking_stripe_again_mends_what_was_only_read_wrong(world: PaymentsWorld, tamper: Tamper) -> None:
    tamper(world)
    assert codes(world) != []
    assert codes(world, online=True) == []


def test_a_late_payment_that_nobody_told_us_of_is_taken_in_when_it_is_compared(world: PaymentsWorld) -> None:
    forget_payment(world)
    assert codes(world, online=True) == []
    assert world.invoices()[-1].status == InvoiceStatus.PAID


# -- Stripe's side changed without our hearing of it


def owe_by_api(world: PaymentsWorld) -> str:
    """An open invoice that Stripe collects; its id there."""
    world.transact(
        create_subscription, tenant_id=world.tenant_id, plan_code="PRO", collection=Collection.AUTOMATIC, at=world.now()
    )
    world.work()
    return str(world.row(StripeInvoice).stripe_id)


def test_an_invoice_that_was_voided_there_is_voided_here_when_it_is_compared(payments_world: PaymentsWorld) -> None:
    world = payments_world
    theirs = owe_by_api(world)
    world.ask("POST", f"/v1/invoices/{theirs}/void")
    assert codes(world, online=True) == []
    assert world.invoices()[0].status == InvoiceStatus.VOID


def test_an_invoice_that_was_given_up_here_and_voided_there_is_voided_here_too(payments_world: PaymentsWorld) -> None:
    world = payments_world
    theirs = owe_by_api(world)
    world.ask("POST", f"/v1/invoices/{theirs}/mark_uncollectible")
    world.work()
    assert world.invoices()[0].status == InvoiceStatus.UNCOLLECTIBLE
    assert codes(world, online=True) == []
    world.ask("POST", f"/v1/invoices/{theirs}/void")
    assert codes(world, online=True) == []
    assert world.invoices()[0].status == InvoiceStatus.VOID


def test_a_credit_note_made_there_that_nobody_told_us_of_is_named_until_it_is_heard_of(world: PaymentsWorld) -> None:
    world.ask("POST", "/v1/credit_notes", {"invoice": last(world).stripe_id, "amount": 5_000, "credit_amount": 5_000})
    assert codes(world, online=True) == ["credit_differs"]
    assert "$0.00 on our invoice, $50.00 found" in details(world)
    world.work()
    assert codes(world, online=True) == []


def test_an_invoice_that_carries_none_of_ours_is_named_after_two_hours(world: PaymentsWorld) -> None:
    customer = world.at_stripe("customer")[0]["id"]
    draft = world.ask("POST", "/v1/invoices", {"customer": customer, "auto_advance": "false"})["id"]
    world.ask(
        "POST", f"/v1/invoices/{draft}/add_lines", {"lines[0][amount]": 99_00, "lines[0][description]": "By hand"}
    )
    world.work()
    assert reconciling.check_all(world.stripe, at=world.now()).unknown == ()
    world.pass_time(hours=2, minutes=1)
    (unknown,) = reconciling.check_all(world.stripe, at=world.now()).unknown
    assert (unknown.stripe_id, unknown.total_minor) == (draft, 9_900)


# -- what is on its way


def test_an_invoice_that_never_reached_stripe_is_named_after_two_hours(payments_world: PaymentsWorld) -> None:
    world = payments_world
    world.transact(
        create_subscription, tenant_id=world.tenant_id, plan_code="PRO", collection=Collection.AUTOMATIC, at=world.now()
    )
    assert codes(world) == []
    world.pass_time(hours=2, minutes=1)
    assert codes(world) == ["missing_at_stripe"]
    world.work()
    assert codes(world) == []


def test_a_renewal_that_comes_to_something_else_is_held_and_named(sqlite_payments_world: PaymentsWorld) -> None:
    world = sqlite_payments_world
    world.buy("PRO")
    world.use("1500000")
    end = world.subscription().current_period_end
    world.pass_until(end + timedelta(minutes=5))
    world.work()
    draft = world.row(StripeInvoice, billing_reason="subscription_cycle").stripe_id
    world.ask("POST", f"/v1/invoices/{draft}/add_lines", {"lines[0][amount]": 5_00, "lines[0][description]": "Theirs"})
    world.live(until=end + timedelta(hours=2), step=timedelta(minutes=30))
    assert codes(world) == ["call_held"]
    world.pass_time(hours=3)
    assert codes(world) == ["call_held", "stripe_total_differs", "not_finalized"]


def test_a_manual_invoice_is_compared_with_its_events_alone(payments_world: PaymentsWorld) -> None:
    world = payments_world
    world.transact(create_subscription, tenant_id=world.tenant_id, plan_code="PRO", at=world.now())
    world.use("1500000")
    world.pass_until(world.subscription().current_period_end + timedelta(hours=2))
    assert not jobs.close_due_periods(at=world.now()).failed
    world.pass_time(days=9)
    assert codes(world, online=True) == []
    delete_event(world)
    assert "events_missing" in codes(world, online=True)


def test_one_customer_can_be_compared_alone(world: PaymentsWorld) -> None:
    other = world.add_customer("Borealis")
    found = reconciling.check_all(world.stripe, at=world.now(), tenant_id=other)
    assert (found.checks, found.unknown) == ((), ())
    assert len(reconciling.check_all(world.stripe, at=world.now(), tenant_id=world.tenant_id).checks) == 2


def test_how_far_it_is_is_told(world: PaymentsWorld) -> None:
    told: list[tuple[int, int]] = []
    reconciling.check_all(None, at=world.now(), say=lambda done, total: told.append((done, total)))
    assert told == [(1, 2), (2, 2)]


def test_an_invoice_that_is_none_is_not_compared(world: PaymentsWorld) -> None:
    with pytest.raises(NotFound):
        reconciling.check_one(None, tenant_id=world.tenant_id, invoice_id="inv_none", at=world.now())


def test_where_stripe_cannot_be_asked_nothing_is_said_to_agree(
    world: PaymentsWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "BACKOFF_SECONDS", 0)
    before = world.rows(InvoiceCheck)
    world.sandbox.control("answer_next", status="429", count=8)
    try:
        with pytest.raises(ProviderUnavailable):
            reconciling.check_all(world.stripe, at=world.now())
    finally:
        world.sandbox.sandbox.world.faults.answers.clear()
    assert world.rows(InvoiceCheck) == before


def test_what_was_compared_before_is_compared_anew_and_only_the_last_outcome_kept(world: PaymentsWorld) -> None:
    (event,) = world.rows(UsageEvent)
    enlarge_event(world)
    assert codes(world) == ["events_differ"]
    sql(world, "UPDATE usage_event SET credits_micro = :was", was=event.credits_micro)
    assert codes(world) == []
    assert [row.difference_count for row in world.rows(InvoiceCheck)] == [0, 0]


def test_what_is_settled_and_compared_is_not_compared_every_day(world: PaymentsWorld) -> None:
    assert reconciling.check_unsettled(world.stripe, at=world.now()) == 0
    enlarge_event(world)
    invoice: Invoice = world.invoices()[-1]
    assert reconciling.check_one(None, tenant_id=world.tenant_id, invoice_id=invoice.id, at=world.now()).differences
    assert reconciling.check_unsettled(world.stripe, at=world.now()) == 1
