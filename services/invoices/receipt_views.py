"""What hangs on an invoice besides its lines: use the allowance covered, credit notes, and its own receipt."""

from dataclasses import dataclass

from sqlmodel import Session

from models import CreditNote, CreditNoteLine, CreditNoteTax, Invoice, LineKind
from services import wording
from services.invoices.credit_notes import list_credit_notes, note_number, read_credit_note
from services.invoices.finding import InvoiceDocument
from services.invoices.line_sums import counted_records
from services.invoices.line_usage import CoveredUsage, LineUsage, covered_usage
from services.price_books.plans import Plan
from services.taxes.views import tax_name
from services.usage.wording import counted, counted_micro

COVERED_PREFIX = "covered-"
NOTES_SHOWN_MAX = 50


@dataclass(frozen=True)
class CoveredView:
    """Use of one pool that no line charges. `key` opens its events, as a line's place opens that line's."""

    key: str
    name: str
    words: str
    events: str


@dataclass(frozen=True)
class NoteLineView:
    description: str
    quantity: str
    amount: str


@dataclass(frozen=True)
class NoteView:
    """A credit note: `receipt` and `correction` are the numbers of its receipt and of the correction behind it, ""
    where somebody decided on it."""

    id: str
    number: str
    issued: str
    reason: str
    total: str
    lines: tuple[NoteLineView, ...]
    receipt: str
    correction: str


def covered_views(session: Session, document: InvoiceDocument) -> tuple[CoveredView, ...]:
    """What the allowance covered in the invoice's own period, by pool."""
    covered = covered_usage(session, invoice=document.invoice, lines=document.lines)
    return tuple(_covered_view(each, plan, document.invoice) for each, plan in covered)


def covered_key(usage: LineUsage, invoice: Invoice) -> str:
    """What opens the records behind use that the allowance covered: its pool, and which later part of the period."""
    part = "" if usage.period_start == invoice.period_start else f"@{usage.period_start.isoformat()}"
    return f"{COVERED_PREFIX}{usage.pool}{part}"


def note_views(session: Session, *, invoice: Invoice, timezone: str) -> tuple[NoteView, ...]:
    """The credit notes on an invoice, the oldest first."""
    notes = list_credit_notes(session, tenant_id=invoice.tenant_id, invoice_id=invoice.id, limit=NOTES_SHOWN_MAX)
    return tuple(_note_view(session, note, timezone) for note in reversed(notes))


def total_after(session: Session, *, invoice: Invoice) -> str:
    """What the invoice comes to with its credit notes; "" where it has none."""
    notes = list_credit_notes(session, tenant_id=invoice.tenant_id, invoice_id=invoice.id)
    if not notes:
        return ""
    return wording.amount(invoice.total_minor + sum(note.total_minor for note in notes), invoice.currency)


def _covered_view(covered: CoveredUsage, plan: Plan, invoice: Invoice) -> CoveredView:
    pool, events = plan.pools[covered.usage.pool], counted_records(covered.usage.count)
    used = counted_micro(covered.credits_micro, pool.unit)
    words = f"{events}, {used} used, nothing to pay."
    key = covered_key(covered.usage, invoice)
    name = pool.name if covered.usage.period_start == invoice.period_start else f"{pool.name}, on {plan.name}"
    return CoveredView(key=key, name=name, words=words, events=events)


def _note_view(session: Session, note: CreditNote, timezone: str) -> NoteView:
    document = read_credit_note(session, tenant_id=note.tenant_id, credit_note_id=note.id)
    return NoteView(
        id=note.id,
        number=note_number(note),
        issued=wording.moment_day(note.issued_at, timezone),
        reason=note.reason,
        total=wording.amount(note.total_minor, note.currency),
        lines=(
            *(_note_line(line, note.currency) for line in document.lines),
            *(_note_tax(tax, note.currency) for tax in document.taxes if tax.amount_minor),
        ),
        receipt=str(note.receipt_seq),
        correction="" if note.correction_seq is None else str(note.correction_seq),
    )


def _note_tax(tax: CreditNoteTax, currency: str) -> NoteLineView:
    return NoteLineView(tax_name(tax), "", wording.amount(tax.amount_minor, currency))


def _note_line(line: CreditNoteLine, currency: str) -> NoteLineView:
    quantity = abs(line.quantity) if line.kind == LineKind.ADJUSTMENT else line.quantity
    return NoteLineView(line.description, counted(quantity, line.unit), wording.amount(line.amount_minor, currency))
