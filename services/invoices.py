"""Issue an invoice, find it again, and note that it was paid."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from models import (
    BillingReason,
    Invoice,
    InvoiceLine,
    InvoiceStatus,
    InvoiceTax,
    NoticeType,
    Subscription,
    TenantHead,
)
from services.bulk_rows import insert_final
from services.credit_notes import amount_left
from services.errors import Conflict, NotFound
from services.identifiers import new_id
from services.invoice_lines import Line
from services.invoice_notices import announce_invoice, announce_issue
from services.invoice_receipts import write_invoice_receipt, write_payment_receipt
from services.invoice_taxes import read_taxes, stored_taxes, taxes_of
from services.parties import commit_to_parties, read_parties
from services.rules import money
from services.rules.money import Money
from services.rules.periods import Period
from services.tenants import lock_head, read_tenant
from services.top_up_lots import settle_purchase
from services.usage_ranges import UsageRange

PAGE_MAX = 200


@dataclass(frozen=True, slots=True)
class InvoiceDocument:
    """An invoice with its lines and its taxes in order. A preview is not stored and has no number."""

    invoice: Invoice
    lines: tuple[InvoiceLine, ...]
    taxes: tuple[InvoiceTax, ...] = ()


def issue_invoice(
    session: Session,
    *,
    head: TenantHead,
    subscription: Subscription,
    reason: BillingReason,
    period: Period,
    lines: Sequence[Line],
    currency: str,
    at: datetime,
    usage: UsageRange | None = None,
    parts: Sequence[tuple[Period, str]] = (),
) -> Invoice:
    """Store a final invoice under the tenant's next number, with its receipt. `usage` is what its whole period used,
    `parts` are its parts with their plan versions, where the plan changed within it.

    `head` is locked by the caller, so numbers have no gaps. With nothing to pay it is paid at once.
    """
    drafted = draft_invoice(
        session, subscription=subscription, reason=reason, period=period, lines=lines, currency=currency, at=at
    )
    invoice, parties = drafted.invoice, commit_to_parties(drafted.invoice)
    head.last_invoice_number += 1
    number = head.last_invoice_number
    session.add(invoice)
    session.flush()
    insert_final(session, drafted.lines)
    insert_final(session, drafted.taxes)
    receipt = write_invoice_receipt(
        session,
        invoice=invoice,
        number=number,
        parties=parties,
        lines=lines,
        taxes=drafted.taxes,
        usage=usage,
        parts=parts,
        at=at,
    )
    invoice.number, invoice.status = number, InvoiceStatus.OPEN
    invoice.receipt_seq, invoice.receipt_hash = receipt.seq, receipt.hash
    session.flush()
    announce_issue(session, invoice=invoice, at=at)
    if invoice.total_minor == 0:
        settle(session, invoice=invoice, reference=None, at=at)
    return invoice


def draft_invoice(
    session: Session,
    *,
    subscription: Subscription,
    reason: BillingReason,
    period: Period,
    lines: Sequence[Line],
    currency: str,
    at: datetime,
) -> InvoiceDocument:
    """The invoice these lines make with their taxes, without a number and not stored."""
    parties = read_parties(session, tenant=read_tenant(session, tenant_id=subscription.tenant_id))
    subtotal_minor = money.total((line.amount for line in lines), currency).amount_minor
    due = taxes_of(session, parties=parties, base_minor=subtotal_minor, at=at)
    tax_minor = sum(tax.amount_minor for tax in due)
    invoice = Invoice(
        tenant_id=subscription.tenant_id,
        id=new_id("inv"),
        subscription_id=subscription.id,
        billing_reason=reason,
        status=InvoiceStatus.DRAFT,
        period_start=period.starts_at,
        period_end=period.ends_at,
        currency=currency,
        subtotal_minor=subtotal_minor,
        tax_minor=tax_minor,
        total_minor=subtotal_minor + tax_minor,
        issued_at=at,
        due_at=at + timedelta(days=parties.payment_days),
        parties=parties.document(),
    )
    stored = tuple(_stored(invoice, n, line) for n, line in enumerate(lines, start=1))
    return InvoiceDocument(invoice, stored, stored_taxes(invoice, due))


def list_invoices(
    session: Session,
    *,
    tenant_id: str,
    limit: int = PAGE_MAX,
    before_number: int | None = None,
    subscription_id: str | None = None,
) -> list[Invoice]:
    """The tenant's invoices, or those of one subscription, newest first; `before_number` is the last one already seen.

    The number tells the order: those of several periods closed at once were issued at the same moment.
    """
    statement = select(Invoice).where(Invoice.tenant_id == tenant_id, col(Invoice.number).is_not(None))
    if before_number is not None:
        statement = statement.where(col(Invoice.number) < before_number)
    if subscription_id is not None:
        statement = statement.where(Invoice.subscription_id == subscription_id)
    return list(session.exec(statement.order_by(col(Invoice.number).desc()).limit(min(limit, PAGE_MAX))))


def read_invoice(session: Session, *, tenant_id: str, invoice_id: str) -> InvoiceDocument:
    """One invoice with its lines and taxes. Raises NotFound, also where it is another tenant's."""
    invoice = session.get(Invoice, (tenant_id, invoice_id))
    if invoice is None:
        raise NotFound("There is no such invoice.", field="invoice_id")
    statement = (
        select(InvoiceLine)
        .where(InvoiceLine.tenant_id == tenant_id, InvoiceLine.invoice_id == invoice_id)
        .order_by(col(InvoiceLine.position))
    )
    taxes = read_taxes(session, tenant_id=tenant_id, invoice_id=invoice_id)
    return InvoiceDocument(invoice, tuple(session.exec(statement)), taxes)


def find_invoice_tenant(session: Session, *, invoice_id: str) -> str:
    """Whose invoice it is, for an operator who names only the invoice. Raises NotFound."""
    tenant_id = session.exec(select(Invoice.tenant_id).where(Invoice.id == invoice_id)).first()
    if tenant_id is None:
        raise NotFound("There is no such invoice.", field="invoice_id")
    return tenant_id


def mark_invoice_paid(
    session: Session, *, tenant_id: str, invoice_id: str, at: datetime, reference: str | None = None
) -> Invoice:
    """Note the payment of what its credit notes leave of an invoice. Marking it again changes nothing.

    One that was given up as uncollectible can be paid after all. Raises NotFound, and Conflict where the invoice is
    void or still a draft.
    """
    lock_head(session, tenant_id=tenant_id)
    invoice = read_invoice(session, tenant_id=tenant_id, invoice_id=invoice_id).invoice
    if invoice.status == InvoiceStatus.PAID:
        return invoice
    if invoice.status not in (InvoiceStatus.OPEN, InvoiceStatus.UNCOLLECTIBLE):
        raise Conflict(f"Only an open invoice can be paid; this one is {invoice.status}.")
    settle(session, invoice=invoice, reference=reference, at=at)
    return invoice


def settle(session: Session, *, invoice: Invoice, reference: str | None, at: datetime) -> None:
    """Note that nothing more is to be paid, with the receipt that says how much was. The caller holds the lock."""
    invoice.status, invoice.paid_at, invoice.payment_reference = InvoiceStatus.PAID, at, reference
    paid = Money(max(0, amount_left(session, invoice=invoice)), invoice.currency)
    write_payment_receipt(session, invoice=invoice, paid=paid, at=at)
    session.add(invoice)
    session.flush()
    announce_invoice(session, invoice=invoice, type=NoticeType.INVOICE_PAID, at=at)
    if invoice.billing_reason == BillingReason.TOP_UP:
        settle_purchase(session, invoice=invoice, at=at)


def _stored(invoice: Invoice, position: int, line: Line) -> InvoiceLine:
    usage = line.usage
    return InvoiceLine(
        tenant_id=invoice.tenant_id,
        invoice_id=invoice.id,
        position=position,
        kind=line.kind,
        description=line.description,
        quantity=line.quantity,
        unit=line.unit,
        amount_minor=line.amount.amount_minor,
        period_start=line.period.starts_at,
        period_end=line.period.ends_at,
        plan_version_id=line.plan_version_id,
        pricing=line.pricing,
        steps=line.steps,
        sources=line.sources,
        first_seq=None if usage is None else usage.first_seq,
        last_seq=None if usage is None else usage.last_seq,
        usage_count=None if usage is None else usage.count,
        usage_root=None if usage is None else usage.root,
    )
