"""What runs beside the calls: closing the periods that have ended, and how the process keeps its memory."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from app import unit_of_work
from models import Invoice
from services.closing import close_if_due, due_subscriptions
from services.database import reading, transaction
from services.settings import settings

PERIODS_BEHIND_MAX = 120

COLLECT_AFTER = (50_000, 20, 50)
"""Objects more than before that make the youngest generation be collected, and runs of it that make the next ones."""

log = structlog.get_logger("tallystick.jobs")


@dataclass(frozen=True, slots=True)
class Closings:
    """What one run closed, and the (tenant, subscription) pairs it could not close; the log says why."""

    invoices: tuple[Invoice, ...]
    failed: tuple[tuple[str, str], ...]


def close_due_periods(*, at: datetime) -> Closings:
    """Close every period whose grace has passed, each in its own transaction.

    A subscription left alone for months is closed month by month. One that fails is logged and does not keep the
    others from closing; the next run tries it again.
    """
    with reading() as session:
        due = due_subscriptions(session, at=at)
    closed: list[Invoice] = []
    failed: list[tuple[str, str]] = []
    for tenant_id, subscription_id in due:
        try:
            for _ in range(PERIODS_BEHIND_MAX):
                with transaction() as session:
                    invoice = close_if_due(session, tenant_id=tenant_id, subscription_id=subscription_id, at=at)
                if invoice is None:
                    break
                closed.append(invoice)
        except Exception:
            log.exception("period_close_failed", tenant_id=tenant_id, subscription_id=subscription_id)
            failed.append((tenant_id, subscription_id))
    return Closings(tuple(closed), tuple(failed))


@asynccontextmanager
async def running_jobs(*_: Any) -> AsyncIterator[None]:
    """Keep the jobs running while the application does. Several processes may: closing happens once."""
    _spare_the_garbage_collector()
    if not settings().scheduler:
        yield
        return
    task = asyncio.create_task(_run_by_the_clock())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _spare_the_garbage_collector() -> None:
    """Do not look through what was loaded to serve, which stays, again and again.

    Thousands of calls a second make the collector run that often too; it took a tenth of the time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


async def _run_by_the_clock() -> None:
    while True:
        try:
            await asyncio.to_thread(close_due_periods, at=unit_of_work.now())
        except Exception:
            log.exception("jobs_failed")
        await asyncio.sleep(settings().scheduler_seconds)
