"""Credit notes that a person decides on: an amount taken back of an invoice, for a reason."""

from datetime import datetime
from decimal import Decimal

from sqlmodel import Session

from models import CreditNote, CreditNoteLine, Invoice, InvoiceStatus, LineKind
from models.base import ID_MAX
from models.credit_note import REASON_MAX
from services import wording
from services.errors import Conflict, Unprocessable
from services.identifiers import new_id
from services.invoices.credit_note_taxes import share_of_total
from services.invoices.credit_note_writing import write_credit_note
from services.invoices.credit_notes import CreditNoteDocument, amount_left, read_credit_note
from services.invoices.finding import read_invoice
from services.invoices.numbers import invoice_number
from services.receipts.log import open_log
from services.rules.money import Money
from services.tenants import lock_head

CREDITED = (InvoiceStatus.OPEN, InvoiceStatus.PAID, InvoiceStatus.UNCOLLECTIBLE)
"""What an invoice must be to be credited: final, and not void."""


def issue_credit_note(
    session: Session,
    *,
    tenant_id: str,
    invoice_id: str,
    amount_minor: int,
    reason: str,
    at: datetime,
    note_id: str | None = None,
) -> CreditNoteDocument:
    """Take back `amount_minor`, above zero, of what an invoice comes to with its credit notes so far.

    Asking again with the same `note_id` answers with the note already made. Raises NotFound, Unprocessable for an
    amount the invoice does not leave or a reason that is none, and Conflict for an invoice that is void or a draft, or
    a `note_id` that was used for another note.
    """
    reason = reason.strip()
    if not 0 < len(reason) <= REASON_MAX:
        raise Unprocessable(f"Say why in 1 to {REASON_MAX} characters.", field="reason")
    if note_id is not None and not 0 < len(note_id) <= ID_MAX:
        raise Unprocessable(f"A credit note's id has 1 to {ID_MAX} characters.", field="note_id")
    lock_head(session, tenant_id=tenant_id)
    known = None if note_id is None else session.get(CreditNote, (tenant_id, note_id))
    if known is not None:
        if (known.invoice_id, known.total_minor, known.reason) != (invoice_id, -amount_minor, reason):
            raise Conflict("There is another credit note with this id; choose a new one.", field="note_id")
    else:
        invoice = read_invoice(session, tenant_id=tenant_id, invoice_id=invoice_id).invoice
        _check_amount(session, invoice, amount_minor)
        known = take_back(session, invoice=invoice, amount_minor=amount_minor, reason=reason, note_id=note_id, at=at)
    return read_credit_note(session, tenant_id=tenant_id, credit_note_id=known.id)


def take_back(
    session: Session, *, invoice: Invoice, amount_minor: int, reason: str, at: datetime, note_id: str | None = None
) -> CreditNote:
    """Write the note that takes an amount back, taxes among it. The caller holds the lock on the tenant's head."""
    lines = read_invoice(session, tenant_id=invoice.tenant_id, invoice_id=invoice.id).lines
    taken = share_of_total(session, invoice=invoice, amount_minor=amount_minor)
    line = CreditNoteLine(
        tenant_id=invoice.tenant_id,
        credit_note_id=note_id or new_id("cn"),
        position=1,
        kind=LineKind.ADJUSTMENT,
        description=f"Adjustment of invoice {invoice_number(invoice)}",
        quantity=Decimal(-1),
        unit="adjustment",
        amount_minor=-taken.net_minor,
        period_start=invoice.period_start,
        period_end=invoice.period_end,
        plan_version_id=lines[0].plan_version_id,
        pricing={"model": "flat", "amount": Money(-taken.net_minor, invoice.currency).plain()},
        sources={},
        usage={},
    )
    log = open_log(session, tenant_id=invoice.tenant_id, at=at)
    return write_credit_note(session, invoice=invoice, line=line, taken=taken, reason=reason, log=log, at=at)


def _check_amount(session: Session, invoice: Invoice, amount_minor: int) -> None:
    if invoice.status not in CREDITED:
        raise Conflict(f"Only a final invoice that stands can be credited; this one is {invoice.status}.")
    if amount_minor <= 0:
        raise Unprocessable("Credit an amount above zero.", field="amount_minor")
    left_minor = amount_left(session, invoice=invoice)
    if amount_minor > left_minor:
        left = wording.amount(max(0, left_minor), invoice.currency)
        raise Unprocessable(
            f"Invoice {invoice_number(invoice)} with its credit notes comes to {left}; credit no more than that.",
            field="amount_minor",
        )
