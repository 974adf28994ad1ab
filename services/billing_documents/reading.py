"""Read a bill out of the books as a document: the same rows give the same document, whoever asks and whenever."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session

from models import CreditNote, Invoice, InvoiceStatus, Tenant
from services.billing_documents.document import (
    AppliedNote,
    Attestation,
    BillingDocument,
    DocumentKind,
)
from services.billing_documents.line_reading import days_of, read_covered, read_lines
from services.billing_documents.parties import (
    buyer_of,
    credit_note_taxes,
    document_taxes,
    payment_details_of,
    seller_of,
)
from services.closing.close import preview_invoice
from services.errors import Conflict
from services.invoices.credit_notes import list_credit_notes, note_number, read_credit_note
from services.invoices.finding import InvoiceDocument, read_invoice
from services.invoices.numbers import invoice_number
from services.receipts.reading import find_receipt
from services.rules import receipts as receipt_rules
from services.rules.periods import business_date
from services.rules.verification_codes import verification_code
from services.settings import settings
from services.tenants import read_tenant

NOTES_MAX = 200
ENGLISH = "en"
VERIFICATION_PATH = "/verification/?code="
PAYABLE = (InvoiceStatus.OPEN, InvoiceStatus.UNCOLLECTIBLE)


def read_invoice_document(
    session: Session, *, tenant_id: str, invoice_id: str, language: str | None = None
) -> BillingDocument:
    """An invoice as it stands: what was billed, what credit notes took back of it and what was paid.

    `language` is en or fr, the customer's own where it is None. Raises NotFound, and Conflict for a draft.
    """
    tenant = read_tenant(session, tenant_id=tenant_id)
    found = read_invoice(session, tenant_id=tenant_id, invoice_id=invoice_id)
    if found.invoice.number is None or found.invoice.receipt_seq is None:
        raise Conflict("This invoice is a draft; there is a document of it once it is final.")
    return _invoice_document(session, tenant, found, language=language)


def read_preview_document(
    session: Session, *, tenant_id: str, subscription_id: str | None, at: datetime, language: str | None = None
) -> BillingDocument:
    """What the running period would be billed, as a document that says it is no invoice."""
    tenant = read_tenant(session, tenant_id=tenant_id)
    drafted = preview_invoice(session, tenant_id=tenant_id, subscription_id=subscription_id, at=at)
    return _invoice_document(session, tenant, drafted, language=language)


def read_credit_note_document(
    session: Session, *, tenant_id: str, credit_note_id: str, language: str | None = None
) -> BillingDocument:
    """A credit note, addressed as the invoice it answers. Raises NotFound."""
    tenant = read_tenant(session, tenant_id=tenant_id)
    found = read_credit_note(session, tenant_id=tenant_id, credit_note_id=credit_note_id)
    note = found.note
    invoice = read_invoice(session, tenant_id=tenant_id, invoice_id=note.invoice_id).invoice
    receipt = _attestation(session, tenant_id, note.receipt_seq)
    spans = [days_of(line.period_start, line.period_end, tenant.timezone) for line in found.lines]
    return BillingDocument(
        kind=DocumentKind.CREDIT_NOTE,
        id=note.id,
        number=note_number(note),
        language=language or invoice.parties.get("language", ENGLISH),
        currency=note.currency,
        status="",
        issued_at=note.issued_at,
        issued_on=business_date(note.issued_at, tenant.timezone),
        due_on=None,
        starts_on=min(first for first, _ in spans),
        ends_on=max(last for _, last in spans),
        seller=seller_of(invoice),
        buyer=buyer_of(invoice, tenant),
        lines=read_lines(session, found.lines, tenant.timezone),
        taxes=credit_note_taxes(session, note),
        subtotal_minor=note.subtotal_minor,
        tax_minor=note.tax_minor,
        total_minor=note.total_minor,
        purchase_order=invoice.parties.get("purchase_order", ""),
        reason=note.reason,
        corrects_number=invoice_number(invoice) or "",
        corrects_issued_on=business_date(invoice.issued_at, tenant.timezone),
        verification_url=_verification_url(receipt),
        receipt=receipt,
    )


def _invoice_document(
    session: Session, tenant: Tenant, found: InvoiceDocument, *, language: str | None
) -> BillingDocument:
    invoice, zone = found.invoice, tenant.timezone
    starts_on, ends_on = days_of(invoice.period_start, invoice.period_end, zone)
    notes = [] if invoice.number is None else list_credit_notes(
        session, tenant_id=tenant.id, invoice_id=invoice.id, limit=NOTES_MAX
    )  # fmt: skip
    receipt = None if invoice.receipt_seq is None else _attestation(session, tenant.id, invoice.receipt_seq)
    is_payable = invoice.status in PAYABLE
    return BillingDocument(
        kind=DocumentKind.PREVIEW if invoice.number is None else DocumentKind.INVOICE,
        id=invoice.id,
        number=invoice_number(invoice) or "",
        language=language or invoice.parties.get("language", ENGLISH),
        currency=invoice.currency,
        status=str(invoice.status),
        issued_at=invoice.issued_at,
        issued_on=business_date(invoice.issued_at, zone),
        due_on=business_date(invoice.due_at, zone),
        starts_on=starts_on,
        ends_on=ends_on,
        seller=seller_of(invoice),
        buyer=buyer_of(invoice, tenant),
        lines=read_lines(session, found.lines, zone),
        taxes=document_taxes(found.taxes),
        subtotal_minor=invoice.subtotal_minor,
        tax_minor=invoice.tax_minor,
        total_minor=invoice.total_minor,
        purchase_order=invoice.parties.get("purchase_order", ""),
        paid_minor=_paid_minor(invoice, notes),
        paid_on=None if invoice.paid_at is None else business_date(invoice.paid_at, zone),
        covered=read_covered(session, found),
        notes=[_applied(note, zone) for note in reversed(notes)],
        payment_details=payment_details_of(invoice) if is_payable else (),
        payment_url=(invoice.stripe_hosted_url or "") if is_payable else "",
        verification_url=_verification_url(receipt),
        receipt=receipt,
    )


def _paid_minor(invoice: Invoice, notes: Sequence[CreditNote]) -> int:
    """What its payment's receipt says: what the credit notes until then had left of it."""
    if invoice.paid_at is None:
        return 0
    credited = sum(note.total_minor for note in notes if note.issued_at <= invoice.paid_at)
    return max(0, invoice.total_minor + credited)


def _applied(note: CreditNote, timezone: str) -> AppliedNote:
    return AppliedNote(note_number(note), business_date(note.issued_at, timezone), note.total_minor, note.reason)


def _attestation(session: Session, tenant_id: str, seq: int) -> Attestation:
    receipt = find_receipt(session, tenant_id=tenant_id, seq=seq)
    return Attestation(
        seq=seq,
        hash=receipt_rules.written(receipt.hash),
        code=verification_code(seq, receipt.hash),
    )


def _verification_url(receipt: Attestation | None) -> str:
    return "" if receipt is None else f"{settings().portal_address}{VERIFICATION_PATH}{receipt.code}"
