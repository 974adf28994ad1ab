"""Which receipts a bill sums: by number, how many, and the root over them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from models import InvoiceLine, Subscription, UsageTally
from services.closing.questions import Question
from services.rules.merkle import Frontier
from services.rules.receipts import written


@dataclass(frozen=True, slots=True)
class UsageRange:
    """Receipts from `first_seq` to `last_seq`, `count` of them, with the RFC 9162 root over their hashes.

    Which of the receipts between the two they are, their subscription, pool and period say.
    """

    first_seq: int
    last_seq: int
    count: int
    root: bytes

    def document(self) -> dict[str, Any]:
        """As receipts and the API write it."""
        return {
            "first_seq": self.first_seq,
            "last_seq": self.last_seq,
            "count": self.count,
            "root": written(self.root),
        }


def period_ranges(session: Session, *, subscription: Subscription, period_start: datetime) -> dict[str, UsageRange]:
    """The receipts of a period so far, by pool; pools that were not used are left out."""
    tallies = TALLIES.ask(session, subscription.tenant_id, subscription.id, period_start)
    return {tally.pool: _range_of(tally) for tally in tallies}


def whole_range(parts: Sequence[Mapping[str, UsageRange]]) -> UsageRange | None:
    """The receipts of all pools as an invoice states them: its root is over the roots of the pools, by their codes, and
    of each pool over those of the period's parts in order."""
    found = sorted((pool, place) for place, by_pool in enumerate(parts) for pool in by_pool)
    if not found:
        return None
    ranges = [parts[place][pool] for pool, place in found]
    roots, _ = Frontier().extend(part.root for part in ranges)
    return UsageRange(
        first_seq=min(part.first_seq for part in ranges),
        last_seq=max(part.last_seq for part in ranges),
        count=sum(part.count for part in ranges),
        root=roots.root(),
    )


def line_range(line: InvoiceLine) -> UsageRange | None:
    """The receipts a stored line names; None for a line that is not about use."""
    if line.first_seq is None or line.last_seq is None or line.usage_count is None or line.usage_root is None:
        return None
    return UsageRange(line.first_seq, line.last_seq, line.usage_count, line.usage_root)


def _range_of(tally: UsageTally) -> UsageRange:
    frontier = Frontier.from_bytes(tally.frontier)
    return UsageRange(tally.first_seq, tally.last_seq, frontier.size, frontier.root())


TALLIES = Question(
    lambda tenant, subscription, period: (
        select(UsageTally)
        .where(
            UsageTally.tenant_id == tenant,
            UsageTally.subscription_id == subscription,
            UsageTally.period_start == period,
        )
        .order_by(col(UsageTally.pool))
        .execution_options(populate_existing=True)
    ),
    Subscription.tenant_id,
    Subscription.id,
    Subscription.current_period_start,
)
