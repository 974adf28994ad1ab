"""Counting calls against limits, in one step that admits and counts: the ways to do it share one interface."""

import asyncio
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Final, Protocol

import structlog

from services.rules.rate_limits import CallLimits, Calls, Day, Decision

LEASE_MS: Final = 30_000
"""What a call that crashed holds up others for; one that still runs renews its lease well before."""

CALLERS_MAX: Final = 10_000
"""Callers kept in the memory of a process before those that can be forgotten are."""

RETRY_STORE_MS: Final = 1_000
"""How long a store that failed is left alone."""

_log = structlog.get_logger("tallystick.limits")


@dataclass(frozen=True, slots=True)
class Call:
    """A call to be counted. `key` says whose; `lease` tells it from the caller's others while it runs."""

    key: str
    limits: CallLimits
    at_ms: int
    day: Day
    lease: str = ""
    lease_ms: int = LEASE_MS


class CountersUnavailable(Exception):
    """The store of the counters cannot be had."""


class Counters(Protocol):
    """Where calls are counted. Every method is one atomic step, whoever else calls it meanwhile."""

    async def admit(self, call: Call) -> Decision:
        """Count the call or refuse it. Raises CountersUnavailable."""

    async def renew(self, key: str, lease: str, *, expires_ms: int) -> None:
        """Keep the lease of a call that still runs. Raises CountersUnavailable."""

    async def release(self, key: str, lease: str) -> None:
        """End the lease of a call. Raises CountersUnavailable."""


class InProcessCounters:
    """Counters in the memory of this process, exact for all its threads and tasks. A restart begins anew."""

    def __init__(self, *, callers_max: int = CALLERS_MAX) -> None:
        self._callers_max = callers_max
        self._callers: dict[str, Calls] = {}
        self._lock = threading.Lock()

    async def admit(self, call: Call) -> Decision:
        with self._lock:
            calls = self._callers.get(call.key)
            if calls is None:
                if len(self._callers) >= self._callers_max:
                    self._forget(call.at_ms)
                calls = self._callers[call.key] = Calls()
            return calls.admit(call.limits, at_ms=call.at_ms, day=call.day, lease=call.lease, lease_ms=call.lease_ms)

    async def renew(self, key: str, lease: str, *, expires_ms: int) -> None:
        with self._lock:
            calls = self._callers.get(key)
            if calls is not None:
                calls.renew(lease, expires_ms=expires_ms)

    async def release(self, key: str, lease: str) -> None:
        with self._lock:
            calls = self._callers.get(key)
            if calls is not None:
                calls.release(lease)

    def _forget(self, at_ms: int) -> None:
        """Drop the callers nobody could be refused for. If there are none the memory grows: no limit is lost."""
        self._callers = {key: calls for key, calls in self._callers.items() if calls.forget_after_ms() > at_ms}
        self._callers_max = max(self._callers_max, 2 * len(self._callers))


class GuardedCounters:
    """A shared store, and this process's own counters for as long as it cannot be had.

    Serving goes on without the store; meanwhile each process admits up to the limits by itself.
    """

    def __init__(self, store: Counters) -> None:
        self._store = store
        self._own = InProcessCounters()
        self._left_alone_until_ms = 0

    async def admit(self, call: Call) -> Decision:
        if call.at_ms >= self._left_alone_until_ms:
            try:
                return await self._store.admit(call)
            except CountersUnavailable as error:
                self._left_alone_until_ms = call.at_ms + RETRY_STORE_MS
                _log.warning("limits_are_counted_by_each_process", reason=str(error))
        return await self._own.admit(call)

    async def renew(self, key: str, lease: str, *, expires_ms: int) -> None:
        try:
            await self._store.renew(key, lease, expires_ms=expires_ms)
        except CountersUnavailable:
            await self._own.renew(key, lease, expires_ms=expires_ms)

    async def release(self, key: str, lease: str) -> None:
        await self._own.release(key, lease)
        try:
            await self._store.release(key, lease)
        except CountersUnavailable as error:
            _log.warning("lease_left_to_expire", reason=str(error))


_finishing: set["asyncio.Task[Any]"] = set()


async def finish(step: Coroutine[Any, Any, None]) -> None:
    """Await a step that goes on to its end even where the caller is cancelled: a client that went away."""
    task = asyncio.get_running_loop().create_task(step)
    _finishing.add(task)
    task.add_done_callback(_finishing.discard)
    await asyncio.shield(task)
