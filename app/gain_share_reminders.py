"""Remind customers of gain-share runs that wait for them."""

from datetime import datetime

import structlog

from services.database import reading, transaction
from services.gain_share.notices import overdue_to_tell, remind_of_run, reminders_due, tell_of_overdue

log = structlog.get_logger("tallystick.jobs")


def remind_of_runs_due(*, at: datetime) -> dict[str, int]:
    """Remind of every run whose deadline is 7 days or a day away, and tell of those it is over for, each in its own
    transaction and once: {reminders, overdue, failed}."""
    with reading() as session:
        due = {
            "reminders": (remind_of_run, reminders_due(session, at=at)),
            "overdue": (tell_of_overdue, overdue_to_tell(session, at=at)),
        }
    counts = {"reminders": 0, "overdue": 0, "failed": 0}
    for name, (tell, runs) in due.items():
        for tenant_id, run_id in runs:
            try:
                with transaction() as session:
                    counts[name] += tell(session, tenant_id=tenant_id, run_id=run_id, at=at)
            except Exception:
                log.exception("gain_share_reminder_failed", tenant_id=tenant_id, run_id=run_id)
                counts["failed"] += 1
    return counts
