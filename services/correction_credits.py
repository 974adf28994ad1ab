"""Credit what a correction takes back of an invoice: where less was used than had been billed, at once."""

from datetime import datetime
from typing import Any

from sqlmodel import Session, col, func, select

from models import (
    BillingPeriod,
    CreditNote,
    CreditNoteLine,
    Invoice,
    InvoiceLine,
    LineKind,
    PoolUsage,
    UsageEvent,
)
from services.identifiers import new_id
from services.receipt_log import OpenLog
from services.rules import money, pricing
from services.rules.money import Money
from services.rules.periods import business_date
from services.rules.quantities import from_micro, plain, plain_micro
from services.rules.receipts import written, written_time
from services.tenants import read_tenant
from services.usage_lanes import Lane
from services.usage_tallies import Tally, read_tally

_BILLED_IN = (LineKind.OVERAGE, LineKind.LATE_USAGE)


def move_pool_usage(session: Session, *, lane: Lane, used_micro: int, overage_micro: int) -> tuple[int, int] | None:
    """Add a correction to what its window has used. Answers (overage, billed) of the pool's period where more was
    billed than stands now; from here on, what stands is what is billed.

    Where one window has shrunk below what was billed of it, others of the period that have grown take the rest over:
    the bill knows only their sum.
    """
    tenant_id = lane.subscription.tenant_id
    statement = select(PoolUsage).where(
        PoolUsage.tenant_id == tenant_id,
        PoolUsage.subscription_id == lane.subscription_id,
        PoolUsage.period_start == lane.period_start,
        PoolUsage.pool == lane.pool,
    )
    rows = session.exec(statement.execution_options(populate_existing=True)).all()
    billed_micro = sum(row.billed_overage_micro for row in rows)
    window = next(row for row in rows if row.window_start == lane.window[0])
    with session.no_autoflush:
        window.used_micro += used_micro
        window.overage_micro += overage_micro
        left_micro = billed_micro
        for row in sorted(rows, key=lambda row: row.window_start):
            row.billed_overage_micro = min(row.billed_overage_micro, row.overage_micro)
            left_micro -= row.billed_overage_micro
        for row in sorted(rows, key=lambda row: row.window_start):
            more_micro = min(left_micro, row.overage_micro - row.billed_overage_micro)
            row.billed_overage_micro += more_micro
            left_micro -= more_micro
    session.flush()
    return (billed_micro - left_micro, billed_micro) if left_micro else None


def credit_overbilled(
    session: Session,
    *,
    lane: Lane,
    correction: UsageEvent,
    reason: str,
    overage: tuple[int, int],
    log: OpenLog,
    at: datetime,
) -> CreditNote | None:
    """Issue the credit note for (overage, billed) of a pool in a closed period: what stands less what was billed.

    It is for the invoice that billed most of it, and None where no invoice has a line for it. Each price is rounded as
    its line was, so invoices and credit notes sum to the price of what stands.
    """
    invoice = _billing_invoice(session, lane)
    if invoice is None:
        return None
    tally = read_tally(session, tenant_id=correction.tenant_id, key=lane.tally_key)
    assert tally is not None, "the correction itself has been tallied"
    note_id, number = new_id("cn"), _next_number(session, correction.tenant_id)
    line = _line(session, note_id, lane, overage, tally)
    amount = Money(line.amount_minor, lane.plan.currency)
    receipt = log.append(
        typ="credit_note",
        idem=note_id,
        number=number,
        subscription=lane.subscription_id,
        req=_answered(invoice),
        period=_period(line),
        lines=[_receipt_line(line, amount)],
        totals={"subtotal": amount.plain(), "tax": Money.zero(amount.currency).plain(), "total": amount.plain()},
        tax=[],
        amount=amount.plain(),
        currency=amount.currency,
    )
    note = CreditNote(
        tenant_id=correction.tenant_id,
        id=note_id,
        number=number,
        invoice_id=invoice.id,
        reason=reason,
        currency=amount.currency,
        subtotal_minor=amount.amount_minor,
        total_minor=amount.amount_minor,
        issued_at=at,
        correction_seq=correction.seq,
        receipt_seq=receipt.seq,
    )
    session.add(note)
    session.flush()
    session.add(line)
    session.flush()
    return note


def _billing_invoice(session: Session, lane: Lane) -> Invoice | None:
    """The invoice that billed most of the pool's overage in the period; the newest of several that billed as much."""
    statement = (
        select(Invoice, InvoiceLine)
        .join(InvoiceLine, (col(InvoiceLine.tenant_id) == Invoice.tenant_id) & (InvoiceLine.invoice_id == Invoice.id))
        .where(
            Invoice.tenant_id == lane.subscription.tenant_id,
            Invoice.subscription_id == lane.subscription_id,
            col(InvoiceLine.kind).in_(_BILLED_IN),
            InvoiceLine.period_start == lane.period_start,
        )
        .order_by(col(InvoiceLine.amount_minor).desc(), col(Invoice.number).desc())
    )
    found = (invoice for invoice, line in session.exec(statement) if line.sources["pool"] == lane.pool)
    return next(found, None)


def _answered(invoice: Invoice) -> str:
    """The receipt of the invoice that a credit note answers."""
    assert invoice.receipt_hash is not None, "a line was billed, so the invoice is final"
    return written(invoice.receipt_hash)


def _line(session: Session, credit_note_id: str, lane: Lane, overage: tuple[int, int], tally: Tally) -> CreditNoteLine:
    plan, pool = lane.plan, lane.plan.pools[lane.pool]
    overage_micro, billed_micro = overage
    tenant = read_tenant(session, tenant_id=lane.subscription.tenant_id)
    period = session.get_one(BillingPeriod, (tenant.id, lane.subscription_id, lane.period_start))
    now, before = (money.to_money(plan.overage_exact(lane.pool, micro), plan.currency) for micro in overage)
    frontier = tally.frontier
    return CreditNoteLine(
        tenant_id=tenant.id,
        credit_note_id=credit_note_id,
        position=1,
        kind=LineKind.CORRECTION,
        description=f"Correction of the period of {business_date(lane.period_start, tenant.timezone)}: {pool.name}",
        quantity=from_micro(overage_micro - billed_micro),
        unit=pool.unit,
        amount_minor=(now - before).amount_minor,
        period_start=period.starts_at,
        period_end=period.ends_at,
        plan_version_id=plan.version_id,
        pricing=pricing.to_document(plan.overage[lane.pool]),
        sources={
            "pool": lane.pool,
            "overage": plain_micro(overage_micro),
            "billed_before": plain_micro(billed_micro),
        },
        usage={
            "first_seq": tally.first_seq,
            "last_seq": tally.last_seq,
            "count": frontier.size,
            "root": written(frontier.root()),
        },
    )


def _receipt_line(line: CreditNoteLine, amount: Money) -> dict[str, Any]:
    return {
        "kind": str(line.kind),
        "unit": line.unit,
        "quantity": plain(line.quantity),
        "amount": amount.plain(),
        "description": line.description,
        "period": _period(line),
        "price": line.plan_version_id,
        "pricing": line.pricing,
        "sources": line.sources,
        "usage": line.usage,
    }


def _period(line: CreditNoteLine) -> dict[str, str]:
    return {"start": written_time(line.period_start), "end": written_time(line.period_end)}


def _next_number(session: Session, tenant_id: str) -> int:
    """Without gaps, for whoever asks holds the lock on the tenant's head."""
    newest = select(func.max(CreditNote.number)).where(CreditNote.tenant_id == tenant_id)
    return (session.exec(newest).one() or 0) + 1
