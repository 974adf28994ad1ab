"""Finding invoices, and noting that they were paid."""

from datetime import date, timedelta

import pytest
from sqlmodel import Session

from models import InvoiceStatus
from services.closing.close import close_period
from services.errors import Conflict, NotFound
from services.invoices.finding import (
    find_invoice_tenant,
    list_invoices,
    mark_invoice_paid,
    read_invoice,
)
from services.invoices.numbers import invoice_number
from tests.given import NOON, customer


def test_lines_add_up_to_the_total(session: Session) -> None:
    one = customer(session)
    (invoice,) = list_invoices(session, tenant_id=one.tenant_id)
    document = read_invoice(session, tenant_id=one.tenant_id, invoice_id=invoice.id)
    assert sum(line.amount_minor for line in document.lines) == document.invoice.total_minor
    assert invoice_number(invoice) == "INV-000001"
    assert invoice.due_at == invoice.issued_at + timedelta(days=30)


def test_marking_paid_is_noted_once(session: Session) -> None:
    one = customer(session)
    (invoice,) = list_invoices(session, tenant_id=one.tenant_id)
    for reference, later in (("EFT 1", 1), ("EFT 2", 2)):
        mark_invoice_paid(
            session,
            tenant_id=one.tenant_id,
            invoice_id=invoice.id,
            reference=reference,
            at=NOON + timedelta(days=later),
        )
    assert (invoice.status, invoice.payment_reference) == (InvoiceStatus.PAID, "EFT 1")
    assert invoice.paid_at == NOON + timedelta(days=1)


def test_a_void_invoice_cannot_be_paid(session: Session) -> None:
    one = customer(session)
    (invoice,) = list_invoices(session, tenant_id=one.tenant_id)
    invoice.status = InvoiceStatus.VOID
    session.flush()
    with pytest.raises(Conflict):
        mark_invoice_paid(session, tenant_id=one.tenant_id, invoice_id=invoice.id, reference="x", at=NOON)


def test_another_tenants_invoice_is_not_found(session: Session) -> None:
    one, other = customer(session), customer(session, name="Other")
    (invoice,) = list_invoices(session, tenant_id=one.tenant_id)
    assert find_invoice_tenant(session, invoice_id=invoice.id) == one.tenant_id
    with pytest.raises(NotFound):
        read_invoice(session, tenant_id=other.tenant_id, invoice_id=invoice.id)
    with pytest.raises(NotFound):
        mark_invoice_paid(session, tenant_id=other.tenant_id, invoice_id=invoice.id, reference="x", at=NOON)


def test_pages_of_invoices_follow_each_other(session: Session) -> None:
    one = customer(session)
    (first,) = list_invoices(session, tenant_id=one.tenant_id, limit=1)
    assert list_invoices(session, tenant_id=one.tenant_id, before_number=first.number) == []


def test_invoices_of_periods_closed_at_one_moment_are_listed_by_number(session: Session) -> None:
    one = customer(session, start=date(2026, 3, 1))
    for _ in range(7):
        close_period(session, tenant_id=one.tenant_id, at=NOON)
    newest = list_invoices(session, tenant_id=one.tenant_id, limit=5)
    rest = list_invoices(session, tenant_id=one.tenant_id, before_number=newest[-1].number)
    assert [invoice.number for invoice in newest + rest] == [8, 7, 6, 5, 4, 3, 2, 1]
