"""Giving money back: our credit note first, then Stripe's with the refund, so that both say the same."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlmodel import Session, select

from models import CreditNote, Invoice, InvoiceStatus, StripeCallKind, StripeCreditNote, StripeInvoice
from services.errors import Conflict, Unprocessable
from services.invoices.credit_note_issuing import issue_credit_note
from services.invoices.credit_notes import CreditNoteDocument, note_number
from services.payments.mirror import OPEN, PAID, parts_of
from services.payments.outbox import Owed, owe_calls
from services.payments.settling import settle_invoice
from services.tenants import lock_head


class GiveBack(StrEnum):
    """What becomes of the money: off what is still to be paid, to the card, kept for the next invoice, or elsewhere."""

    REDUCE = "reduce"
    REFUND = "refund"
    BALANCE = "balance"
    ELSEWHERE = "elsewhere"


@dataclass(frozen=True, slots=True)
class Share:
    """What one invoice at Stripe gives back of a credit note, in minor units above zero."""

    stripe_invoice: StripeInvoice
    amount_minor: int


_WAYS: Final = {
    OPEN: (GiveBack.REDUCE,),
    PAID: (GiveBack.REFUND, GiveBack.BALANCE, GiveBack.ELSEWHERE),
}


def give_back(
    session: Session,
    *,
    tenant_id: str,
    invoice_id: str,
    amount_minor: int,
    reason: str,
    way: GiveBack,
    note_id: str | None = None,
    at: datetime,
) -> CreditNoteDocument:
    """Issue a credit note for part of an invoice or all of it, and owe Stripe the same where Stripe collected it.

    Raises NotFound; Conflict where the invoice cannot be credited, or not that way: an open one is reduced, a paid one
    is given back; Unprocessable for an amount beyond what is left of it.
    """
    lock_head(session, tenant_id=tenant_id)
    parts = parts_of(session, tenant_id=tenant_id, invoice_id=invoice_id)
    if parts:
        _check_way(parts, way)
    elif way not in (GiveBack.REDUCE, GiveBack.ELSEWHERE):
        raise Conflict("Stripe did not collect this invoice: give the money back elsewhere, and note it here.")
    made = issue_credit_note(
        session,
        tenant_id=tenant_id,
        invoice_id=invoice_id,
        amount_minor=amount_minor,
        reason=reason,
        note_id=note_id,
        at=at,
    )
    if parts:
        _owe(session, made.note, parts, way, at=at)
    return made


def owe_note(session: Session, tenant_id: str, credit_note_id: str, *, at: datetime) -> None:
    """Owe Stripe a correction's note: it reduces what is open, else it is kept for the next invoice."""
    lock_head(session, tenant_id=tenant_id)
    note = session.get_one(CreditNote, (tenant_id, credit_note_id))
    parts = parts_of(session, tenant_id=tenant_id, invoice_id=note.invoice_id)
    known = select(StripeCreditNote.stripe_id).where(
        StripeCreditNote.tenant_id == tenant_id, StripeCreditNote.credit_note_id == credit_note_id
    )
    settled = [part for part in parts if part.status in _WAYS]
    if not parts or len(settled) < len(parts) or session.exec(known).first() is not None:
        return  # its time comes once the invoice is final at Stripe
    way = GiveBack.REDUCE if any(part.status == OPEN for part in parts) else GiveBack.BALANCE
    _owe(session, note, parts, way, at=at)


def ways_of(session: Session, invoice: Invoice) -> tuple[GiveBack, ...]:
    """How money can be given back of an invoice now; none where it cannot."""
    parts = parts_of(session, tenant_id=invoice.tenant_id, invoice_id=invoice.id)
    if parts:
        return _ways(parts)
    if invoice.status == InvoiceStatus.PAID:
        return (GiveBack.ELSEWHERE,)
    return (GiveBack.REDUCE,) if invoice.status == InvoiceStatus.OPEN else ()


def _ways(parts: list[StripeInvoice]) -> tuple[GiveBack, ...]:
    states = {part.status for part in parts}
    return _WAYS.get(next(iter(states)), ()) if len(states) == 1 else ()


def _check_way(parts: list[StripeInvoice], way: GiveBack) -> None:
    allowed = _ways(parts)
    if not allowed:
        raise Conflict("The invoice is neither open nor paid as a whole at Stripe; wait until it is.")
    if way not in allowed:
        listed = " or ".join(each.value for each in allowed)
        raise Conflict(f"What can be done with this invoice now: {listed}.")


def _owe(session: Session, note: CreditNote, parts: list[StripeInvoice], way: GiveBack, *, at: datetime) -> None:
    calls = [
        Owed(
            StripeCallKind.CREDIT_NOTE,
            f"credit_note:{note.id}:{share.stripe_invoice.stripe_id}",
            {
                "credit_note_id": note.id,
                "stripe_invoice_id": share.stripe_invoice.stripe_id,
                "amount_minor": share.amount_minor,
                "description": f"Credit note {note_number(note)}",
                "memo": note.reason,
                "give_back": way.value,
            },
        )
        for share in _shares(-note.total_minor, parts)
    ]
    owe_calls(session, tenant_id=note.tenant_id, account=parts[0].account, subject=note.id, calls=calls, at=at)
    settle_invoice(session, tenant_id=note.tenant_id, invoice_id=note.invoice_id, at=at)


def _shares(amount_minor: int, parts: list[StripeInvoice]) -> list[Share]:
    """The parts that carry the invoice give back one after the other, each at most what is left of it."""
    shares, left_minor = [], amount_minor
    for part in parts:
        taken = min(left_minor, part.total_minor - part.credited_minor)
        if taken > 0:
            shares.append(Share(part, taken))
            left_minor -= taken
    if left_minor:
        raise Unprocessable("Less is left of the invoice at Stripe than is to be given back.", field="amount")
    return shares
