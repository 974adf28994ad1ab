"""Write a credit note: its number, its receipt, its rows, and what it means for an invoice that is still open."""

from datetime import datetime
from typing import Any

from sqlmodel import Session, func, select

from models import BillingReason, CreditNote, CreditNoteLine, Invoice, InvoiceStatus
from services.invoices.credit_note_taxes import TakenBack, share_of_net
from services.invoices.credit_notes import amount_left, note_number
from services.invoices.finding import settle
from services.invoices.notices import announce_credit_note
from services.invoices.taxes import tax_document
from services.receipts.log import OpenLog
from services.rules.money import Money
from services.rules.quantities import plain
from services.rules.receipts import written, written_time
from services.top_ups.lots import take_back_credited


def write_credit_note(
    session: Session,
    *,
    invoice: Invoice,
    line: CreditNoteLine,
    reason: str,
    log: OpenLog,
    at: datetime,
    taken: TakenBack | None = None,
    correction_seq: int | None = None,
) -> CreditNote:
    """Store a credit note of one line under the tenant's next number, with its receipt and its share of the taxes.

    `taken` is how its amount falls into net and taxes, where that is known; else it follows from the line's amount.
    An open invoice that it leaves nothing of is settled by it. The caller holds the lock on the tenant's head.
    """
    assert invoice.receipt_hash is not None, "only a final invoice is credited"
    if taken is None:
        taken = share_of_net(session, invoice=invoice, net_minor=-line.amount_minor)
    assert taken.net_minor == -line.amount_minor, "a note's line is what it takes back before tax"
    net, tax = (Money(-minor, invoice.currency) for minor in (taken.net_minor, taken.tax_minor))
    total, taxes = net + tax, taken.rows(line.credit_note_id)
    number = _next_number(session, invoice.tenant_id)
    receipt = log.append(
        typ="credit_note",
        idem=line.credit_note_id,
        number=number,
        subscription=invoice.subscription_id,
        req=written(invoice.receipt_hash),
        period=_period(line),
        lines=[_receipt_line(line, net)],
        totals={"subtotal": net.plain(), "tax": tax.plain(), "total": total.plain()},
        tax=[tax_document(row, total.currency) for row in taxes],
        amount=total.plain(),
        currency=total.currency,
    )
    note = CreditNote(
        tenant_id=invoice.tenant_id,
        id=line.credit_note_id,
        number=number,
        invoice_id=invoice.id,
        reason=reason,
        currency=total.currency,
        subtotal_minor=net.amount_minor,
        tax_minor=tax.amount_minor,
        total_minor=total.amount_minor,
        issued_at=at,
        correction_seq=correction_seq,
        receipt_seq=receipt.seq,
    )
    session.add(note)
    session.flush()
    session.add_all([line, *taxes])
    session.flush()
    announce_credit_note(session, note=note, invoice=invoice, at=at)
    if invoice.billing_reason == BillingReason.TOP_UP:
        take_back_credited(session, invoice=invoice, credit_note_id=note.id, at=at)
    if invoice.status == InvoiceStatus.OPEN and amount_left(session, invoice=invoice) <= 0:
        settle(session, invoice=invoice, reference=note_number(note), at=at)
    return note


def _receipt_line(line: CreditNoteLine, amount: Money) -> dict[str, Any]:
    document = {
        "kind": str(line.kind),
        "unit": line.unit,
        "quantity": plain(line.quantity),
        "amount": amount.plain(),
        "description": line.description,
        "period": _period(line),
        "price": line.plan_version_id,
        "pricing": line.pricing,
    }
    return document | {name: value for name, value in (("sources", line.sources), ("usage", line.usage)) if value}


def _period(line: CreditNoteLine) -> dict[str, str]:
    return {"start": written_time(line.period_start), "end": written_time(line.period_end)}


def _next_number(session: Session, tenant_id: str) -> int:
    """Without gaps, for whoever asks holds the lock on the tenant's head."""
    newest = select(func.max(CreditNote.number)).where(CreditNote.tenant_id == tenant_id)
    return (session.exec(newest).one() or 0) + 1
