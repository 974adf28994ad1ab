"""What keeps payments moving beside the calls: events as they arrive, calls we owe, reminders, the sweep."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import structlog

from app import unit_of_work
from services.errors import PaymentsUnavailable, ProviderUnavailable
from services.gateways.stripe.connection import connection
from services.settings import settings

SECONDS_BETWEEN_LOOKS: Final = 5.0
"""Events wake the work at once; this is for what falls due by itself and for what other processes have kept."""

SECONDS_UNTIL_SERVED: Final = 0.5
"""The sandbox is served by this very process, a moment after its jobs have begun."""

SECONDS_BETWEEN_DUNNINGS: Final = 60.0
SECONDS_BETWEEN_SWEEPS: Final = 3_600.0

SECONDS_BETWEEN_COMPARISONS: Final = 24 * 3_600.0

_log = structlog.get_logger("tallystick.payments")


class _Bell:
    """Wakes the one who works, from wherever something was kept for it."""

    def __init__(self) -> None:
        self._rung: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def listen(self) -> None:
        self._rung, self._loop = asyncio.Event(), asyncio.get_running_loop()

    def ring(self) -> None:
        if self._rung is not None and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._rung.set)

    async def wait(self, seconds: float) -> None:
        assert self._rung is not None
        with suppress(TimeoutError):
            await asyncio.wait_for(self._rung.wait(), seconds)
        self._rung.clear()


_bell = _Bell()


def work_is_there() -> None:
    """Say that an event was kept or a call is owed, so that it need not wait for the next look."""
    _bell.ring()


@asynccontextmanager
async def running_payments(*_: Any) -> AsyncIterator[None]:
    """Keep payments moving while the application runs. Nothing runs where no payment provider is to be had."""
    if not settings().scheduler or not _can_be_had():
        yield
        return
    _bell.listen()
    task = asyncio.create_task(_work_for_ever())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _can_be_had() -> bool:
    try:
        connection()
    except PaymentsUnavailable as refusal:
        _log.info("payments_off", reason=refusal.detail)
        return False
    return True


async def _work_for_ever() -> None:
    is_set_up = False
    while True:
        try:
            is_set_up = is_set_up or await _sandbox_set_up()
            for job in _jobs:
                await job.run_if_due()
        except ProviderUnavailable as refusal:
            _log.info("payments_wait", reason=refusal.detail)
        except Exception:
            _log.exception("payments_failed")
        await _bell.wait(SECONDS_BETWEEN_LOOKS if is_set_up else SECONDS_UNTIL_SERVED)


class _Job:
    """Something done over and over, at most every so many seconds, in a thread of its own."""

    def __init__(self, seconds_between: float, act: Callable[[], object]) -> None:
        self._seconds_between, self._act = seconds_between, act
        self._began = float("-inf")

    async def run_if_due(self) -> None:
        now = time.monotonic()
        if now - self._began >= self._seconds_between:
            await asyncio.to_thread(self._act)
            self._began = now


def _work() -> None:
    payments, stripe = _provider()
    payments.work_until_done(stripe, clock=unit_of_work.now)


def _advance_dunnings() -> None:
    payments, _ = _provider()
    payments.advance_dunnings(at=unit_of_work.now())


def _sweep() -> None:
    payments, stripe = _provider()
    payments.sweep_events(stripe, at=unit_of_work.now())


def _compare() -> None:
    from app import reconciling  # noqa: PLC0415

    _, stripe = _provider()
    reconciling.check_unsettled(stripe, at=unit_of_work.now())


def _provider() -> tuple[Any, Any]:
    """What makes the calls, and whom to: loaded when first needed, for it takes a while and pages need not wait."""
    from app import payments  # noqa: PLC0415
    from services.gateways.stripe.client import stripe  # noqa: PLC0415

    return payments, stripe()


_jobs: Final = (
    _Job(0, _work),
    _Job(SECONDS_BETWEEN_DUNNINGS, _advance_dunnings),
    _Job(SECONDS_BETWEEN_SWEEPS, _sweep),
    _Job(SECONDS_BETWEEN_COMPARISONS, _compare),
)


async def _sandbox_set_up() -> bool:
    """Set the sandbox up once it is served: nobody else does. A real account is set up by an operator's command."""
    from services.gateways.stripe.client import stripe  # noqa: PLC0415
    from services.stripe_setup import set_up  # noqa: PLC0415

    connected = stripe()
    if connected.account == "sandbox":
        await asyncio.to_thread(set_up, connected, at=unit_of_work.now())
    return True
