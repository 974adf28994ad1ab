"""What runs by the clock: closing the periods that have ended."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any

import structlog

from app import unit_of_work
from models import Invoice
from services.closing import close_if_due, due_subscriptions
from services.database import reading, transaction
from services.settings import settings

PERIODS_BEHIND_MAX = 120

log = structlog.get_logger("tallystick.jobs")


def close_due_periods(*, at: datetime) -> list[Invoice]:
    """Close every period whose grace has passed, each in its own transaction, and answer with the invoices.

    A subscription left alone for months is closed month by month. One that fails is logged and does not keep the
    others from closing; the next run tries it again.
    """
    with reading() as session:
        due = due_subscriptions(session, at=at)
    closed: list[Invoice] = []
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
    return closed


@asynccontextmanager
async def running_jobs(*_: Any) -> AsyncIterator[None]:
    """Keep the jobs running while the application does. Several processes may: closing happens once."""
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


async def _run_by_the_clock() -> None:
    while True:
        try:
            await asyncio.to_thread(close_due_periods, at=unit_of_work.now())
        except Exception:
            log.exception("jobs_failed")
        await asyncio.sleep(settings().scheduler_seconds)
