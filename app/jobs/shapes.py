"""What the page of jobs shows, already worded, and the gauges of /metrics."""

from dataclasses import dataclass
from typing import Final

from services.payments.inbox_views import StatusCount

RUNS_SHOWN: Final = 25


@dataclass(frozen=True)
class RunRow:
    """One run. `what` is what it did, why it failed, or when it begins; `note` says what is unusual about it."""

    id: str
    job: str
    state: str
    tone: str
    state_word: str
    started: str
    took: str
    what: str
    note: str
    can_retry: bool


@dataclass(frozen=True)
class JobRow:
    """One job: how often it runs, what its last run did, and when the next begins."""

    name: str
    title: str
    every: str
    last: str
    last_did: str
    next: str


@dataclass(frozen=True)
class JobsView:
    """A page of runs, and all jobs. `shown` says which of the runs are on it."""

    rows: tuple[RunRow, ...] = ()
    counts: tuple[StatusCount, ...] = ()
    jobs: tuple[JobRow, ...] = ()
    workers: tuple[str, ...] = ()
    failed: int = 0
    stuck: int = 0
    shown: str = ""
    has_next: bool = False


EMPTY_JOBS = JobsView()


@dataclass(frozen=True, slots=True)
class JobGauges:
    """Ages in seconds; 0 where nothing waits."""

    periods_due: int
    oldest_due_period_age_seconds: float
    job_workers: int
    job_runs_failed: int
    job_runs_waiting: int
    job_runs_stuck: int
    oldest_job_run_age_seconds: float


JOB_MEANING: Final = {
    "periods_due": "Billing periods whose grace has passed and that are not closed yet",
    "oldest_due_period_age_seconds": "How long the oldest of them has been due",
    "job_workers": "Processes that work on jobs",
    "job_runs_failed": "Runs of jobs that failed in the last thirty days, at most a thousand",
    "job_runs_waiting": "Runs whose time has come and that nobody has begun",
    "job_runs_stuck": "Runs that run or wait for more than a quarter of an hour",
    "oldest_job_run_age_seconds": "Age of the oldest run that waits or runs",
}
