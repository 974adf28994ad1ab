"""Credit notes, read: what was taken back of invoices, which themselves never change."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam
from sqlmodel import Session, col, func, select

from models import CreditNote, CreditNoteLine, CreditNoteTax, Invoice, InvoiceStatus
from services.errors import NotFound

PAGE_MAX = 200
NUMBER_DIGITS = 6


@dataclass(frozen=True, slots=True)
class CreditNoteDocument:
    """A credit note with its lines and its taxes in order."""

    note: CreditNote
    lines: tuple[CreditNoteLine, ...]
    taxes: tuple[CreditNoteTax, ...] = ()


def note_number(note: CreditNote) -> str:
    """The number as a person reads it, CN-000042."""
    return f"CN-{note.number:0{NUMBER_DIGITS}d}"


def amount_left(session: Session, *, invoice: Invoice) -> int:
    """Minor units that an invoice comes to with all its credit notes; corrections may bring it below zero."""
    wanted = {"tenant": invoice.tenant_id, "invoice": invoice.id}
    return invoice.total_minor + int(session.execute(_credited, wanted).scalar_one() or 0)


def amounts_left(session: Session, *, tenant_id: str, invoices: Sequence[Invoice]) -> dict[str, int]:
    """`amount_left` of each of a tenant's invoices, by id."""
    statement = (
        select(CreditNote.invoice_id, func.sum(CreditNote.total_minor))
        .where(CreditNote.tenant_id == tenant_id, col(CreditNote.invoice_id).in_([each.id for each in invoices]))
        .group_by(CreditNote.invoice_id)
    )
    credited = {invoice_id: int(minor) for invoice_id, minor in session.exec(statement)}
    return {invoice.id: invoice.total_minor + credited.get(invoice.id, 0) for invoice in invoices}


def open_amounts(
    session: Session, *, tenant_ids: Sequence[str], late_at: datetime
) -> dict[str, dict[bool, tuple[int, int]]]:
    """(number, minor units still to be paid) of the open invoices of each tenant: of those late at that moment under
    True, of the others under False."""
    notes = (
        select(CreditNote.tenant_id, CreditNote.invoice_id, func.sum(CreditNote.total_minor).label("minor"))
        .where(col(CreditNote.tenant_id).in_(tenant_ids))
        .group_by(CreditNote.tenant_id, CreditNote.invoice_id)
        .subquery()
    )
    is_late = col(Invoice.due_at) <= late_at
    left = func.sum(Invoice.total_minor + func.coalesce(notes.c.minor, 0))
    statement: Any = (
        select(Invoice.tenant_id, is_late, func.count(), left)
        .outerjoin(notes, (notes.c.tenant_id == Invoice.tenant_id) & (notes.c.invoice_id == Invoice.id))
        .where(col(Invoice.tenant_id).in_(tenant_ids), Invoice.status == InvoiceStatus.OPEN)
        .group_by(Invoice.tenant_id, is_late)
    )
    found: dict[str, dict[bool, tuple[int, int]]] = {}
    for tenant_id, late, count, minor in session.exec(statement):
        found.setdefault(tenant_id, {})[bool(late)] = (count, int(minor))
    return found


def list_credit_notes(
    session: Session,
    *,
    tenant_id: str,
    invoice_id: str | None = None,
    limit: int = PAGE_MAX,
    before_number: int | None = None,
) -> list[CreditNote]:
    """The tenant's credit notes, or those for one invoice, newest first; `before_number` is the last one seen."""
    statement = select(CreditNote).where(CreditNote.tenant_id == tenant_id)
    if invoice_id is not None:
        statement = statement.where(CreditNote.invoice_id == invoice_id)
    if before_number is not None:
        statement = statement.where(CreditNote.number < before_number)
    return list(session.exec(statement.order_by(col(CreditNote.number).desc()).limit(min(limit, PAGE_MAX))))


def read_credit_note(session: Session, *, tenant_id: str, credit_note_id: str) -> CreditNoteDocument:
    """One credit note with its lines and taxes. Raises NotFound, also where it is another tenant's."""
    note = session.get(CreditNote, (tenant_id, credit_note_id))
    if note is None:
        raise NotFound("There is no such credit note.", field="credit_note_id")
    statement = (
        select(CreditNoteLine)
        .where(CreditNoteLine.tenant_id == tenant_id, CreditNoteLine.credit_note_id == credit_note_id)
        .order_by(col(CreditNoteLine.position))
    )
    taxes = (
        select(CreditNoteTax)
        .where(CreditNoteTax.tenant_id == tenant_id, CreditNoteTax.credit_note_id == credit_note_id)
        .order_by(col(CreditNoteTax.position))
    )
    return CreditNoteDocument(note, tuple(session.exec(statement)), tuple(session.exec(taxes)))


def find_note(session: Session, *, tenant_id: str, correction_seq: int) -> CreditNote | None:
    """The credit note that a correction brought about, if it did."""
    return session.exec(
        select(CreditNote).where(CreditNote.tenant_id == tenant_id, CreditNote.correction_seq == correction_seq)
    ).first()


_credited = select(func.sum(CreditNote.total_minor)).where(
    CreditNote.tenant_id == bindparam("tenant"), CreditNote.invoice_id == bindparam("invoice")
)
"""Built once: building it costs as much as running it."""
