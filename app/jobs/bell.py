"""Waking the clock of this process, from wherever something was kept that need not wait for its time."""

import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final

import structlog

QUEUE: Final = "jobs"
SECONDS_BETWEEN_MESSAGES: Final = 0.25

_log = structlog.get_logger("tallystick.jobs")
_lock = threading.Lock()
_rung: set[str] = set()
_woken = threading.Event()


def ring(job: str) -> None:
    """Ask that a job be begun at once. Where no clock of this process hears it, the next look finds it."""
    with _lock:
        _rung.add(job)
    _woken.set()


def take_rung() -> set[str]:
    """What was asked for since this was last called."""
    with _lock:
        taken = set(_rung)
        _rung.clear()
        _woken.clear()
    return taken


def wait(seconds: float) -> None:
    """Until somebody rings, at most so long."""
    _woken.wait(seconds)


def wake() -> None:
    """End the waiting, for nothing in particular."""
    _woken.set()


@asynccontextmanager
async def handing_on(*_: Any) -> AsyncIterator[None]:
    """In a process that works on no jobs itself: put what is rung for in line, for one that does."""
    ended = threading.Event()
    threading.Thread(target=_hand_on, args=(ended,), name="jobs-bell", daemon=True).start()
    try:
        yield
    finally:
        ended.set()
        wake()


def _hand_on(ended: threading.Event) -> None:
    while not ended.is_set():
        _woken.wait()
        for job in take_rung():
            try:
                if not _is_in_line(job):
                    ring(job)  # it runs just now, and may have looked before
            except Exception:
                _log.exception("jobs_failed")
        time.sleep(SECONDS_BETWEEN_MESSAGES)


def _is_in_line(job: str) -> bool:
    from services.gateways.workflows import runs  # noqa: PLC0415 — it takes a moment to load

    slot = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
    return runs.enqueue(job, {"slot": slot}, run_id=f"{job}:{slot}", queue=QUEUE, alone_as=job)
