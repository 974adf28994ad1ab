"""Working through events and calls: whatever fails on the way, each thing is billed once, and both sides agree."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe as sdk

from app import payment_calls, payments
from models import (
    Collection,
    Interval,
    InvoiceStatus,
    StripeCall,
    StripeCallKind,
    StripeCreditNote,
    StripeCustomer,
    StripeEvent,
    StripeInvoice,
    StripeInvoicePart,
    SubscriptionStatus,
)
from services.errors import ProviderUnavailable
from services.gateways.stripe import client
from services.invoices.credit_notes import amount_left
from services.invoices.finding import mark_invoice_paid
from services.invoices.transitions import mark_uncollectible, void_invoice
from services.payments import calls, outbox
from services.payments.crediting import GiveBack, give_back
from services.payments.subjects import SubjectKind
from services.subscriptions.ends import end_subscription
from services.subscriptions.starting import create_subscription
from tests.payments_world import PaymentsWorld

FAULTS = ("409", "429", "500", "503", "timeout", "drop_after")
TRIES_OF_ONE_CALL = 4
"""A call is asked three or four times before the work on it is put off."""


@dataclass
class Fate:
    """Lets the first attempt of every reading and of every call that is owed fail the same way."""

    world: PaymentsWorld
    fault: str
    touches_readings: bool = True
    spares: tuple[str, ...] = ()
    met: set[str] = field(default_factory=set)

    def strike(self, name: str, act: Callable[[], Any]) -> Any:
        if name in self.met or name.endswith(self.spares):
            return act()
        self.met.add(name)
        self.world.sandbox.control("answer_next", status=self.fault, count=TRIES_OF_ONE_CALL, delay_seconds=0)
        try:
            return act()
        finally:
            self.world.sandbox.sandbox.world.faults.answers.clear()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries within a call do not wait."""
    monkeypatch.setattr(client, "BACKOFF_SECONDS", 0)
    monkeypatch.setattr(sdk._http_client.HTTPClient, "INITIAL_DELAY", 0)
    monkeypatch.setattr(sdk._http_client.HTTPClient, "MAX_DELAY", 0)


@pytest.fixture
def struck(impatient: None, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Fate]:
    """Call it with a world and a fault, and from then on every first attempt fails so."""

    def begin(world: PaymentsWorld, fault: str, **given: Any) -> Fate:
        fate = Fate(world, fault, **given)
        make, read = calls.make_call, payments.read_subject

        def make_call(stripe: Any, prepared: calls.Prepared) -> Any:
            return fate.strike(prepared.call.key, lambda: make(stripe, prepared))

        def read_subject(stripe: Any, subject: Any) -> Any:
            if not fate.touches_readings:
                return read(stripe, subject)
            return fate.strike(f"{subject.kind} {subject.id}", lambda: read(stripe, subject))

        monkeypatch.setattr(calls, "make_call", make_call)
        for reader in (payments, payment_calls):
            monkeypatch.setattr(reader, "read_subject", read_subject)
        return fate

    return begin


def work_with_patience(world: PaymentsWorld, pause: timedelta) -> None:
    """Work, wait, and work again until nothing is put off any more."""
    for _ in range(40):
        world.work()
        owed = [row for row in world.rows(StripeCall) + world.rows(StripeEvent) if row.status == "waiting"]
        if not owed:
            return
        world.pass_time(seconds=pause.total_seconds())
    raise AssertionError([(row, row.error) for row in owed])


def kinds_made(world: PaymentsWorld) -> set[StripeCallKind]:
    return {row.kind for row in world.rows(StripeCall) if row.done_at}


# -- a renewal


def test_a_renewal_carries_our_lines_on_the_draft_that_brings_the_base_fee(payments_world: PaymentsWorld) -> None:
    world = payments_world
    world.buy("PRO")
    ours = world.subscription()
    assert (ours.status, ours.collection) == (SubscriptionStatus.ACTIVE, Collection.AUTOMATIC)
    world.pass_time(days=3)
    world.use("1500000")
    world.pass_until(ours.current_period_end - timedelta(hours=1))
    world.live(until=ours.current_period_end + timedelta(hours=5), step=timedelta(minutes=30))
    started, renewed = world.invoices()
    assert (started.total_minor, started.status) == (900_000, InvoiceStatus.PAID)
    assert (renewed.total_minor, renewed.status) == (1_000_000, InvoiceStatus.PAID)
    carried = world.row(StripeInvoice, invoice_id=renewed.id)
    assert (carried.part, carried.total_minor, carried.paid_minor) == (StripeInvoicePart.WHOLE, 1_000_000, 1_000_000)
    assert carried.billing_reason == "subscription_cycle"
    assert [len(each["lines"]["data"]) for each in documents(world, carried.stripe_id)] == [2]
    assert [row.key for row in world.rows(StripeCall, subject=renewed.id)] == [
        f"invoice:{renewed.id}:whole:finalize",
        f"invoice:{renewed.id}:whole:lines:2",
        f"invoice:{renewed.id}:whole:set_terms",
    ]
    world.assert_all_agrees()


def documents(world: PaymentsWorld, *stripe_ids: str) -> list[dict[str, Any]]:
    return [world.ask("GET", f"/v1/invoices/{stripe_id}") for stripe_id in stripe_ids]


def test_a_renewal_that_finalised_itself_keeps_the_base_fee_and_the_rest_goes_on_an_invoice_of_its_own(
    payments_world: PaymentsWorld,
) -> None:
    world = payments_world
    world.buy("PRO")
    world.use("1500000")
    end = world.subscription().current_period_end
    world.pass_until(end + timedelta(hours=3))  # nobody listened meanwhile
    world.tick()
    renewed = world.invoices()[-1]
    parts = {row.part: row for row in world.rows(StripeInvoice, invoice_id=renewed.id)}
    assert {part: row.total_minor for part, row in parts.items()} == {"base": 900_000, "rest": 100_000}
    assert {row.status for row in parts.values()} == {"paid"}
    assert (renewed.total_minor, renewed.status) == (1_000_000, InvoiceStatus.PAID)
    world.assert_all_agrees()


def test_an_invoice_waits_for_the_renewal_that_brings_its_base_fee(sqlite_payments_world: PaymentsWorld) -> None:
    from app import jobs

    world = sqlite_payments_world
    world.buy("PRO")
    world.use("1500000")
    world.pass_until(world.subscription().current_period_end + timedelta(hours=2))
    assert not jobs.close_due_periods(at=world.now()).failed
    world.work_deaf()
    renewed = world.invoices()[-1]
    assert (renewed.status, renewed.total_minor) == (InvoiceStatus.OPEN, 1_000_000)
    assert world.rows(StripeCall, subject=renewed.id) == []
    world.tick()
    assert world.invoices()[-1].status == InvoiceStatus.PAID
    world.assert_all_agrees()


def test_a_month_without_use_is_the_renewal_alone(sqlite_payments_world: PaymentsWorld) -> None:
    world = sqlite_payments_world
    world.buy("STARTER")
    world.live(until=world.subscription().current_period_end + timedelta(hours=5), step=timedelta(hours=6))
    assert [(each.total_minor, each.status) for each in world.invoices()] == [(400_000, "paid")] * 2
    assert len(world.at_stripe("invoice")) == 2
    world.assert_all_agrees()


# -- failures at every call


def a_life(world: PaymentsWorld, pause: timedelta) -> None:
    """Everything we call Stripe for: a purchase, a renewal, money given back, an end, and a customer of our own making.

    Time goes by in small steps: a call that failed is made again long before Stripe finalises a draft by itself.
    """
    opened = world.open_checkout("PRO")
    world.pay(opened)
    work_with_patience(world, pause)
    ours = world.subscription()
    world.use("1500000")
    world.pass_until(ours.current_period_end + timedelta(minutes=1))
    work_with_patience(world, pause)  # the draft is held
    world.reach(ours.current_period_end + timedelta(hours=1, minutes=1))
    close_and_work(world, pause)
    renewed = world.invoices()[-1]
    assert renewed.status == InvoiceStatus.PAID
    world.transact(
        give_back, tenant_id=world.tenant_id, invoice_id=renewed.id, amount_minor=12_345, reason="A word was given.",
        way=GiveBack.REFUND, at=world.now(),
    )  # fmt: skip
    work_with_patience(world, pause)
    world.transact(
        end_subscription, tenant_id=world.tenant_id, subscription_id=ours.id, ended_at=world.now(), at=world.now()
    )
    work_with_patience(world, pause)


def close_and_work(world: PaymentsWorld, pause: timedelta) -> None:
    from app import jobs

    assert not jobs.close_due_periods(at=world.now()).failed
    work_with_patience(world, pause)


ONE_LIFE = {
    StripeCallKind.SHARE_CARD, StripeCallKind.HOLD_DRAFT, StripeCallKind.ADD_LINES, StripeCallKind.SET_TERMS,
    StripeCallKind.FINALIZE, StripeCallKind.CREDIT_NOTE, StripeCallKind.CANCEL_SUBSCRIPTION,
    StripeCallKind.CREATE_CUSTOMER,
}  # fmt: skip


def assert_one_life(world: PaymentsWorld) -> None:
    assert kinds_made(world) == ONE_LIFE
    assert [each.total_minor for each in world.invoices()] == [900_000, 1_000_000]
    assert [each["total"] for each in world.at_stripe("invoice")] == [900_000, 1_000_000]
    assert [each["total"] for each in world.at_stripe("credit_note")] == [12_345]
    assert [each["amount"] for each in world.at_stripe("refund")] == [12_345]
    assert len(world.at_stripe("customer")) == len(world.at_stripe("subscription")) == 1
    assert world.at_stripe("subscription")[0]["status"] == "canceled"
    world.assert_all_agrees()


@pytest.mark.parametrize("fault", FAULTS)
def test_each_call_that_fails_at_first_is_made_once_in_the_end(
    sqlite_payments_world: PaymentsWorld, struck: Callable[..., Fate], fault: str
) -> None:
    world = sqlite_payments_world
    world.open_checkout("PRO")  # the customer is waited for, by a person who is told when Stripe cannot be reached
    fate = struck(world, fault)
    a_life(world, timedelta(seconds=30))
    assert_one_life(world)
    assert len(fate.met) > 12


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["500", "drop_after"])
def test_each_call_that_fails_at_first_is_made_once_in_the_end_on_postgresql(
    payments_world: PaymentsWorld, struck: Callable[..., Fate], fault: str, backend: str
) -> None:
    payments_world.open_checkout("PRO")
    struck(payments_world, fault)
    a_life(payments_world, timedelta(seconds=30))
    assert_one_life(payments_world)


def test_a_call_whose_answer_was_lost_for_a_day_is_looked_for_before_it_is_repeated(
    payments_world: PaymentsWorld, struck: Callable[..., Fate]
) -> None:
    world = payments_world
    world.open_checkout("PRO")
    struck(world, "drop_after", touches_readings=False, spares=(":hold",))  # in a day the draft would finalise itself
    a_life(world, timedelta(hours=25))
    assert_one_life(world)


def own_start(world: PaymentsWorld) -> None:
    """A subscription that began here and is to be collected automatically; whoever pays has left a card before."""
    world.transact(
        create_subscription, tenant_id=world.tenant_id, plan_code="PRO", collection=Collection.AUTOMATIC, at=world.now()
    )


def give_card(world: PaymentsWorld) -> None:
    customer = world.row(StripeCustomer, tenant_id=world.tenant_id).stripe_id
    card = world.ask("POST", "/v1/payment_methods/pm_card_visa/attach", {"customer": customer})["id"]
    world.ask("POST", f"/v1/customers/{customer}", {"invoice_settings[default_payment_method]": card})


@pytest.mark.slow
@pytest.mark.parametrize("pause", [timedelta(seconds=30), timedelta(hours=25)])
def test_what_we_make_at_stripe_ourselves_is_made_once_though_every_answer_is_lost(
    sqlite_payments_world: PaymentsWorld, struck: Callable[..., Fate], pause: timedelta
) -> None:
    world = sqlite_payments_world
    struck(world, "drop_after", touches_readings=False)
    own_start(world)
    work_with_patience(world, pause)
    assert {
        StripeCallKind.CREATE_CUSTOMER,
        StripeCallKind.CREATE_SUBSCRIPTION,
        StripeCallKind.OPEN_DRAFT,
    } <= kinds_made(world)
    assert (
        len(world.at_stripe("customer")) == len(world.at_stripe("subscription")) == len(world.at_stripe("invoice")) == 1
    )
    (started,) = world.invoices()
    assert world.at_stripe("invoice")[0]["total"] == started.total_minor == 900_000
    give_card(world)
    world.ask("POST", f"/v1/invoices/{world.at_stripe('invoice')[0]['id']}/pay")
    work_with_patience(world, pause)
    assert world.invoices()[0].status == InvoiceStatus.PAID
    world.assert_all_agrees()


def test_the_rest_of_a_renewal_is_billed_once_though_every_answer_is_lost_for_a_day(
    sqlite_payments_world: PaymentsWorld, struck: Callable[..., Fate]
) -> None:
    world = sqlite_payments_world
    world.buy("PRO")
    world.use("1500000")
    world.pass_until(world.subscription().current_period_end + timedelta(hours=3))
    struck(world, "drop_after", touches_readings=False)
    close_and_work(world, timedelta(hours=25))
    assert sorted(each["total"] for each in world.at_stripe("invoice")) == [100_000, 900_000, 900_000]
    assert world.invoices()[-1].status == InvoiceStatus.PAID
    world.assert_all_agrees()


@pytest.mark.slow
@pytest.mark.parametrize("pause", [timedelta(seconds=30), timedelta(hours=25)])
def test_a_payment_made_twice_is_given_back_once_though_every_answer_is_lost(
    sqlite_payments_world: PaymentsWorld, struck: Callable[..., Fate], pause: timedelta
) -> None:
    world = sqlite_payments_world
    first = world.open_checkout("PRO")
    world.pass_time(minutes=31)
    second = world.open_checkout("PRO")
    world.pay(first)
    world.pay(second)
    struck(world, "drop_after", touches_readings=False)
    work_with_patience(world, pause)
    assert {StripeCallKind.CANCEL_SUBSCRIPTION, StripeCallKind.REFUND} <= kinds_made(world)
    assert [each["amount"] for each in world.at_stripe("refund")] == [900_000]
    assert sorted(each["status"] for each in world.at_stripe("subscription")) == ["active", "canceled"]
    world.assert_nothing_doubled()


@pytest.mark.slow
@pytest.mark.parametrize("pause", [timedelta(seconds=30), timedelta(hours=25)])
def test_a_note_across_two_invoices_at_stripe_is_given_once_on_each_though_every_answer_is_lost(
    sqlite_payments_world: PaymentsWorld, struck: Callable[..., Fate], pause: timedelta
) -> None:
    world = sqlite_payments_world
    world.buy("PRO")
    world.use("1500000")
    world.pass_until(world.subscription().current_period_end + timedelta(hours=3))
    world.tick()  # the renewal finalised itself: base and rest are apart
    struck(world, "drop_after", touches_readings=False)
    world.transact(
        give_back, tenant_id=world.tenant_id, invoice_id=world.invoices()[-1].id, amount_minor=950_000,
        reason="The month was lost.", way=GiveBack.REFUND, at=world.now(),
    )  # fmt: skip
    work_with_patience(world, pause)
    assert [each["total"] for each in world.at_stripe("credit_note")] == [900_000, 50_000]
    assert sorted(each["amount"] for each in world.at_stripe("refund")) == [50_000, 900_000]
    world.assert_all_agrees()


def test_a_call_put_off_waits_as_long_as_stripe_asked(
    sqlite_payments_world: PaymentsWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = sqlite_payments_world
    own_start(world)

    def refuse(_stripe: Any, _prepared: Any) -> Any:
        raise ProviderUnavailable("Busy.", retry_after_seconds=700)

    with monkeypatch.context() as busy:
        busy.setattr(calls, "make_call", refuse)
        world.work()
    waiting = [row for row in world.rows(StripeCall) if row.attempts]
    assert [row.error for row in waiting] == ["Busy."] * len(waiting)
    assert {row.next_attempt_at - row.first_attempt_at >= timedelta(seconds=700) for row in waiting} == {True}
    world.pass_time(seconds=600)
    assert world.work().calls == 0
    world.pass_time(seconds=110)
    assert world.work().calls > 0
    assert len(world.at_stripe("subscription")) == 1


def test_a_refusal_holds_the_call_and_those_behind_it_until_a_person_retries(
    payments_world: PaymentsWorld,
) -> None:
    world = payments_world
    own_start(world)
    world.work()
    give_card(world)
    end = world.subscription().current_period_end
    world.use("1500000")
    world.pass_until(end + timedelta(minutes=5))
    world.work()
    draft = world.row(StripeInvoice, billing_reason="subscription_cycle").stripe_id
    world.ask("POST", f"/v1/invoices/{draft}/add_lines", {"lines[0][amount]": 5_00, "lines[0][description]": "Theirs"})
    world.live(until=end + timedelta(hours=2))
    (held,) = [row for row in world.rows(StripeCall) if row.status == "held"]
    assert (held.kind, held.attempts) == (StripeCallKind.FINALIZE, 1)
    assert "comes to $10,005.00" in str(held.error)
    assert "ours to $10,000.00" in str(held.error)
    (added,) = [each for each in documents(world, draft)[0]["lines"]["data"] if each["description"] == "Theirs"]
    world.ask(
        "POST", f"/v1/invoices/{draft}/remove_lines", {"lines[0][id]": added["id"], "lines[0][behavior]": "delete"}
    )
    world.work()
    world.transact(outbox.retry_call, tenant_id=held.tenant_id, account=held.account, key=held.key, at=world.now())
    world.tick()
    assert world.invoices()[-1].status == InvoiceStatus.PAID
    assert documents(world, draft)[0]["total"] == 1_000_000
    world.assert_all_agrees()


# -- events about what is not ours, or gone


def test_an_event_about_somebody_elses_customer_is_ignored(payments_world: PaymentsWorld) -> None:
    world = payments_world
    customer = world.ask("POST", "/v1/customers", {"name": "Sold to by hand"})["id"]
    world.ask("POST", "/v1/invoices", {"customer": customer})
    world.work()
    about = [row for row in world.rows(StripeEvent) if row.type in ("customer.created", "invoice.created")]
    assert [(row.status, row.tenant_id) for row in about] == [("ignored", None)] * 2


def test_an_event_about_what_is_not_at_stripe_fails_at_once_and_says_so(payments_world: PaymentsWorld) -> None:
    world = payments_world
    customer = world.ask("POST", "/v1/customers", {"name": "Gone soon"})["id"]
    draft = world.ask("POST", "/v1/invoices", {"customer": customer})["id"]
    assert world.sandbox.call("DELETE", f"/v1/invoices/{draft}").status_code == 200
    world.work()
    about = [row for row in world.rows(StripeEvent) if row.object_id == draft]
    assert {row.type for row in about} == {"invoice.created", "invoice.deleted"}
    assert {(row.status, row.attempts) for row in about} == {("failed", 1)}
    assert all("No such invoice" in str(row.error) for row in about)


def test_a_failure_is_kept_though_its_work_rolled_back_and_tried_again_later(
    payments_world: PaymentsWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = payments_world
    opened = world.open_checkout("PRO")
    world.pay(opened)

    def break_late(*given: Any, **named: Any) -> Any:
        raise RuntimeError("the last step broke")

    with monkeypatch.context() as broken:
        broken.setattr("services.payments.paid_checkouts.link_subscription", break_late)
        done = world.work()
    assert done.failed_events > 0
    assert world.invoices() == []  # the subscription that had begun in the same transaction is not there
    failed = [row for row in world.rows(StripeEvent) if row.status == "waiting"]
    assert {row.error for row in failed} == {"RuntimeError: the last step broke"}
    assert {row.attempts for row in failed} == {1}
    world.pass_time(seconds=6)
    world.work()
    assert [each.total_minor for each in world.invoices()] == [900_000]
    world.assert_all_agrees()


def test_an_event_that_fails_every_time_is_left_to_a_person_and_handled_when_replayed(
    sqlite_payments_world: PaymentsWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    from services.payments import inbox

    world = sqlite_payments_world
    world.pay(world.open_checkout("PRO"))

    def break_always(*given: Any, **named: Any) -> Any:
        raise RuntimeError("it broke")

    monkeypatch.setattr(inbox, "ATTEMPTS_MAX", 3)
    with monkeypatch.context() as broken:
        broken.setattr("services.payments.paid_checkouts.link_subscription", break_always)
        for _ in range(inbox.ATTEMPTS_MAX):
            world.work()
            world.pass_time(hours=1, seconds=1)
    failed = [row for row in world.rows(StripeEvent) if row.status == "failed"]
    assert {row.attempts for row in failed} == {inbox.ATTEMPTS_MAX}
    world.work()
    assert world.invoices() == []
    for row in failed:
        world.transact(inbox.replay_event, event_id=row.id, at=world.now())
    world.work()
    assert [each.total_minor for each in world.invoices()] == [900_000]
    world.assert_all_agrees()


# -- settled here, told there


def test_what_was_paid_by_transfer_here_is_marked_paid_there(payments_world: PaymentsWorld) -> None:
    world = payments_world
    own_start(world)
    world.work()
    (invoice,) = world.invoices()
    world.transact(
        mark_invoice_paid, tenant_id=world.tenant_id, invoice_id=invoice.id, reference="Transfer 4711", at=world.now()
    )
    world.work()
    (theirs,) = documents(world, world.row(StripeInvoice, invoice_id=invoice.id).stripe_id)
    assert (theirs["status"], theirs["amount_remaining"]) == ("paid", 0)
    world.assert_all_agrees()


def test_what_was_made_void_here_is_not_collected_there(payments_world: PaymentsWorld) -> None:
    world = payments_world
    own_start(world)
    world.work()
    (invoice,) = world.invoices()
    world.transact(void_invoice, tenant_id=world.tenant_id, invoice_id=invoice.id, at=world.now())
    world.work()
    (theirs,) = documents(world, world.row(StripeInvoice, invoice_id=invoice.id).stripe_id)
    assert (theirs["status"], theirs["amount_paid"]) == ("void", 0)
    assert world.invoices()[0].status == InvoiceStatus.VOID
    world.assert_all_agrees()


def test_what_was_given_up_here_is_given_up_there_and_can_still_be_paid(payments_world: PaymentsWorld) -> None:
    world = payments_world
    own_start(world)
    world.work()
    (invoice,) = world.invoices()
    world.transact(mark_uncollectible, tenant_id=world.tenant_id, invoice_id=invoice.id, at=world.now())
    world.work()
    theirs = world.row(StripeInvoice, invoice_id=invoice.id)
    assert theirs.status == "uncollectible"
    world.assert_all_agrees()
    give_card(world)
    world.ask("POST", f"/v1/invoices/{theirs.stripe_id}/pay")
    world.work()
    assert world.invoices()[0].status == InvoiceStatus.PAID
    world.assert_all_agrees()


def test_a_subscription_that_ended_here_is_cancelled_there_once(payments_world: PaymentsWorld) -> None:
    world = payments_world
    world.buy("PRO")
    ours = world.subscription()
    world.pass_time(days=2)
    world.transact(
        end_subscription, tenant_id=world.tenant_id, subscription_id=ours.id, ended_at=world.now(), at=world.now()
    )
    world.work()
    assert [each["status"] for each in world.at_stripe("subscription")] == ["canceled"]
    world.live(until=world.now() + timedelta(hours=4))
    assert len(world.at_stripe("invoice")) == 1
    world.assert_all_agrees()


def test_a_credit_note_reduces_what_is_open_on_both_sides(payments_world: PaymentsWorld) -> None:
    world = payments_world
    own_start(world)
    world.work()
    (invoice,) = world.invoices()
    world.transact(
        give_back, tenant_id=world.tenant_id, invoice_id=invoice.id, amount_minor=100_000, reason="Agreed.",
        way=GiveBack.REDUCE, at=world.now(),
    )  # fmt: skip
    world.work()
    (theirs,) = documents(world, world.row(StripeInvoice, invoice_id=invoice.id).stripe_id)
    assert (theirs["amount_remaining"], theirs["status"]) == (800_000, "open")
    assert world.transact(amount_left, invoice=world.invoices()[0]) == 800_000
    assert [row.total_minor for row in world.rows(StripeCreditNote)] == [100_000]
    world.assert_all_agrees()


# -- the sweep, and several workers


def test_the_sweep_finds_what_never_arrived(payments_world: PaymentsWorld) -> None:
    world = payments_world
    world.pay(world.open_checkout("PRO"))
    assert world.work_deaf().events == 0
    assert world.invoices() == []
    found = payments.sweep_events(world.stripe, at=world.now())
    assert found == len(world.rows(StripeEvent)) > 5
    assert {row.source for row in world.rows(StripeEvent)} == {"sweep"}
    world.work_deaf()
    assert [each.status for each in world.invoices()] == ["paid"]
    assert payments.sweep_events(world.stripe, at=world.now()) <= 3  # what our own call led to


def test_readings_are_shared_by_events_about_the_same_thing(sqlite_payments_world: PaymentsWorld) -> None:
    world = sqlite_payments_world
    world.pay(world.open_checkout("PRO"))
    events = world.undelivered()
    about = [each for each in events if each.type.startswith("invoice.")]
    assert len({each.object_id for each in about}) == 1
    assert len(about) >= 3
    read: list[Any] = []
    real = payments.read_subject

    def counted(stripe: Any, subject: Any) -> Any:
        read.append(subject)
        return real(stripe, subject)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(payments, "read_subject", counted)
        world.deliver(about)
        payments.handle_events(world.stripe, at=world.now(), clock=world.now)
    assert sum(subject.kind == SubjectKind.INVOICE for subject in read) == 1


def test_two_workers_at_once_do_everything_once(payments_world: PaymentsWorld) -> None:
    world = payments_world
    tenants = [world.tenant_id, *(world.add_customer(name) for name in ("Borealis", "Cedar", "Dune"))]
    for tenant_id in tenants:
        world.pay(world.open_checkout("PRO", tenant_id=tenant_id))
    work_at_once(world)
    for tenant_id in tenants:
        world.use("1500000", tenant_id=tenant_id)
    end = max(world.subscription(tenant_id).current_period_end for tenant_id in tenants)
    world.pass_until(end + timedelta(minutes=2))
    work_at_once(world)
    for _ in range(3):
        world.pass_time(minutes=45)
        work_at_once(world)
    for tenant_id in tenants:
        assert [each.total_minor for each in world.invoices(tenant_id)] == [900_000, 1_000_000]
        assert {each.status for each in world.invoices(tenant_id)} == {InvoiceStatus.PAID}
    assert len(world.at_stripe("invoice")) == 2 * len(tenants)
    world.assert_all_agrees()


def work_at_once(world: PaymentsWorld) -> None:
    """Two workers, each with a sweep and the closing of periods of its own, until there is nothing left for either."""
    from app import jobs

    def work(_worker: int) -> tuple[payments.Worked, int]:
        closed = jobs.close_due_periods(at=world.now())
        assert not closed.failed
        payments.owe_what_is_missing(world.stripe, at=world.now())
        return payments.work_until_done(world.stripe, clock=world.now), len(closed.invoices)

    for _ in range(30):
        told = world.deliver(world.undelivered())
        with ThreadPoolExecutor(2) as workers:
            done = list(workers.map(work, range(2)))
        if not told and done == [(payments.Worked(), 0)] * 2:
            return
        world.pass_time(seconds=6)
    raise AssertionError(f"the workers did not come to an end: {done}")


# -- starts by API


@pytest.mark.parametrize("begins_at", [None, datetime(2028, 2, 29, 12, 0, tzinfo=UTC)])
def test_a_yearly_start_by_api_is_billed_by_an_invoice_of_its_own_and_renewed_after_a_year(
    sqlite_payments_world: PaymentsWorld,
) -> None:
    world = sqlite_payments_world
    world.transact(
        create_subscription, tenant_id=world.tenant_id, plan_code="PRO", collection=Collection.AUTOMATIC,
        interval=Interval.YEAR, at=world.now(),
    )  # fmt: skip
    world.work()
    (started,) = world.invoices()
    assert started.total_minor == 8_640_000
    assert [each["total"] for each in world.at_stripe("invoice")] == [8_640_000]
    (theirs,) = world.at_stripe("subscription")
    assert theirs["items"]["data"][0]["current_period_end"] == int(world.subscription().base_paid_until.timestamp())
    began = world.subscription().anchor_at
    config = theirs["billing_cycle_anchor_config"]
    assert (config["month"], config["day_of_month"]) == (began.month, began.day)
    world.assert_all_agrees()


def test_what_a_manual_customer_owes_never_reaches_stripe(payments_world: PaymentsWorld) -> None:
    world = payments_world
    world.transact(create_subscription, tenant_id=world.tenant_id, plan_code="PRO", at=world.now())
    world.use("1500000")
    world.live(until=world.subscription().current_period_end + timedelta(hours=3), step=timedelta(days=10))
    assert len(world.invoices()) == 2
    assert {kind: world.at_stripe(kind) for kind in ("customer", "subscription", "invoice")} == {
        "customer": [], "subscription": [], "invoice": [],
    }  # fmt: skip
    assert world.rows(StripeCall) == []
    world.assert_all_agrees()
