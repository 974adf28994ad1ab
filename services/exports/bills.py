"""Sheets of bills: one row an invoice, a line of one, a credit note. Rows are of what was issued within the span."""

import json
from decimal import Decimal
from typing import Any

from sqlmodel import Session, and_, col, or_, select

from models import CreditNote, CreditNoteLine, Invoice, InvoiceLine
from services.exports.sheets import PAGE_ROWS, Asked, Page, Row, Sheet, columns
from services.invoices.credit_notes import amounts_left, note_number
from services.invoices.numbers import invoice_number
from services.rules.money import minor_digits
from services.rules.receipts import written

LINES_PAGE_ROWS = 2_000
"""Lines carry their tiers and sources with them."""


def major(amount_minor: int, currency: str) -> Decimal:
    """Minor units as an exact decimal of major ones."""
    return Decimal(amount_minor).scaleb(-minor_digits(currency))


def _read_invoices(session: Session, asked: Asked, after: Any) -> Page:
    statement = select(Invoice).where(
        Invoice.tenant_id == asked.tenant_id,
        col(Invoice.number) > (after or 0),
        col(Invoice.issued_at) >= asked.since,
        col(Invoice.issued_at) < asked.until,
    )
    found = session.exec(statement.order_by(col(Invoice.number)).limit(PAGE_ROWS)).all()
    left = amounts_left(session, tenant_id=asked.tenant_id, invoices=found)
    rows = [_invoice_row(invoice, left[invoice.id]) for invoice in found]
    return Page(rows, found[-1].number if len(found) == PAGE_ROWS else None)


def _invoice_row(invoice: Invoice, left_minor: int) -> Row:
    currency = invoice.currency
    is_owed = invoice.status in ("open", "uncollectible")
    return (
        invoice.id,
        invoice_number(invoice),
        str(invoice.status),
        str(invoice.billing_reason),
        invoice.subscription_id,
        invoice.period_start,
        invoice.period_end,
        invoice.issued_at,
        invoice.due_at,
        invoice.paid_at,
        currency,
        major(invoice.subtotal_minor, currency),
        major(invoice.tax_minor, currency),
        major(invoice.total_minor, currency),
        major(left_minor - invoice.total_minor, currency),
        major(left_minor, currency) if is_owed else major(0, currency),
        invoice.receipt_seq,
        None if invoice.receipt_hash is None else written(invoice.receipt_hash),
    )


INVOICES = Sheet(
    "invoices",
    "Invoices",
    columns(
        "invoice_id number status billing_reason subscription_id period_start:moment period_end:moment "
        "issued_at:moment due_at:moment paid_at:moment currency subtotal:money tax:money total:money credited:money "
        "still_to_pay:money receipt_seq:whole receipt_hash"
    ),
    _read_invoices,
)


def _read_lines(session: Session, asked: Asked, after: Any) -> Page:
    number, position = after or (0, 0)
    statement = (
        select(Invoice, InvoiceLine)
        .join(
            InvoiceLine,
            and_(col(InvoiceLine.tenant_id) == Invoice.tenant_id, col(InvoiceLine.invoice_id) == Invoice.id),
        )
        .where(
            Invoice.tenant_id == asked.tenant_id,
            or_(col(Invoice.number) > number, and_(Invoice.number == number, col(InvoiceLine.position) > position)),
            col(Invoice.issued_at) >= asked.since,
            col(Invoice.issued_at) < asked.until,
        )
        .order_by(col(Invoice.number), col(InvoiceLine.position))
        .limit(LINES_PAGE_ROWS)
    )
    found = session.exec(statement).all()
    rows = [_line_row(invoice, line) for invoice, line in found]
    is_full = len(found) == LINES_PAGE_ROWS
    return Page(rows, (found[-1][0].number, found[-1][1].position) if is_full else None)


def _line_row(invoice: Invoice, line: InvoiceLine) -> Row:
    return (
        invoice.id,
        invoice_number(invoice),
        invoice.issued_at,
        line.position,
        str(line.kind),
        line.description,
        line.quantity,
        line.unit,
        invoice.currency,
        major(line.amount_minor, invoice.currency),
        line.period_start,
        line.period_end,
        line.plan_version_id,
        _json(line.pricing),
        _json(line.steps),
        line.first_seq,
        line.last_seq,
        line.usage_count,
        None if line.usage_root is None else written(line.usage_root),
    )


def _json(document: object) -> str | None:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False) if document else None


INVOICE_LINES = Sheet(
    "invoice-lines",
    "Lines of invoices",
    columns(
        "invoice_id invoice_number issued_at:moment position:whole kind description quantity:rate unit currency "
        "amount:money period_start:moment period_end:moment plan_version pricing tiers first_receipt:whole "
        "last_receipt:whole receipts:whole receipts_root"
    ),
    _read_lines,
)


def _read_notes(session: Session, asked: Asked, after: Any) -> Page:
    statement = (
        select(CreditNote, Invoice, CreditNoteLine)
        .join(Invoice, and_(col(Invoice.tenant_id) == CreditNote.tenant_id, col(Invoice.id) == CreditNote.invoice_id))
        .join(
            CreditNoteLine,
            and_(
                col(CreditNoteLine.tenant_id) == CreditNote.tenant_id,
                col(CreditNoteLine.credit_note_id) == CreditNote.id,
                CreditNoteLine.position == 1,
            ),
        )
        .where(
            CreditNote.tenant_id == asked.tenant_id,
            col(CreditNote.number) > (after or 0),
            col(CreditNote.issued_at) >= asked.since,
            col(CreditNote.issued_at) < asked.until,
        )
        .order_by(col(CreditNote.number))
        .limit(PAGE_ROWS)
    )
    found = session.exec(statement).all()
    rows = [_note_row(note, invoice, line) for note, invoice, line in found]
    return Page(rows, found[-1][0].number if len(found) == PAGE_ROWS else None)


def _note_row(note: CreditNote, invoice: Invoice, line: CreditNoteLine) -> Row:
    currency = note.currency
    return (
        note.id,
        note_number(note),
        invoice.id,
        invoice_number(invoice),
        note.issued_at,
        str(line.kind),
        note.reason,
        currency,
        major(note.subtotal_minor, currency),
        major(note.tax_minor, currency),
        major(note.total_minor, currency),
        note.receipt_seq,
    )


CREDIT_NOTES = Sheet(
    "credit-notes",
    "Credit notes",
    columns(
        "credit_note_id number invoice_id invoice_number issued_at:moment kind reason currency subtotal:money "
        "tax:money total:money receipt_seq:whole"
    ),
    _read_notes,
)
