"""Remind customers of gain-share runs that wait for them."""

from datetime import datetime

import structlog

from services.database import reading, transaction
from services.gain_share.notices import remind_of_run, reminders_due

log = structlog.get_logger("tallystick.jobs")


def remind_of_runs_due(*, at: datetime) -> dict[str, int]:
    """Remind of every run whose deadline is 7 days or a day away, each in its own transaction and once: {reminders,
    failed}."""
    with reading() as session:
        due = reminders_due(session, at=at)
    counts = {"reminders": 0, "failed": 0}
    for tenant_id, run_id in due:
        try:
            with transaction() as session:
                counts["reminders"] += remind_of_run(session, tenant_id=tenant_id, run_id=run_id, at=at)
        except Exception:
            log.exception("gain_share_reminder_failed", tenant_id=tenant_id, run_id=run_id)
            counts["failed"] += 1
    return counts
