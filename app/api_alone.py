"""The HTTP API in a process without the pages, for `tallystick api`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from app.api import create_api
from app.jobs.bell import handing_on
from app.memory import sparing_the_collector


def create_api_alone() -> FastAPI:
    """The API. It works on no jobs: `tallystick worker` or the portal does."""
    served = create_api()
    served.router.lifespan_context = _running
    return served


@asynccontextmanager
async def _running(*_: Any) -> AsyncIterator[None]:
    async with sparing_the_collector(), handing_on():
        yield
