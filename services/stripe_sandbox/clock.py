"""The sandbox's clock: the host's, set forward by an offset that a restart keeps.

Times are whole seconds since 1970, Stripe's own unit. While due work runs, the clock stands at the moment the work was
due, so that a month passed in one step leaves the same dates as a month waited for.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Protocol

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class Clock(Protocol):
    """Anything that tells the time, aware of its zone."""

    def now(self) -> datetime: ...


class HostClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class SandboxClock:
    def __init__(self, host: Clock, offset_seconds: int = 0) -> None:
        self.host = host
        self.offset_seconds = offset_seconds
        self._standing_at: int | None = None

    def now(self) -> int:
        if self._standing_at is not None:
            return self._standing_at
        return int(self.host.now().timestamp()) + self.offset_seconds

    @contextmanager
    def standing_at(self, moment: int) -> Iterator[None]:
        before, self._standing_at = self._standing_at, moment
        try:
            yield
        finally:
            self._standing_at = before

    def set_forward(self, seconds: int) -> None:
        self.offset_seconds += seconds
