"""From the code at the foot of a document to the receipt it was made from, and what that receipt says."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, select

from models import CreditNote, Invoice
from services.credit_notes import note_number
from services.errors import NotFound
from services.invoice_numbers import invoice_number
from services.receipts import find_receipt
from services.rules.money import Money
from services.rules.receipts import written
from services.rules.verification_codes import read_verification_code, verification_code

NO_SUCH_DOCUMENT = (
    "No document of yours has this code. Compare it letter by letter; if it is the same, the document is not ours."
)


@dataclass(frozen=True, slots=True)
class AttestedDocument:
    """What we issued under a code: compare it with what the paper says. `kind` is invoice or credit_note.

    `invoice_id` is the invoice itself, or the one a credit note answers. A credit note's total is below zero.
    """

    code: str
    kind: str
    id: str
    invoice_id: str
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
    own_number = (invoice_number(issued) or "") if isinstance(issued, Invoice) else note_number(issued)
    if number and number.strip().upper() != own_number:
        raise NotFound(f"This code is that of {own_number}, not of {number.strip()[:40]}.", field="number")
    said = receipt.document
    return AttestedDocument(
        code=verification_code(wanted.seq, receipt.hash),
        kind=said["typ"],
        id=issued.id,
        invoice_id=issued.id if isinstance(issued, Invoice) else issued.invoice_id,
        number=own_number,
        total=Money.parse(said["amount"], said["currency"]),
        issued_at=issued.issued_at,
        receipt_seq=wanted.seq,
        receipt_hash=written(receipt.hash),
    )


def _issued(session: Session, tenant_id: str, seq: int) -> Invoice | CreditNote | None:
    """The invoice or credit note that receipt `seq` attests; None where it attests something else."""
    invoice = session.exec(select(Invoice).where(Invoice.tenant_id == tenant_id, Invoice.receipt_seq == seq)).first()
    if invoice is not None:
        return invoice
    return session.exec(
        select(CreditNote).where(CreditNote.tenant_id == tenant_id, CreditNote.receipt_seq == seq)
    ).first()
