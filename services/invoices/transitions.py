"""What becomes of an invoice that is not paid: it is taken back, or given up.

open ──► void            all that is left of it is taken back, by a credit note
     └─► uncollectible   it is still owed, and no longer expected; it can be paid, credited or made void after all

The log attests what was charged, taken back and paid. A void invoice is taken back, so its credit note says so and what
the log adds up to stays right. An uncollectible one is our own expectation, which changes nothing of what is owed.
"""

from datetime import datetime

from sqlmodel import Session

from models import Invoice, InvoiceStatus, NoticeType
from services.errors import Conflict
from services.invoices.credit_note_issuing import take_back
from services.invoices.credit_notes import amount_left
from services.invoices.finding import read_invoice
from services.invoices.notices import announce_invoice
from services.tenants import lock_head

VOIDED = "The invoice is void."
UNPAID = (InvoiceStatus.OPEN, InvoiceStatus.UNCOLLECTIBLE)


def void_invoice(session: Session, *, tenant_id: str, invoice_id: str, at: datetime) -> Invoice:
    """Take back all that is left of an unpaid invoice. Doing it again changes nothing. Raises NotFound and Conflict."""
    invoice = _locked(session, tenant_id, invoice_id)
    if invoice.status == InvoiceStatus.VOID:
        return invoice
    if invoice.status not in UNPAID:
        raise Conflict(f"Only an unpaid invoice can be made void; this one is {invoice.status}. Credit it instead.")
    left_minor = amount_left(session, invoice=invoice)
    invoice.status = InvoiceStatus.VOID
    session.add(invoice)
    session.flush()
    if left_minor > 0:
        take_back(session, invoice=invoice, amount_minor=left_minor, reason=VOIDED, at=at)
    announce_invoice(session, invoice=invoice, type=NoticeType.INVOICE_VOIDED, at=at)
    return invoice


def mark_uncollectible(session: Session, *, tenant_id: str, invoice_id: str, at: datetime) -> Invoice:
    """Expect no payment of an open invoice any more. Doing it again changes nothing. Raises NotFound and Conflict."""
    invoice = _locked(session, tenant_id, invoice_id)
    if invoice.status == InvoiceStatus.UNCOLLECTIBLE:
        return invoice
    if invoice.status != InvoiceStatus.OPEN:
        raise Conflict(f"Only an open invoice can be given up; this one is {invoice.status}.")
    invoice.status, invoice.given_up_at = InvoiceStatus.UNCOLLECTIBLE, at
    session.add(invoice)
    session.flush()
    announce_invoice(session, invoice=invoice, type=NoticeType.INVOICE_UNCOLLECTIBLE, at=at)
    return invoice


def _locked(session: Session, tenant_id: str, invoice_id: str) -> Invoice:
    lock_head(session, tenant_id=tenant_id)
    invoice = read_invoice(session, tenant_id=tenant_id, invoice_id=invoice_id).invoice
    session.refresh(invoice)
    return invoice
