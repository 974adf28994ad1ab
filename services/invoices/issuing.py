"""Issue invoices: their lines and taxes, their numbers, their receipts, and the notices that tell of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from models import BillingReason, Invoice, InvoiceLine, InvoiceStatus, Subscription, TenantHead
from services.bulk_rows import insert_final, written_together
from services.closing.period_parts import RatedPart
from services.identifiers import new_id
from services.invoices.finding import InvoiceDocument, settle
from services.invoices.lines import Line
from services.invoices.notices import announce_issues
from services.invoices.receipts import write_invoice_receipt
from services.invoices.taxes import stored_taxes, taxes_of
from services.parties.of_invoices import commit_to_parties, read_parties
from services.rules import money
from services.rules.periods import Period
from services.tenants import read_tenant
from services.usage.ranges import UsageRange


@dataclass(frozen=True, slots=True)
class Order:
    """What an invoice is made of. `usage` is what its whole period used, `parts` are its parts with their plan
    versions, where the plan changed within it. `head` is locked by whoever orders it, so numbers have no gaps.
    """

    head: TenantHead
    subscription: Subscription
    reason: BillingReason
    period: Period
    lines: Sequence[Line]
    currency: str
    usage: UsageRange | None = None
    parts: Sequence[RatedPart] = ()


def issue_invoice(session: Session, order: Order, *, at: datetime) -> Invoice:
    """Store a final invoice under the tenant's next number, with its receipt.

    With nothing to pay it is paid at once.
    """
    return issue_invoices(session, [order], at=at)[0]


def issue_invoices(session: Session, orders: Sequence[Order], *, at: datetime) -> list[Invoice]:
    """The same for several, no two of one tenant: what is written of them is written together."""
    assert len({order.head.tenant_id for order in orders}) == len(orders)
    if not orders:
        return []
    drafts = [_draft(session, order, at) for order in orders]
    committed = [commit_to_parties(draft.invoice) for draft in drafts]
    session.add_all(draft.invoice for draft in drafts)
    numbers = [_next_number(order.head) for order in orders]
    session.flush()
    insert_final(session, [line for draft in drafts for line in draft.lines])
    insert_final(session, [tax for draft in drafts for tax in draft.taxes])
    with written_together(session):
        receipts = [
            write_invoice_receipt(
                session,
                invoice=draft.invoice,
                number=number,
                parties=parties,
                lines=order.lines,
                taxes=draft.taxes,
                usage=order.usage,
                parts=order.parts,
                at=at,
            )
            for order, draft, number, parties in zip(orders, drafts, numbers, committed, strict=True)
        ]
    invoices = [draft.invoice for draft in drafts]
    for invoice, number, receipt in zip(invoices, numbers, receipts, strict=True):
        invoice.number, invoice.status = number, InvoiceStatus.OPEN
        invoice.receipt_seq, invoice.receipt_hash = receipt.seq, receipt.hash
    session.flush()
    announce_issues(session, invoices=invoices, at=at)
    for invoice in invoices:
        if invoice.total_minor == 0:
            settle(session, invoice=invoice, reference=None, at=at)
    return invoices


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


def _draft(session: Session, order: Order, at: datetime) -> InvoiceDocument:
    return draft_invoice(
        session,
        subscription=order.subscription,
        reason=order.reason,
        period=order.period,
        lines=order.lines,
        currency=order.currency,
        at=at,
    )


def _next_number(head: TenantHead) -> int:
    head.last_invoice_number += 1
    return head.last_invoice_number


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
