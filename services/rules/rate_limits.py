"""Whether one more call may be made: so many a minute, so many a business day, so many at the same time.

Deciding and counting are one step, `Calls.admit`, so whoever holds the record of a caller cannot admit one too many.
Time is whole milliseconds since 1970, UTC. A minute slides: calls are counted by the second they came in, and one is
forgotten once its second is wholly out of any minute that could be looked at. So no 60 seconds, wherever they start,
ever hold more than the limit; a call comes free up to a second late, never early.
"""

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
SECONDS_KEPT = 60
"""A second stays counted while it is this many seconds old: with the running one, 61 seconds cover any minute."""

BUSY_RETRY_MS = SECOND_MS
"""When to try again where too much runs at once: nobody knows when a call ends."""


class Limit(StrEnum):
    DAY = "day"
    MINUTE = "minute"
    CONCURRENCY = "concurrency"


@dataclass(frozen=True, slots=True)
class CallLimits:
    """None is without a limit. Where `day_refuses` is false the day is counted, and calls beyond it go through."""

    per_minute: int | None = None
    per_day: int | None = None
    concurrent: int | None = None
    day_refuses: bool = True

    @property
    def is_unlimited(self) -> bool:
        return self.per_minute is None and self.per_day is None and self.concurrent is None


@dataclass(frozen=True, slots=True)
class Day:
    """A business day, half-open: 23 to 25 hours where clocks change."""

    starts_ms: int
    ends_ms: int


@dataclass(frozen=True, slots=True)
class Decision:
    """Admitted where `reached` is None. What remains is after this call; None where there is no such limit.

    `resets_at_ms`: for a refused call, when one is taken again; else when the minute (without that limit, the day)
    is whole again if nobody calls. None where neither is counted. `retry_after_ms` is 0 for an admitted call.
    """

    reached: Limit | None
    remaining_minute: int | None
    remaining_day: int | None
    resets_at_ms: int | None
    retry_after_ms: int = 0


class Calls:
    """What one caller has done, as far as it matters to its limits."""

    __slots__ = ("at_ms", "day", "day_calls", "leases", "minute_calls", "seconds")

    def __init__(self) -> None:
        self.at_ms = 0
        self.seconds: deque[list[int]] = deque()
        self.minute_calls = 0
        self.day = Day(-1, -1)
        self.day_calls = 0
        self.leases: dict[str, int] = {}

    def admit(self, limits: CallLimits, *, at_ms: int, day: Day, lease: str = "", lease_ms: int = 0) -> Decision:
        """Count a call, and its lease until `lease_ms` from now, or refuse it and count nothing.

        Of several limits that are reached, the one that takes longest to lift is named.
        """
        at_ms = self._advance(at_ms, day)
        reached = self._reached(limits)
        if reached is not None:
            retry_ms = self._retry_ms(reached, limits, at_ms)
            return self._decision(limits, reached, at_ms + retry_ms, retry_ms)
        if limits.per_minute is not None:
            self._count_in_minute(at_ms // SECOND_MS)
        if limits.per_day is not None:
            self.day_calls += 1
        if limits.concurrent is not None:
            self.leases[lease] = at_ms + lease_ms
        return self._decision(limits, None, self._whole_again_ms(limits))

    def renew(self, lease: str, *, expires_ms: int) -> None:
        """Keep a lease that is still worked under, even where it had expired."""
        self.leases[lease] = max(expires_ms, self.leases.get(lease, 0))

    def release(self, lease: str) -> None:
        """End a lease. Ending it again changes nothing."""
        self.leases.pop(lease, None)

    def forget_after_ms(self) -> int:
        """From when on nothing here can refuse a call."""
        minute_ms = (self.seconds[-1][0] + SECONDS_KEPT + 1) * SECOND_MS if self.seconds else 0
        return max(minute_ms, self.day.ends_ms if self.day_calls else 0, *self.leases.values(), 0)

    def to_document(self) -> list[Any]:
        """All of it as plain lists and whole numbers."""
        seconds = [list(second) for second in self.seconds]
        return [self.at_ms, seconds, self.day.starts_ms, self.day.ends_ms, self.day_calls, self.leases]

    @classmethod
    def from_document(cls, document: list[Any]) -> "Calls":
        """The record that `to_document` wrote."""
        calls = cls()
        calls.at_ms, seconds, starts_ms, ends_ms, calls.day_calls, leases = document
        calls.seconds.extend(seconds)
        calls.minute_calls = sum(count for _, count in seconds)
        calls.day, calls.leases = Day(starts_ms, ends_ms), dict(leases)
        return calls

    def _advance(self, at_ms: int, day: Day) -> int:
        """Forget what is over; answer the time that counts.

        Time does not run backwards: of two clocks that disagree the later one counts. One that was more than a minute
        ahead is not believed, for it would hold everybody else up.
        """
        if self.at_ms > at_ms + MINUTE_MS:
            self.seconds.clear()
            self.minute_calls = 0
            self.at_ms, self.day = at_ms, day
        self.at_ms = at_ms = max(at_ms, self.at_ms)
        oldest = at_ms // SECOND_MS - SECONDS_KEPT
        while self.seconds and self.seconds[0][0] < oldest:
            self.minute_calls -= self.seconds.popleft()[1]
        if day.starts_ms > self.day.starts_ms:
            self.day, self.day_calls = day, 0
        if self.leases:
            self.leases = {lease: ends_ms for lease, ends_ms in self.leases.items() if ends_ms > at_ms}
        return at_ms

    def _reached(self, limits: CallLimits) -> Limit | None:
        if limits.per_day is not None and limits.day_refuses and self.day_calls >= limits.per_day:
            return Limit.DAY
        if limits.per_minute is not None and self.minute_calls >= limits.per_minute:
            return Limit.MINUTE
        if limits.concurrent is not None and len(self.leases) >= limits.concurrent:
            return Limit.CONCURRENCY
        return None

    def _retry_ms(self, reached: Limit, limits: CallLimits, at_ms: int) -> int:
        if reached is Limit.CONCURRENCY:
            return BUSY_RETRY_MS
        if reached is Limit.DAY:
            return max(self.day.ends_ms - at_ms, SECOND_MS)
        left, frees_at = self.minute_calls, at_ms // SECOND_MS
        for second, count in self.seconds:
            left -= count
            frees_at = second
            if left < (limits.per_minute or 0):
                break
        return (frees_at + SECONDS_KEPT + 1) * SECOND_MS - at_ms

    def _count_in_minute(self, second: int) -> None:
        self.minute_calls += 1
        if self.seconds and self.seconds[-1][0] == second:
            self.seconds[-1][1] += 1
        else:
            self.seconds.append([second, 1])

    def _whole_again_ms(self, limits: CallLimits) -> int | None:
        if limits.per_minute is not None:
            return (self.seconds[-1][0] + SECONDS_KEPT + 1) * SECOND_MS
        return None if limits.per_day is None else self.day.ends_ms

    def _decision(
        self, limits: CallLimits, reached: Limit | None, resets_at_ms: int | None, retry_ms: int = 0
    ) -> Decision:
        minute, day = limits.per_minute, limits.per_day
        return Decision(
            reached,
            None if minute is None else max(minute - self.minute_calls, 0),
            None if day is None else max(day - self.day_calls, 0),
            resets_at_ms,
            retry_ms,
        )
