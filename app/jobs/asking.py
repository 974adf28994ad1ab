"""Asking for a run of a job, by the clock, a bell or a person."""

from datetime import UTC, datetime

from app.jobs.table import Job, jobs
from services.errors import Conflict, NotFound
from services.gateways.workflows import runs


def ask_for(job: Job, slot: str) -> bool:
    """Put a run of a job in line; False where it was asked for, or another run of the job waits or runs."""
    return runs.enqueue(job.name, {"slot": slot}, run_id=f"{job.name}:{slot}", queue=job.queue.name, alone_as=job.name)


def run_now(name: str) -> str:
    """Put a run of the job of that name in line; answers its id.

    Raises NotFound where there is no such job, and Conflict where a run of it waits or runs already.
    """
    job = next((each for each in jobs() if each.name == name and each.seconds is not None), None)
    if job is None:
        named = ", ".join(each.name for each in jobs() if each.seconds is not None)
        raise NotFound(f"There is no job {name}. There are: {named}.")
    slot = moment()
    if not ask_for(job, slot):
        raise Conflict(f"A run of {name} waits or runs already.")
    return f"{job.name}:{slot}"


def moment() -> str:
    """This moment, as it stands in a run's name."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
