"""Whether an invoice's lines come to what their events do, each added up again."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import func
from sqlmodel import Session, col, select

from models import LineKind, UsageEvent
from services.invoices.finding import InvoiceDocument
from services.invoices.line_usage import LineUsage, covered_usage, usage_of_line
from services.rules.quantities import plain_micro


@dataclass(frozen=True, slots=True)
class Difference:
    """What does not agree, under a code that programs can tell apart, and in a sentence with both values."""

    code: str
    detail: str


def differs(code: str, what: str, stated: str, found: str) -> Iterator[Difference]:
    """A difference where two worded values are not the same, else nothing."""
    if stated != found:
        yield Difference(code, f"{what}: {stated} on our invoice, {found} found.")


def usage_differences(session: Session, document: InvoiceDocument) -> Iterator[Difference]:
    """What the events behind each line, and behind what cost nothing, come to, where it is not what is billed."""
    invoice = document.invoice
    for line in document.lines:
        usage = usage_of_line(invoice, line)
        if usage is None:
            continue
        name = f"Line {line.position}"
        count, credits_micro, overage_micro = _sums(session, usage)
        yield from differs("events_missing", f"{name}: events", str(usage.count), str(count))
        beyond = plain_micro(overage_micro)
        if line.kind == LineKind.OVERAGE:
            stated = line.sources["used_credits"]
            yield from differs("events_differ", f"{name}: credits of its events", stated, plain_micro(credits_micro))
            yield from differs("events_differ", f"{name}: credits beyond the allowance", f"{line.quantity:f}", beyond)
        else:
            yield from differs("events_differ", f"{name}: overage of its events", line.sources["overage"], beyond)
    yield from _covered(session, document)


def _covered(session: Session, document: InvoiceDocument) -> Iterator[Difference]:
    invoice = document.invoice
    for covered, plan in covered_usage(session, invoice=invoice, lines=document.lines):
        count, credits_micro, _ = _sums(session, covered.usage)
        pool = plan.pools[covered.usage.pool].name
        known, summed = str(covered.usage.count), plain_micro(credits_micro)
        yield from differs("events_missing", f"{pool} within the allowance: events", known, str(count))
        stated = plain_micro(covered.credits_micro)
        yield from differs("events_differ", f"{pool} within the allowance: credits", stated, summed)


def _sums(session: Session, usage: LineUsage) -> tuple[int, int, int]:
    """(events, credits, overage) of the receipts a line sums, in millionths."""
    statement = select(func.count(), func.sum(UsageEvent.credits_micro), func.sum(UsageEvent.overage_micro)).where(
        col(UsageEvent.tenant_id) == usage.tenant_id,
        col(UsageEvent.seq) >= usage.first_seq,
        col(UsageEvent.seq) <= usage.last_seq,
        col(UsageEvent.subscription_id) == usage.subscription_id,
        col(UsageEvent.period_start) == usage.period_start,
        col(UsageEvent.pool) == usage.pool,
    )
    count, credits_micro, overage_micro = session.exec(statement).one()
    return int(count), int(credits_micro or 0), int(overage_micro or 0)
