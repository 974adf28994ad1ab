"""The journal: every invoice, payment, credit note, refund, loss and earned fee of a span, as double entry.

Days are the customer's own. An entry has the same name whenever it is written, so importing a span twice can be told.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlmodel import Session, and_, col, or_, select

from models import CreditNote, CreditNoteLine, Invoice, InvoiceLine, Refund, RefundStatus, Subscription
from services.exports.accounts import Accounts, read_accounts
from services.exports.bills import major
from services.exports.postings import (
    Entry,
    book_earned,
    book_invoice,
    book_loss,
    book_note,
    book_payment,
    book_refund,
    is_deferred,
)
from services.exports.prepaid import earned_of_purchases
from services.exports.sheets import Asked, Page, Row, Sheet, columns
from services.rules.periods import business_date, period_number

MONTHS_MAX = 60
"""Months a fee can be earned over; a term is a year at most, and a day of grace."""


def read_entries(session: Session, asked: Asked) -> list[Entry]:
    """The entries of a span in the order of their days; those that book nothing are left out."""
    accounts = read_accounts()
    entries = [
        entry
        for read in (_issued, _settled, _noted, _refunded, _earned, earned_of_purchases)
        for entry in read(session, asked, accounts)
        if entry.postings and asked.since <= entry.at < asked.until
    ]
    return sorted(entries, key=lambda entry: (business_date(entry.at, asked.timezone), entry.id))


def _issued(session: Session, asked: Asked, accounts: Accounts) -> Iterator[Entry]:
    final = _invoices(asked).where(col(Invoice.issued_at) >= asked.since, col(Invoice.issued_at) < asked.until)
    for invoice, lines in _with_lines(session, asked, final):
        yield book_invoice(accounts, invoice, lines)


def _settled(session: Session, asked: Asked, accounts: Accounts) -> Iterator[Entry]:
    ended = _invoices(asked).where(
        or_(
            and_(col(Invoice.paid_at) >= asked.since, col(Invoice.paid_at) < asked.until),
            and_(col(Invoice.given_up_at) >= asked.since, col(Invoice.given_up_at) < asked.until),
        )
    )
    for invoice in session.exec(ended):
        notes = _notes_of(session, invoice)
        if invoice.given_up_at is not None:
            yield book_loss(accounts, invoice, _left_by(invoice, notes, invoice.given_up_at))
        if invoice.paid_at is not None:
            yield from book_payment(accounts, invoice, _left_by(invoice, notes, invoice.paid_at))


def _noted(session: Session, asked: Asked, accounts: Accounts) -> Iterator[Entry]:
    statement = (
        select(CreditNote, Invoice)
        .join(Invoice, and_(col(Invoice.tenant_id) == CreditNote.tenant_id, col(Invoice.id) == CreditNote.invoice_id))
        .where(
            CreditNote.tenant_id == asked.tenant_id,
            col(CreditNote.issued_at) >= asked.since,
            col(CreditNote.issued_at) < asked.until,
        )
    )
    for note, invoice in session.exec(statement).all():
        lines = select(CreditNoteLine).where(
            CreditNoteLine.tenant_id == note.tenant_id, CreditNoteLine.credit_note_id == note.id
        )
        yield book_note(accounts, note, session.exec(lines), invoice)


def _refunded(session: Session, asked: Asked, accounts: Accounts) -> Iterator[Entry]:
    statement = (
        select(Refund, Invoice)
        .join(Invoice, and_(col(Invoice.tenant_id) == Refund.tenant_id, col(Invoice.id) == Refund.invoice_id))
        .where(
            Refund.tenant_id == asked.tenant_id,
            Refund.status == RefundStatus.SUCCEEDED,
            col(Refund.settled_at) >= asked.since,
            col(Refund.settled_at) < asked.until,
        )
    )
    for refund, invoice in session.exec(statement):
        yield book_refund(accounts, refund, invoice)


def _earned(session: Session, asked: Asked, accounts: Accounts) -> Iterator[Entry]:
    """Of fees invoiced before the span's end, what is earned within it."""
    ends = dict(
        session.exec(
            select(Subscription.id, Subscription.canceled_at).where(Subscription.tenant_id == asked.tenant_id)
        ).all()
    )
    running = (
        _invoices(asked)
        .join(
            InvoiceLine,
            and_(col(InvoiceLine.tenant_id) == Invoice.tenant_id, col(InvoiceLine.invoice_id) == Invoice.id),
        )
        .where(col(Invoice.issued_at) < asked.until, col(InvoiceLine.period_end) >= asked.since)
        .distinct()
    )
    for invoice, lines in _with_lines(session, asked, running):
        for line in filter(is_deferred, lines):
            cuts = _months(line, asked.timezone)
            yield from book_earned(accounts, invoice, line, cuts=cuts, ended_at=ends[invoice.subscription_id])


def _months(line: InvoiceLine, timezone: str) -> list[datetime]:
    ends = (period_number(line.period_start, timezone, index).ends_at for index in range(MONTHS_MAX))
    return [end for end in ends if end < line.period_end]


def _invoices(asked: Asked) -> Any:
    return (
        select(Invoice)
        .where(Invoice.tenant_id == asked.tenant_id, col(Invoice.number).is_not(None))
        .order_by(col(Invoice.number))
    )


def _with_lines(session: Session, asked: Asked, statement: Any) -> Iterator[tuple[Invoice, list[InvoiceLine]]]:
    for invoice in session.exec(statement).all():
        lines = select(InvoiceLine).where(
            InvoiceLine.tenant_id == asked.tenant_id, InvoiceLine.invoice_id == invoice.id
        )
        yield invoice, list(session.exec(lines.order_by(col(InvoiceLine.position))))


def _notes_of(session: Session, invoice: Invoice) -> list[CreditNote]:
    statement = select(CreditNote).where(CreditNote.tenant_id == invoice.tenant_id, CreditNote.invoice_id == invoice.id)
    return list(session.exec(statement))


def _left_by(invoice: Invoice, notes: list[CreditNote], at: datetime) -> int:
    """Minor units that were left to pay of an invoice at a moment, with its credit notes until then."""
    return max(0, invoice.total_minor + sum(note.total_minor for note in notes if note.issued_at <= at))


def _read_journal(session: Session, asked: Asked, after: Any) -> Page:
    return Page([row for entry in read_entries(session, asked) for row in _rows(entry, asked)])


def _rows(entry: Entry, asked: Asked) -> Iterator[Row]:
    for number, posting in enumerate(entry.postings, 1):
        debit, credit = max(0, posting.amount_minor), max(0, -posting.amount_minor)
        yield (
            entry.id,
            number,
            business_date(entry.at, asked.timezone),
            entry.kind,
            entry.document,
            posting.account.code,
            posting.account.name,
            asked.currency,
            major(debit, asked.currency),
            major(credit, asked.currency),
            entry.memo,
            asked.tenant_id,
        )


JOURNAL = Sheet(
    "journal",
    "Journal",
    columns(
        "entry line:whole day:day kind document account account_name currency debit:money credit:money memo customer"
    ),
    _read_journal,
)
