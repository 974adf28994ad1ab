"""Credit notes, read: what was taken back of invoices, which themselves never change."""

from dataclasses import dataclass

from sqlmodel import Session, col, select

from models import CreditNote, CreditNoteLine
from services.errors import NotFound

PAGE_MAX = 200
NUMBER_DIGITS = 6


@dataclass(frozen=True, slots=True)
class CreditNoteDocument:
    """A credit note with its lines in order."""

    note: CreditNote
    lines: tuple[CreditNoteLine, ...]


def note_number(note: CreditNote) -> str:
    """The number as a person reads it, CN-000042."""
    return f"CN-{note.number:0{NUMBER_DIGITS}d}"


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
    """One credit note with its lines. Raises NotFound, also where it is another tenant's."""
    note = session.get(CreditNote, (tenant_id, credit_note_id))
    if note is None:
        raise NotFound("There is no such credit note.", field="credit_note_id")
    statement = (
        select(CreditNoteLine)
        .where(CreditNoteLine.tenant_id == tenant_id, CreditNoteLine.credit_note_id == credit_note_id)
        .order_by(col(CreditNoteLine.position))
    )
    return CreditNoteDocument(note, tuple(session.exec(statement)))


def find_note(session: Session, *, tenant_id: str, correction_seq: int) -> CreditNote | None:
    """The credit note that a correction brought about, if it did."""
    return session.exec(
        select(CreditNote).where(CreditNote.tenant_id == tenant_id, CreditNote.correction_seq == correction_seq)
    ).first()
