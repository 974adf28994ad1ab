"""When a failed delivery is tried again."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.rules.webhook_retries import ATTEMPTS_MAX, JITTER_PERMILLE_MAX, RETRY_AFTER, next_attempt_at

FAILED = datetime(2026, 11, 29, tzinfo=UTC)


def test_the_published_schedule_is_kept() -> None:
    waits = [next_attempt_at(attempts=n, failed_at=FAILED, jitter_permille=0) for n in range(1, ATTEMPTS_MAX)]
    assert [wait - FAILED for wait in waits if wait] == list(RETRY_AFTER)
    assert next_attempt_at(attempts=ATTEMPTS_MAX, failed_at=FAILED, jitter_permille=0) is None
    assert timedelta(days=3) < sum(RETRY_AFTER, timedelta()) < timedelta(days=4)


@given(st.integers(1, ATTEMPTS_MAX - 1), st.integers(0, JITTER_PERMILLE_MAX))
def test_chance_adds_at_most_a_tenth_and_never_comes_early(attempts: int, jitter: int) -> None:
    found = next_attempt_at(attempts=attempts, failed_at=FAILED, jitter_permille=jitter)
    assert found is not None
    wait = RETRY_AFTER[attempts - 1]
    assert wait <= found - FAILED <= wait + wait / 10


def test_nothing_is_tried_again_that_has_not_failed() -> None:
    with pytest.raises(AssertionError):
        next_attempt_at(attempts=0, failed_at=FAILED, jitter_permille=0)
