"""Forgetting what is not kept for ever, a few rows a transaction."""

from datetime import datetime, timedelta
from typing import Final

from services import retention
from services.database import reading, transaction
from services.settings import settings

ROUNDS_MAX: Final = 20
"""Transactions in one go, for each of the two; what is left is for the next round of the job."""


def forget_history(*, at: datetime) -> dict[str, int]:
    """Delete old deliveries to customers' systems and the words of old letters: {deliveries, letters, more}.

    `more` is above zero where the limit ended it. Where the settings keep all, nothing is deleted.
    """
    counts = {"deliveries": 0, "letters": 0, "more": 0}
    if not settings().history_kept_days:
        return counts
    before = at - timedelta(days=settings().history_kept_days)
    with reading() as session:
        customers = retention.customers_with_endpoints(session)
    rounds = 0
    for tenant_id in customers:
        done = retention.FORGOTTEN_AT_ONCE
        while done == retention.FORGOTTEN_AT_ONCE and rounds < ROUNDS_MAX:
            with transaction() as session:
                done = retention.forget_deliveries(
                    session, tenant_id=tenant_id, before=before, limit=retention.FORGOTTEN_AT_ONCE
                )
            counts["deliveries"] += done
            rounds += bool(done)
        counts["more"] |= int(done == retention.FORGOTTEN_AT_ONCE)
    for _ in range(ROUNDS_MAX):
        with transaction() as session:
            done = retention.forget_letters(session, before=before, at=at, limit=retention.FORGOTTEN_AT_ONCE)
        counts["letters"] += done
        if done < retention.FORGOTTEN_AT_ONCE:
            return counts
    return counts | {"more": 1}
