"""The comparison of every invoice as an operator sees it."""

from datetime import timedelta
from typing import Any

from sqlmodel import Session

from models import InvoiceCheck
from services.payments import reconciliation, reconciliation_views
from services.payments.reconciliation_views import COLUMN_OF, ReconciliationView, invoices_to_check, list_compared
from tests import stripe_rows
from tests.given import NOON, customer


def compared(session: Session, **wanted: Any) -> ReconciliationView:
    return list_compared(session, at=NOON, account="sandbox", **wanted)


def test_an_invoice_nobody_compared_says_so(session: Session) -> None:
    customer(session)
    view = compared(session)
    (row,) = view.rows
    assert {each.state for each in (row.events, row.ours, row.stripe, row.payment)} == {"unchecked"}
    assert (view.invoices, view.unchecked, view.differing, view.oldest_check) == ("1", "1", "0", "")


def test_one_that_stripe_does_not_collect_agrees_as_far_as_it_goes(session: Session) -> None:
    acme = customer(session)
    invoice = stripe_rows.first_invoice(session, acme.tenant_id)
    reconciliation.check_invoice(session, tenant_id=acme.tenant_id, invoice_id=invoice.id, at=NOON)
    (row,) = compared(session).rows
    assert [each.state for each in (row.events, row.ours, row.stripe, row.payment)] == [
        "agrees", "agrees", "elsewhere", "elsewhere",
    ]  # fmt: skip
    assert row.checked == "just now"


def test_differences_are_named_in_the_column_they_belong_to(session: Session) -> None:
    acme, other = customer(session), customer(session, name="Other")
    invoice = stripe_rows.first_invoice(session, acme.tenant_id)
    stripe_rows.at_stripe(session, invoice, total_minor=invoice.total_minor - 1)
    for each in (acme, other):
        bill = stripe_rows.first_invoice(session, each.tenant_id)
        reconciliation.check_invoice(session, tenant_id=each.tenant_id, invoice_id=bill.id, at=NOON)
    view = compared(session, only_differences=True)
    (row,) = view.rows
    assert (row.customer, row.stripe.state, row.events.state, view.differing) == ("Acme", "differs", "agrees", "1")
    assert "$9,000.00 on our invoice, $8,999.99 found" in row.differences[0]


def test_a_code_without_a_column_shows_where_the_two_sides_meet(session: Session) -> None:
    acme = customer(session)
    invoice = stripe_rows.first_invoice(session, acme.tenant_id)
    found = [{"code": "brand_new", "detail": "Something new."}]
    session.add(
        InvoiceCheck(
            tenant_id=acme.tenant_id, invoice_id=invoice.id, checked_at=NOON, difference_count=1, differences=found
        )
    )
    session.flush()
    assert "brand_new" not in COLUMN_OF
    assert compared(session).rows[0].stripe.state == "differs"


def test_invoices_are_found_by_customer_and_number(session: Session) -> None:
    customer(session), customer(session, name="Other")
    for text, names in (("acm", ["Acme"]), ("INV-000001", ["Acme", "Other"]), ("2", []), ("9" * 30, []), ("%", [])):
        assert sorted(row.customer for row in compared(session, text=text).rows) == names


def test_pages_have_no_gap(session: Session, monkeypatch: Any) -> None:
    monkeypatch.setattr(reconciliation_views, "INVOICES_SHOWN", 2)
    for name in ("A", "B", "C"):
        customer(session, name=name)
    first = compared(session)
    second = compared(session, after=first.last, seen=2)
    assert sorted(row.customer for row in (*first.rows, *second.rows)) == ["A", "B", "C"]
    assert (second.shown, second.last) == ("3–3 of 3", "")


def test_what_stripe_has_and_we_have_not_is_listed(session: Session) -> None:
    acme = customer(session)
    stray = stripe_rows.at_stripe(session, stripe_rows.first_invoice(session, acme.tenant_id), stripe_id="in_stray")
    stray.invoice_id, stray.part, stray.created_at = None, None, NOON - timedelta(days=1)
    session.flush()
    view = compared(session)
    assert [(row.stripe_id, row.customer, row.amount) for row in view.unknown] == [("in_stray", "Acme", "$9,000.00")]
    assert list_compared(session, at=NOON, account="live").unknown == ()


def test_a_run_over_all_meets_every_invoice_once(session: Session, monkeypatch: Any) -> None:
    monkeypatch.setattr(reconciliation_views, "CHECKED_AT_ONCE", 2)
    wanted = {customer(session, name=name).tenant_id for name in ("A", "B", "C")}
    after, met = ("", ""), []
    while batch := invoices_to_check(session, after=after):
        met += batch
        after = batch[-1]
    assert {tenant_id for tenant_id, _ in met} == wanted
    assert len(met) == reconciliation_views.count_invoices(session) == 3
