"""The clock that puts runs of jobs in line; threads of this process take them from there.

Any number of processes may work. A run is named by its job and the moment it is for, so that their clocks ask for it
once; and a process that ended is noticed by its silence, and what it was doing is continued by another.
"""

import threading
import time
from datetime import UTC, datetime
from typing import Final

import structlog

from app.jobs import bell
from app.jobs.asking import ask_for, moment
from app.jobs.table import QUEUES, Job, jobs
from services import job_workers
from services.database import reading, transaction
from services.gateways.workflows import running, runs
from services.gateways.workflows.procedures import Procedure
from services.gateways.workflows.runs import RunState
from services.identifiers import new_id
from services.job_workers import SECONDS_BETWEEN_SIGNS

LOOK_SECONDS: Final = 0.5
BUSY_SECONDS: Final = 0.25
"""How soon one that was rung for, while it ran, is asked for again."""

RUNNING_MAX: Final = 1_000
LOOKED_BACK: Final = 200
REST_SECONDS: Final = 5.0
REST_SECONDS_MAX: Final = 300.0
SECONDS_TO_END: Final = 3

log = structlog.get_logger("tallystick.jobs")


class Clock:
    """Asks for each job when its time has come, and for one that was rung for at once."""

    def __init__(self) -> None:
        self.worker_id = new_id("wrk")
        self._ended = threading.Event()
        self._asked_for: dict[str, float] = {}
        self._rung: set[str] = set()
        self._rests_until: dict[str, float] = {}
        self._signed_at = float("-inf")
        self._started_at = datetime.now(UTC)

    def end(self) -> None:
        """Let `run` end, giving what runs a moment. What does not end in it is continued by whoever works next."""
        self._ended.set()
        bell.wake()

    def run(self) -> None:
        """Work until `end` is called, from another thread."""
        if not self._begin():
            return
        try:
            while not self._ended.is_set():
                try:
                    self._look()
                except Exception:
                    log.exception("jobs_failed")
                bell.wait(BUSY_SECONDS if self._rung else LOOK_SECONDS)
        finally:
            running.shut_down(wait_seconds=SECONDS_TO_END)
            self._take_leave()

    def _begin(self) -> bool:
        """Loading what runs them takes a moment, and the database may be away: the pages do not wait for it."""
        while not self._ended.is_set():
            try:
                self._sign()
                procedures = [Procedure(job.name, job.act, job.tries, job.again_after_seconds) for job in jobs()]
                running.launch(procedures, QUEUES, worker_id=self.worker_id)
            except Exception:
                log.exception("jobs_failed")
                self._ended.wait(SECONDS_BETWEEN_SIGNS)
            else:
                return True
        return False

    def _look(self) -> None:
        if time.monotonic() - self._signed_at >= SECONDS_BETWEEN_SIGNS:
            self._sign()
            self._adopt()
            self._rests_until = _rests()
        self._rung |= bell.take_rung()
        for job in jobs():
            if job.name in self._rung and ask_for(job, moment()):
                self._rung.discard(job.name)
            elif job.seconds is not None:
                self._ask_on_time(job, job.seconds)

    def _ask_on_time(self, job: Job, seconds: float) -> None:
        slot = time.time() // seconds * seconds
        if self._asked_for.get(job.name) != slot and self._rests_until.get(job.name, 0.0) <= time.time():
            ask_for(job, f"{datetime.fromtimestamp(slot, UTC):%Y-%m-%dT%H:%M:%SZ}")
            self._asked_for[job.name] = slot

    def _sign(self) -> None:
        with transaction() as session:
            job_workers.sign_of_life(
                session, worker_id=self.worker_id, started_at=self._started_at, at=datetime.now(UTC)
            )
        self._signed_at = time.monotonic()

    def _adopt(self) -> None:
        """Continue what ended processes were doing."""
        at = datetime.now(UTC)
        with reading() as session:
            living = {worker.id for worker in job_workers.living_workers(session, at=at)}
        running_now = runs.find_runs(states=[RunState.RUNNING], limit=RUNNING_MAX)
        ended = sorted({run.worker for run in running_now} - living - {self.worker_id})
        if ended:
            log.warning("runs_continued", runs=running.adopt(ended), workers=ended)

    def _take_leave(self) -> None:
        try:
            with transaction() as session:
                job_workers.take_leave(session, worker_id=self.worker_id)
                job_workers.forget_silent(session, at=datetime.now(UTC))
        except Exception:
            log.exception("jobs_failed")


def _rests() -> dict[str, float]:
    """Until when jobs are left out whose last runs failed, twice as long with each of them."""
    failures: dict[str, int] = {}
    last: dict[str, float] = {}
    succeeded: set[str] = set()
    for run in runs.find_runs(states=[RunState.DONE, RunState.FAILED], limit=LOOKED_BACK):
        if run.state is RunState.DONE:
            succeeded.add(run.name)
        elif run.name not in succeeded and run.ended_at is not None:
            failures[run.name] = failures.get(run.name, 0) + 1
            last.setdefault(run.name, run.ended_at.timestamp())
    return {name: last[name] + min(REST_SECONDS * 2.0**count, REST_SECONDS_MAX) for name, count in failures.items()}
