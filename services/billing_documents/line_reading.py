"""The lines of a bill as facts, with what their plan versions call things."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlmodel import Session

from models import CreditNoteLine, InvoiceLine
from services.billing_documents.document import CoveredUse, DocumentLine, PlanFacts, Prorated
from services.invoices.finding import InvoiceDocument
from services.invoices.line_usage import covered_usage
from services.price_books.books import plan_version
from services.price_books.plans import Plan
from services.rules.money import Money
from services.rules.periods import business_date, check_timezone
from services.rules.quantities import from_micro


def read_lines(
    session: Session, lines: Sequence[InvoiceLine] | Sequence[CreditNoteLine], timezone: str
) -> tuple[DocumentLine, ...]:
    """Every line in the order given. `timezone` is the customer's."""
    return tuple(_line(line, plan_version(session, version_id=line.plan_version_id), timezone) for line in lines)


def read_covered(session: Session, found: InvoiceDocument) -> tuple[CoveredUse, ...]:
    """What the allowance covered in the invoice's own period, by pool and part of the period."""
    covered = covered_usage(session, invoice=found.invoice, lines=found.lines)
    pools = [(plan.pools[each.usage.pool], each) for each, plan in covered]
    return tuple(
        CoveredUse(pool.name, pool.unit, from_micro(each.credits_micro), each.usage.count) for pool, each in pools
    )


def days_of(starts_at: datetime, ends_at: datetime, timezone: str) -> tuple[date, date]:
    """The first and the last business day of a half-open period."""
    return business_date(starts_at, timezone), business_date(ends_at - datetime.resolution, timezone)


def _line(line: InvoiceLine | CreditNoteLine, plan: Plan, timezone: str) -> DocumentLine:
    starts_on, ends_on = days_of(line.period_start, line.period_end, timezone)
    return DocumentLine(
        position=line.position,
        kind=str(line.kind),
        description=line.description,
        quantity=line.quantity,
        unit=line.unit,
        amount_minor=line.amount_minor,
        starts_on=starts_on,
        ends_on=ends_on,
        pricing=line.pricing,
        steps=line.steps if isinstance(line, InvoiceLine) else (),
        sources=line.sources,
        plan=_plan_facts(plan),
        records=line.usage_count if isinstance(line, InvoiceLine) else line.usage.get("count"),
        prorated=_prorated(line, plan, timezone),
    )


def _plan_facts(plan: Plan) -> PlanFacts:
    return PlanFacts(
        name=plan.name,
        pools={pool.code: pool.name for pool in plan.pools.values()},
        daily_pools=frozenset(pool.code for pool in plan.pools.values() if pool.resets_daily),
        allowances=plan.allowances,
        packs={pack.code: pack.name for pack in plan.top_ups.values()},
    )


def _prorated(line: InvoiceLine | CreditNoteLine, plan: Plan, timezone: str) -> Prorated | None:
    """What a proration is the rest of; its sources are the fee, its term and the moment of the change, in UTC."""
    if "term" not in line.sources:
        return None
    term = line.sources["term"]
    starts_at, ends_at, at = (datetime.fromisoformat(text) for text in (term["start"], term["end"], line.sources["at"]))
    return Prorated(
        fee=Money.parse(line.sources["fee"], plan.currency),
        days=days_of(starts_at, ends_at, timezone),
        changed_at=at.astimezone(check_timezone(timezone)),
    )
