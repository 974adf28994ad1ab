"""Invoices at the sandbox: drafts, lines, what becomes of them, and the money that goes back."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
import stripe as sdk

from services.errors import ProviderRefused
from services.gateways.stripe import customers, events, invoices, money_back
from services.gateways.stripe.client import Stripe, open_stripe
from services.gateways.stripe.connection import Connection
from services.gateways.stripe.facts import InvoiceFacts
from services.gateways.stripe.invoices import DraftLine
from tests.given import NOON

OURS = {"tallystick_invoice": "inv-1"}
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
Draft = Callable[..., InvoiceFacts]


@pytest.fixture
def stripe(sandbox: Any) -> Stripe:
    return open_stripe(Connection("sandbox", sandbox.secret_key, sandbox.address))


@pytest.fixture
def customer_id(stripe: Stripe) -> str:
    made = customers.create_customer(stripe, key="customer", name="Acme", email="a@acme.example", metadata={})
    card = stripe.call(stripe.v1.payment_methods.attach, "pm_card_visa", {"customer": made.id})["id"]
    stripe.call(stripe.v1.customers.update, made.id, {"invoice_settings": {"default_payment_method": card}})
    return made.id


@pytest.fixture
def draft(stripe: Stripe, customer_id: str) -> Draft:
    """A draft with these amounts on it."""

    def with_lines(*amounts: int, days_until_due: int | None = None, number: str = "ACME-7") -> InvoiceFacts:
        opened = invoices.open_draft(
            stripe,
            key=f"draft:{number}",
            customer_id=customer_id,
            currency="CAD",
            days_until_due=days_until_due,
            number=number,
            metadata=OURS,
        )
        if not amounts:
            return opened
        lines = [line(amount, n) for n, amount in enumerate(amounts, 1)]
        return invoices.add_lines(stripe, key=f"lines:{number}", invoice_id=opened.id, lines=lines)

    return with_lines


def line(amount: int, n: int = 1) -> DraftLine:
    return DraftLine(amount, f"Line {n}", NOON, NOON + timedelta(days=30), {"tallystick_line": str(n)})


def paid(stripe: Stripe, invoice: InvoiceFacts) -> InvoiceFacts:
    invoices.finalize_invoice(stripe, key=f"final:{invoice.id}", invoice_id=invoice.id)
    return invoices.read_invoice(stripe, invoice_id=invoice.id)


def test_a_draft_is_empty_waits_and_says_which_invoice_of_ours_it_is(stripe: Stripe, draft: Draft) -> None:
    opened = draft()
    assert (opened.status, opened.lines, opened.total_minor, opened.auto_advance) == ("draft", (), 0, False)
    assert (opened.collection_method, opened.currency) == ("charge_automatically", "CAD")
    assert (opened.metadata, opened.billing_reason, opened.subscription_id) == (OURS, "manual", None)
    document = stripe.call(stripe.v1.invoices.retrieve, opened.id)
    assert document["custom_fields"] == [{"name": "Tallystick invoice", "value": "ACME-7"}]


def test_lines_say_what_they_are_and_add_up(stripe: Stripe, draft: Draft) -> None:
    invoice = draft(900_000, 60_000, -1_234)
    assert invoice.total_minor == 958_766
    assert [(one.amount_minor, one.description, one.metadata) for one in invoice.lines] == [
        (900_000, "Line 1", {"tallystick_line": "1"}),
        (60_000, "Line 2", {"tallystick_line": "2"}),
        (-1_234, "Line 3", {"tallystick_line": "3"}),
    ]
    assert {(one.period_start, one.period_end) for one in invoice.lines} == {(NOON, NOON + timedelta(days=30))}
    assert not any(one.is_subscription_item or one.discount_minor for one in invoice.lines)
    assert invoices.read_invoice(stripe, invoice_id=invoice.id).lines == invoice.lines


def test_the_same_lines_under_the_same_key_are_added_once(stripe: Stripe, draft: Draft) -> None:
    invoice = draft()
    for _ in range(2):
        invoices.add_lines(stripe, key="lines:1", invoice_id=invoice.id, lines=[line(100)])
    assert invoices.read_invoice(stripe, invoice_id=invoice.id).total_minor == 100


def test_a_long_invoice_is_read_to_its_last_line(stripe: Stripe, draft: Draft) -> None:
    invoice = draft()
    for first in (1, 101):
        lines = [line(n, n) for n in range(first, first + invoices.LINES_A_CALL)]
        answered = invoices.add_lines(stripe, key=f"lines:{first}", invoice_id=invoice.id, lines=lines)
    read = invoices.read_invoice(stripe, invoice_id=invoice.id)
    assert sorted(one.amount_minor for one in read.lines) == list(range(1, 201))
    assert sorted(one.amount_minor for one in answered.lines) == list(range(1, 201))


@pytest.mark.parametrize("count", [0, invoices.LINES_A_CALL + 1])
def test_a_call_adds_some_lines_and_not_too_many(stripe: Stripe, draft: Draft, count: int) -> None:
    with pytest.raises(ValueError, match="between 1 and"):
        invoices.add_lines(stripe, key="lines", invoice_id=draft().id, lines=[line(1)] * count)


def test_a_coupon_reduces_no_line_of_ours(stripe: Stripe, draft: Draft) -> None:
    invoice = draft(10_000)
    coupon = stripe.call(stripe.v1.coupons.create, {"percent_off": "50", "duration": "once", "name": "Half"})["id"]
    stripe.call(stripe.v1.invoices.update, invoice.id, {"discounts": [{"coupon": coupon}]})
    read = invoices.read_invoice(stripe, invoice_id=invoice.id)
    assert (read.total_minor, read.lines[0].discount_minor) == (10_000, 0)
    assert [(one.code, one.percent_off) for one in read.discounts] == [("Half", Decimal(50))]


def test_a_finished_invoice_is_charged_to_the_card_and_tells_its_payment(stripe: Stripe, draft: Draft) -> None:
    invoice = paid(stripe, draft(10_600))
    assert (invoice.status, invoice.paid_minor, invoice.remaining_minor) == ("paid", 10_600, 0)
    assert invoice.number
    assert invoice.finalized_at is not None
    assert invoice.paid_at is not None
    assert str(invoice.hosted_url).startswith("http")
    assert str(invoice.pdf_url).startswith("http")
    ((payment),) = invoice.payments
    assert (payment.status, payment.amount_minor, payment.error) == ("paid", 10_600, None)
    assert payment.id.startswith("pi_")


def test_a_payment_that_failed_says_why(stripe: Stripe, draft: Draft, sandbox: Any) -> None:
    invoice = draft(10_600)
    sandbox.control("fail_next_payment", count=1)
    invoices.finalize_invoice(stripe, key="final", invoice_id=invoice.id)
    failed = invoices.read_invoice(stripe, invoice_id=invoice.id)
    assert (failed.status, failed.remaining_minor) == ("open", 10_600)
    assert failed.attempts >= 1
    assert any(payment.error for payment in failed.payments)


def test_an_invoice_sent_to_be_paid_has_days_until_it_is_due(stripe: Stripe, draft: Draft) -> None:
    invoice = draft(10_600, days_until_due=30)
    assert invoice.collection_method == "send_invoice"
    opened = invoices.finalize_invoice(stripe, key="final", invoice_id=invoice.id)
    assert (opened.status, opened.due_minor) == ("open", 10_600)
    assert invoices.send_invoice(stripe, key="send", invoice_id=invoice.id).status == "open"


def test_terms_can_be_set_on_a_draft_that_is_there(stripe: Stripe, draft: Draft) -> None:
    invoice = draft(100)
    held = invoices.hold_draft(stripe, key="hold", invoice_id=invoice.id)
    assert not held.auto_advance
    terms = {"days_until_due": 14, "number": "ACME-8", "metadata": {"tallystick_period": "2026-11"}}
    changed = invoices.set_terms(stripe, key="terms", invoice_id=invoice.id, **terms)
    assert changed.collection_method == "send_invoice"
    assert changed.metadata == {**OURS, "tallystick_period": "2026-11"}
    kept = {**terms, "days_until_due": None}
    assert invoices.set_terms(stripe, key="terms:2", invoice_id=invoice.id, **kept).collection_method == "send_invoice"


def test_an_open_invoice_is_voided_given_up_or_paid_elsewhere(stripe: Stripe, draft: Draft) -> None:
    ends: dict[str, Callable[..., InvoiceFacts]] = {
        "void": invoices.void_invoice,
        "uncollectible": invoices.mark_uncollectible,
        "paid": invoices.pay_elsewhere,
    }
    for status, end in ends.items():
        invoice = draft(500, days_until_due=30, number=status)
        invoices.finalize_invoice(stripe, key=f"final:{status}", invoice_id=invoice.id)
        ended = end(stripe, key=f"end:{status}", invoice_id=invoice.id)
        assert ended.status == status
        assert (ended.voided_at is not None) == (status == "void")
    with pytest.raises(ProviderRefused):
        invoices.void_invoice(stripe, key="again", invoice_id=invoice.id)


def test_invoices_are_listed_by_customer_and_moment(stripe: Stripe, draft: Draft, customer_id: str) -> None:
    made = [draft(100, number="A"), draft(200, number="B")]
    assert [one.id for one in invoices.list_invoices(stripe, customer_id=customer_id)] == [one.id for one in made[::-1]]
    assert len(list(invoices.list_invoices(stripe, created_from=LONG_AGO))) == 2
    later = made[-1].created_at + timedelta(days=1)
    assert list(invoices.list_invoices(stripe, created_from=later)) == []
    with pytest.raises(ValueError, match="never empty"):
        next(invoices.list_invoices(stripe, customer_id=""))


@pytest.mark.parametrize("give_back", ["refund", "balance", "elsewhere"])
def test_a_paid_invoice_gives_money_back_one_way(stripe: Stripe, draft: Draft, give_back: money_back.GiveBack) -> None:
    invoice = paid(stripe, draft(10_600))
    note = money_back.create_credit_note(
        stripe,
        key="note",
        invoice_id=invoice.id,
        amount_minor=600,
        description="Correction of usage",
        memo="Sorry.",
        give_back=give_back,
        metadata=OURS,
    )
    assert (note.status, note.total_minor, note.currency, note.memo) == ("issued", 600, "CAD", "Sorry.")
    assert (note.invoice_id, note.metadata, bool(note.number)) == (invoice.id, OURS, True)
    assert len(note.refund_ids) == (1 if give_back == "refund" else 0)
    assert money_back.read_credit_note(stripe, credit_note_id=note.id) == note
    assert list(money_back.list_credit_notes(stripe, invoice_id=invoice.id)) == [note]
    assert invoices.read_invoice(stripe, invoice_id=invoice.id).credited_minor == 600
    refunds = list(money_back.list_refunds(stripe, payment_id=invoice.payments[0].id))
    assert [refund.id for refund in refunds] == list(note.refund_ids)


def test_an_open_invoice_is_reduced(stripe: Stripe, draft: Draft) -> None:
    invoice = draft(10_600, days_until_due=30)
    invoices.finalize_invoice(stripe, key="final", invoice_id=invoice.id)
    given = {"amount_minor": 600, "description": "Less", "memo": None, "metadata": {}}
    note = money_back.create_credit_note(stripe, key="note", invoice_id=invoice.id, give_back="reduce", **given)
    assert note.memo is None
    reduced = invoices.read_invoice(stripe, invoice_id=invoice.id)
    assert (reduced.remaining_minor, reduced.credited_minor) == (10_000, 600)


def test_a_payment_is_given_back_in_part(stripe: Stripe, draft: Draft) -> None:
    invoice = paid(stripe, draft(10_600))
    payment_id = invoice.payments[0].id
    refund = money_back.create_refund(stripe, key="refund", payment_id=payment_id, amount_minor=100, metadata=OURS)
    assert (refund.status, refund.amount_minor, refund.currency) == ("succeeded", 100, "CAD")
    assert (refund.payment_id, refund.error, refund.metadata) == (payment_id, None, OURS)
    assert money_back.read_refund(stripe, refund_id=refund.id) == refund
    assert refund.charge_id is not None
    charge = money_back.read_charge(stripe, charge_id=refund.charge_id)
    assert (charge.amount_minor, charge.refunded_minor, charge.is_disputed) == (10_600, 100, False)
    assert charge.payment_id == payment_id
    more = {"payment_id": refund.charge_id, "amount_minor": 200, "metadata": {}}
    money_back.create_refund(stripe, key="refund:2", **more)
    assert [one.amount_minor for one in money_back.list_refunds(stripe, payment_id=refund.charge_id)] == [200, 100]


@pytest.mark.parametrize("amount_minor", [0, -1])
def test_nothing_and_less_than_nothing_is_not_given_back(stripe: Stripe, amount_minor: int) -> None:
    with pytest.raises(ValueError, match="above zero"):
        money_back.create_refund(stripe, key="r", payment_id="pi_1", amount_minor=amount_minor, metadata={})
    with pytest.raises(ValueError, match="above zero"):
        money_back.create_credit_note(
            stripe, key="n", invoice_id="in_1", amount_minor=amount_minor, description="d", memo=None,
            give_back="refund", metadata={},
        )  # fmt: skip


def test_events_are_listed_oldest_first_and_read_one_by_one(stripe: Stripe, draft: Draft, customer_id: str) -> None:
    paid(stripe, draft(100))
    listed = list(events.list_events(stripe, created_from=datetime.now(UTC) - timedelta(days=1)))
    types = [event.type for event in listed]
    assert types[0] == "customer.created"
    assert types.index("invoice.created") < types.index("invoice.finalized") < types.index("invoice.paid")
    assert len({event.id for event in listed}) == len(listed)
    assert all(a.created_at <= b.created_at for a, b in pairwise(listed))
    one = next(event for event in listed if event.type == "invoice.paid")
    assert (one.object_type, one.customer_id, one.is_live) == ("invoice", customer_id, False)
    assert events.read_event(stripe, event_id=one.id) == one
    assert list(events.list_events(stripe, created_from=datetime.now(UTC) + timedelta(days=1))) == []


def test_events_are_listed_across_windows_and_a_clock_that_is_ahead(
    stripe: Stripe, customer_id: str, sandbox: Any
) -> None:
    began = datetime.now(UTC) - timedelta(minutes=1)
    sandbox.advance(20 * 86_400)
    customers.create_customer(stripe, key="later", name="Later", email=None, metadata={})
    names = [event.payload["data"]["object"].get("name") for event in events.list_events(stripe, created_from=began)]
    assert (names[0], names[-1]) == ("Acme", "Later")


def test_events_of_a_crowded_day_are_listed_a_part_at_a_time(
    stripe: Stripe, draft: Draft, customer_id: str, sandbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = datetime.now(UTC) - timedelta(minutes=1)
    for _ in range(3):
        draft(100)
        sandbox.advance(60)
    whole = list(events.list_events(stripe, created_from=began))
    monkeypatch.setattr(events, "READ_AT_ONCE_MAX", 2)
    monkeypatch.setattr(events, "datetime", AheadOfTime)
    in_parts = list(events.list_events(stripe, created_from=began))
    assert len(whole) > 4
    assert {event.id for event in in_parts} == {event.id for event in whole}
    assert all(a.created_at <= b.created_at for a, b in pairwise(in_parts))


class AheadOfTime(datetime):
    """A clock of ours that is ahead of the sandbox's, so that all is past."""

    @classmethod
    def now(cls, tz: Any = None) -> datetime:
        return datetime.now(tz) + timedelta(hours=1)


def test_a_delivery_of_the_sandbox_is_taken(stripe: Stripe, customer_id: str, sandbox: Any) -> None:
    found = next(events.list_events(stripe, created_from=datetime.now(UTC) - timedelta(hours=1)))
    body = json.dumps(found.payload)
    signature = sdk.WebhookSignature.generate_signature_header(body, "whsec_ours", int(NOON.timestamp()))
    assert events.read_delivery(body.encode(), signature, ["whsec_ours"], NOON) == found
