"""End the subscriptions whose scheduled end has come."""

from datetime import datetime

import structlog

from services.database import reading, transaction
from services.subscriptions.scheduled_ends import end_scheduled, ends_due

log = structlog.get_logger("tallystick.jobs")


def end_subscriptions_due(*, at: datetime) -> dict[str, int]:
    """End each at the moment it was to, in its own transaction and once: {ended, failed}."""
    with reading() as session:
        due = ends_due(session, at=at)
    counts = {"ended": 0, "failed": 0}
    for tenant_id, subscription_id in due:
        try:
            with transaction() as session:
                ended = end_scheduled(session, tenant_id=tenant_id, subscription_id=subscription_id, at=at)
            counts["ended"] += ended
        except Exception:
            log.exception("scheduled_end_failed", tenant_id=tenant_id, subscription_id=subscription_id)
            counts["failed"] += 1
    return counts
