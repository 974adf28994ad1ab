"""Tell customers of trials that end soon."""

from datetime import datetime

import structlog

from services.database import reading, transaction
from services.subscriptions.notices import announce_trial_ending, trials_ending

log = structlog.get_logger("tallystick.jobs")


def announce_trials_ending_due(*, at: datetime) -> dict[str, int]:
    """Tell of every trial that ends within three days, each in its own transaction and once: {told, failed}."""
    with reading() as session:
        due = trials_ending(session, at=at)
    counts = {"told": 0, "failed": 0}
    for tenant_id, subscription_id in due:
        try:
            with transaction() as session:
                told = announce_trial_ending(session, tenant_id=tenant_id, subscription_id=subscription_id, at=at)
            counts["told"] += told
        except Exception:
            log.exception("trial_notice_failed", tenant_id=tenant_id, subscription_id=subscription_id)
            counts["failed"] += 1
    return counts
