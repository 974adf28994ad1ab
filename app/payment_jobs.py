"""What keeps payments moving beside the calls: events as they arrive, calls we owe, reminders, the sweep."""

import asyncio
import time
from collections.abc import AsyncIterator
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
    from app import payments  # noqa: PLC0415 — loading the provider's package takes a while; pages need not wait
    from services.gateways.stripe.client import stripe  # noqa: PLC0415

    is_set_up = False
    dunned_at = swept_at = float("-inf")
    while True:
        now = time.monotonic()
        try:
            is_set_up = is_set_up or await _sandbox_set_up()
            await asyncio.to_thread(payments.work_until_done, stripe(), clock=unit_of_work.now)
            if now - dunned_at >= SECONDS_BETWEEN_DUNNINGS:
                await asyncio.to_thread(payments.advance_dunnings, at=unit_of_work.now())
                dunned_at = now
            if is_set_up and now - swept_at >= SECONDS_BETWEEN_SWEEPS:
                await asyncio.to_thread(payments.sweep_events, stripe(), at=unit_of_work.now())
                swept_at = now
        except ProviderUnavailable as refusal:
            _log.info("payments_wait", reason=refusal.detail)
        except Exception:
            _log.exception("payments_failed")
        await _bell.wait(SECONDS_BETWEEN_LOOKS if is_set_up else SECONDS_UNTIL_SERVED)


async def _sandbox_set_up() -> bool:
    """Set the sandbox up once it is served: nobody else does. A real account is set up by an operator's command."""
    from services.gateways.stripe.client import stripe  # noqa: PLC0415
    from services.stripe_setup import set_up  # noqa: PLC0415

    connected = stripe()
    if connected.account == "sandbox":
        await asyncio.to_thread(set_up, connected, at=unit_of_work.now())
    return True
