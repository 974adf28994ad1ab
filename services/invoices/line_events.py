"""The events behind a line of an invoice, in the order of their receipts."""

from typing import NamedTuple

from sqlmodel import Session, col, select

from models import InvoiceLine, Receipt, UsageEvent
from services.errors import NotFound
from services.invoices.finding import read_invoice
from services.rules.receipts import receipt_hash
from services.usage.ranges import line_range

PAGE_MAX = 200


class LineEvent(NamedTuple):
    """An event, a correction among them, and the hash of its receipt."""

    event: UsageEvent
    receipt_hash: bytes


def list_line_events(
    session: Session, *, tenant_id: str, invoice_id: str, position: int, limit: int = PAGE_MAX, after_seq: int = 0
) -> list[LineEvent]:
    """The events a line sums; `after_seq` is the last one already seen. None for a line that is not about use.

    Raises NotFound where there is no such invoice or line.
    """
    document = read_invoice(session, tenant_id=tenant_id, invoice_id=invoice_id)
    line: InvoiceLine | None = session.get(InvoiceLine, (tenant_id, invoice_id, position))
    if line is None:
        raise NotFound("The invoice has no such line.", field="position")
    usage = line_range(line)
    if usage is None:
        return []
    statement = (
        select(UsageEvent, Receipt.data)
        .join(Receipt, (col(Receipt.tenant_id) == UsageEvent.tenant_id) & (col(Receipt.seq) == UsageEvent.seq))
        .where(
            UsageEvent.tenant_id == tenant_id,
            UsageEvent.subscription_id == document.invoice.subscription_id,
            UsageEvent.period_start == line.period_start,
            UsageEvent.pool == line.sources["pool"],
            col(UsageEvent.seq).between(max(usage.first_seq, after_seq + 1), usage.last_seq),
        )
        .order_by(col(UsageEvent.seq))
        .limit(min(limit, PAGE_MAX))
    )
    return [LineEvent(event, receipt_hash(bytes(data))) for event, data in session.exec(statement)]
