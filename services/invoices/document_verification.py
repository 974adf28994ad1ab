"""From the code at the foot of a document to the receipt it was made from, and what that receipt says."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from models import CreditNote, GainShareRun, Invoice
from services.errors import NotFound
from services.invoices.credit_notes import note_number
from services.invoices.numbers import invoice_number
from services.receipts.reading import find_receipt
from services.rules.money import Money
from services.rules.receipts import written
from services.rules.verification_codes import read_verification_code, verification_code

Issued = Invoice | CreditNote | GainShareRun
RUN = "gain_share_run"
NO_SUCH_DOCUMENT = (
    "No document of yours has this code. Compare it letter by letter; if it is the same, the document is not ours."
)


@dataclass(frozen=True, slots=True)
class AttestedDocument:
    """What we issued under a code: compare it with what the paper says. `kind` is invoice, credit_note or RUN.

    `invoice_id` is the invoice itself, or the one a credit note answers; None for a run, whose number is its id and
    whose total its fee. A credit note's total is below zero.
    """

    code: str
    kind: str
    id: str
    invoice_id: str | None
    number: str
    total: Money
    issued_at: datetime
    receipt_seq: int
    receipt_hash: str


def find_document(session: Session, *, tenant_id: str, code: str, number: str = "") -> AttestedDocument:
    """The document a code was printed on. `number`, where it is given, must be that document's own.

    Raises InvalidVerificationCode where it is no code, and NotFound where none of the customer's documents has it.
    """
    wanted = read_verification_code(code)
    try:
        receipt = find_receipt(session, tenant_id=tenant_id, seq=wanted.seq)
    except NotFound:
        raise NotFound(NO_SUCH_DOCUMENT, field="code") from None
    issued = _issued(session, tenant_id, wanted.seq) if wanted.fits(receipt.hash) else None
    if issued is None:
        raise NotFound(NO_SUCH_DOCUMENT, field="code")
    own_number = _number(issued)
    if number and number.strip().upper() != own_number.upper():
        raise NotFound(f"This code is that of {own_number}, not of {number.strip()[:40]}.", field="number")
    said = receipt.document
    return AttestedDocument(
        code=verification_code(wanted.seq, receipt.hash),
        kind=RUN if isinstance(issued, GainShareRun) else said["typ"],
        id=issued.id,
        invoice_id=_invoice_id(issued),
        number=own_number,
        total=Money.parse(said["amount"], said["currency"]),
        issued_at=_issued_at(issued, wanted.seq),
        receipt_seq=wanted.seq,
        receipt_hash=written(receipt.hash),
    )


def _number(issued: Issued) -> str:
    if isinstance(issued, GainShareRun):
        return issued.id
    return (invoice_number(issued) or "") if isinstance(issued, Invoice) else note_number(issued)


def _invoice_id(issued: Issued) -> str | None:
    if isinstance(issued, GainShareRun):
        return None
    return issued.id if isinstance(issued, Invoice) else issued.invoice_id


def _issued_at(issued: Issued, seq: int) -> datetime:
    """When the document's receipt was written: of a run, its submission or its decision."""
    if not isinstance(issued, GainShareRun):
        return issued.issued_at
    return issued.decided_at if issued.decision_seq == seq and issued.decided_at is not None else issued.submitted_at


def _issued(session: Session, tenant_id: str, seq: int) -> Issued | None:
    """The document that receipt `seq` attests; None where it attests something else."""
    invoice = session.exec(select(Invoice).where(Invoice.tenant_id == tenant_id, Invoice.receipt_seq == seq)).first()
    if invoice is not None:
        return invoice
    note = session.exec(
        select(CreditNote).where(CreditNote.tenant_id == tenant_id, CreditNote.receipt_seq == seq)
    ).first()
    if note is not None:
        return note
    attests = (col(GainShareRun.receipt_seq) == seq) | (col(GainShareRun.decision_seq) == seq)
    return session.exec(select(GainShareRun).where(GainShareRun.tenant_id == tenant_id, attests)).first()
