"""The events behind one line of an invoice, page by page in the order of their receipts, however many there are."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from models import UsageEvent
from services.errors import NotFound
from services.invoices.finding import InvoiceDocument, read_invoice
from services.invoices.line_usage import LineUsage, covered_usage, usage_of_line
from services.invoices.receipt_views import COVERED_PREFIX, covered_key
from services.price_books.books import plan_version
from services.price_books.plans import Plan
from services.tenants import read_tenant
from services.usage.event_views import EventRow, event_row

LINE_EVENTS_SHOWN = 50


@dataclass(frozen=True)
class LineEventsView:
    """One page of a line's events. `key` says which line, "" before one is opened.

    `first` is the place of the first row among all of them, in the order shown. `following` and `previous` are the
    receipts that the pages beside this one begin with, 0 for none.
    """

    key: str = ""
    rows: tuple[EventRow, ...] = ()
    shown: str = ""
    is_oldest_first: bool = False
    first: int = 1
    following: int = 0
    previous: int = 0


NO_LINE_EVENTS = LineEventsView()


def read_line_events(
    session: Session,
    *,
    tenant_id: str,
    invoice_id: str,
    key: str,
    start: int = 0,
    first: int = 1,
    is_oldest_first: bool = False,
) -> LineEventsView:
    """The page that begins with receipt `start`, the first page where it is 0; `first` is the place of its first row.

    `key` is the place of a line, or that of covered use. Every page costs the same: it is found by the receipts'
    numbers, never by counting what comes before it. Raises NotFound where the invoice has no such line about use.
    """
    document = read_invoice(session, tenant_id=tenant_id, invoice_id=invoice_id)
    usage, plan = _behind(session, document, key)
    timezone = read_tenant(session, tenant_id=tenant_id).timezone
    found = _page(session, usage, start=start, is_rising=is_oldest_first, limit=LINE_EVENTS_SHOWN + 1)
    rows = found[:LINE_EVENTS_SHOWN]
    place = first if start else 1
    last = place + len(rows) - 1
    return LineEventsView(
        key=key,
        rows=tuple(event_row(event, plan, timezone) for event in rows),
        shown=f"{place:,}–{last:,} of {usage.count:,}" if rows else "",
        is_oldest_first=is_oldest_first,
        first=place,
        following=found[-1].seq if len(found) > LINE_EVENTS_SHOWN else 0,
        previous=_previous_start(session, usage, start, is_rising=is_oldest_first) if start else 0,
    )


def _behind(session: Session, document: InvoiceDocument, key: str) -> tuple[LineUsage, Plan]:
    invoice = document.invoice
    for line in document.lines:
        usage = usage_of_line(invoice, line)
        if str(line.position) == key and usage is not None:
            return usage, plan_version(session, version_id=line.plan_version_id)
    if key.startswith(COVERED_PREFIX):
        for covered, plan in covered_usage(session, invoice=invoice, lines=document.lines):
            if covered_key(covered.usage, invoice) == key:
                return covered.usage, plan
    raise NotFound("There are no records of use behind this.", field="key")


def _page(session: Session, usage: LineUsage, *, start: int, is_rising: bool, limit: int) -> Sequence[UsageEvent]:
    statement = select(UsageEvent).where(
        UsageEvent.tenant_id == usage.tenant_id,
        UsageEvent.subscription_id == usage.subscription_id,
        UsageEvent.period_start == usage.period_start,
        UsageEvent.pool == usage.pool,
        col(UsageEvent.seq) >= (max(start, usage.first_seq) if is_rising else usage.first_seq),
        col(UsageEvent.seq) <= (usage.last_seq if is_rising or not start else min(start, usage.last_seq)),
    )
    order = col(UsageEvent.seq) if is_rising else col(UsageEvent.seq).desc()
    return session.exec(statement.order_by(order).limit(limit)).all()


def _previous_start(session: Session, usage: LineUsage, start: int, *, is_rising: bool) -> int:
    """Where the page before this one begins: as many rows back as a page has, fewer at the end; 0 for none."""
    back = _page(session, usage, start=start, is_rising=not is_rising, limit=LINE_EVENTS_SHOWN + 1)
    return 0 if not back or back[-1].seq == start else back[-1].seq
