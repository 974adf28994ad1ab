"""What becomes of the money of a credit note, as a customer reads it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, select

from models import CreditNote, Invoice, StripeCall, StripeCallKind, StripeCallStatus
from services import wording
from services.invoices.credit_notes import list_credit_notes, note_number

NOTES_SHOWN_MAX = 50
WAYS = {
    "reduce": "Less is to be paid",
    "refund": "Goes back to the card",
    "balance": "Taken off the next payment",
    "elsewhere": "Given back elsewhere",
}
STATES = {
    StripeCallStatus.WAITING: ("pending", "On its way"),
    StripeCallStatus.HELD: ("retrying", "Being looked into"),
    StripeCallStatus.DONE: ("settled", "Done"),
}
NOTED = ("settled", "Done")


@dataclass(frozen=True)
class NoteStateView:
    """A credit note, what becomes of its money, and how far that is."""

    number: str
    amount: str
    way: str
    status: str
    status_word: str


def note_states(session: Session, *, invoice: Invoice) -> tuple[NoteStateView, ...]:
    """The credit notes on an invoice, the oldest first."""
    notes = list_credit_notes(session, tenant_id=invoice.tenant_id, invoice_id=invoice.id, limit=NOTES_SHOWN_MAX)
    calls = _calls(session, notes)
    return tuple(_state(note, calls.get(note.id, [])) for note in reversed(notes))


def _state(note: CreditNote, calls: Sequence[StripeCall]) -> NoteStateView:
    """A note that Stripe need not be told of, or that was made there, is done with being written."""
    behind: Any = next((call for call in calls if call.status != StripeCallStatus.DONE), calls[-1] if calls else None)
    status, word = NOTED if behind is None else STATES[behind.status]
    way = "" if behind is None else WAYS.get(str(behind.arguments.get("give_back")), "")
    return NoteStateView(note_number(note), wording.amount(note.total_minor, note.currency), way, status, word)


def _calls(session: Session, notes: Sequence[CreditNote]) -> dict[str, list[StripeCall]]:
    if not notes:
        return {}
    statement = select(StripeCall).where(
        StripeCall.tenant_id == notes[0].tenant_id,
        col(StripeCall.subject).in_([note.id for note in notes]),
        StripeCall.kind == StripeCallKind.CREDIT_NOTE,
    )
    found: dict[str, list[StripeCall]] = {}
    for call in session.exec(statement.order_by(col(StripeCall.position))):
        found.setdefault(call.subject, []).append(call)
    return found
