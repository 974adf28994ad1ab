"""How a serving process keeps its memory."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

COLLECT_AFTER: Final = (50_000, 20, 50)
"""Objects more than before that make the youngest generation be collected, and runs of it that make the next ones."""


@asynccontextmanager
async def sparing_the_collector(*_: Any) -> AsyncIterator[None]:
    """For the application's life."""
    spare_the_collector()
    yield


def spare_the_collector() -> None:
    """Do not look through what was loaded to serve, which stays, again and again.

    Thousands of calls or closings make the collector run that often too; it took a tenth of the time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
