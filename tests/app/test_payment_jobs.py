"""The jobs of payments go on beside each other: what takes long, or fails, holds up no other."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from app import payment_jobs
from services.errors import ProviderUnavailable

TURNS = 5
SECONDS_MAX = 20


def run_beside(monkeypatch: pytest.MonkeyPatch, other: payment_jobs._Job, release: threading.Event) -> int:
    """How often a job is done beside another, until it was done TURNS times."""
    done = 0
    enough = asyncio.Event()

    async def live() -> None:
        loop = asyncio.get_running_loop()

        def work() -> None:
            nonlocal done
            done += 1
            if done == TURNS:
                loop.call_soon_threadsafe(enough.set)

        async def set_up() -> bool:
            return True

        monkeypatch.setattr(payment_jobs, "_sandbox_set_up", set_up)
        monkeypatch.setattr(payment_jobs, "_jobs", (other, payment_jobs._Job(0, work)))
        task = asyncio.create_task(payment_jobs._work_for_ever())
        try:
            await asyncio.wait_for(enough.wait(), SECONDS_MAX)
        finally:
            release.set()
            task.cancel()

    asyncio.run(live())
    return done


def test_what_takes_long_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    def compare_for_hours() -> None:
        release.wait(SECONDS_MAX)

    assert run_beside(monkeypatch, payment_jobs._Job(0, compare_for_hours), release) >= TURNS


@pytest.mark.parametrize("error", [ProviderUnavailable("No answer."), RuntimeError("it broke")])
def test_what_fails_stops_no_other(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail() -> None:
        raise error

    assert run_beside(monkeypatch, payment_jobs._Job(0, fail), threading.Event()) >= TURNS


def test_what_fails_is_tried_again_before_its_time_but_not_at_once() -> None:
    paused: list[float] = []

    class Enough(Exception):
        """Ends the job."""

    async def pause(seconds: float) -> None:
        paused.append(seconds)
        raise Enough

    def fail() -> None:
        raise RuntimeError("it broke")

    async def live() -> None:
        with ThreadPoolExecutor(1) as threads:
            await payment_jobs._Job(payment_jobs.SECONDS_BETWEEN_COMPARISONS, fail, pause).run_for_ever(threads)

    with pytest.raises(Enough):
        asyncio.run(live())
    assert paused == [payment_jobs.SECONDS_AFTER_FAILURE]
