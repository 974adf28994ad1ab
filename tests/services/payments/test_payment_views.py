"""How an invoice is paid, in the sentence a customer reads."""

from datetime import timedelta

import pytest
from sqlmodel import Session

from models import InvoiceStatus, Refund, RefundStatus, StripeCallKind, StripeCallStatus, StripeInvoicePart
from services.errors import NotFound
from services.invoices.credit_note_issuing import issue_credit_note
from services.payments.payment_lines import read_payment_lines, web_address
from services.payments.payment_views import PaymentView, read_payment
from tests import stripe_rows
from tests.given import NOON, Customer, customer


def shown(session: Session, acme: Customer) -> PaymentView:
    invoice = stripe_rows.first_invoice(session, acme.tenant_id)
    return read_payment(session, tenant_id=acme.tenant_id, invoice_id=invoice.id, at=NOON)


def test_an_invoice_nobody_collects_is_paid_by_transfer(session: Session) -> None:
    line = shown(session, customer(session)).line
    assert line.words.startswith("Sent: pay by transfer, due ")
    assert (line.pay_url, line.has_failed) == ("", False)


def test_one_that_is_late_says_when_it_was_due(session: Session) -> None:
    acme = customer(session)
    invoice = stripe_rows.first_invoice(session, acme.tenant_id)
    late = read_payment(
        session, tenant_id=acme.tenant_id, invoice_id=invoice.id, at=invoice.due_at + timedelta(days=1)
    ).line
    assert ("was due" in late.words, late.tone) == (True, "warn")


def test_an_open_one_at_stripe_is_collected_automatically_and_can_be_paid_now(session: Session) -> None:
    acme = customer(session)
    stripe_rows.collected_automatically(session, acme.tenant_id)
    before = shown(session, acme).line
    assert (before.detail, before.pay_url) == ("Collected automatically in a moment", "")
    stripe_rows.at_stripe(session, stripe_rows.first_invoice(session, acme.tenant_id))
    after = shown(session, acme).line
    assert (after.detail, after.pay_url) == ("Collected automatically", stripe_rows.HOSTED)


def test_a_failed_payment_says_why_when_and_what_comes_next(session: Session) -> None:
    acme = customer(session)
    stripe_rows.collected_automatically(session, acme.tenant_id)
    invoice = stripe_rows.first_invoice(session, acme.tenant_id)
    part = stripe_rows.at_stripe(session, invoice, payment_error="Your card was declined.", payment_attempts=1)
    stripe_rows.dunned(session, invoice, failed_at=NOON - timedelta(days=1))
    part.next_payment_attempt_at = NOON + timedelta(days=2)
    line = shown(session, acme).line
    assert line.words == "Payment failed on 19 Nov 2026: Your card was declined."
    assert (line.detail, line.tone, line.has_failed) == ("Next try on 22 Nov 2026", "bad", True)
    part.next_payment_attempt_at = None
    assert shown(session, acme).line.detail.startswith("No other try is planned")


def test_a_paid_one_names_the_day_and_the_card_on_file(session: Session) -> None:
    acme = customer(session)
    invoice = stripe_rows.first_invoice(session, acme.tenant_id)
    invoice.status, invoice.paid_at = InvoiceStatus.PAID, NOON
    session.add(invoice)
    stripe_rows.at_stripe(session, invoice, status="paid", is_disputed=True)
    stripe_rows.customer_at_stripe(session, acme.tenant_id)
    payment = shown(session, acme)
    assert (payment.line.words, payment.line.detail) == ("Paid on 20 Nov 2026", "Collected automatically")
    assert (payment.card, payment.line.pay_url) == ("Visa ending 4242, expires 12/2030", "")
    assert payment.is_disputed


def test_what_is_half_paid_is_paid_where_it_is_open(session: Session) -> None:
    acme = customer(session)
    stripe_rows.collected_automatically(session, acme.tenant_id)
    invoice = stripe_rows.first_invoice(session, acme.tenant_id)
    base, rest = StripeInvoicePart.BASE, StripeInvoicePart.REST
    paid = stripe_rows.at_stripe(session, invoice, stripe_id="in_b", part=base, status="paid", hosted_url="https://b")
    stripe_rows.at_stripe(session, invoice, stripe_id="in_r", part=rest, hosted_url="https://r")
    payment = shown(session, acme)
    assert (payment.line.pay_url, [part.pay_url for part in payment.parts]) == ("https://r", ["", ""])
    paid.status = "open"
    session.flush()
    assert [part.pay_url for part in shown(session, acme).parts] == ["https://b", "https://r"]


@pytest.mark.parametrize(
    ("status", "words"),
    [("void", "Void: nothing is to be paid"), ("uncollectible", "Given up: counted as uncollectible")],
)
def test_one_that_is_over_says_how(session: Session, status: str, words: str) -> None:
    acme = customer(session)
    invoice = stripe_rows.first_invoice(session, acme.tenant_id)
    invoice.status, invoice.given_up_at = InvoiceStatus(status), NOON
    session.add(invoice)
    session.flush()
    assert shown(session, acme).line.words == words


def test_refunds_are_shown_with_their_state(session: Session) -> None:
    acme = customer(session)
    invoice = stripe_rows.first_invoice(session, acme.tenant_id)
    for place, status in enumerate((RefundStatus.SUCCEEDED, RefundStatus.FAILED)):
        error = "The card is closed." if status == RefundStatus.FAILED else None
        session.add(
            Refund(
                tenant_id=acme.tenant_id, id=f"ref_{place}", invoice_id=invoice.id, account="sandbox", status=status,
                amount_minor=1_050, currency="CAD", reason="Sorry", error=error, created_at=NOON,
            )
        )  # fmt: skip
    session.flush()
    refunds = shown(session, acme).refunds
    assert [(each.amount, each.status_word, each.error) for each in refunds] == [
        ("$10.50", "Given back", ""),
        ("$10.50", "Failed", "The card is closed."),
    ]


def test_a_page_of_invoices_says_of_each_what_its_own_page_says(session: Session) -> None:
    acme = customer(session)
    stripe_rows.collected_automatically(session, acme.tenant_id)
    invoice = stripe_rows.first_invoice(session, acme.tenant_id)
    stripe_rows.at_stripe(session, invoice)
    lines = read_payment_lines(session, tenant_id=acme.tenant_id, invoice_ids=[invoice.id], at=NOON)
    assert lines == {invoice.id: shown(session, acme).line}


def test_another_customers_invoice_does_not_exist(session: Session) -> None:
    acme, other = customer(session), customer(session, name="Other")
    invoice = stripe_rows.first_invoice(session, acme.tenant_id)
    with pytest.raises(NotFound):
        read_payment(session, tenant_id=other.tenant_id, invoice_id=invoice.id, at=NOON)
    assert read_payment_lines(session, tenant_id=other.tenant_id, invoice_ids=[invoice.id], at=NOON) == {}


@pytest.mark.parametrize("url", [None, "", "javascript:alert(1)", "//elsewhere.example", "/local"])
def test_only_addresses_of_web_pages_are_linked(url: str | None) -> None:
    assert web_address(url) == ""


def test_credit_notes_say_what_becomes_of_their_money_and_how_far_that_is(session: Session) -> None:
    acme = customer(session)
    invoice = stripe_rows.first_invoice(session, acme.tenant_id)
    for place in range(3):
        issue_credit_note(
            session, tenant_id=acme.tenant_id, invoice_id=invoice.id, amount_minor=1_000, reason="Sorry",
            note_id=f"cn_{place}", at=NOON,
        )  # fmt: skip
    for place, status in ((1, StripeCallStatus.HELD), (2, StripeCallStatus.DONE)):
        stripe_rows.call(
            session, acme.tenant_id, f"key_{place}", kind=StripeCallKind.CREDIT_NOTE, subject=f"cn_{place}",
            status=status, arguments={"give_back": "refund"},
        )  # fmt: skip
    assert [(each.number, each.amount, each.way, each.status_word) for each in shown(session, acme).notes] == [
        ("CN-000001", "-$10.00", "", "Done"),
        ("CN-000002", "-$10.00", "Goes back to the card", "Being looked into"),
        ("CN-000003", "-$10.00", "Goes back to the card", "Done"),
    ]
