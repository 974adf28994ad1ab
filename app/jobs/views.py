"""The runs of jobs for our own side, in words: what ran and runs, what failed and why, what is next."""

from datetime import UTC, datetime, timedelta
from typing import Final

from app.jobs.shapes import RUNS_SHOWN, JobRow, JobsView, RunRow
from app.jobs.table import Job, job_named, jobs
from app.jobs.wording import words_of
from models import JobWorker
from services import job_workers, wording
from services.database import reading
from services.gateways.workflows import runs
from services.gateways.workflows.runs import Run, RunState
from services.payments.inbox_views import CLOCK, StatusCount, age

COUNTED_MAX: Final = 1_000
STUCK: Final = "stuck"
STUCK_AFTER: Final = timedelta(minutes=15)
"""A run that takes longer, or waits longer though its time has come, is looked at by a person."""

STATE_WORDS: Final = {
    RunState.FAILED: "Failed",
    RunState.RUNNING: "Running",
    RunState.WAITING: "Waiting",
    RunState.DELAYED: "Later",
    RunState.DONE: "Done",
    RunState.CANCELED: "Canceled",
}
STATE_TONES: Final = {
    RunState.FAILED: "failed",
    RunState.RUNNING: "processing",
    RunState.WAITING: "pending",
    RunState.DELAYED: "scheduled",
    RunState.DONE: "settled",
    RunState.CANCELED: "canceled",
}
CHOICES: Final = (RunState.FAILED, RunState.RUNNING, RunState.WAITING, RunState.DELAYED)


def list_runs(*, at: datetime, state: str = "", job: str = "", skip: int = 0) -> JobsView:
    """A page of runs, the newest first: of one state, those that are stuck, or all but idle; of one job or of all."""
    stuck = _stuck(at)
    found = _find(state, job, skip, stuck)
    page = found[:RUNS_SHOWN]
    with reading() as session:
        workers = job_workers.living_workers(session, at=at)
    counted = {each: runs.count_runs(states=[each], limit=COUNTED_MAX + 1) for each in CHOICES}
    return JobsView(
        rows=tuple(run_row(run, at=at) for run in page),
        counts=(
            StatusCount("", "All but idle", ""),
            *(StatusCount(each.value, STATE_WORDS[each], _number(counted[each])) for each in CHOICES),
            StatusCount(STUCK, "Stuck", _number(len(stuck))),
            StatusCount(RunState.DONE.value, STATE_WORDS[RunState.DONE], ""),
        ),
        jobs=tuple(_job_row(each, at=at) for each in jobs() if each.seconds is not None),
        workers=tuple(_worker(worker, at) for worker in workers),
        failed=counted[RunState.FAILED],
        stuck=len(stuck),
        shown=f"{skip + 1:,}–{skip + len(page):,}" if page else "0",
        has_next=len(found) > RUNS_SHOWN,
    )


def run_row(run: Run, *, at: datetime) -> RunRow:
    """A run in words."""
    job = job_named(run.name)
    ended = run.ended_at or at
    return RunRow(
        id=run.id,
        job=run.name if job is None else job.title,
        state=run.state.value,
        tone=STATE_TONES[run.state],
        state_word=STATE_WORDS[run.state],
        started=wording.moment(run.started_at or run.created_at, CLOCK),
        took="–" if run.started_at is None else took(ended - run.started_at),
        what=_what(run, job, at),
        note=_note(run, at),
        can_retry=run.state in {RunState.FAILED, RunState.CANCELED, RunState.DELAYED},
    )


def took(span: timedelta) -> str:
    """How long a run took: under 1 s, 12 s, 3 min. What keeps the runs counts whole seconds on SQLite."""
    seconds = max(span.total_seconds(), 0.0)
    return "under 1 s" if seconds < 1 else age(span)


def _find(state: str, job: str, skip: int, stuck: list[Run]) -> list[Run]:
    names = [job] if job else []
    if state == STUCK:
        return [run for run in stuck if not job or run.name == job][skip : skip + RUNS_SHOWN + 1]
    if state in set(RunState):
        return runs.find_runs(states=[RunState(state)], names=names, limit=RUNS_SHOWN + 1, skip=skip)
    return _but_idle(names)[skip : skip + RUNS_SHOWN + 1]


def _but_idle(names: list[str]) -> list[Run]:
    """Of the newest runs those that did something, failed, or have not ended."""
    newest = runs.find_runs(names=names, limit=COUNTED_MAX)
    return [run for run in newest if run.state is not RunState.DONE or any(run.counts.values())]


def _stuck(at: datetime) -> list[Run]:
    """Those that run or wait longer than anything should."""
    active = runs.find_runs(states=[RunState.RUNNING, RunState.WAITING], limit=COUNTED_MAX)
    return [run for run in active if at - (run.started_at or run.due_at or run.created_at) > STUCK_AFTER]


def _what(run: Run, job: Job | None, at: datetime) -> str:
    if run.state is RunState.DONE:
        return words_of(job, run.counts)
    if run.state is RunState.DELAYED and run.due_at is not None:
        return f"Begins in {age(run.due_at - at)}"
    return run.reason


def _note(run: Run, at: datetime) -> str:
    since = at - (run.started_at or run.due_at or run.created_at)
    if run.state in {RunState.RUNNING, RunState.WAITING} and since > STUCK_AFTER:
        return f"{STATE_WORDS[run.state]} for {age(since)}"
    if run.executions > 1:
        return f"Begun {run.executions} times: a process ended while it ran"
    return ""


def _job_row(job: Job, *, at: datetime) -> JobRow:
    assert job.seconds is not None
    last = next(iter(runs.find_runs(names=[job.name], limit=1)), None)
    slot = at.timestamp() // job.seconds * job.seconds + job.seconds
    return JobRow(
        name=job.name,
        title=job.title,
        every=age(timedelta(seconds=job.seconds)),
        last="Never" if last is None else f"{age(at - (last.started_at or last.created_at))} ago",
        last_did="" if last is None else _what(last, job, at) or STATE_WORDS[last.state],
        next=f"in {age(datetime.fromtimestamp(slot, UTC) - at)}",
    )


def _worker(worker: JobWorker, at: datetime) -> str:
    return f"{worker.host}, process {worker.pid}, for {age(at - worker.started_at)}"


def _number(count: int) -> str:
    return f"{count:,}" if count <= COUNTED_MAX else f"{COUNTED_MAX:,}+"
