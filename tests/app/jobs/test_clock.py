"""The clock asks for each job once a slot, at once for one that was rung for, and gives failing ones a rest."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from sqlalchemy import Engine

from app.jobs import bell, clock
from app.jobs.clock import Clock
from app.jobs.table import JOBS_QUEUE, QUEUES, Job, jobs
from app.jobs.wording import words_of
from services import job_workers
from services.database import reading
from services.gateways.workflows import runs
from services.gateways.workflows.runs import RunState

HOUR = 3_600.0


def nothing(_: Mapping[str, Any]) -> dict[str, int]:
    return {}


def job(name: str, seconds: float | None = HOUR) -> Job:
    return Job(name, name.capitalize(), nothing, seconds=seconds, words={}, queue=JOBS_QUEUE)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, str]]]:
    """What the clock asked for, with the moment it is for."""
    bell.take_rung()
    found: list[tuple[str, str]] = []
    monkeypatch.setattr(clock, "ask_for", lambda job, slot: found.append((job.name, slot)) or True)
    monkeypatch.setattr(clock, "jobs", lambda: (job("hourly"), job("asked-for", None)))
    yield found
    bell.take_rung()


def test_a_job_is_asked_for_once_in_its_time(asked: list[tuple[str, str]], sqlite_engine: Engine) -> None:
    each = Clock()
    for _ in range(3):
        each._look()
    assert [name for name, _ in asked] == ["hourly"]
    assert asked[0][1].endswith(":00:00Z")


def test_what_is_rung_for_is_asked_for_at_once_and_until_it_is_in_line(
    asked: list[tuple[str, str]], sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    each = Clock()
    bell.ring("asked-for")
    each._look()
    each._look()
    assert [name for name, _ in asked] == ["hourly", "asked-for"]  # each once
    monkeypatch.setattr(clock, "ask_for", lambda job, slot: False)
    bell.ring("asked-for")
    each._look()
    assert each._rung == {"asked-for"}


def test_a_job_whose_runs_fail_rests_longer_each_time(sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    assert clock._rests() == {}
    kept = [
        _Run("failing", RunState.FAILED, now),
        _Run("failing", RunState.FAILED, now - 10),
        _Run("mended", RunState.DONE, now),
        _Run("mended", RunState.FAILED, now - 5),
        _Run("failing", RunState.DONE, now - 60),
        _Run("failing", RunState.FAILED, now - 90),
    ]
    monkeypatch.setattr(runs, "find_runs", lambda **_: kept)
    assert clock._rests() == {"failing": pytest.approx(now + 20)}


class _Run:
    def __init__(self, name: str, state: RunState, ended: float) -> None:
        from datetime import UTC, datetime

        self.name, self.state, self.ended_at = name, state, datetime.fromtimestamp(ended, UTC)


def test_a_clock_works_signs_and_takes_its_leave(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    from sqlalchemy import text

    from services.gateways.workflows.state import SCHEMA, prepare_state, state_engine

    wanted = tuple(each for each in jobs() if each.name in {"close-periods", "tidying"})
    monkeypatch.setattr(clock, "jobs", lambda: wanted)
    prepare_state()
    prefix = "" if engine.dialect.name == "sqlite" else f"{SCHEMA}."
    with state_engine().begin() as connection:
        connection.execute(text(f"DELETE FROM {prefix}workflow_status"))
    each = Clock()
    thread = threading.Thread(target=each.run, daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            done = {run.name for run in runs.find_runs(states=[RunState.DONE], limit=100)}
            if {"close-periods", "tidying"} <= done:
                break
            time.sleep(0.1)
        with reading(engine) as session:
            (worker,) = session.exec(job_workers.select(job_workers.JobWorker)).all()
        assert worker.id == each.worker_id
    finally:
        each.end()
        thread.join(timeout=30)
    assert {"close-periods", "tidying"} <= done
    with reading(engine) as session:
        assert session.exec(job_workers.select(job_workers.JobWorker)).all() == []


def test_every_job_has_a_queue_and_words_for_what_it_counts() -> None:
    assert {each.queue for each in jobs()} <= set(QUEUES)
    assert len({each.name for each in jobs()}) == len(jobs())
    closing = next(each for each in jobs() if each.name == "close-periods")
    assert words_of(closing, {"closed": 1, "without_invoice": 0, "failed": 2}) == "1 period closed, 2 failed"
    assert words_of(closing, {"closed": 1_200}) == "1,200 periods closed"
    assert words_of(closing, {}) == "Nothing was due"
