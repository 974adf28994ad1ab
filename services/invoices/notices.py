"""What notices tell of invoices and credit notes, put together in one place."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session

from models import CreditNote, Dunning, Invoice, InvoiceStatus, NoticeType, StripeInvoice
from services.invoices.credit_notes import amount_left, note_number
from services.invoices.numbers import invoice_number
from services.notice_shapes import CreditNoteData, InvoiceData, PaymentFailedData, PaymentReminderData
from services.notice_values import NoticeAmount
from services.notices import News, announce, announce_new
from services.price_books.plans import Plan

_OWED = (InvoiceStatus.OPEN, InvoiceStatus.UNCOLLECTIBLE)


def announce_invoice(session: Session, *, invoice: Invoice, type: NoticeType, at: datetime) -> None:
    """Tell what became of an invoice, once a type."""
    data = InvoiceData(**_facts(invoice, _due_minor(session, invoice)))
    announce(session, tenant_id=invoice.tenant_id, type=type, subject_id=invoice.id, data=data, at=at)


def announce_issues(session: Session, *, invoices: Sequence[Invoice], at: datetime) -> None:
    """Tell of invoices that were made in this transaction, no two of one tenant: all of each is due, for nothing has
    been credited yet.
    """
    finalized = NoticeType.INVOICE_FINALIZED
    news = [
        News(each.tenant_id, finalized, each.id, InvoiceData(**_facts(each, max(0, each.total_minor))))
        for each in invoices
    ]
    announce_new(session, news, at=at)


def announce_failed_payment(session: Session, *, invoice: Invoice, part: StripeInvoice, at: datetime) -> None:
    """Tell that a payment failed, once an attempt. `part` is what carries the invoice at the provider."""
    data = PaymentFailedData(
        **_facts(invoice, _due_minor(session, invoice)),
        attempt=part.payment_attempts,
        reason=part.payment_error,
        next_attempt_at=part.next_payment_attempt_at,
    )
    announce(
        session,
        tenant_id=invoice.tenant_id,
        type=NoticeType.INVOICE_PAYMENT_FAILED,
        subject_id=invoice.id,
        occurrence=f"{part.stripe_id}:{part.payment_attempts}",
        data=data,
        at=at,
    )


def announce_reminder(
    session: Session, *, dunning: Dunning, day: int, suspends_at: datetime, moves_to: Plan | None = None, at: datetime
) -> None:
    """Remind of an invoice whose payment failed, once for each of the days.

    `moves_to` is the plan without a fee that follows, None for a suspension.
    """
    invoice = session.get_one(Invoice, (dunning.tenant_id, dunning.invoice_id))
    data = PaymentReminderData(
        **_facts(invoice, _due_minor(session, invoice)),
        day=day,
        failed_at=dunning.failed_at,
        suspends_at=suspends_at,
        moves_to_plan_code=None if moves_to is None else moves_to.qualified_code,
    )
    announce(
        session,
        tenant_id=invoice.tenant_id,
        type=NoticeType.INVOICE_PAYMENT_REMINDER,
        subject_id=invoice.id,
        occurrence=str(day),
        data=data,
        at=at,
    )


def announce_credit_note(session: Session, *, note: CreditNote, invoice: Invoice, at: datetime) -> None:
    """Tell that something was taken back of an invoice."""
    data = CreditNoteData(
        credit_note_id=note.id,
        number=note_number(note),
        invoice_id=invoice.id,
        invoice_number=invoice_number(invoice) or "",
        reason=note.reason,
        total=NoticeAmount.of(note.total_minor, note.currency),
        amount_due=NoticeAmount.of(_due_minor(session, invoice), invoice.currency),
        issued_at=note.issued_at,
    )
    announce(
        session,
        tenant_id=note.tenant_id,
        type=NoticeType.CREDIT_NOTE_ISSUED,
        subject_id=note.id,
        data=data,
        at=at,
    )


def _facts(invoice: Invoice, due_minor: int) -> dict[str, Any]:
    number = invoice_number(invoice)
    assert number is not None, "nothing is told of a draft"
    currency = invoice.currency
    return {
        "invoice_id": invoice.id,
        "number": number,
        "subscription_id": invoice.subscription_id,
        "status": invoice.status.value,
        "billing_reason": invoice.billing_reason.value,
        "period_start": invoice.period_start,
        "period_end": invoice.period_end,
        "subtotal": NoticeAmount.of(invoice.subtotal_minor, currency),
        "tax": NoticeAmount.of(invoice.tax_minor, currency),
        "total": NoticeAmount.of(invoice.total_minor, currency),
        "amount_due": NoticeAmount.of(due_minor, currency),
        "issued_at": invoice.issued_at,
        "due_at": invoice.due_at,
        "paid_at": invoice.paid_at,
    }


def _due_minor(session: Session, invoice: Invoice) -> int:
    return max(0, amount_left(session, invoice=invoice)) if invoice.status in _OWED else 0
