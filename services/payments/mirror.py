"""Invoices and credit notes as Stripe has them, kept beside ours."""

from datetime import datetime
from typing import Any

from sqlmodel import Session, select

from models import StripeCreditNote, StripeInvoice, StripeInvoicePart
from services.gateways.stripe.facts import CreditNoteFacts, InvoiceFacts
from services.payments.inbox import handle_returns_again

PAID, OPEN, DRAFT, VOID, UNCOLLECTIBLE = "paid", "open", "draft", "void", "uncollectible"
CYCLE = "subscription_cycle"
_ERROR_MAX = 300


def keep_invoice(
    session: Session, *, tenant_id: str, facts: InvoiceFacts, account: str, ticket: int, at: datetime
) -> StripeInvoice:
    """Keep what was read of an invoice, unless a later reading is here already. The caller holds the tenant's lock."""
    row = session.get(StripeInvoice, (tenant_id, account, facts.id), populate_existing=True)
    if row is not None and row.ticket > ticket:
        return row
    values = _values(facts, ticket=ticket, at=at)
    if row is None:
        row = StripeInvoice(tenant_id=tenant_id, account=account, stripe_id=facts.id, **values)
    for name, value in values.items():
        setattr(row, name, value)
    session.add(row)
    session.flush()
    return row


def keep_credit_note(
    session: Session, *, tenant_id: str, facts: CreditNoteFacts, account: str, ticket: int, at: datetime
) -> StripeCreditNote:
    """Keep what was read of a credit note, unless a later reading is here already."""
    row = session.get(StripeCreditNote, (tenant_id, account, facts.id), populate_existing=True)
    if row is not None and row.ticket > ticket:
        return row
    row = row or StripeCreditNote(
        tenant_id=tenant_id,
        account=account,
        stripe_id=facts.id,
        stripe_invoice_id=facts.invoice_id,
        status=facts.status,
        total_minor=facts.total_minor,
        read_at=at,
    )
    row.status, row.total_minor, row.ticket, row.read_at = facts.status, facts.total_minor, ticket, at
    row.refund_id = facts.refund_ids[0] if facts.refund_ids else None
    session.add(row)
    session.flush()
    return row


def owner_of(session: Session, *, account: str, stripe_id: str) -> str | None:
    """Whose an invoice at Stripe is that is kept already, even where its customer was deleted and made anew since."""
    statement = select(StripeInvoice.tenant_id).where(
        StripeInvoice.account == account, StripeInvoice.stripe_id == stripe_id
    )
    return session.exec(statement).first()


def part_of(session: Session, *, tenant_id: str, invoice_id: str, part: StripeInvoicePart) -> StripeInvoice | None:
    """The invoice at Stripe that carries a part of ours."""
    statement = select(StripeInvoice).where(
        StripeInvoice.tenant_id == tenant_id, StripeInvoice.invoice_id == invoice_id, StripeInvoice.part == part
    )
    return session.exec(statement).first()


def parts_of(session: Session, *, tenant_id: str, invoice_id: str) -> list[StripeInvoice]:
    """All invoices at Stripe that carry ours, the one with the base fee first."""
    statement = select(StripeInvoice).where(
        StripeInvoice.tenant_id == tenant_id, StripeInvoice.invoice_id == invoice_id
    )
    return sorted(session.exec(statement), key=lambda row: (row.part == StripeInvoicePart.REST, row.stripe_id))


def carry(session: Session, row: StripeInvoice, *, invoice_id: str, part: StripeInvoicePart) -> None:
    """Note which part of our invoice one at Stripe carries. What was given back of it before is then seen to again."""
    is_new = row.invoice_id is None
    row.invoice_id, row.part = invoice_id, part
    session.add(row)
    session.flush()
    if is_new and row.status != DRAFT:
        handle_returns_again(session, tenant_id=row.tenant_id, since=row.created_at)


def _values(facts: InvoiceFacts, *, ticket: int, at: datetime) -> dict[str, Any]:
    return {
        "stripe_subscription_id": facts.subscription_id,
        "billing_reason": facts.billing_reason,
        "renews_at": _renews_at(facts),
        "status": facts.status,
        "number": facts.number,
        "currency": facts.currency,
        "total_minor": facts.total_minor,
        "tax_minor": facts.tax_minor,
        "fee_minor": _fee(facts),
        "fee_off_minor": sum(line.discount_minor for line in facts.lines if line.is_subscription_item),
        "due_minor": facts.due_minor,
        "paid_minor": facts.paid_minor,
        "remaining_minor": facts.remaining_minor,
        "credited_minor": facts.credited_minor,
        "collection_method": facts.collection_method,
        "payment_attempts": facts.attempts,
        "next_payment_attempt_at": facts.next_attempt_at,
        "payment_error": _payment_error(facts),
        "payment_id": _payment_id(facts),
        "hosted_url": facts.hosted_url,
        "pdf_url": facts.pdf_url,
        "created_at": facts.created_at,
        "paid_at": facts.paid_at,
        "ticket": ticket,
        "read_at": at,
    }


def _renews_at(facts: InvoiceFacts) -> datetime | None:
    """When the period of the base fee begins, where it brings one."""
    return min((line.period_start for line in facts.lines if line.is_subscription_item), default=None)


def _fee(facts: InvoiceFacts) -> int | None:
    """The base fee it brings, before promotions."""
    fees = [line.amount_minor for line in facts.lines if line.is_subscription_item]
    return sum(fees) if fees else None


def _payment_error(facts: InvoiceFacts) -> str | None:
    if facts.status == PAID:
        return None
    return next((each.error[:_ERROR_MAX] for each in reversed(facts.payments) if each.error), None)


def _payment_id(facts: InvoiceFacts) -> str | None:
    paid = [each.id for each in facts.payments if each.status == PAID]
    return paid[-1] if paid else next((each.id for each in reversed(facts.payments)), None)
