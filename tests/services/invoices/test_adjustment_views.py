"""What waits for a customer's invoices, as our own side sees it, adds to it and pays it back."""

from datetime import timedelta

import pytest
from sqlmodel import Session

from services.closing.close import close_period
from services.errors import Conflict, Unprocessable
from services.identity import create_user
from services.invoices.adjustment_views import CREDIT_TAX, add_adjustment, pay_back_shown, read_adjustments
from services.invoices.detail_views import read_invoice_detail
from services.invoices.views import read_invoice_list
from services.subscriptions.change_views import ask_change, make_change
from tests.given import NOON, Customer, customer
from tests.parties_given import billed_in, seller
from tests.services.subscriptions.test_plan_changes import DECEMBER, JANUARY

FEBRUARY = JANUARY + timedelta(days=31)


def added(session: Session, acme: Customer, amount: str, *, form: str = "one", by: str = "key_1") -> str:
    return add_adjustment(
        session, tenant_id=acme.tenant_id, subscription_id=acme.subscription_id, amount=amount, reason="Outage",
        adjustment_id=form, by=by, at=NOON,
    )  # fmt: skip


def test_an_adjustment_says_who_decided_on_it_and_stands_on_the_invoice(session: Session) -> None:
    acme = customer(session)
    us = create_user(session, email="us@tallystick.example", is_operator=True, at=NOON, tenant_id=None, role=None)
    assert added(session, acme, "-1,250.00", by=us.id) == "-$1,250.00 waits for the next invoice."
    added(session, acme, "-1,250.00", by=us.id)  # the same form, sent twice
    (row,) = read_adjustments(session, tenant_id=acme.tenant_id).rows
    assert (row.description, row.kind, row.subscription, row.amount, row.by, row.days) == (
        "Adjustment: Outage", "Adjustment", "Main · Pro", "-$1,250.00", "us@tallystick.example", "1 Nov – 30 Nov 2026",
    )  # fmt: skip
    preview = read_invoice_list(session, tenant_id=acme.tenant_id, at=NOON).preview
    assert [(line.description, line.quantity, line.price) for line in preview.lines[1:]] == [
        ("Adjustment: Outage", "Taken off by hand", "")
    ]
    invoice = close_period(session, tenant_id=acme.tenant_id, at=DECEMBER)
    shown = read_invoice_detail(session, tenant_id=acme.tenant_id, invoice_id=invoice.id, at=DECEMBER)
    assert shown.total == "$7,750.00"
    assert read_adjustments(session, tenant_id=acme.tenant_id).rows == ()


def test_a_change_of_plan_is_worded_with_its_moment_on_the_preview(session: Session) -> None:
    acme = customer(session)
    asked = ask_change(session, tenant_id=acme.tenant_id, plan_code="ENTERPRISE", interval="month", at=NOON)
    make_change(session, tenant_id=acme.tenant_id, asked=asked, by="usr_1", at=NOON)
    view = read_adjustments(session, tenant_id=acme.tenant_id)
    assert [row.kind for row in view.rows] == ["Change of plan", "Change of plan"]
    lines = read_invoice_list(session, tenant_id=acme.tenant_id, at=NOON).preview.lines[1:]
    assert [line.quantity for line in lines] == [
        "Credited from the change on 20 Nov 2026, 07:00", "Charged from the change on 20 Nov 2026, 07:00",
    ]  # fmt: skip
    assert {fact.name for fact in lines[0].facts} >= {"Of a fee, after promotions, of", "Which is for"}


def test_credit_that_is_left_is_shown_and_paid_back_once(session: Session) -> None:
    acme = customer(session)
    added(session, acme, "-9,500")
    invoice = close_period(session, tenant_id=acme.tenant_id, at=DECEMBER)
    shown = read_invoice_detail(session, tenant_id=acme.tenant_id, invoice_id=invoice.id, at=DECEMBER)
    assert (shown.total, shown.lines[-1].quantity) == ("$0.00", "More was credited than charged")
    view = read_adjustments(session, tenant_id=acme.tenant_id)
    assert (view.credit, view.rows[0].subscription, view.rows[0].kind) == (
        "$500.00",
        "The account",
        "Credit carried on",
    )
    asked = {"tenant_id": acme.tenant_id, "by": "usr_1", "at": DECEMBER}
    with pytest.raises(Conflict, match="changed since"), session.begin_nested():
        pay_back_shown(session, shown="$400.00", **asked)  # type: ignore[arg-type]
    assert pay_back_shown(session, shown="$500.00", **asked).startswith("$500.00 is noted")  # type: ignore[arg-type]
    assert read_adjustments(session, tenant_id=acme.tenant_id).credit == ""
    with pytest.raises(Conflict, match="no credit"):
        pay_back_shown(session, shown="$500.00", **asked)  # type: ignore[arg-type]


@pytest.mark.parametrize("amount", ["", "ten", "1.234", "0", "1e3", "99999999999999"])
def test_what_is_no_amount_is_refused(session: Session, amount: str) -> None:
    acme = customer(session)
    with pytest.raises(Unprocessable):
        added(session, acme, amount)
    assert read_adjustments(session, tenant_id=acme.tenant_id).rows == ()


def test_where_tax_was_charged_it_says_that_credit_is_before_tax(session: Session) -> None:
    acme = customer(session)
    seller(session, at=NOON)
    added(session, acme, "-9,500")
    close_period(session, tenant_id=acme.tenant_id, at=DECEMBER)
    assert read_adjustments(session, tenant_id=acme.tenant_id).credit_tax == ""
    billed_in(session, acme.tenant_id, "QC", at=DECEMBER)
    invoice = close_period(session, tenant_id=acme.tenant_id, at=JANUARY)
    assert invoice.subtotal_minor == 8_500_00
    assert invoice.tax_minor == 425_00 + 847_88  # of what the credit left: nothing of it was taxed
    assert read_adjustments(session, tenant_id=acme.tenant_id).credit_tax == ""  # it was taken
    add_adjustment(
        session, tenant_id=acme.tenant_id, subscription_id=acme.subscription_id, amount="-9,500", reason="Outage",
        adjustment_id="two", by="key_1", at=JANUARY,
    )  # fmt: skip
    close_period(session, tenant_id=acme.tenant_id, at=FEBRUARY)
    view = read_adjustments(session, tenant_id=acme.tenant_id)
    assert (view.credit, view.credit_tax) == ("$500.00", CREDIT_TAX)
