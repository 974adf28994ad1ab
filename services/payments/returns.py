"""Money given back: credit notes, refunds and disputes, whoever began them."""

from datetime import datetime

from sqlmodel import Session, select

from models import CreditNote, Refund, RefundStatus, StripeCreditNote, StripeInvoice
from services.errors import Conflict, Unprocessable
from services.gateways.stripe.facts import CreditNoteFacts, InvoiceFacts, RefundFacts
from services.identifiers import digest
from services.invoices.credit_note_issuing import issue_credit_note
from services.payments import invoices, marks
from services.payments.customers import tenant_of_customer
from services.payments.mirror import keep_credit_note, owner_of
from services.payments.readings import PaymentReading, RefundReading
from services.payments.settling import settle_invoice
from services.payments.subjects import NotOurs, Readings, SubjectKind
from services.tenants import lock_head

VOID = "void"
_STATUS = {
    "pending": RefundStatus.PENDING,
    "requires_action": RefundStatus.PENDING,
    "succeeded": RefundStatus.SUCCEEDED,
    "failed": RefundStatus.FAILED,
    "canceled": RefundStatus.CANCELED,
}


def apply_credit_note(
    session: Session, readings: Readings, facts: CreditNoteFacts, *, account: str, ticket: int, at: datetime
) -> str:
    """Keep a credit note. One made at Stripe becomes one of ours too. Raises Unread and NotOurs."""
    kept_for = owner_of(session, account=account, stripe_id=facts.invoice_id)
    tenant_id = kept_for or tenant_of_customer(session, readings, account=account, customer_id=facts.customer_id)
    lock_head(session, tenant_id=tenant_id)
    bill = _known_invoice(session, readings, facts.invoice_id, account=account, ticket=ticket, at=at)
    row = keep_credit_note(session, tenant_id=tenant_id, facts=facts, account=account, ticket=ticket, at=at)
    if row.ticket == ticket:
        row.credit_note_id = row.credit_note_id or _ours(session, bill, facts, at=at)
        session.add(row)
        _name_refund(session, row)
    return tenant_id


def apply_refund(
    session: Session, readings: Readings, reading: RefundReading, *, account: str, ticket: int, at: datetime
) -> str:
    """Keep a refund beside the invoice whose payment it gives back. Raises Unread and NotOurs."""
    if not reading.invoice_id:
        raise NotOurs("The refund gives back a payment of no invoice.")
    bill = _known_invoice(session, readings, reading.invoice_id, account=account, ticket=ticket, at=at)
    lock_head(session, tenant_id=bill.tenant_id)
    _keep_refund(session, bill, reading.refund, at=at)
    _add_up(session, bill)
    return bill.tenant_id


def apply_payment(
    session: Session, readings: Readings, reading: PaymentReading, *, account: str, ticket: int, at: datetime
) -> str:
    """Keep what was given back of a payment, and whether it is disputed. Raises Unread and NotOurs."""
    if not reading.invoice_id:
        raise NotOurs("The payment paid no invoice.")
    bill = _known_invoice(session, readings, reading.invoice_id, account=account, ticket=ticket, at=at)
    lock_head(session, tenant_id=bill.tenant_id)
    for refund in reading.refunds:
        _keep_refund(session, bill, refund, at=at)
    bill.is_disputed = reading.charge.is_disputed
    _add_up(session, bill)
    return bill.tenant_id


def _known_invoice(
    session: Session, readings: Readings, stripe_id: str, *, account: str, ticket: int, at: datetime
) -> StripeInvoice:
    statement = select(StripeInvoice).where(StripeInvoice.account == account, StripeInvoice.stripe_id == stripe_id)
    known = session.exec(statement).first()
    if known is None:
        facts: InvoiceFacts = readings.of(SubjectKind.INVOICE, stripe_id)
        invoices.apply_invoice(session, readings, facts, account=account, ticket=ticket, at=at)
        known = session.exec(statement).one()
    return known


def _ours(session: Session, bill: StripeInvoice, facts: CreditNoteFacts, *, at: datetime) -> str | None:
    """Our credit note for one at Stripe; None where there can be none, which reconciliation then names."""
    marked = session.get(CreditNote, (bill.tenant_id, facts.metadata.get(marks.CREDIT_NOTE, "")))
    if marked is not None:
        return marked.id
    if facts.status == VOID or bill.invoice_id is None:
        return None
    try:
        issued = issue_credit_note(
            session,
            tenant_id=bill.tenant_id,
            invoice_id=bill.invoice_id,
            amount_minor=facts.total_minor,
            reason=facts.memo or f"Credit note {facts.number} made at the payment provider",
            note_id=f"cn_{digest(facts.id)[:26]}",
            at=at,
        )
    except (Conflict, Unprocessable):
        return None
    settle_invoice(session, tenant_id=bill.tenant_id, invoice_id=bill.invoice_id, at=at)
    return issued.note.id


def _keep_refund(session: Session, bill: StripeInvoice, facts: RefundFacts, *, at: datetime) -> None:
    if bill.invoice_id is None:
        return
    statement = select(Refund).where(
        Refund.tenant_id == bill.tenant_id, Refund.account == bill.account, Refund.stripe_id == facts.id
    )
    status = _STATUS.get(facts.status, RefundStatus.PENDING)
    row = session.exec(statement).first() or Refund(
        tenant_id=bill.tenant_id,
        id=f"ref_{digest(facts.id)[:26]}",
        invoice_id=bill.invoice_id,
        account=bill.account,
        status=status,
        stripe_id=facts.id,
        stripe_invoice_id=bill.stripe_id,
        amount_minor=facts.amount_minor,
        currency=facts.currency,
        reason=facts.reason or "Given back at the payment provider",
        created_at=facts.created_at,
    )
    row.status, row.error = status, facts.error
    row.credit_note_id = row.credit_note_id or _note_behind(session, row)
    if row.status != RefundStatus.PENDING and row.settled_at is None:
        row.settled_at = at
    session.add(row)
    session.flush()


def _note_behind(session: Session, refund: Refund) -> str | None:
    """The credit note whose money a refund gives back, where it is known already."""
    statement = select(StripeCreditNote.credit_note_id).where(
        StripeCreditNote.tenant_id == refund.tenant_id,
        StripeCreditNote.account == refund.account,
        StripeCreditNote.refund_id == refund.stripe_id,
    )
    return session.exec(statement).first()


def _name_refund(session: Session, note: StripeCreditNote) -> None:
    """Say of a refund that is known already which credit note's money it gives back."""
    if note.refund_id is None or note.credit_note_id is None:
        return
    statement = select(Refund).where(
        Refund.tenant_id == note.tenant_id, Refund.account == note.account, Refund.stripe_id == note.refund_id
    )
    for refund in session.exec(statement):
        refund.credit_note_id = note.credit_note_id
        session.add(refund)
    session.flush()


def _add_up(session: Session, bill: StripeInvoice) -> None:
    statement = select(Refund).where(
        Refund.tenant_id == bill.tenant_id, Refund.account == bill.account, Refund.stripe_invoice_id == bill.stripe_id
    )
    given = [row.amount_minor for row in session.exec(statement) if row.status == RefundStatus.SUCCEEDED]
    bill.refunded_minor = sum(given)
    session.add(bill)
    session.flush()
