"""The demonstration: living data, the same each time, and books that agree."""

from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from models import (
    Alert,
    GainShareRun,
    GainShareStatus,
    Invoice,
    InvoiceStatus,
    StepKind,
    TaxCategory,
    Tenant,
    UsageEvent,
)
from services.billing_documents.reading import read_invoice_document
from services.billing_documents.rendering import invoice_data
from services.closing.close import preview_invoice
from services.database import transaction
from services.demo.customers import CUSTOMERS, NEWCOMER
from services.demo.gain_share import DISPUTED_DAYS
from services.demo.telling import demo_logins, seed_demo
from services.gain_share.follow_ups import follow_up_of
from services.gain_share.steps import read_thread
from services.invoices.taxes import read_taxes
from services.sign_in import sign_in
from tests.given import NOON, assert_books_agree


class _NotKept(Exception):
    """Undoes a transaction."""


def bills(session: Session) -> list[tuple[str, int | None, int]]:
    names = {tenant.id: tenant.name for tenant in session.exec(select(Tenant))}
    return sorted((names[i.tenant_id], i.number, i.total_minor) for i in session.exec(select(Invoice)))


TAXES = {
    "Northwind Mining": [("HST", Decimal(13), TaxCategory.STANDARD)],
    "Harbour Robotics": [("HST", Decimal(14), TaxCategory.STANDARD)],
    "Cascade Foundry": [("No tax", Decimal(0), TaxCategory.EXPORT)],
}


def latest_invoice(session: Session, tenant_id: str) -> Invoice:
    return session.exec(
        select(Invoice).where(Invoice.tenant_id == tenant_id).order_by(col(Invoice.number).desc()).limit(1)
    ).one()


def taxes_of_the_latest(session: Session, tenant_id: str) -> list[tuple[str, Decimal, TaxCategory]]:
    latest = latest_invoice(session, tenant_id)
    found = read_taxes(session, tenant_id=tenant_id, invoice_id=latest.id)
    return [(tax.name, tax.rate, tax.category) for tax in found]


def states_both_sides(session: Session, tenant_id: str) -> bool:
    """Whether the latest bill has both addresses, our numbers, how to pay it, and data for machines."""
    document = read_invoice_document(
        session, tenant_id=tenant_id, invoice_id=latest_invoice(session, tenant_id).id, language="en"
    )
    sides = all(
        party.address_lines and party.country and party.registrations for party in (document.seller, document.buyer)
    )
    return bool(sides and document.payment_details and invoice_data(document))


def assert_one_run_is_billed_and_one_waits(session: Session) -> None:
    """Half the year is billed; a quarter is disputed, and the last waits in the run that took the place of another."""
    runs = list(session.exec(select(GainShareRun)))
    assert len(runs) == len(GainShareStatus)
    billed, disputed, rejected, replaced, waiting = (
        next(run for run in runs if run.status == status)
        for status in (
            GainShareStatus.APPROVED, GainShareStatus.DISPUTED, GainShareStatus.REJECTED, GainShareStatus.REPLACED,
            GainShareStatus.PENDING_APPROVAL,
        )
    )  # fmt: skip
    assert follow_up_of(session, run=billed).invoice_id is not None
    assert disputed.period_start == billed.period_end
    assert {run.period_start for run in (rejected, replaced, waiting)} == {disputed.period_end}
    assert waiting.replaces_run_id == replaced.id
    assert all(run.fee_minor > 0 for run in runs)
    thread = read_thread(session, tenant_id=disputed.tenant_id, run_id=disputed.id)
    assert [step.kind for step in thread] == [StepKind.SUBMITTED, StepKind.DISPUTED, StepKind.COMMENT]
    assert thread[1].disputed == ["shorter_repairs"]
    assert (disputed.deadline_on - disputed.submitted_at.date()).days == DISPUTED_DAYS


@pytest.mark.slow
def test_it_tells_half_a_year_that_adds_up(engine: Engine) -> None:
    with transaction(engine) as session:
        logins = seed_demo(session, at=NOON)
        assert logins == demo_logins()
        for tenant in session.exec(select(Tenant).where(Tenant.name != NEWCOMER)):
            assert_books_agree(session, tenant.id)
            assert preview_invoice(session, tenant_id=tenant.id, at=NOON).invoice.total_minor > 0
            assert taxes_of_the_latest(session, tenant.id) == TAXES[tenant.name]
            assert states_both_sides(session, tenant.id)
        assert {tenant.name for tenant in session.exec(select(Tenant))} == {
            NEWCOMER,
            *(each.name for each in CUSTOMERS),
        }
        statuses = {invoice.status for invoice in session.exec(select(Invoice))}
        assert statuses == {InvoiceStatus.PAID, InvoiceStatus.OPEN}
        assert {alert.kind for alert in session.exec(select(Alert))} == {"LOW_CREDITS", "OVERAGE"}
        assert_one_run_is_billed_and_one_waits(session)
        for login in logins:
            sign_in(session, email=login.email, password=login.password, at=NOON)


@pytest.mark.slow
def test_the_same_day_gives_the_same_bills_and_a_second_seeding_nothing(sqlite_engine: Engine) -> None:
    with suppress(_NotKept), transaction(sqlite_engine) as session:
        seed_demo(session, at=NOON)
        first = bills(session)
        events = len(session.exec(select(UsageEvent.seq)).all())
        assert seed_demo(session, at=NOON) == ()
        assert len(session.exec(select(UsageEvent.seq)).all()) == events
        raise _NotKept
    with transaction(sqlite_engine) as session:
        seed_demo(session, at=NOON)
        assert bills(session) == first


@pytest.mark.slow
@pytest.mark.parametrize("at", [datetime(2027, 3, 31, 23, 59, tzinfo=UTC), datetime(2028, 2, 29, 0, 1, tzinfo=UTC)])
def test_it_can_be_told_on_any_day(sqlite_engine: Engine, at: datetime) -> None:
    with transaction(sqlite_engine) as session:
        seed_demo(session, at=at)
        assert {alert.kind for alert in session.exec(select(Alert))} >= {"LOW_CREDITS"}
        assert_one_run_is_billed_and_one_waits(session)
