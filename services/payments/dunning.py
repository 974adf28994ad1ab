"""What follows a failed payment: reminders on days 0, 3, 5 and 7, then suspension or, where the price book names one, a
plan without a fee; paying restores at once."""

from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session, col, func, select

from models import Dunning, DunningOutcome, Invoice, InvoiceStatus, PaymentReminder, Subscription
from services.invoices.notices import announce_reminder
from services.payments.standing import settle_standing
from services.subscriptions.arrears_moves import can_be_cut, move_to_free_plan, plan_after_dunning, plan_that_follows
from services.tenants import lock_head

REMINDER_DAYS: Final = (0, 3, 5, 7)
SUSPENDED_AFTER: Final = timedelta(days=8)
"""A day after the last reminder, which can then say "tomorrow"."""


def begin_dunning(session: Session, *, invoice: Invoice, failed_at: datetime) -> Dunning:
    """Note that a payment of an invoice failed; the first reminder is due at once. Failing again changes nothing.

    Where the failure turns out to have been earlier than noted, the earlier time stands.
    """
    row = session.get(Dunning, (invoice.tenant_id, invoice.id))
    if row is None:
        row = Dunning(
            tenant_id=invoice.tenant_id,
            invoice_id=invoice.id,
            subscription_id=invoice.subscription_id,
            failed_at=failed_at,
        )
    row.failed_at = min(row.failed_at, failed_at)
    session.add(row)
    session.flush()
    return row


def end_dunning(session: Session, *, invoice: Invoice, at: datetime) -> None:
    """Note that a dunned invoice was paid, or given up. Nothing changes where it was not dunned."""
    row = session.get(Dunning, (invoice.tenant_id, invoice.id))
    if row is None or row.ended_at is not None:
        return
    row.outcome = DunningOutcome.PAID if invoice.status == InvoiceStatus.PAID else DunningOutcome.GIVEN_UP
    row.ended_at = max(at, row.failed_at)
    session.add(row)
    session.flush()


def dunnings_due(session: Session, *, at: datetime) -> list[tuple[str, str]]:
    """(tenant, invoice) of what is dunned and has a reminder or its suspension due, the longest first."""
    reminded = (
        select(func.count())
        .where(PaymentReminder.tenant_id == Dunning.tenant_id, PaymentReminder.invoice_id == Dunning.invoice_id)
        .correlate(Dunning)
        .scalar_subquery()
    )
    statement = (
        select(Dunning, reminded)
        .where(col(Dunning.ended_at).is_(None))
        .order_by(col(Dunning.failed_at), Dunning.tenant_id, Dunning.invoice_id)
    )
    return [
        (row.tenant_id, row.invoice_id)
        for row, written in session.exec(statement)
        if written < _days_due(row, at) or _is_over(row, at)
    ]


def advance_dunning(session: Session, *, tenant_id: str, invoice_id: str, at: datetime) -> list[PaymentReminder]:
    """Write the reminders that have fallen due, and where they are over suspend, or move to a plan without a fee. That
    waits where the running period cannot be cut just now. Running it again adds nothing.
    """
    lock_head(session, tenant_id=tenant_id)
    row = session.get(Dunning, (tenant_id, invoice_id), populate_existing=True)
    if row is None or row.ended_at is not None:
        return []
    written = [reminder for day in REMINDER_DAYS if (reminder := _remind(session, row, day, at)) is not None]
    if _is_over(row, at):
        _stop_service(session, row, at)
    settle_standing(session, tenant_id=tenant_id, subscription_id=row.subscription_id, at=at)
    return written


def reminders_of(session: Session, *, tenant_id: str, invoice_id: str) -> list[PaymentReminder]:
    """The reminders written for an invoice, the first one first."""
    statement = (
        select(PaymentReminder)
        .where(PaymentReminder.tenant_id == tenant_id, PaymentReminder.invoice_id == invoice_id)
        .order_by(col(PaymentReminder.day))
    )
    return list(session.exec(statement))


def _days_due(row: Dunning, at: datetime) -> int:
    """How many of its reminders were to be written by now."""
    return sum(at >= row.failed_at + timedelta(days=day) for day in REMINDER_DAYS)


def _is_over(row: Dunning, at: datetime) -> bool:
    """Whether its reminders are over and service is still to be suspended."""
    return row.suspended_at is None and at >= row.failed_at + SUSPENDED_AFTER


def _stop_service(session: Session, row: Dunning, at: datetime) -> None:
    """Suspend, which `settle_standing` does by the mark that is set here, or move; neither where it was before."""
    subscription = session.get_one(Subscription, (row.tenant_id, row.subscription_id), populate_existing=True)
    then = plan_after_dunning(session, subscription=subscription, at=at)
    if then is not None:
        if not can_be_cut(session, subscription=subscription, at=at):
            return
        invoice = session.get_one(Invoice, (row.tenant_id, row.invoice_id))
        move_to_free_plan(session, subscription=subscription, then=then, invoice=invoice, at=at)
    row.suspended_at = at
    session.add(row)
    session.flush()


def _remind(session: Session, row: Dunning, day: int, at: datetime) -> PaymentReminder | None:
    if at < row.failed_at + timedelta(days=day):
        return None
    key = (row.tenant_id, row.invoice_id, day)
    if session.get(PaymentReminder, key) is not None:
        return None
    reminder = PaymentReminder(tenant_id=row.tenant_id, invoice_id=row.invoice_id, day=day, written_at=at)
    session.add(reminder)
    session.flush()
    subscription = session.get_one(Subscription, (row.tenant_id, row.subscription_id))
    moves_to = plan_that_follows(session, subscription=subscription, at=at)
    announce_reminder(
        session, dunning=row, day=day, suspends_at=row.failed_at + SUSPENDED_AFTER, moves_to=moves_to, at=at
    )
    return reminder
