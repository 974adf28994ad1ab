"""Comparing, for every invoice: what its events come to, our invoice, Stripe's, and what was paid."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session, col, select

from models import (
    Collection,
    CreditNote,
    Invoice,
    InvoiceCheck,
    InvoiceStatus,
    Refund,
    RefundStatus,
    StripeCall,
    StripeCallStatus,
    StripeCreditNote,
    StripeInvoice,
    Subscription,
)
from services import wording
from services.invoices.finding import InvoiceDocument, read_invoice
from services.payments.mirror import PAID, VOID, parts_of
from services.payments.parts import amount_of_part
from services.payments.renewals import awaited_from, is_to_meet
from services.payments.usage_agreement import Difference, differs, usage_differences

GIVEN_TIME: Final = timedelta(hours=2)
"""How long an invoice may be on its way before it counts as missing at Stripe."""

COMPARED_AGAIN_FOR: Final = timedelta(days=40)
"""How long after it was issued an invoice is compared anew each day: refunds and disputes come late."""


def check_invoice(session: Session, *, tenant_id: str, invoice_id: str, at: datetime) -> InvoiceCheck:
    """Compare one invoice and keep what was found. Stripe's side is as it was last read. Raises NotFound."""
    document = read_invoice(session, tenant_id=tenant_id, invoice_id=invoice_id)
    found = find_differences(session, document=document, at=at)
    row = session.get(InvoiceCheck, (tenant_id, invoice_id))
    worded = [{"code": each.code, "detail": each.detail} for each in found]
    if row is None:
        row = InvoiceCheck(
            tenant_id=tenant_id, invoice_id=invoice_id, checked_at=at, difference_count=0, differences=[]
        )
    row.checked_at, row.difference_count, row.differences = at, len(worded), worded
    session.add(row)
    session.flush()
    return row


def find_differences(session: Session, *, document: InvoiceDocument, at: datetime) -> list[Difference]:
    """Everything about an invoice that does not agree, in the order events → invoice → Stripe → payment."""
    invoice = document.invoice
    parts = parts_of(session, tenant_id=invoice.tenant_id, invoice_id=invoice.id)
    return [
        *usage_differences(session, document),
        *_lines(document),
        *_at_stripe(session, document, parts, at),
        *_payment(document, parts),
        *_given_back(session, invoice, parts),
    ]


def list_final(session: Session, *, tenant_id: str | None = None) -> list[tuple[str, str]]:
    """(tenant, invoice) of every invoice that has its number, the oldest first; of one tenant where it is named."""
    statement = select(Invoice.tenant_id, Invoice.id).where(col(Invoice.number).is_not(None))
    if tenant_id is not None:
        statement = statement.where(Invoice.tenant_id == tenant_id)
    rows = session.exec(statement.order_by(col(Invoice.issued_at), Invoice.tenant_id, col(Invoice.number)))
    return [(owner, invoice_id) for owner, invoice_id in rows]


def list_unsettled(session: Session, *, at: datetime) -> list[tuple[str, str]]:
    """(tenant, invoice) of those that a regular comparison looks at: new ones, open ones, and what differed last."""
    never = (col(InvoiceCheck.invoice_id).is_(None)) | (col(InvoiceCheck.difference_count) > 0)
    is_young = (col(Invoice.issued_at) > at - COMPARED_AGAIN_FOR) | (Invoice.status == InvoiceStatus.OPEN)
    statement = (
        select(Invoice.tenant_id, Invoice.id)
        .join(
            InvoiceCheck,
            (col(InvoiceCheck.tenant_id) == Invoice.tenant_id) & (col(InvoiceCheck.invoice_id) == Invoice.id),
            isouter=True,
        )
        .where(col(Invoice.number).is_not(None), never | is_young)
        .order_by(col(Invoice.issued_at), Invoice.tenant_id, col(Invoice.number))
    )
    return [(owner, invoice_id) for owner, invoice_id in session.exec(statement)]


def unknown_at_stripe(session: Session, *, account: str, at: datetime) -> list[StripeInvoice]:
    """Invoices of our customers at Stripe that carry none of ours, and will not any more.

    Stripe's calendar may be a day ahead of ours: a renewal whose period is still to be closed here is none of them.
    """
    statement = (
        select(StripeInvoice)
        .where(
            StripeInvoice.account == account,
            col(StripeInvoice.invoice_id).is_(None),
            StripeInvoice.status != VOID,
            StripeInvoice.total_minor != 0,
            StripeInvoice.created_at < at - GIVEN_TIME,
        )
        .order_by(col(StripeInvoice.created_at), StripeInvoice.stripe_id)
    )
    return [row for row in session.exec(statement) if not is_to_meet(session, row, at=at - GIVEN_TIME)]


def _lines(document: InvoiceDocument) -> Iterator[Difference]:
    invoice = document.invoice
    summed = sum(line.amount_minor for line in document.lines)
    stated, found = (wording.amount(minor, invoice.currency) for minor in (invoice.subtotal_minor, summed))
    yield from differs("lines_differ", "Sum of the lines", stated, found)


def _at_stripe(
    session: Session, document: InvoiceDocument, parts: Sequence[StripeInvoice], at: datetime
) -> Iterator[Difference]:
    invoice = document.invoice
    held = _held_call(session, invoice)
    if held is not None:
        yield Difference("call_held", f"A call to Stripe is held: {held}")
    if not parts:
        if _should_be_there(session, invoice, at):
            yield Difference("missing_at_stripe", "Stripe has no invoice for this one; nothing is collected for it.")
        return
    for part in parts:
        if part.status == VOID and invoice.status != InvoiceStatus.VOID:
            yield Difference("void_at_stripe", f"{part.stripe_id} was voided at Stripe; ours is {invoice.status}.")
        due = amount_of_part(document, part.part, parts)
        expected = wording.amount(due, invoice.currency)
        is_late = at > max(invoice.issued_at, part.created_at) + GIVEN_TIME
        if part.status != "draft" or is_late:
            found = wording.amount(part.total_minor, part.currency)
            yield from differs("stripe_total_differs", f"Total of {part.stripe_id}", expected, found)
        if part.status == "draft" and is_late:
            yield Difference("not_finalized", f"{part.stripe_id} is still a draft at Stripe.")


def _payment(document: InvoiceDocument, parts: Sequence[StripeInvoice]) -> Iterator[Difference]:
    invoice = document.invoice
    if not parts:
        return
    all_paid = all(part.status == PAID for part in parts)
    if invoice.status == InvoiceStatus.PAID and not all_paid:
        unpaid = ", ".join(f"{part.stripe_id} is {part.status}" for part in parts if part.status != PAID)
        yield Difference("paid_here_only", f"Ours is paid; at Stripe {unpaid}.")
    is_taken_back = invoice.status == InvoiceStatus.VOID and not any(part.paid_minor for part in parts)
    if all_paid and invoice.status != InvoiceStatus.PAID and not is_taken_back:
        yield Difference("paid_there_only", f"Stripe has been paid; ours is {invoice.status}.")
    for part in parts:
        missing_minor = part.due_minor - part.paid_minor - part.credited_minor
        if part.status == PAID and missing_minor > 0:
            missing = wording.amount(missing_minor, part.currency)
            yield Difference("payment_differs", f"{part.stripe_id} counts as paid, but {missing} of it was not.")
        if part.paid_minor > part.due_minor:
            extra = wording.amount(part.paid_minor - part.due_minor, part.currency)
            yield Difference("payment_differs", f"{extra} too much was paid for {part.stripe_id}.")
        if part.is_disputed:
            yield Difference("disputed", f"The payment of {part.stripe_id} is disputed.")


def _given_back(session: Session, invoice: Invoice, parts: Sequence[StripeInvoice]) -> Iterator[Difference]:
    if not parts:
        return
    ours = -_total(
        session.exec(
            select(CreditNote.total_minor).where(
                CreditNote.tenant_id == invoice.tenant_id,
                CreditNote.invoice_id == invoice.id,
                CreditNote.total_minor < 0,
            )
        ).all()
    )
    theirs = sum(_taken_back(session, part) for part in parts)
    is_void_there_only = invoice.status != InvoiceStatus.VOID and any(part.status == VOID for part in parts)
    if not is_void_there_only:  # which is named already
        worded = (wording.amount(minor, invoice.currency) for minor in (ours, theirs))
        yield from differs("credit_differs", "Credit notes", *worded)
    refunded = _total(
        session.exec(
            select(Refund.amount_minor).where(
                Refund.tenant_id == invoice.tenant_id,
                Refund.invoice_id == invoice.id,
                Refund.status == RefundStatus.SUCCEEDED,
            )
        ).all()
    )
    if refunded > ours:
        back, credited = (wording.amount(minor, invoice.currency) for minor in (refunded, ours))
        yield Difference("refund_differs", f"{back} was refunded, but credit notes come to {credited}.")


def _taken_back(session: Session, part: StripeInvoice) -> int:
    """What Stripe takes back of an invoice: its credit notes, heard of or not, or all of it where it is void."""
    if part.status == VOID:
        return part.total_minor
    notes = select(StripeCreditNote.total_minor).where(
        StripeCreditNote.tenant_id == part.tenant_id,
        StripeCreditNote.stripe_invoice_id == part.stripe_id,
        StripeCreditNote.status != VOID,
    )
    return max(_total(session.exec(notes).all()), part.credited_minor)


def _held_call(session: Session, invoice: Invoice) -> str | None:
    statement = select(StripeCall.error).where(
        StripeCall.tenant_id == invoice.tenant_id,
        StripeCall.subject == invoice.id,
        StripeCall.status == StripeCallStatus.HELD,
    )
    return session.exec(statement).first()


def _should_be_there(session: Session, invoice: Invoice, at: datetime) -> bool:
    subscription = session.get_one(Subscription, (invoice.tenant_id, invoice.subscription_id))
    is_due = invoice.status == InvoiceStatus.OPEN and at > awaited_from(session, invoice) + GIVEN_TIME
    return subscription.collection == Collection.AUTOMATIC and is_due


def _total(amounts: Sequence[int]) -> int:
    return sum(amounts)
