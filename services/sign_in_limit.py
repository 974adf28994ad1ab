"""How often a wrong password may be tried.

Failures are counted in this process's memory, by e-mail and network address. A table would be exact across workers
but would let anybody make us write; here a restart forgets, and N workers allow N times as many tries, which against
passwords of twelve characters is still nothing. The address is part of the key so that a stranger elsewhere cannot
lock a person out.
"""

import threading
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import ClassVar

from services.errors import Refusal

FAILURES_MAX = 10
WINDOW = timedelta(minutes=15)
PAIRS_MAX = 10_000
"""Pairs of e-mail and address remembered at once; beyond it the one untouched for longest is forgotten."""

Pair = tuple[str, str]


class TooManyAttempts(Refusal):
    """429: wait until the window has passed. `retry_after` is in seconds."""

    status: ClassVar[int] = 429
    code: ClassVar[str] = "too_many_attempts"
    title: ClassVar[str] = "Too many attempts"


class SignInLimit:
    """At most FAILURES_MAX failures for one pair within WINDOW of the first of them."""

    def __init__(self) -> None:
        self._failures: OrderedDict[Pair, tuple[int, datetime]] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, email: str, address: str, at: datetime) -> None:
        """Raise TooManyAttempts where this pair has failed too often."""
        with self._lock:
            count, since = self._failures.get(_pair(email, address), (0, at))
        if count >= FAILURES_MAX and at < since + WINDOW:
            wait = int((since + WINDOW - at).total_seconds()) + 1
            raise TooManyAttempts(
                f"Too many wrong passwords. Try again in {(wait + 59) // 60} minutes.", retry_after=wait
            )

    def count_failure(self, email: str, address: str, at: datetime) -> None:
        pair = _pair(email, address)
        with self._lock:
            count, since = self._failures.pop(pair, (0, at))
            if at >= since + WINDOW:
                count, since = 0, at
            self._failures[pair] = (count + 1, since)
            while len(self._failures) > PAIRS_MAX:
                self._failures.popitem(last=False)

    def forget(self, email: str, address: str) -> None:
        """The right password was given."""
        with self._lock:
            self._failures.pop(_pair(email, address), None)

    def clear(self) -> None:
        with self._lock:
            self._failures.clear()


def _pair(email: str, address: str) -> Pair:
    return email.strip().lower()[:320], address


sign_in_limit = SignInLimit()
