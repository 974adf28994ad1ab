"""A whole cycle in currencies without decimals and with three: changed, promoted, taxed, credited, printed, checked."""

import io
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pypdf import PdfReader
from sqlalchemy import Engine
from sqlmodel import Session

from models import Invoice, InvoiceStatus
from services import wording
from services.billing_documents.document import BillingDocument
from services.billing_documents.reading import read_credit_note_document, read_invoice_document, read_preview_document
from services.billing_documents.rendering import render_pdf
from services.bundles.verification import verify_bundle
from services.closing.close import close_period, preview_invoice
from services.database import reading, transaction
from services.identity import create_tenant
from services.invoices.credit_note_issuing import issue_credit_note
from services.invoices.credit_notes import amount_left, list_credit_notes
from services.invoices.detail_views import read_invoice_detail
from services.invoices.finding import list_invoices, read_invoice
from services.invoices.transitions import void_invoice
from services.price_books.books import load_book, load_shipped_books
from services.price_books.entries import BookEntry
from services.receipts.signature_checks import read_jwks
from services.receipts.signing_keys import jwks
from services.rules.money import Money
from services.rules.quantities import to_micro
from services.subscriptions.change_preview import When
from services.subscriptions.discounts import Promotion
from services.subscriptions.plan_changes import change_plan
from services.subscriptions.starting import create_subscription
from services.usage.corrections import CorrectionInput, correct_usage
from tests.given import NOON, Customer, assert_books_agree, event, metered
from tests.parties_given import billed_in, seller
from tests.services.bundles.test_exports import range_bundle

START = datetime(2026, 11, 1, tzinfo=UTC)
DECEMBER = datetime(2026, 12, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Expected:
    """What the cycle comes to in a currency, worked out by hand; minor units."""

    bases: tuple[str, str]
    start: tuple[int, int, int]
    """Before tax, tax and in all, of the first invoice."""

    lines: list[tuple[str, int]]
    """Of the closing invoice."""

    taxes: list[int]


CYCLES = {
    # 9 967 less 33.3 % (3 319) is 6 648; at the change half of the month is left, of that and of 20 001 less 6 660.
    # 100 credits and half of 200 more are included: 50.5 at 0.333 each is 16.8165.
    "JPY": Expected(
        bases=("9967", "20001"),
        start=(6_648, 332 + 663, 7_643),
        lines=[
            ("base", 20_001), ("discount", -6_660), ("overage", 17), ("proration", -3_324), ("proration", 6_671),
        ],
        taxes=[835, 1_666],
    ),
    "KWD": Expected(
        bases=("9.967", "20.001"),
        start=(6_648, 332 + 663, 7_643),
        lines=[
            ("base", 20_001), ("discount", -6_660), ("overage", 16_817), ("proration", -3_324), ("proration", 6_671),
        ],
        taxes=[1_675, 3_342],
    ),
}  # fmt: skip
HALF_WAY = datetime(2026, 11, 16, tzinfo=UTC)


def book(currency: str) -> BookEntry:
    """Two plans of a book: 100 credits and more, and what goes beyond at 0.333 each."""
    small, large = CYCLES[currency].bases
    overage = {"credits": {"model": "per_unit", "unit_price": Decimal("0.333")}}

    def plan(code: str, price: str, credits: int) -> dict[str, Any]:
        allowances = {"credits": Decimal(credits)}
        return {
            "code": code, "name": code.capitalize(), "base_price": Decimal(price), "allowances": allowances,
            "overage": overage,
        }  # fmt: skip

    return BookEntry.model_validate(
        {
            "code": "cycle",
            "name": "Cycle",
            "currency": currency,
            "pools": {"credits": {"name": "Credits", "unit": "credit"}},
            "meters": {"work": {"name": "Work", "unit": "unit", "pool": "credits", "credits_per_unit": Decimal(1)}},
            "plans": [plan("SMALL", small, 100), plan("LARGE", large, 300)],
        }
    )


def started(session: Session, currency: str) -> Customer:
    load_shipped_books(session, at=START)
    load_book(session, book=book(currency), at=START)
    seller(session, at=START)
    tenant = create_tenant(session, name="Acme", currency=currency, timezone="UTC", at=START)
    billed_in(session, tenant.id, "QC", at=START)
    third = Promotion("promo_1", "THIRD", starts_at=START, percent_off=Decimal("33.3"))
    made = create_subscription(
        session, tenant_id=tenant.id, plan_code="cycle/SMALL", started_at=START, discounts=[third], at=START
    )
    return Customer(tenant.id, made.id)


def closed(session: Session, one: Customer) -> str:
    """Use, an upgrade and the close; the invoice's id."""
    named = {"tenant_id": one.tenant_id, "subscription_id": one.subscription_id}
    change_plan(session, **named, plan_code="cycle/LARGE", when=When.NOW, at=HALF_WAY)
    metered(session, one.tenant_id, event("250.5", "work", event_id="many", occurred_at=NOON), at=NOON)
    shown = preview_invoice(session, tenant_id=one.tenant_id, at=DECEMBER)
    invoice = close_period(session, tenant_id=one.tenant_id, at=DECEMBER)
    assert (shown.invoice.total_minor, shown.invoice.tax_minor) == (invoice.total_minor, invoice.tax_minor)
    return invoice.id


def pages(data: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(data)).pages)


def credited(session: Session, one: Customer, invoice_id: str, total_minor: int) -> str:
    """A third of the invoice by a person, some of its use by a correction, then all that is left; the first note."""
    asked = {"tenant_id": one.tenant_id, "invoice_id": invoice_id, "at": DECEMBER}
    third = issue_credit_note(session, amount_minor=total_minor // 3, reason="An outage", **asked)
    correction = CorrectionInput("many", to_micro(Decimal("210.5")), "Counted twice")
    correct_usage(session, tenant_id=one.tenant_id, correction=correction, at=DECEMBER)
    void_invoice(session, **asked)
    return third.note.id


def papers(session: Session, one: Customer, invoice_id: str, note_id: str) -> list[BillingDocument]:
    """All that is printed."""
    mine = {"tenant_id": one.tenant_id}
    return [
        read_invoice_document(session, **mine, invoice_id=invoice_id, language="en"),
        read_invoice_document(session, **mine, invoice_id=invoice_id, language="fr"),
        read_credit_note_document(session, **mine, credit_note_id=note_id),
        read_preview_document(session, **mine, subscription_id=None, at=DECEMBER),
    ]


def walked(engine: Engine, currency: str) -> Customer:
    """The whole cycle, for a verifier."""
    with transaction(engine) as session:
        one = started(session, currency)
    with transaction(engine) as session:
        invoice_id = closed(session, one)
    with transaction(engine) as session:
        total_minor = session.get_one(Invoice, (one.tenant_id, invoice_id)).total_minor
        credited(session, one, invoice_id, total_minor)
    return one


@pytest.mark.parametrize("currency", CYCLES)
def test_a_whole_cycle_comes_to_what_was_worked_out_by_hand(engine: Engine, currency: str) -> None:
    expected = CYCLES[currency]
    total = sum(amount for _, amount in expected.lines) + sum(expected.taxes)
    with transaction(engine) as session:
        one = started(session, currency)
    mine = {"tenant_id": one.tenant_id}
    with transaction(engine) as session:
        invoice_id = closed(session, one)
    with transaction(engine) as session:
        first = list_invoices(session, **mine)[-1]
        assert (first.subtotal_minor, first.tax_minor, first.total_minor) == expected.start
        document = read_invoice(session, **mine, invoice_id=invoice_id)
        assert [(line.kind.value, line.amount_minor) for line in document.lines] == expected.lines
        assert [tax.amount_minor for tax in document.taxes] == expected.taxes
        assert document.invoice.total_minor == total
    with transaction(engine) as session:
        note_id = credited(session, one, invoice_id, total)
    with transaction(engine) as session:
        invoice = session.get_one(Invoice, (one.tenant_id, invoice_id))
        assert (invoice.status, amount_left(session, invoice=invoice)) == (InvoiceStatus.VOID, 0)
        notes = list_credit_notes(session, **mine)
        assert len(notes) == 3
        assert sum(each.total_minor for each in notes) == -total
        assert sum(each.tax_minor for each in notes) == -sum(expected.taxes)
        assert_books_agree(session, one.tenant_id)
        shown = read_invoice_detail(session, **mine, invoice_id=invoice_id, at=DECEMBER)
        assert shown.total == wording.money(Money(total, currency))
        printed = papers(session, one, invoice_id, note_id)
    for paper in printed:
        assert str(abs(paper.total_minor)) in re.sub(r"\D", "", pages(render_pdf(paper)))
    with reading() as session:
        keys = read_jwks(jwks(session))
    report = verify_bundle(io.BytesIO(range_bundle(one.tenant_id, 1)), keys=keys)
    assert [(line.kind, line.amount) for line in report.bills[1].lines] == [
        (kind, Money(amount, currency).plain()) for kind, amount in expected.lines
    ]
