"""When a delivery that failed is tried again."""

from datetime import datetime, timedelta
from typing import Final

RETRY_AFTER: Final = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""How long after each failed attempt the next one is made: ten attempts in a little over three days."""

ATTEMPTS_MAX: Final = len(RETRY_AFTER) + 1
JITTER_PERMILLE_MAX: Final = 100
"""Up to a tenth is added at random, so that what failed together does not come back together."""


def next_attempt_at(*, attempts: int, failed_at: datetime, jitter_permille: int) -> datetime | None:
    """When to try again after `attempts` (one or more) have failed; None where that was the last one."""
    assert attempts >= 1, "nothing has failed yet"
    assert 0 <= jitter_permille <= JITTER_PERMILLE_MAX, "the jitter is out of its bounds"
    if attempts >= ATTEMPTS_MAX:
        return None
    wait = RETRY_AFTER[attempts - 1]
    return failed_at + wait + wait * jitter_permille // 1_000
