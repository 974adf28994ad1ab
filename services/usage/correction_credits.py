"""Credit what a correction takes back of an invoice: where less was used than had been billed, at once."""

from datetime import datetime

from sqlmodel import Session, col, select

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
from services.closing.period_parts import period_document, whole_of
from services.identifiers import new_id
from services.invoices.credit_note_writing import write_credit_note
from services.receipts.log import OpenLog
from services.rules import money, pricing
from services.rules.periods import business_date
from services.rules.quantities import from_micro, plain_micro
from services.rules.receipts import written
from services.tenants import read_tenant
from services.usage.lanes import Lane
from services.usage.tallies import Tally, read_tally

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
    line = _line(session, new_id("cn"), lane, overage, tally)
    return write_credit_note(
        session, invoice=invoice, line=line, reason=reason, log=log, correction_seq=correction.seq, at=at
    )


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


def _line(session: Session, credit_note_id: str, lane: Lane, overage: tuple[int, int], tally: Tally) -> CreditNoteLine:
    plan, pool = lane.plan, lane.plan.pools[lane.pool]
    overage_micro, billed_micro = overage
    tenant = read_tenant(session, tenant_id=lane.subscription.tenant_id)
    period = session.get_one(BillingPeriod, (tenant.id, lane.subscription_id, lane.period_start))
    whole = whole_of(session, subscription=lane.subscription, part=period)
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
            **({} if whole is None else {"part_of": period_document(whole)}),
        },
        usage={
            "first_seq": tally.first_seq,
            "last_seq": tally.last_seq,
            "count": frontier.size,
            "root": written(frontier.root()),
        },
    )
