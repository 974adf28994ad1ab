"""What an operator sees of runs: what each did or why it failed, which are stuck, and a way to try again."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from app.jobs import views
from app.jobs.asking import run_now
from app.jobs.gauges import read_job_gauges
from app.jobs.table import jobs
from services import job_workers
from services.database import transaction
from services.errors import Conflict, NotFound
from services.gateways.workflows import runs
from services.gateways.workflows.runs import Run, RunState
from services.gateways.workflows.state import SCHEMA, prepare_state, state_engine

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def _no_runs(engine: Engine) -> None:
    prepare_state()
    prefix = "" if engine.dialect.name == "sqlite" else f"{SCHEMA}."
    with state_engine().begin() as connection:
        connection.execute(text(f"DELETE FROM {prefix}workflow_status"))


def run(state: RunState, **more: object) -> Run:
    kept = {
        "id": "close-periods:2026-11-20T12:00:00Z",
        "name": "close-periods",
        "state": state,
        "created_at": AT - timedelta(minutes=2),
        "started_at": AT - timedelta(minutes=1),
        "ended_at": None,
        "due_at": None,
        "executions": 1,
        "worker": "wrk_1",
        "given": {},
        "counts": {},
        "reason": "",
    }
    return Run(**{**kept, **more})  # type: ignore[arg-type]


def test_a_run_says_what_it_did_or_why_it_failed() -> None:
    done = views.run_row(run(RunState.DONE, ended_at=AT, counts={"closed": 12}), at=AT)
    assert (done.job, done.state_word, done.what, done.took) == ("Close periods", "Done", "12 periods closed", "1 min")
    assert (done.can_retry, done.note, done.started) == (False, "", "20 Nov 2026, 11:59")
    failed = views.run_row(run(RunState.FAILED, ended_at=AT, reason="No such plan."), at=AT)
    assert (failed.what, failed.can_retry) == ("No such plan.", True)
    later = views.run_row(run(RunState.DELAYED, started_at=None, due_at=AT + timedelta(minutes=5)), at=AT)
    assert (later.what, later.took, later.can_retry) == ("Begins in 5 min", "–", True)


def test_a_run_that_takes_long_or_was_cut_off_says_so() -> None:
    assert views.run_row(run(RunState.RUNNING), at=AT).note == ""
    slow = views.run_row(run(RunState.RUNNING, started_at=AT - timedelta(hours=2)), at=AT)
    assert slow.note == "Running for 2 h"
    assert "Begun 3 times" in views.run_row(run(RunState.DONE, executions=3, ended_at=AT), at=AT).note


@pytest.mark.usefixtures("_no_runs")
def test_runs_are_listed_by_state_and_job_beside_what_is_next() -> None:
    run_id = run_now("close-periods")
    with pytest.raises(Conflict, match="waits or runs"):
        run_now("close-periods")
    with pytest.raises(NotFound, match="There is no job nothing"):
        run_now("nothing")
    at = datetime.now(UTC)
    view = views.list_runs(at=at)
    assert [(row.id, row.state) for row in view.rows] == [(run_id, "waiting")]
    assert {count.word: count.count for count in view.counts}["Waiting"] == "1"
    assert [row.id for row in views.list_runs(at=at, state="waiting", job="close-periods").rows] == [run_id]
    assert views.list_runs(at=at, state="failed").rows == ()
    assert views.list_runs(at=at, job="sweep").rows == ()
    assert [row.name for row in view.jobs] == [job.name for job in jobs() if job.seconds is not None]
    assert view.workers == ()
    stuck = views.list_runs(at=at + timedelta(minutes=20), state="stuck")
    assert [(row.id, row.note) for row in stuck.rows] == [(run_id, "Waiting for 20 min")]
    assert stuck.stuck == 1


@pytest.mark.usefixtures("_no_runs")
def test_gauges_tell_what_waits_and_since_when(engine: Engine) -> None:
    assert read_job_gauges(at=AT).job_workers == 0
    run_now("tidying")
    at = datetime.now(UTC) + timedelta(minutes=30)
    with transaction(engine) as session:
        job_workers.sign_of_life(session, worker_id="wrk_1", started_at=AT, at=at)
    gauges = read_job_gauges(at=at)
    assert (gauges.job_workers, gauges.job_runs_waiting, gauges.job_runs_stuck, gauges.periods_due) == (1, 1, 1, 0)
    assert gauges.oldest_job_run_age_seconds == pytest.approx(1_800, abs=5)
    assert runs.count_runs(states=[RunState.FAILED], limit=10) == gauges.job_runs_failed == 0
