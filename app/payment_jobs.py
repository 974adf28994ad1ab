"""What keeps payments moving beside the calls: events as they arrive, calls we owe, reminders, the sweep."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
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
SECONDS_AFTER_FAILURE: Final = 300.0
"""What fails is tried again before its time, but not so soon that it keeps the provider busy."""

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
    """Each job goes on by itself: a comparison of hours holds up no payment, and one that fails stops no other."""
    while not await _is_set_up():
        await asyncio.sleep(SECONDS_UNTIL_SERVED)
    threads = ThreadPoolExecutor(len(_jobs), thread_name_prefix="payment-job")
    try:
        await asyncio.gather(*(job.run_for_ever(threads) for job in _jobs))
    finally:
        threads.shutdown(wait=False, cancel_futures=True)  # what runs ends by itself; the pages do not wait for it


async def _is_set_up() -> bool:
    try:
        return await _sandbox_set_up()
    except ProviderUnavailable as refusal:
        _log.info("payments_wait", reason=refusal.detail)
    except Exception:
        _log.exception("payments_failed")
    return False


@dataclass(frozen=True, slots=True)
class _Job:
    """Something done over and over in a thread of its own, and again after so many seconds."""

    seconds_between: float
    act: Callable[[], object]
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def run_for_ever(self, threads: Executor) -> None:
        loop = asyncio.get_running_loop()
        while True:
            seconds = self.seconds_between
            try:
                await loop.run_in_executor(threads, self.act)
            except ProviderUnavailable as refusal:
                _log.info("payments_wait", reason=refusal.detail)
                seconds = min(seconds, SECONDS_AFTER_FAILURE)
            except Exception:
                _log.exception("payments_failed", job=self.act.__name__)
                seconds = min(seconds, SECONDS_AFTER_FAILURE)
            await self.pause(seconds)


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
    _Job(SECONDS_BETWEEN_LOOKS, _work, _bell.wait),
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
