"""Closing what is due: many in one transaction, each alone where one of them fails."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog

from models import Invoice
from services.closing.close import close_if_due
from services.closing.due_periods import Subscribed, claim_due
from services.closing.together import close_together
from services.database import transaction
from services.errors import Refusal

CLOSED_TOGETHER: Final = 32
"""Periods closed by one transaction: enough that the wait for the disk is shared, few enough that usage which waits for
one of their customers, or on SQLite for the file, waits a fraction of a second."""

log = structlog.get_logger("tallystick.jobs")


@dataclass(frozen=True, slots=True)
class Failure:
    """A period that could not be closed, and why."""

    tenant_id: str
    subscription_id: str
    error: Exception


@dataclass(frozen=True, slots=True)
class Closings:
    """What was closed, what could not be (the log says why), and what left nothing to bill."""

    invoices: tuple[Invoice, ...] = ()
    failures: tuple[Failure, ...] = ()
    without_invoice: tuple[Subscribed, ...] = ()

    def __add__(self, other: "Closings") -> "Closings":
        return Closings(
            self.invoices + other.invoices,
            self.failures + other.failures,
            self.without_invoice + other.without_invoice,
        )

    @property
    def failed(self) -> tuple[Subscribed, ...]:
        return tuple((failure.tenant_id, failure.subscription_id) for failure in self.failures)


def close_due_periods(*, at: datetime) -> Closings:
    """Close every period whose grace has passed.

    A subscription left alone for months is closed month by month. One that fails is logged and does not keep the
    others from closing; the next run tries it again.
    """
    rounds: list[Closings] = []
    settled: set[Subscribed] = set()
    while True:
        done = close_some(at=at, leaving=settled)
        if done == NONE:
            return sum(rounds, NONE)
        rounds.append(done)
        settled.update(done.failed, done.without_invoice)


def close_some(*, at: datetime, leaving: Collection[Subscribed] = ()) -> Closings:
    """Close up to CLOSED_TOGETHER periods, those overdue longest first; none where nothing is due, or others have it.

    What is in `leaving` is left for later. Several processes may do so at once: each takes what no other has.
    """
    claimed: list[Subscribed] = []
    try:
        with transaction() as session:
            claimed = claim_due(session, at=at, limit=CLOSED_TOGETHER, leaving=leaving)
            invoices = close_together(session, claimed=claimed, at=at)
            return sum(map(_closed, claimed, invoices), NONE)
    except Exception:
        if not claimed:
            raise
    return sum((_close_alone(pair, at=at) for pair in claimed), NONE)


def _close_alone(pair: Subscribed, *, at: datetime) -> Closings:
    """One of those that failed together: it is closed, or says why not."""
    try:
        with transaction() as session:
            return _closed(pair, close_if_due(session, tenant_id=pair[0], subscription_id=pair[1], at=at))
    except Exception as error:
        told = {"reason": error.detail} if isinstance(error, Refusal) else {"exc_info": error}
        log.warning("period_close_failed", tenant_id=pair[0], subscription_id=pair[1], **told)
        return Closings(failures=(Failure(*pair, error),))


def _closed(pair: Subscribed, invoice: Invoice | None) -> Closings:
    return Closings(without_invoice=(pair,)) if invoice is None else Closings(invoices=(invoice,))


NONE: Final = Closings()
