"""Putting readings into our books: of two the later one stays, whichever is applied last; and nothing is done twice."""

from datetime import timedelta
from typing import Any

import pytest

from models import (
    Checkout,
    Collection,
    InvoiceStatus,
    Refund,
    StripeCreditNote,
    StripeCustomer,
    StripeInvoice,
    StripeSubscription,
    SubscriptionStatus,
)
from services.database import transaction
from services.payments import applying, inbox
from services.payments.readings import read_subject
from services.payments.subjects import NotOurs, Readings, Subject, SubjectKind, Unread
from services.subscriptions.starting import create_subscription
from tests.payments_world import PaymentsWorld


def ticket(world: PaymentsWorld) -> int:
    drawn: int = world.transact(inbox.draw_ticket, account=world.stripe.account)
    return drawn


def read(world: PaymentsWorld, kind: SubjectKind, stripe_id: str) -> tuple[int, Subject, Any]:
    """A reading with the ticket that was drawn before it."""
    drawn, subject = ticket(world), Subject(kind, stripe_id)
    return drawn, subject, read_subject(world.stripe, subject)


def apply(world: PaymentsWorld, reading: tuple[int, Subject, Any], *more: tuple[int, Subject, Any]) -> str:
    drawn, subject, facts = reading
    readings = Readings({subject: facts, **{other: found for _, other, found in more}})
    with transaction() as session:
        return applying.apply_subject(
            session, readings, subject, account=world.stripe.account, ticket=drawn, at=world.now()
        )


def owed_by_api(world: PaymentsWorld) -> str:
    """An open invoice at Stripe for one of ours; its id there."""
    world.transact(
        create_subscription, tenant_id=world.tenant_id, plan_code="PRO", collection=Collection.AUTOMATIC, at=world.now()
    )
    world.work()
    return str(world.row(StripeInvoice).stripe_id)


@pytest.mark.parametrize("later_first", [True, False])
def test_an_older_reading_of_an_invoice_never_overwrites_a_newer_one(
    payments_world: PaymentsWorld, later_first: bool
) -> None:
    world = payments_world
    theirs = owed_by_api(world)
    older = read(world, SubjectKind.INVOICE, theirs)
    world.ask("POST", f"/v1/invoices/{theirs}/pay", {"paid_out_of_band": "true"})
    newer = read(world, SubjectKind.INVOICE, theirs)
    assert (older[2].status, newer[2].status) == ("open", "paid")
    for reading in (newer, older) if later_first else (older, newer):
        assert apply(world, reading) == world.tenant_id
    row = world.row(StripeInvoice)
    assert (row.status, row.ticket) == ("paid", newer[0])
    assert world.invoices()[0].status == InvoiceStatus.PAID


@pytest.mark.parametrize("later_first", [True, False])
def test_an_older_reading_of_a_subscription_never_overwrites_a_newer_one(
    payments_world: PaymentsWorld, later_first: bool
) -> None:
    world = payments_world
    world.buy("PRO")
    theirs = world.row(StripeSubscription).stripe_id
    older = read(world, SubjectKind.SUBSCRIPTION, theirs)
    world.ask("POST", f"/v1/subscriptions/{theirs}", {"pause_collection[behavior]": "keep_as_draft"})
    newer = read(world, SubjectKind.SUBSCRIPTION, theirs)
    for reading in (newer, older) if later_first else (older, newer):
        apply(world, reading)
    assert (world.row(StripeSubscription).status, world.row(StripeSubscription).ticket) == ("paused", newer[0])
    assert world.subscription().status == SubscriptionStatus.PAUSED


@pytest.mark.parametrize("later_first", [True, False])
def test_an_older_reading_of_a_customer_never_overwrites_a_newer_one(
    payments_world: PaymentsWorld, later_first: bool
) -> None:
    world = payments_world
    world.open_checkout("PRO")
    theirs = world.row(StripeCustomer).stripe_id
    older = read(world, SubjectKind.CUSTOMER, theirs)
    world.ask("POST", f"/v1/customers/{theirs}", {"email": "new@acme.example"})
    newer = read(world, SubjectKind.CUSTOMER, theirs)
    for reading in (newer, older) if later_first else (older, newer):
        apply(world, reading)
    assert (world.row(StripeCustomer).email, world.row(StripeCustomer).ticket) == ("new@acme.example", newer[0])


@pytest.mark.parametrize("later_first", [True, False])
def test_an_older_reading_of_a_credit_note_never_overwrites_a_newer_one(
    payments_world: PaymentsWorld, later_first: bool
) -> None:
    world = payments_world
    theirs = owed_by_api(world)
    note = world.ask("POST", "/v1/credit_notes", {"invoice": theirs, "amount": 1_000})["id"]
    older = read(world, SubjectKind.CREDIT_NOTE, note)
    apply(world, older)
    world.ask("POST", f"/v1/credit_notes/{note}/void")
    newer = read(world, SubjectKind.CREDIT_NOTE, note)
    for reading in (newer, older) if later_first else (older, newer):
        apply(world, reading)
    assert (world.row(StripeCreditNote).status, world.row(StripeCreditNote).ticket) == ("void", newer[0])


def test_a_checkout_that_was_completed_is_not_opened_again_by_an_older_reading(payments_world: PaymentsWorld) -> None:
    world = payments_world
    opened = world.open_checkout("PRO")
    older = read(world, SubjectKind.CHECKOUT, str(opened.stripe_id))
    world.pay(opened)
    world.work()
    apply(world, older)
    assert world.row(Checkout).status == "completed"
    assert len(world.invoices()) == 1


def test_readings_of_one_claim_share_a_ticket_and_the_last_of_them_stays(payments_world: PaymentsWorld) -> None:
    world = payments_world
    world.open_checkout("PRO")
    theirs = world.row(StripeCustomer).stripe_id
    first = read(world, SubjectKind.CUSTOMER, theirs)
    world.ask("POST", f"/v1/customers/{theirs}", {"email": "new@acme.example"})
    second = (first[0], *read(world, SubjectKind.CUSTOMER, theirs)[1:])
    apply(world, first)
    apply(world, second)
    assert world.row(StripeCustomer).email == "new@acme.example"


@pytest.mark.parametrize("kind", ["checkout", "invoice", "refund", "credit_note"])
def test_applying_the_same_reading_again_changes_nothing(payments_world: PaymentsWorld, kind: str) -> None:
    world = payments_world
    opened = world.buy("PRO")
    paid = world.row(StripeInvoice)
    made = world.ask("POST", "/v1/credit_notes", {"invoice": paid.stripe_id, "amount": 700, "refund_amount": 700})
    world.work()
    stripe_id = {
        "checkout": str(opened.stripe_id),
        "invoice": paid.stripe_id,
        "refund": world.at_stripe("refund")[0]["id"],
        "credit_note": made["id"],
    }[kind]
    reading = read(world, SubjectKind(kind), stripe_id)
    apply(world, reading)
    before = _state(world)
    world.pass_time(hours=1)
    for _ in range(3):
        apply(world, reading)
    assert _state(world) == before


def _state(world: PaymentsWorld) -> list[dict[str, Any]]:
    tables = (Checkout, Refund, StripeCreditNote, StripeInvoice, StripeSubscription)
    rows = [row for table in tables for row in world.rows(table)]
    return [row.model_dump(exclude={"read_at"}) for row in [*rows, *world.invoices(), world.subscription()]]


# -- what has to be read first, and what is none of ours


def test_what_leads_to_something_unread_says_what_to_read(payments_world: PaymentsWorld) -> None:
    world = payments_world
    opened = world.open_checkout("PRO")
    world.pay(opened)
    wanted = read(world, SubjectKind.CHECKOUT, str(opened.stripe_id))
    asked: list[SubjectKind] = []
    more: list[tuple[int, Subject, Any]] = []
    while True:
        try:
            apply(world, wanted, *more)
            break
        except Unread as missing:
            asked.append(missing.subject.kind)
            more.append((wanted[0], missing.subject, read_subject(world.stripe, missing.subject)))
            assert world.invoices() == []
    assert asked == [SubjectKind.SUBSCRIPTION, SubjectKind.INVOICE]
    assert [each.total_minor for each in world.invoices()] == [900_000]


def test_somebody_elses_customer_subscription_and_payment_are_none_of_ours(payments_world: PaymentsWorld) -> None:
    world = payments_world
    customer = world.ask("POST", "/v1/customers", {"name": "Sold to by hand"})["id"]
    made = read(world, SubjectKind.CUSTOMER, customer)
    with pytest.raises(NotOurs):
        apply(world, made)
    draft = world.ask("POST", "/v1/invoices", {"customer": customer})["id"]
    with pytest.raises(NotOurs):
        apply(world, read(world, SubjectKind.INVOICE, draft), made)
    assert (world.rows(StripeCustomer), world.rows(StripeInvoice)) == ([], [])


def test_a_mark_that_names_nobody_here_makes_nothing_ours(payments_world: PaymentsWorld) -> None:
    world = payments_world
    for marked in ("ten_of_another_installation", "", "x" * 400):
        customer = world.ask("POST", "/v1/customers", {"metadata[tallystick_tenant]": marked})["id"]
        with pytest.raises(NotOurs):
            apply(world, read(world, SubjectKind.CUSTOMER, customer))


def test_a_customer_deleted_at_stripe_is_made_anew_when_it_is_needed(payments_world: PaymentsWorld) -> None:
    world = payments_world
    world.open_checkout("PRO")
    first = world.row(StripeCustomer).stripe_id
    assert world.sandbox.call("DELETE", f"/v1/customers/{first}").status_code == 200
    world.work()
    assert world.row(StripeCustomer).is_deleted
    world.pass_time(minutes=31)
    world.buy("PRO")
    again = world.row(StripeCustomer)
    assert (again.is_deleted, again.stripe_id == first) == (False, False)
    assert world.subscription().status == SubscriptionStatus.ACTIVE


def test_an_invoice_somebody_made_by_hand_for_our_customer_is_kept_and_carries_nothing(
    payments_world: PaymentsWorld,
) -> None:
    world = payments_world
    world.buy("PRO")
    customer = world.row(StripeCustomer).stripe_id
    made = world.ask("POST", "/v1/invoices", {"customer": customer, "auto_advance": "false"})["id"]
    world.work()
    row = world.row(StripeInvoice, stripe_id=made)
    assert (row.invoice_id, row.part, row.tenant_id) == (None, None, world.tenant_id)
    world.live(until=world.now() + timedelta(hours=3))
    assert len(world.invoices()) == 1
