"""Runs of workflows: asking for one, finding those that are and were, trying again what failed. From any process."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from dbos import EnqueueOptions
from dbos._error import DBOSException, DBOSQueueDeduplicatedError, DBOSWorkflowIDInUseError

from services.errors import Conflict, NotFound
from services.gateways.workflows.procedures import RECOVERIES_MAX, RETRIES, Counts
from services.gateways.workflows.state import SHAPE, workflows_client


class RunState(StrEnum):
    WAITING = "waiting"
    DELAYED = "delayed"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELED = "canceled"


_STATES: Final = {
    "ENQUEUED": RunState.WAITING,
    "DELAYED": RunState.DELAYED,
    "PENDING": RunState.RUNNING,
    "SUCCESS": RunState.DONE,
    "ERROR": RunState.FAILED,
    "MAX_RECOVERY_ATTEMPTS_EXCEEDED": RunState.FAILED,
    "CANCELLED": RunState.CANCELED,
}


@dataclass(frozen=True, slots=True)
class Run:
    """What is known of one run. Times are aware UTC; `reason` says why it failed, `counts` what it did."""

    id: str
    name: str
    state: RunState
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    due_at: datetime | None
    executions: int
    worker: str
    given: Mapping[str, Any]
    counts: Counts
    reason: str


def enqueue(
    name: str,
    given: Mapping[str, Any],
    *,
    run_id: str,
    queue: str,
    alone_as: str | None = None,
    after_seconds: float = 0.0,
) -> bool:
    """Put a run in line; False where one with this id was asked for before, or one `alone_as` this waits or runs."""
    options: EnqueueOptions = {
        "workflow_name": name,
        "queue_name": queue,
        "workflow_id": run_id,
        "workflow_id_reuse_policy": "reject",
        "app_version": SHAPE,
    }
    if alone_as is not None:
        options["deduplication_id"] = alone_as
    if after_seconds > 0:
        options["delay_seconds"] = after_seconds
    try:
        workflows_client().enqueue(options, dict(given))
    except (DBOSQueueDeduplicatedError, DBOSWorkflowIDInUseError):
        return False
    return True


def find_runs(
    *,
    states: Sequence[RunState] = (),
    names: Sequence[str] = (),
    id_prefix: str = "",
    ended_before: datetime | None = None,
    limit: int,
    skip: int = 0,
) -> list[Run]:
    """Runs, the newest first."""
    found = workflows_client().list_workflows(
        status=_codes(states) or None,
        name=list(names) or None,
        workflow_id_prefix=id_prefix or None,
        completed_before=None if ended_before is None else ended_before.isoformat(),
        limit=limit,
        offset=skip,
        sort_desc=True,
    )
    return [_run(status) for status in found]


def count_runs(*, states: Sequence[RunState], limit: int) -> int:
    """How many runs have one of the states, up to a limit."""
    found = workflows_client().list_workflows(status=_codes(states), limit=limit, load_input=False, load_output=False)
    return len(found)


def read_run(run_id: str) -> Run:
    """Raises NotFound."""
    found = workflows_client().list_workflows(workflow_ids=[run_id])
    if not found:
        raise NotFound(f"There is no run {run_id}.")
    return _run(found[0])


def retry_run(run_id: str) -> None:
    """Put a failed run back in line, from the step that failed; hurry one that waits for its time.

    Raises NotFound, and Conflict where it neither failed nor waits for its time.
    """
    run = read_run(run_id)
    if run.state is RunState.DELAYED:
        workflows_client().set_workflow_delay(run_id, delay_seconds=0.0)
        return
    if run.state not in {RunState.FAILED, RunState.CANCELED}:
        raise Conflict(f"The run {run_id} did not fail; only one that failed can be tried again.")
    client = workflows_client()
    steps = client.list_workflow_steps(run_id)
    failed = [step["function_id"] for step in steps if step["error"] is not None]
    try:
        client.rewind_workflow(run_id, start_step=min(failed, default=len(steps) + 1), queue_name=RETRIES.name)
    except DBOSException as error:
        raise Conflict(f"The run {run_id} runs again already.") from error


def forget_runs(run_ids: Sequence[str]) -> None:
    """Delete what is kept of runs that ended."""
    if run_ids:
        with contextlib.suppress(DBOSException):
            workflows_client().delete_workflows(list(run_ids))


def _codes(states: Sequence[RunState]) -> list[str]:
    return [code for code, state in _STATES.items() if state in states]


def _run(status: Any) -> Run:
    given = status.input["args"][0] if status.input and status.input["args"] else {}
    return Run(
        id=status.workflow_id,
        name=status.name,
        state=_STATES[status.status],
        created_at=_moment(status.created_at) or datetime.now(UTC),
        started_at=_moment(status.dequeued_at),
        ended_at=_moment(status.completed_at),
        due_at=_moment(status.delay_until_epoch_ms),
        executions=status.recovery_attempts or 0,
        worker=status.executor_id or "",
        given=given,
        counts=status.output or {},
        reason=_reason(status),
    )


def _reason(status: Any) -> str:
    if status.status == "MAX_RECOVERY_ATTEMPTS_EXCEEDED":
        return f"Its process ended {RECOVERIES_MAX} times while it ran, so it is not begun again by itself."
    return "" if status.error is None else str(status.error)


def _moment(epoch_ms: int | None) -> datetime | None:
    return None if epoch_ms is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=epoch_ms)
