"""One invoice in words: its lines with their working, how it is paid, and what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from models import Invoice
from models.base import ID_MAX
from services import wording
from services.errors import NotFound
from services.invoices.finding import read_invoice
from services.invoices.line_facts import Fact
from services.invoices.line_views import LineView, line_views
from services.invoices.numbers import invoice_number
from services.invoices.receipt_views import CoveredView, NoteView, covered_views, note_views, total_after
from services.invoices.views import STATUS_WORDS, names_of_subscriptions, status_of
from services.parties.views import NO_PARTY, PartyView, party_view
from services.taxes.views import TaxView, tax_views
from services.tenants import read_tenant


@dataclass(frozen=True)
class TimelineStep:
    """One point in an invoice's life. `state` is done, next or late."""

    name: str
    when: str
    state: str


@dataclass(frozen=True)
class InvoiceDetailView:
    """One invoice with everything it was worked out from. `receipt` is the number of the receipt that attests it."""

    id: str = ""
    number: str = ""
    title: str = ""
    period: str = ""
    status: str = ""
    status_word: str = ""
    bill_to: PartyView = NO_PARTY
    bill_to_id: str = ""
    remit_to: PartyView = NO_PARTY
    purchase_order: str = ""
    due: str = ""
    currency: str = ""
    lines: tuple[LineView, ...] = ()
    subtotal: str = ""
    taxes: tuple[TaxView, ...] = ()
    total: str = ""
    timeline: tuple[TimelineStep, ...] = ()
    facts: tuple[Fact, ...] = ()
    receipt: str = ""
    receipt_worded: str = ""
    covered: tuple[CoveredView, ...] = ()
    credit_notes: tuple[NoteView, ...] = ()
    after_notes: str = ""


EMPTY_INVOICE = InvoiceDetailView()


def read_invoice_detail(session: Session, *, tenant_id: str, invoice_id: str, at: datetime) -> InvoiceDetailView:
    """One invoice, line by line. Raises NotFound, also where it is another customer's."""
    tenant = read_tenant(session, tenant_id=tenant_id)
    if len(invoice_id) > ID_MAX or not invoice_id.isprintable():
        raise NotFound("There is no such invoice.", field="invoice_id")
    document = read_invoice(session, tenant_id=tenant_id, invoice_id=invoice_id)
    invoice, currency = document.invoice, document.invoice.currency
    status = status_of(invoice, at)
    number = invoice_number(invoice) or "Draft"
    return InvoiceDetailView(
        id=invoice.id,
        number=number,
        title=f"Invoice {number}",
        period=wording.span(invoice.period_start, invoice.period_end, tenant.timezone),
        status=status,
        status_word=STATUS_WORDS[status],
        bill_to=party_view(invoice.parties.get("bill_to", {})),
        bill_to_id=tenant.id,
        remit_to=party_view(invoice.parties.get("remit_to", {})),
        purchase_order=invoice.parties.get("purchase_order", ""),
        due=wording.moment_day(invoice.due_at, tenant.timezone),
        currency=currency,
        lines=line_views(session, lines=document.lines, currency=currency, timezone=tenant.timezone),
        subtotal=wording.amount(invoice.subtotal_minor, currency),
        taxes=tax_views(document.taxes, currency),
        total=wording.amount(invoice.total_minor, currency),
        timeline=_timeline(invoice, status, tenant.timezone),
        facts=_facts(invoice, names_of_subscriptions(session, tenant_id)),
        receipt="" if invoice.receipt_seq is None else str(invoice.receipt_seq),
        receipt_worded="" if invoice.receipt_seq is None else wording.number(invoice.receipt_seq),
        covered=covered_views(session, document),
        credit_notes=note_views(session, invoice=invoice, timezone=tenant.timezone),
        after_notes=total_after(session, invoice=invoice),
    )


def _timeline(invoice: Invoice, status: str, timezone: str) -> tuple[TimelineStep, ...]:
    issued = TimelineStep("Issued", wording.moment(invoice.issued_at, timezone), "done")
    due_on = wording.moment_day(invoice.due_at, timezone)
    if invoice.paid_at is not None:
        paid = TimelineStep("Paid", wording.moment(invoice.paid_at, timezone), "done")
        return issued, paid
    if status == "past_due":
        return issued, TimelineStep("Was due", due_on, "late"), TimelineStep("Payment", "Not received yet", "next")
    if status == "open":
        return issued, TimelineStep("Due", due_on, "next"), TimelineStep("Payment", "Not received yet", "next")
    return issued, TimelineStep(STATUS_WORDS[status], "Nothing is to be paid", "done")


def _facts(invoice: Invoice, names: Mapping[str, str]) -> tuple[Fact, ...]:
    of = (Fact("Subscription", names[invoice.subscription_id]),) if len(names) > 1 else ()
    paid = (Fact("Payment reference", invoice.payment_reference),) if invoice.payment_reference else ()
    return of + paid
