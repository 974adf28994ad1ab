"""Which events stand behind a line of an invoice, and behind what the allowance covered without a line."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, func, select

from models import BillingReason, Invoice, InvoiceLine, LineKind, Subscription, UsageDaily, UsageEvent, UsageTally
from services.closing.period_parts import parts_of
from services.price_books.books import plan_version
from services.price_books.plans import Plan
from services.rules.merkle import Frontier
from services.usage.ranges import line_range


@dataclass(frozen=True, slots=True)
class LineUsage:
    """The events of one pool in one period whose receipts are numbered `first_seq` to `last_seq`: `count` of them."""

    tenant_id: str
    subscription_id: str
    pool: str
    period_start: datetime
    first_seq: int
    last_seq: int
    count: int


@dataclass(frozen=True, slots=True)
class CoveredUsage:
    """Use that an invoice's receipt counts and no line charges, in millionths of a credit."""

    usage: LineUsage
    credits_micro: int


def usage_of_line(invoice: Invoice, line: InvoiceLine) -> LineUsage | None:
    """What a line sums; None for one that is not about use."""
    named = line_range(line)
    if named is None:
        return None
    return LineUsage(
        tenant_id=line.tenant_id,
        subscription_id=invoice.subscription_id,
        pool=line.sources["pool"],
        period_start=line.period_start,
        first_seq=named.first_seq,
        last_seq=named.last_seq,
        count=named.count,
    )


def covered_usage(
    session: Session, *, invoice: Invoice, lines: Iterable[InvoiceLine]
) -> tuple[tuple[CoveredUsage, Plan], ...]:
    """The use of the invoice's own period that cost nothing beyond the base fee, by pool and part of the period, with
    the plan version that rates it.

    What came after the invoice was written is not among it: another invoice speaks of that.
    """
    if invoice.receipt_seq is None or invoice.billing_reason == BillingReason.TOP_UP:
        return ()
    charged = {(line.sources["pool"], line.period_start) for line in lines if line.kind == LineKind.OVERAGE}
    subscription = session.get_one(Subscription, (invoice.tenant_id, invoice.subscription_id))
    found = []
    for part in parts_of(session, subscription=subscription, starts_at=invoice.period_start):
        plan = plan_version(session, version_id=part.plan_version_id)
        statement = select(UsageTally).where(
            UsageTally.tenant_id == invoice.tenant_id,
            UsageTally.subscription_id == invoice.subscription_id,
            UsageTally.period_start == part.starts_at,
            UsageTally.first_seq < invoice.receipt_seq,
        )
        for tally in session.exec(statement.order_by(col(UsageTally.pool))):
            if (tally.pool, part.starts_at) not in charged:
                found.append((_covered(session, tally, plan, before_seq=invoice.receipt_seq), plan))
    return tuple(found)


def _covered(session: Session, tally: UsageTally, plan: Plan, *, before_seq: int) -> CoveredUsage:
    later_count, later_micro = _later(session, tally, before_seq)
    usage = LineUsage(
        tenant_id=tally.tenant_id,
        subscription_id=tally.subscription_id,
        pool=tally.pool,
        period_start=tally.period_start,
        first_seq=tally.first_seq,
        last_seq=min(tally.last_seq, before_seq),
        count=Frontier.from_bytes(tally.frontier).size - later_count,
    )
    return CoveredUsage(usage, _credits_micro(session, tally, plan) - later_micro)


def _later(session: Session, tally: UsageTally, after_seq: int) -> tuple[int, int]:
    """How many of a tally's events came after a receipt, and their credits. Nearly always none."""
    if tally.last_seq < after_seq:
        return 0, 0
    statement = select(func.count(), func.sum(UsageEvent.credits_micro)).where(
        UsageEvent.tenant_id == tally.tenant_id,
        UsageEvent.seq > after_seq,
        UsageEvent.seq <= tally.last_seq,
        UsageEvent.subscription_id == tally.subscription_id,
        UsageEvent.period_start == tally.period_start,
        UsageEvent.pool == tally.pool,
    )
    count, credits_micro = session.exec(statement).one()
    return count, int(credits_micro or 0)


def _credits_micro(session: Session, tally: UsageTally, plan: Plan) -> int:
    meters = [meter.code for meter in plan.meters.values() if meter.pool == tally.pool]
    statement = select(func.sum(UsageDaily.credits_micro)).where(
        UsageDaily.tenant_id == tally.tenant_id,
        UsageDaily.subscription_id == tally.subscription_id,
        UsageDaily.period_start == tally.period_start,
        col(UsageDaily.event_type).in_(meters),
    )
    return int(session.exec(statement).one() or 0)
