"""Invoices in words: the list with what is outstanding, and the bill as it runs."""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlmodel import Session, col, select

from models import Invoice, Tenant, TenantHead
from services import wording
from services.closing.close import preview_invoice
from services.closing.period_ends import rests_by
from services.errors import NotFound
from services.invoices.credit_notes import open_amounts
from services.invoices.line_views import LineView, line_views
from services.invoices.numbers import invoice_number
from services.standing import is_late
from services.subscriptions.finding import list_subscriptions, read_subscription
from services.subscriptions.picker import name_of
from services.taxes.views import TaxView, tax_views
from services.tenants import read_tenant

INVOICES_SHOWN = 25
STATUS_WORDS = {
    "draft": "Draft",
    "open": "Open",
    "past_due": "Past due",
    "paid": "Paid",
    "void": "Void",
    "uncollectible": "Uncollectible",
}


@dataclass(frozen=True)
class InvoiceRow:
    """One invoice in the list. `status` is the code, past_due where it is open and late.

    `subscription` is what the one it is for is called, "" where the customer has never had another.
    """

    id: str
    number: str
    period: str
    issued: str
    due: str
    amount: str
    status: str
    status_word: str
    subscription: str = ""


@dataclass(frozen=True)
class PreviewView:
    """What the running period would be billed as it stands. Not an invoice: it has no number and nothing is owed."""

    is_shown: bool = False
    period: str = ""
    invoiced_on: str = ""
    subtotal: str = ""
    taxes: tuple[TaxView, ...] = ()
    total: str = ""
    lines: tuple[LineView, ...] = ()


@dataclass(frozen=True)
class InvoiceListView:
    """One page of invoices, newest first. `newer` and `older` are the cursors of the pages beside it, 0 for none."""

    has_subscription: bool = False
    rows: tuple[InvoiceRow, ...] = ()
    shown: str = ""
    newer: int = 0
    older: int = 0
    outstanding: str = ""
    outstanding_hint: str = ""
    late: str = ""
    preview: PreviewView = PreviewView()


EMPTY_INVOICES = InvoiceListView()


def read_invoice_list(
    session: Session, *, tenant_id: str, at: datetime, cursor: int = 0, subscription_id: str | None = None
) -> InvoiceListView:
    """The invoices numbered below `cursor`, the newest where it is 0, with the running bill of one subscription.

    Numbers have no gaps, so the count and the pages beside this one follow from them. Raises NotFound for an
    unknown customer.
    """
    tenant = read_tenant(session, tenant_id=tenant_id)
    newest = session.get_one(TenantHead, tenant_id).last_invoice_number
    end = cursor if 0 < cursor <= newest else newest + 1
    statement = (
        select(Invoice)
        .where(Invoice.tenant_id == tenant_id, col(Invoice.number) < end)
        .order_by(col(Invoice.number).desc())
        .limit(INVOICES_SHOWN)
    )
    found = session.exec(statement).all()
    first, last = newest - end + 2, (found[-1].number or 0) if found else 0
    outstanding, hint, late = _outstanding(session, tenant, at)
    names = names_of_subscriptions(session, tenant_id)
    rows = [_row(invoice, tenant.timezone, at) for invoice in found]
    if len(names) > 1:
        rows = [
            replace(row, subscription=names[invoice.subscription_id]) for row, invoice in zip(rows, found, strict=True)
        ]
    return InvoiceListView(
        has_subscription=bool(names),
        rows=tuple(rows),
        shown=f"{first:,}–{first + len(found) - 1:,} of {newest:,}" if found else "",
        newer=min(end + INVOICES_SHOWN, newest + 1) if end <= newest else 0,
        older=last if last > 1 else 0,
        outstanding=outstanding,
        outstanding_hint=hint,
        late=late,
        preview=_preview(session, tenant, subscription_id, at),
    )


def status_of(invoice: Invoice, at: datetime) -> str:
    """Its status as people read it: an open one may be past due."""
    return "past_due" if is_late(invoice, at) else invoice.status.value


def _row(invoice: Invoice, timezone: str, at: datetime) -> InvoiceRow:
    status = status_of(invoice, at)
    return InvoiceRow(
        id=invoice.id,
        number=invoice_number(invoice) or "Draft",
        period=wording.span(invoice.period_start, invoice.period_end, timezone),
        issued=wording.moment_day(invoice.issued_at, timezone),
        due=wording.moment_day(invoice.due_at, timezone),
        amount=wording.amount(invoice.total_minor, invoice.currency),
        status=status,
        status_word=STATUS_WORDS[status],
    )


def _outstanding(session: Session, tenant: Tenant, at: datetime) -> tuple[str, str, str]:
    """What is still to be paid in all, how many invoices that is, and how much of it is late ("" for none)."""
    sums = open_amounts(session, tenant_ids=[tenant.id], late_at=at).get(tenant.id, {})
    count = sum(each[0] for each in sums.values())
    total_minor = sum(each[1] for each in sums.values())
    late = f"{wording.amount(sums[True][1], tenant.currency)} past due" if True in sums else ""
    hint = f"on {count:,} open invoice{'' if count == 1 else 's'}" if count else "Everything is paid"
    return wording.amount(total_minor, tenant.currency), hint, late


def names_of_subscriptions(session: Session, tenant_id: str) -> dict[str, str]:
    """What each of the customer's subscriptions is called, by its id."""
    return {each.id: name_of(each) for each in list_subscriptions(session, tenant_id=tenant_id)}


def _preview(session: Session, tenant: Tenant, subscription_id: str | None, at: datetime) -> PreviewView:
    try:
        subscription = read_subscription(session, tenant_id=tenant.id, subscription_id=subscription_id)
    except NotFound:
        return PreviewView()
    if subscription.canceled_at is not None or rests_by(subscription, subscription.current_period_start):
        return PreviewView()
    document = preview_invoice(session, tenant_id=tenant.id, subscription_id=subscription.id, at=at)
    invoice = document.invoice
    return PreviewView(
        is_shown=True,
        period=wording.span(invoice.period_start, invoice.period_end, tenant.timezone),
        invoiced_on=wording.moment_day(invoice.period_end, tenant.timezone),
        subtotal=wording.amount(invoice.subtotal_minor, invoice.currency),
        taxes=tax_views(document.taxes, invoice.currency),
        total=wording.amount(invoice.total_minor, invoice.currency),
        lines=line_views(session, lines=document.lines, currency=invoice.currency, timezone=tenant.timezone),
    )
