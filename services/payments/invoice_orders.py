"""What the calls about an invoice say to Stripe, and how to see whether they were made already."""

from collections.abc import Callable, Iterable

from sqlmodel import Session

from models import Invoice, InvoiceStatus, StripeCall, StripeInvoice, StripeInvoicePart
from services import wording
from services.errors import ProviderRefused
from services.gateways.stripe import invoices
from services.gateways.stripe.client import Stripe
from services.gateways.stripe.facts import InvoiceFacts
from services.gateways.stripe.invoices import DraftLine
from services.invoices.finding import InvoiceDocument, read_invoice
from services.invoices.numbers import invoice_number
from services.payments import marks
from services.payments.mirror import DRAFT, PAID, VOID, part_of, parts_of
from services.payments.orders import CLOCKS_APART, Order, customer_of, key_of, never
from services.payments.parts import (
    FEE_MARK,
    amount_of_part,
    base_minor,
    carried_base,
    is_sent,
    renewed_lines,
    tax_on_base,
    taxes_to_add,
)
from services.payments.reasons import Held


def hold_draft(session: Session, call: StripeCall) -> Order:
    """Held only while it is a draft: on one that is final the same change would end its collection."""
    stripe_id = call.arguments["stripe_invoice_id"]

    def look(stripe: Stripe) -> InvoiceFacts | None:
        return _when(stripe, stripe_id, lambda facts: facts.status != DRAFT or not facts.auto_advance)

    def make(stripe: Stripe) -> InvoiceFacts:
        return look(stripe) or invoices.hold_draft(stripe, key=key_of(call), invoice_id=stripe_id)

    return make, look


def open_draft(session: Session, call: StripeCall) -> Order:
    invoice, customer_id = _invoice(session, call).invoice, customer_of(session, call)
    number, metadata = str(invoice_number(invoice)), _marks_of(call)

    def look(stripe: Stripe) -> InvoiceFacts | None:
        made = invoices.list_invoices(stripe, customer_id=customer_id, created_from=call.created_at - CLOCKS_APART)
        return next((facts for facts in made if _is_marked(facts, metadata)), None)

    return (
        lambda stripe: invoices.open_draft(
            stripe,
            key=key_of(call),
            customer_id=customer_id,
            currency=invoice.currency.lower(),
            days_until_due=_days_until_due(invoice),
            number=number,
            metadata=metadata,
        ),
        look,
    )


def add_taxes(session: Session, call: StripeCall) -> Order:
    """Put on a draft what is left of our taxes beyond those that Stripe charges itself; it may be nothing."""
    document, row = _invoice(session, call), _stripe_invoice(session, call)
    invoice, stripe_id = document.invoice, row.stripe_id
    parts = parts_of(session, tenant_id=invoice.tenant_id, invoice_id=invoice.id)
    carried_minor = row.tax_minor if row.part == StripeInvoicePart.WHOLE else tax_on_base(parts)
    lines = [
        DraftLine(
            amount_minor=tax.amount_minor,
            description=tax.description,
            period_start=invoice.period_start,
            period_end=invoice.period_end,
            metadata={marks.INVOICE: invoice.id, marks.LINE: tax.mark},
        )
        for tax in taxes_to_add(document, carried_minor=carried_minor)
    ]
    there = {line.metadata[marks.LINE] for line in lines}

    def look(stripe: Stripe) -> InvoiceFacts | None:
        return _when(stripe, stripe_id, lambda facts: carries(facts, invoice.id, there))

    def make(stripe: Stripe) -> InvoiceFacts:
        if not lines:
            return invoices.read_invoice(stripe, invoice_id=stripe_id)
        return invoices.add_lines(stripe, key=key_of(call), invoice_id=stripe_id, lines=lines)

    return make, look


def add_difference(session: Session, call: StripeCall) -> Order:
    """Put right a base fee that Stripe charged by the plan of before, on its draft or on the one with the rest."""
    document, row = _invoice(session, call), _stripe_invoice(session, call)
    invoice, stripe_id = document.invoice, row.stripe_id
    parts = parts_of(session, tenant_id=invoice.tenant_id, invoice_id=invoice.id)
    apart_minor = carried_base(document, parts) if row.part == StripeInvoicePart.REST else None
    term = renewed_lines(document)[0]

    def look(stripe: Stripe) -> InvoiceFacts | None:
        return _when(stripe, stripe_id, lambda facts: carries(facts, invoice.id, [FEE_MARK]))

    def make(stripe: Stripe) -> InvoiceFacts:
        facts = invoices.read_invoice(stripe, invoice_id=stripe_id)
        fees = [line.amount_minor - line.discount_minor for line in facts.lines if line.is_subscription_item]
        line = DraftLine(
            amount_minor=base_minor(document) - (sum(fees) if apart_minor is None else apart_minor),
            description="Difference to the base fee from this day on, after promotions",
            period_start=term.period_start,
            period_end=term.period_end,
            metadata={marks.INVOICE: invoice.id, marks.LINE: FEE_MARK},
        )
        return invoices.add_lines(stripe, key=key_of(call), invoice_id=stripe_id, lines=[line])

    return make, look


def add_lines(session: Session, call: StripeCall) -> Order:
    document, stripe_id = _invoice(session, call), _stripe_invoice(session, call).stripe_id
    wanted = set(call.arguments["lines"])
    lines = [
        DraftLine(
            amount_minor=line.amount_minor,
            description=line.description,
            period_start=line.period_start,
            period_end=line.period_end,
            metadata={marks.INVOICE: document.invoice.id, marks.LINE: str(line.position)},
        )
        for line in document.lines
        if line.position in wanted
    ]

    def look(stripe: Stripe) -> InvoiceFacts | None:
        return _when(stripe, stripe_id, lambda facts: carries(facts, document.invoice.id, wanted))

    return lambda stripe: invoices.add_lines(stripe, key=key_of(call), invoice_id=stripe_id, lines=lines), look


def set_terms(session: Session, call: StripeCall) -> Order:
    invoice, stripe_id = _invoice(session, call).invoice, _stripe_invoice(session, call).stripe_id
    metadata = _marks_of(call)
    return (
        lambda stripe: invoices.set_terms(
            stripe,
            key=key_of(call),
            invoice_id=stripe_id,
            days_until_due=_days_until_due(invoice),
            number=str(invoice_number(invoice)),
            metadata=metadata,
        ),
        lambda stripe: _when(stripe, stripe_id, lambda facts: _is_marked(facts, metadata)),
    )


def finalize(session: Session, call: StripeCall) -> Order:
    """Finalised only where the draft comes to what our part of the invoice does.

    One that was settled here meanwhile is finalised without being collected; how it was settled is told afterwards.
    """
    document, row = _invoice(session, call), _stripe_invoice(session, call)
    parts = parts_of(session, tenant_id=call.tenant_id, invoice_id=document.invoice.id)
    expected = amount_of_part(document, row.part, parts)
    if row.status == DRAFT and row.total_minor != expected:
        ours, theirs = (wording.amount(minor, document.invoice.currency) for minor in (expected, row.total_minor))
        raise Held(f"The draft at Stripe comes to {theirs}, ours to {ours}: it stays a draft until they agree.")
    is_owed = document.invoice.status == InvoiceStatus.OPEN
    make = invoices.finalize_invoice if is_owed else invoices.finalize_uncollected
    return (
        lambda stripe: make(stripe, key=key_of(call), invoice_id=row.stripe_id),
        lambda stripe: _when(stripe, row.stripe_id, lambda facts: facts.status != DRAFT),
    )


def finalize_uncollected(session: Session, call: StripeCall) -> Order:
    stripe_id = call.arguments["stripe_invoice_id"]
    return (
        lambda stripe: invoices.finalize_uncollected(stripe, key=key_of(call), invoice_id=stripe_id),
        lambda stripe: _when(stripe, stripe_id, lambda facts: facts.status != DRAFT),
    )


def send(session: Session, call: StripeCall) -> Order:
    stripe_id = _stripe_invoice(session, call).stripe_id
    return lambda stripe: invoices.send_invoice(stripe, key=key_of(call), invoice_id=stripe_id), never


def paid_elsewhere(session: Session, call: StripeCall) -> Order:
    stripe_id = call.arguments["stripe_invoice_id"]
    return (
        lambda stripe: invoices.pay_elsewhere(stripe, key=key_of(call), invoice_id=stripe_id),
        lambda stripe: _when(stripe, stripe_id, lambda facts: facts.status == "paid"),
    )


def void(session: Session, call: StripeCall) -> Order:
    """What came to nothing is paid as it is finalised: there is nothing left to take back, and Stripe refuses to."""
    stripe_id = call.arguments["stripe_invoice_id"]

    def look(stripe: Stripe) -> InvoiceFacts | None:
        return _when(
            stripe, stripe_id, lambda facts: facts.status == VOID or (facts.status, facts.total_minor) == (PAID, 0)
        )

    def make(stripe: Stripe) -> InvoiceFacts:
        try:
            return invoices.void_invoice(stripe, key=key_of(call), invoice_id=stripe_id)
        except ProviderRefused:
            found = look(stripe)
            if found is None:
                raise
            return found

    return make, look


def mark_uncollectible(session: Session, call: StripeCall) -> Order:
    stripe_id = call.arguments["stripe_invoice_id"]
    return (
        lambda stripe: invoices.mark_uncollectible(stripe, key=key_of(call), invoice_id=stripe_id),
        lambda stripe: _when(stripe, stripe_id, lambda facts: facts.status == "uncollectible"),
    )


def carries(facts: InvoiceFacts, invoice_id: str, positions: Iterable[int | str]) -> bool:
    """Whether these lines of our invoice are on one at Stripe."""
    there = {line.metadata.get(marks.LINE) for line in facts.lines if line.metadata.get(marks.INVOICE) == invoice_id}
    return {str(position) for position in positions} <= there


def carries_any(facts: InvoiceFacts, invoice_id: str) -> bool:
    """Whether any line that we added for our invoice is on one at Stripe."""
    return any(line.metadata.get(marks.INVOICE) == invoice_id for line in facts.lines)


def _when(stripe: Stripe, stripe_id: str, holds: Callable[[InvoiceFacts], bool]) -> InvoiceFacts | None:
    facts = invoices.read_invoice(stripe, invoice_id=stripe_id)
    return facts if holds(facts) else None


def _invoice(session: Session, call: StripeCall) -> InvoiceDocument:
    return read_invoice(session, tenant_id=call.tenant_id, invoice_id=call.arguments["invoice_id"])


def _stripe_invoice(session: Session, call: StripeCall) -> StripeInvoice:
    part = StripeInvoicePart(call.arguments["part"])
    found = part_of(session, tenant_id=call.tenant_id, invoice_id=call.arguments["invoice_id"], part=part)
    if found is None:
        raise Held("The invoice at Stripe that this belongs to is not known any more.")
    return found


def _marks_of(call: StripeCall) -> dict[str, str]:
    return {
        marks.TENANT: call.tenant_id,
        marks.INVOICE: call.arguments["invoice_id"],
        marks.PART: call.arguments["part"],
    }


def _is_marked(facts: InvoiceFacts, metadata: dict[str, str]) -> bool:
    return all(facts.metadata.get(name) == value for name, value in metadata.items())


def _days_until_due(invoice: Invoice) -> int | None:
    """Days to pay where one payment could not hold it and it is sent instead."""
    return max((invoice.due_at - invoice.issued_at).days, 1) if is_sent(invoice) else None
