"""The HTTP API in a process without the pages, for `tallystick api`."""

from fastapi import FastAPI

from app.api import create_api
from app.jobs import running_jobs


def create_api_alone() -> FastAPI:
    """The API with the jobs that the pages' application would keep running."""
    served = create_api()
    served.router.lifespan_context = running_jobs
    return served
