"""Giving money back: nothing happens before it was said what, and it happens once."""

import pytest
from sqlmodel import Session, select

from models import CreditNote, InvoiceStatus, StripeCall, StripeCallStatus
from services.errors import Unprocessable
from services.invoices.finding import mark_invoice_paid
from services.payments import give_back_views
from services.payments.give_back_views import NO_OUTCOME, GiveBackView, ask, give_back, open_form, read_outcome
from tests import stripe_rows
from tests.given import NOON, Customer, customer


def paid_by_card(session: Session) -> tuple[Customer, GiveBackView]:
    acme = customer(session)
    invoice = stripe_rows.first_invoice(session, acme.tenant_id)
    mark_invoice_paid(session, tenant_id=acme.tenant_id, invoice_id=invoice.id, reference="pi_1", at=NOON)
    stripe_rows.at_stripe(session, invoice, status="paid", paid_minor=invoice.total_minor, remaining_minor=0)
    return acme, open_form(session, tenant_id=acme.tenant_id, invoice_id=invoice.id)


def test_the_form_offers_what_is_left_and_the_ways_there_are(session: Session) -> None:
    _, form = paid_by_card(session)
    assert (form.left, form.left_typed, form.currency, form.none_because) == ("$9,000.00", "9000.00", "CAD", "")
    assert [way.code for way in form.ways] == ["refund", "balance", "elsewhere"]
    assert form.note_id


def test_an_open_invoice_can_only_be_reduced_and_a_void_one_not_at_all(session: Session) -> None:
    acme = customer(session)
    invoice = stripe_rows.first_invoice(session, acme.tenant_id)
    assert [way.code for way in open_form(session, tenant_id=acme.tenant_id, invoice_id=invoice.id).ways] == ["reduce"]
    invoice.status = InvoiceStatus.VOID
    session.add(invoice)
    session.flush()
    assert "void" in open_form(session, tenant_id=acme.tenant_id, invoice_id=invoice.id).none_because


def test_the_question_says_exactly_what_happens(session: Session) -> None:
    acme, form = paid_by_card(session)
    asked = ask(
        session, tenant_id=acme.tenant_id, invoice_id=form.invoice_id, typed="1,120.50", reason=" Sorry ", way="refund"
    )
    assert asked.sentence == (
        "A credit note over $1,120.50 is issued to Acme for INV-000001, and Stripe sends $1,120.50 back to the card "
        "that paid it. This cannot be taken back."
    )
    assert (asked.confirm, asked.amount_minor, asked.reason) == ("Refund $1,120.50", 112_050, "Sorry")
    assert session.exec(select(CreditNote)).all() == []


@pytest.mark.parametrize(
    ("typed", "reason", "way", "field"),
    [
        ("9000.01", "Sorry", "refund", "amount"),
        ("0", "Sorry", "refund", "amount"),
        ("-5", "Sorry", "refund", "amount"),
        ("1e3", "Sorry", "refund", "amount"),
        ("5.001", "Sorry", "refund", "amount"),
        ("5", "  ", "refund", "reason"),
        ("5", "x" * 301, "refund", "reason"),
        ("5", "a\x00b", "refund", "reason"),
        ("5", "Sorry", "reduce", "way"),
        ("5", "Sorry", "", "way"),
    ],
)
def test_what_cannot_be_is_refused_with_its_field(
    session: Session, typed: str, reason: str, way: str, field: str
) -> None:
    acme, form = paid_by_card(session)
    with pytest.raises(Unprocessable) as refused:
        ask(session, tenant_id=acme.tenant_id, invoice_id=form.invoice_id, typed=typed, reason=reason, way=way)
    assert refused.value.field == field


def test_pressing_twice_gives_back_once(session: Session) -> None:
    acme, form = paid_by_card(session)
    asked = ask(
        session, tenant_id=acme.tenant_id, invoice_id=form.invoice_id, typed="100", reason="Sorry", way="refund"
    )
    outcomes = [give_back(session, tenant_id=acme.tenant_id, form=form, question=asked, at=NOON) for _ in range(2)]
    assert outcomes[0] == outcomes[1]
    assert (outcomes[0].number, outcomes[0].status_word) == ("CN-000001", "Being told to Stripe")
    assert len(session.exec(select(CreditNote)).all()) == 1
    (call,) = session.exec(select(StripeCall)).all()
    assert (call.kind, call.arguments["give_back"]) == ("credit_note", "refund")


def test_the_outcome_follows_the_call(session: Session) -> None:
    acme, form = paid_by_card(session)
    asked = ask(session, tenant_id=acme.tenant_id, invoice_id=form.invoice_id, typed="1", reason="Sorry", way="balance")
    give_back(session, tenant_id=acme.tenant_id, form=form, question=asked, at=NOON)
    (call,) = session.exec(select(StripeCall)).all()
    call.status, call.error = StripeCallStatus.HELD, "Refused for ada@example.com"
    session.add(call)
    session.flush()
    held = read_outcome(session, tenant_id=acme.tenant_id, note_id=form.note_id)
    assert (held.status, held.error) == ("failed", "Refused for (hidden)")
    assert read_outcome(session, tenant_id=acme.tenant_id, note_id="none") == NO_OUTCOME


def test_what_was_given_back_elsewhere_is_not_told_to_stripe(session: Session) -> None:
    acme = customer(session)
    invoice = stripe_rows.first_invoice(session, acme.tenant_id)
    mark_invoice_paid(session, tenant_id=acme.tenant_id, invoice_id=invoice.id, reference="EFT 1", at=NOON)
    form = open_form(session, tenant_id=acme.tenant_id, invoice_id=invoice.id)
    assert [way.code for way in form.ways] == ["elsewhere"]
    asked = ask(session, tenant_id=acme.tenant_id, invoice_id=invoice.id, typed="9000", reason="Sorry", way="elsewhere")
    outcome = give_back(session, tenant_id=acme.tenant_id, form=form, question=asked, at=NOON)
    assert (outcome.status, outcome.sentence) == ("", "Credit note CN-000001 takes back $9,000.00.")
    again = open_form(session, tenant_id=acme.tenant_id, invoice_id=invoice.id)
    assert again.none_because == "All of it has been credited already."
    assert again.note_id != form.note_id


def test_every_way_has_words() -> None:
    assert set(give_back_views.WAYS) == set(give_back_views.GiveBack)
