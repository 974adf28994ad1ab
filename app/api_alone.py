"""The HTTP API in a process without the pages, for `tallystick api`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from app.api import create_api
from app.jobs import running_jobs
from app.payment_jobs import running_payments


def create_api_alone() -> FastAPI:
    """The API with the jobs that the pages' application would keep running."""
    served = create_api()
    served.router.lifespan_context = _running
    return served


@asynccontextmanager
async def _running(*_: Any) -> AsyncIterator[None]:
    async with running_jobs(), running_payments():
        yield
