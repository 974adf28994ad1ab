"""Numbers that tell an operator whether jobs keep running."""

from datetime import datetime

from app.jobs.shapes import JobGauges
from app.jobs.views import COUNTED_MAX, STUCK_AFTER
from services import job_workers
from services.closing import due_periods
from services.database import reading
from services.gateways.workflows import runs
from services.gateways.workflows.runs import RunState


def read_job_gauges(*, at: datetime) -> JobGauges:
    """What is due, since when, and what waits for a person."""
    with reading() as session:
        due, since = due_periods.overdue_since(session, at=at)
        workers = len(job_workers.living_workers(session, at=at))
    active = runs.find_runs(states=[RunState.RUNNING, RunState.WAITING], limit=COUNTED_MAX)
    ages = [(at - (run.started_at or run.due_at or run.created_at)).total_seconds() for run in active]
    return JobGauges(
        periods_due=due,
        oldest_due_period_age_seconds=0.0 if since is None else max((at - since).total_seconds(), 0.0),
        job_workers=workers,
        job_runs_failed=runs.count_runs(states=[RunState.FAILED], limit=COUNTED_MAX),
        job_runs_waiting=sum(run.state is RunState.WAITING for run in active),
        job_runs_stuck=sum(age > STUCK_AFTER.total_seconds() for age in ages),
        oldest_job_run_age_seconds=max(ages, default=0.0),
    )
