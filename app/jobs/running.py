"""Working on the jobs beside the pages, in a process of the portal, or alone, in one of `tallystick worker`."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from app.memory import spare_the_collector
from services.settings import settings


@asynccontextmanager
async def running_jobs(*_: Any) -> AsyncIterator[None]:
    """Keep the jobs running while the portal does, unless the settings leave them to `tallystick worker`."""
    if not settings().scheduler:
        yield
        return
    worker = _Worker()
    worker.thread.start()
    try:
        yield
    finally:
        await asyncio.to_thread(worker.stop)


@contextmanager
def working() -> Iterator[None]:
    """The same for a process that does nothing else."""
    worker = _Worker()
    worker.thread.start()
    try:
        yield
    finally:
        worker.stop()


class _Worker:
    """The thread of a clock. What it needs is loaded in it: that takes a moment, and the pages need not wait."""

    def __init__(self) -> None:
        self.thread = threading.Thread(target=self._run, name="jobs-clock", daemon=True)
        self._clock: Any = None
        self._stopped = threading.Event()

    def _run(self) -> None:
        from app.jobs.clock import Clock  # noqa: PLC0415 — see above

        self._clock = Clock()
        spare_the_collector()
        if not self._stopped.is_set():
            self._clock.run()

    def stop(self) -> None:
        self._stopped.set()
        if self._clock is not None:
            self._clock.end()
        self.thread.join()
