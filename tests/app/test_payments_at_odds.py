"""What was decided on one side while the other was on its way: nobody is charged twice, and nobody else waits."""

from datetime import timedelta
from typing import Any

import pytest

from app import jobs, payment_calls, payments
from models import (
    Checkout,
    CheckoutStatus,
    Collection,
    Invoice,
    InvoiceStatus,
    StripeCall,
    StripeCallStatus,
    StripeCustomer,
    StripeEvent,
    StripeInvoice,
    StripeSubscription,
    SubscriptionStatus,
    Tenant,
)
from services.database import transaction
from services.errors import ProviderUnavailable
from services.invoices.credit_note_issuing import issue_credit_note
from services.invoices.finding import mark_invoice_paid
from services.invoices.transitions import void_invoice
from services.payments import calls, collecting, uncollected
from services.payments.inbox import replay_event
from services.payments.subjects import Subject, SubjectKind
from services.subscriptions.ends import end_subscription
from services.subscriptions.starting import create_subscription
from tests.given import event, metered
from tests.payments_world import PaymentsWorld

pytestmark = pytest.mark.slow


def owed_renewal(world: PaymentsWorld) -> Invoice:
    """A closed period whose calls are owed, and none of them made; its draft is held."""
    world.buy("PRO")
    world.use("1500000")
    end = world.subscription().current_period_end
    (link,) = world.rows(StripeSubscription, tenant_id=world.tenant_id)  # renews an hour apart where clocks changed
    world.pass_until(link.current_period_end + timedelta(seconds=5))
    world.work()
    world.pass_until(max(end, link.current_period_end) + timedelta(hours=2))
    assert not jobs.close_due_periods(at=world.now()).failed
    payments.owe_what_is_missing(world.stripe, at=world.now())
    renewed = world.invoices()[-1]
    assert {row.status for row in world.rows(StripeCall, subject=renewed.id)} == {"waiting"}
    return renewed


def charged(world: PaymentsWorld) -> int:
    """All that cards were charged at Stripe."""
    return sum(each["amount"] for each in world.at_stripe("charge") if each["status"] == "succeeded")


def start_alone(world: PaymentsWorld, tenant_id: str) -> None:
    world.transact(
        create_subscription, tenant_id=tenant_id, plan_code="PRO", collection=Collection.AUTOMATIC, at=world.now()
    )


def test_what_was_made_void_before_it_was_collected_is_not_charged(payments_world: PaymentsWorld) -> None:
    world = payments_world
    renewed = owed_renewal(world)
    before = charged(world)
    world.transact(void_invoice, tenant_id=world.tenant_id, invoice_id=renewed.id, at=world.now())
    world.work()
    assert charged(world) == before
    assert world.row(StripeInvoice, invoice_id=renewed.id).status == "void"
    world.assert_all_agrees()


def test_what_was_paid_by_transfer_before_it_was_collected_is_not_charged(payments_world: PaymentsWorld) -> None:
    world = payments_world
    renewed = owed_renewal(world)
    before = charged(world)
    named = {"tenant_id": world.tenant_id, "invoice_id": renewed.id}
    world.transact(mark_invoice_paid, **named, reference="transfer 17", at=world.now())
    world.work()
    assert charged(world) == before
    assert world.row(StripeInvoice, invoice_id=renewed.id).status == "paid"
    world.assert_all_agrees()


def test_what_cannot_be_owed_for_one_customer_stops_no_other(sqlite_payments_world: PaymentsWorld) -> None:
    world = sqlite_payments_world
    world.buy("PRO")
    (started,) = world.invoices()
    there = world.row(StripeInvoice, invoice_id=started.id)
    form = {"invoice": there.stripe_id, "amount": 900_000, "out_of_band_amount": 900_000, "memo": "m" * 400}
    world.ask("POST", "/v1/credit_notes", form)
    named = {"tenant_id": world.tenant_id, "invoice_id": started.id}
    world.transact(issue_credit_note, **named, amount_minor=1_000, reason="A correction", at=world.now())
    other = world.add_customer("Other")
    start_alone(world, other)
    world.work()
    assert world.rows(StripeCustomer, tenant_id=other)
    assert world.rows(StripeInvoice, tenant_id=other, status="open")


def test_a_draft_deleted_at_stripe_is_left_to_a_person_and_stops_no_other(
    sqlite_payments_world: PaymentsWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = sqlite_payments_world
    start_alone(world, world.tenant_id)
    make = calls.make_call

    def make_and_delete(stripe: Any, prepared: calls.Prepared) -> Any:
        made = make(stripe, prepared)
        if prepared.call.kind == "open_draft":
            world.ask("DELETE", f"/v1/invoices/{made.id}")
        return made

    with monkeypatch.context() as deleting:
        deleting.setattr(calls, "make_call", make_and_delete)
        world.work()
    held = [row for row in world.rows(StripeCall) if row.status == StripeCallStatus.HELD]
    assert [row.kind for row in held] == ["add_lines"]
    assert "No such invoice" in held[0].error


def test_a_call_is_put_off_where_looking_what_became_of_it_fails(
    sqlite_payments_world: PaymentsWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = sqlite_payments_world
    renewed = owed_renewal(world)
    draft = world.row(StripeInvoice, invoice_id=renewed.id).stripe_id
    world.ask("POST", f"/v1/invoices/{draft}/finalize")
    read = payment_calls.read_subject

    def cut_off(stripe: Any, subject: Subject) -> Any:
        if subject.kind == SubjectKind.INVOICE:
            raise ProviderUnavailable("No answer.")
        return read(stripe, subject)

    with monkeypatch.context() as out:
        out.setattr(payment_calls, "read_subject", cut_off)
        payment_calls.make_calls(world.stripe, at=world.now(), clock=world.now)
    (tried,) = [row for row in world.rows(StripeCall, subject=renewed.id) if row.attempts]
    assert (tried.status, tried.error, tried.claimed_until) == ("waiting", "No answer.", None)
    world.pass_time(minutes=1)
    world.work()
    world.assert_all_agrees()


def test_lines_that_a_renewal_took_before_it_finalised_itself_are_not_billed_again(
    sqlite_payments_world: PaymentsWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = sqlite_payments_world
    monkeypatch.setattr(collecting, "LINES_A_CALL", 1)
    world.buy("PRO")
    world.use("1500000")
    end = world.subscription().current_period_end
    world.live(until=end + timedelta(hours=5), step=timedelta(hours=12))
    late = event("500000", occurred_at=end - timedelta(hours=1))
    with transaction() as session:
        metered(session, world.tenant_id, late, at=world.now())
    world.use("1500000")
    end = world.subscription().current_period_end
    make = calls.make_call
    added: list[str] = []

    def finalised_after_the_first(stripe: Any, prepared: calls.Prepared) -> Any:
        made = make(stripe, prepared)
        if prepared.call.kind == "add_lines":
            added.append(prepared.call.key)
            if len(added) == 1:
                world.ask("POST", f"/v1/invoices/{made.id}/finalize")
        return made

    world.pass_until(end + timedelta(seconds=5))
    world.work()
    world.pass_until(end + timedelta(hours=2))
    monkeypatch.setattr(calls, "make_call", finalised_after_the_first)
    world.tick()
    renewed = world.invoices()[-1]
    assert len(world.rows(StripeCall, subject=renewed.id)) > 3
    world.assert_nothing_doubled()
    assert [row.kind for row in world.rows(StripeCall) if row.status == StripeCallStatus.HELD] == ["add_lines"]


def test_a_renewal_that_is_final_already_is_still_collected_by_stripe(sqlite_payments_world: PaymentsWorld) -> None:
    world = sqlite_payments_world
    world.buy("PRO")
    end = world.subscription().current_period_end
    world.pass_until(end + timedelta(seconds=5))
    world.deliver(world.undelivered())
    payments.handle_events(world.stripe, at=world.now(), clock=world.now)
    world.sandbox.control("fail_next_payment", count=1)
    world.pass_until(end + timedelta(hours=2))  # the call that holds the draft is owed, and comes too late
    world.work()
    (renewal,) = world.at_stripe("invoice", billing_reason="subscription_cycle")
    assert (renewal["status"], renewal["auto_advance"]) == ("open", True)
    assert [row.key for row in world.rows(StripeCall) if row.status == StripeCallStatus.HELD] == []


def test_a_customer_renamed_before_the_answer_arrived_is_found_again(
    sqlite_payments_world: PaymentsWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = sqlite_payments_world
    start_alone(world, world.tenant_id)
    make = calls.make_call

    def lose_the_answer(stripe: Any, prepared: calls.Prepared) -> Any:
        make(stripe, prepared)
        raise ProviderUnavailable("No answer.")

    with monkeypatch.context() as lost:
        lost.setattr(calls, "make_call", lose_the_answer)
        world.work_deaf()

    def rename(session: Any) -> None:
        tenant = session.get(Tenant, world.tenant_id)
        tenant.name = "Acme and Sons"
        session.add(tenant)

    world.transact(rename)
    world.pass_time(minutes=1)
    world.work_deaf()
    assert [(row.key, row.error) for row in world.rows(StripeCall) if row.status == StripeCallStatus.HELD] == []
    assert len(world.at_stripe("customer")) == 1


def test_what_was_given_up_and_then_made_void_at_stripe_is_void_here(payments_world: PaymentsWorld) -> None:
    world = payments_world
    world.buy("PRO")
    world.sandbox.control("fail_next_payment", count=1)
    end = world.subscription().current_period_end
    world.pass_until(end - timedelta(minutes=30))
    world.live(until=end + timedelta(hours=5))
    unpaid = world.row(StripeInvoice, status="open")
    world.ask("POST", f"/v1/invoices/{unpaid.stripe_id}/mark_uncollectible")
    world.work()
    assert world.invoices()[-1].status == InvoiceStatus.UNCOLLECTIBLE
    world.ask("POST", f"/v1/invoices/{unpaid.stripe_id}/void")
    world.work()
    assert world.invoices()[-1].status == InvoiceStatus.VOID
    world.assert_all_agrees()


def test_a_purchase_that_was_given_back_starts_nothing_later(sqlite_payments_world: PaymentsWorld) -> None:
    world = sqlite_payments_world
    first, second = world.open_checkout("PRO"), world.open_checkout("STARTER")
    world.pay(first)
    world.work()
    world.pay(second)
    world.work()
    ours = world.subscription()
    assert world.row(Checkout, id=second.id).status == CheckoutStatus.FAILED
    world.transact(
        end_subscription, tenant_id=world.tenant_id, subscription_id=ours.id, ended_at=world.now(), at=world.now()
    )
    world.work()
    for told in world.rows(StripeEvent, type="checkout.session.completed"):
        world.transact(replay_event, event_id=told.id, at=world.now())
    world.work()
    assert world.subscription().status == SubscriptionStatus.CANCELED
    assert world.row(Checkout, id=second.id).status == CheckoutStatus.FAILED
    world.assert_all_agrees()


def test_events_wait_for_a_provider_that_is_away_all_day(
    sqlite_payments_world: PaymentsWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = sqlite_payments_world
    world.pay(world.open_checkout("PRO"))
    world.deliver(world.undelivered())

    def away(_stripe: Any, _subject: Subject) -> Any:
        raise ProviderUnavailable("No answer.")

    with monkeypatch.context() as out:
        out.setattr(payments, "read_subject", away)
        for _ in range(30):
            payments.handle_events(world.stripe, at=world.now(), clock=world.now)
            world.pass_time(hours=1, seconds=1)
    assert {row.status for row in world.rows(StripeEvent) if row.attempts} == {"waiting"}
    world.work()
    assert [each.status for each in world.invoices()] == [InvoiceStatus.PAID]
    world.assert_all_agrees()


def test_invoices_that_wait_for_their_renewal_take_no_turn_from_others(payments_world: PaymentsWorld) -> None:
    world = payments_world
    world.buy("PRO")
    world.pass_until(world.subscription().current_period_end + timedelta(hours=2))
    assert not jobs.close_due_periods(at=world.now()).failed  # and nobody told us of the renewal
    waiting = world.invoices()[-1]
    other = world.add_customer("Other")
    start_alone(world, other)
    (new,) = world.invoices(other)
    assert (waiting.status, new.status) == (InvoiceStatus.OPEN, InvoiceStatus.OPEN)
    assert world.transact(uncollected.uncollected_invoices, at=world.now(), limit=1) == [(other, new.id)]
    world.work()
    assert world.invoices()[-1].status == InvoiceStatus.PAID


def test_what_a_deleted_customer_paid_is_still_theirs_once_they_are_made_anew(payments_world: PaymentsWorld) -> None:
    world = payments_world
    world.buy("PRO")
    (paid,) = world.invoices()
    theirs = world.row(StripeInvoice, invoice_id=paid.id)
    world.ask("DELETE", f"/v1/customers/{world.row(StripeCustomer, tenant_id=world.tenant_id).stripe_id}")
    world.work()
    world.pass_time(days=2)
    world.buy("PRO")
    form = {"invoice": theirs.stripe_id, "amount": 1_000, "refund_amount": 1_000, "memo": "Sorry"}
    world.ask("POST", "/v1/credit_notes", form)
    world.work()
    assert {row.status for row in world.rows(StripeEvent, type="credit_note.created")} == {"handled"}
    assert world.row(StripeInvoice, invoice_id=paid.id).credited_minor == 1_000
    world.assert_all_agrees()


def give_free_code(world: PaymentsWorld) -> None:
    coupon = world.ask("POST", "/v1/coupons", {"percent_off": "100", "duration": "forever"})["id"]
    form = {"promotion[type]": "coupon", "promotion[coupon]": coupon, "code": "FREE"}
    world.ask("POST", "/v1/promotion_codes", form)


def test_a_renewal_that_comes_to_nothing_meets_its_invoice(sqlite_payments_world: PaymentsWorld) -> None:
    world = sqlite_payments_world
    give_free_code(world)
    world.buy("PRO", code="FREE")
    end = world.subscription().current_period_end
    world.pass_until(end + timedelta(seconds=5))
    world.work()  # the draft is held, and waits for our close
    world.live(until=end + timedelta(hours=5))
    assert [(each.total_minor, each.status) for each in world.invoices()] == [(0, InvoiceStatus.PAID)] * 2
    assert {(row.status, row.invoice_id is None) for row in world.rows(StripeInvoice)} == {("paid", False)}
    world.assert_all_agrees()


def test_a_renewal_that_comes_to_nothing_needs_no_voiding(sqlite_payments_world: PaymentsWorld) -> None:
    world = sqlite_payments_world
    give_free_code(world)
    world.buy("PRO", code="FREE")
    ours = world.subscription()
    world.pass_until(ours.current_period_end + timedelta(seconds=5))
    world.work()
    link = world.row(StripeSubscription)
    world.ask("DELETE", f"/v1/subscriptions/{link.stripe_id}")
    world.live(until=world.now() + timedelta(hours=5))
    assert world.subscription().status == SubscriptionStatus.CANCELED
    world.assert_all_agrees()
