"""Lines that wait for an invoice, and the credit that one invoice hands to the next."""

from datetime import UTC, datetime

import pytest
from sqlmodel import Session

from models import InvoiceStatus, LineKind
from services.closing.close import close_if_due, close_period, preview_invoice
from services.errors import Conflict, SubscriptionConflict, Unprocessable
from services.invoices.adjustments import adjust_subscription
from services.invoices.carried_credit import account_credit, pay_back_credit
from services.invoices.finding import read_invoice
from services.invoices.line_views import line_views
from services.rules.money import Money
from services.subscriptions.ends import end_subscription
from services.subscriptions.finding import read_subscription
from services.subscriptions.starting import create_subscription
from tests.given import NOON, Customer, assert_books_agree, customer

DECEMBER = datetime(2026, 12, 1, 7, tzinfo=UTC)
JANUARY = datetime(2027, 1, 1, 7, tzinfo=UTC)


def adjust(
    session: Session, acme: Customer, amount_minor: int, reason: str = "Agreed on the phone", **more: str
) -> None:
    adjust_subscription(
        session, tenant_id=acme.tenant_id, subscription_id=acme.subscription_id, amount_minor=amount_minor,
        reason=reason, by="op_1", at=NOON, **more,
    )  # fmt: skip


def billed(session: Session, acme: Customer, at: datetime) -> list[tuple[str, int]]:
    invoice = close_period(session, tenant_id=acme.tenant_id, at=at)
    lines = read_invoice(session, tenant_id=acme.tenant_id, invoice_id=invoice.id).lines
    return [(line.kind, line.amount_minor) for line in lines]


def previewed(session: Session, acme: Customer) -> list[tuple[str, int]]:
    return [
        (line.kind, line.amount_minor) for line in preview_invoice(session, tenant_id=acme.tenant_id, at=NOON).lines
    ]


def test_adjustments_wait_for_the_next_close_and_are_taken_once(session: Session) -> None:
    acme = customer(session)
    adjust(session, acme, -12_345, adjustment_id="a")
    adjust(session, acme, -12_345, adjustment_id="a")
    adjust(session, acme, 50, reason="Courier")
    expected = [(LineKind.BASE, 900_000), (LineKind.ADJUSTMENT, -12_345), (LineKind.ADJUSTMENT, 50)]
    assert previewed(session, acme) == expected
    assert billed(session, acme, DECEMBER) == expected
    assert billed(session, acme, JANUARY) == [(LineKind.BASE, 900_000)]
    assert_books_agree(session, acme.tenant_id)


def test_what_an_invoice_cannot_use_up_is_carried_until_it_is_used(session: Session) -> None:
    acme = customer(session)
    adjust(session, acme, -2_000_000)
    carried = [(LineKind.BASE, 900_000), (LineKind.ADJUSTMENT, -2_000_000), (LineKind.CARRIED, 1_100_000)]
    assert previewed(session, acme) == carried
    assert billed(session, acme, DECEMBER) == carried
    assert account_credit(session, tenant_id=acme.tenant_id) == Money(1_100_000, "CAD")
    again = [(LineKind.BASE, 900_000), (LineKind.CARRIED, -1_100_000), (LineKind.CARRIED, 200_000)]
    assert billed(session, acme, JANUARY) == again
    last = [(LineKind.BASE, 900_000), (LineKind.CARRIED, -200_000)]
    assert billed(session, acme, datetime(2027, 2, 1, 7, tzinfo=UTC)) == last
    assert account_credit(session, tenant_id=acme.tenant_id) == Money(0, "CAD")


def test_an_invoice_that_comes_to_nothing_is_paid_at_once(session: Session) -> None:
    acme = customer(session)
    adjust(session, acme, -2_000_000)
    invoice = close_period(session, tenant_id=acme.tenant_id, at=DECEMBER)
    assert (invoice.total_minor, invoice.status) == (0, InvoiceStatus.PAID)


def test_credit_left_when_a_subscription_ends_is_for_the_next_one(session: Session) -> None:
    acme = customer(session)
    adjust(session, acme, -10_000)
    ends = {"tenant_id": acme.tenant_id, "subscription_id": acme.subscription_id}
    end_subscription(session, **ends, ended_at=NOON, at=NOON)
    invoice = close_if_due(session, **ends, at=DECEMBER)
    assert invoice is not None
    assert account_credit(session, tenant_id=acme.tenant_id) == Money(10_000, "CAD")
    again = create_subscription(session, tenant_id=acme.tenant_id, plan_code="PRO", at=DECEMBER)
    assert account_credit(session, tenant_id=acme.tenant_id) == Money(0, "CAD")
    with pytest.raises(SubscriptionConflict, match="no invoice follows"):
        adjust(session, acme, 5)
    assert read_subscription(session, tenant_id=acme.tenant_id).id == again.id


def test_credit_can_be_paid_back_once_with_a_receipt(session: Session) -> None:
    acme = customer(session)
    adjust(session, acme, -1_000_000)
    billed(session, acme, DECEMBER)
    paid = pay_back_credit(session, tenant_id=acme.tenant_id, by="op_1", at=DECEMBER)
    assert paid == Money(100_000, "CAD")
    with pytest.raises(Conflict, match="no credit"):
        pay_back_credit(session, tenant_id=acme.tenant_id, by="op_1", at=DECEMBER)
    assert billed(session, acme, JANUARY) == [(LineKind.BASE, 900_000)]
    assert_books_agree(session, acme.tenant_id)


@pytest.mark.parametrize(
    ("amount", "reason"), [(0, "none"), (10**12 + 1, "much"), (5, " "), (5, "x" * 201), (5, "a\0b")]
)
def test_an_adjustment_needs_an_amount_and_a_reason(session: Session, amount: int, reason: str) -> None:
    acme = customer(session)
    with pytest.raises(Unprocessable):
        adjust(session, acme, amount, reason=reason)
    assert previewed(session, acme) == [(LineKind.BASE, 900_000)]


def test_an_adjustments_id_is_of_one_adjustment(session: Session) -> None:
    acme = customer(session)
    adjust(session, acme, 5, adjustment_id="a")
    with pytest.raises(Conflict):
        adjust(session, acme, 6, adjustment_id="a")


def test_lines_are_worded(session: Session) -> None:
    acme = customer(session)
    adjust(session, acme, -2_000_000)
    invoice = close_period(session, tenant_id=acme.tenant_id, at=DECEMBER)
    lines = read_invoice(session, tenant_id=acme.tenant_id, invoice_id=invoice.id).lines
    views = line_views(session, lines=lines, currency="CAD", timezone="America/Toronto")
    assert [view.description for view in views[1:]] == [
        "Adjustment: Agreed on the phone",
        "Credit left, carried to your next invoice",
    ]
