"""Running workflows in threads of this process, and continuing what another process left when it ended."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from dbos import DBOS

from services.gateways.workflows.procedures import RECOVERIES_MAX, RETRIES, Counts, Procedure, Queue
from services.gateways.workflows.runs import enqueue
from services.gateways.workflows.state import APPLICATION, SCHEMA, SHAPE, plain_json, prepare_state, state_engine

ROUNDS_MAX: Final = 100_000
PAUSE_SECONDS: Final = 0.5
"""Between the tries of a step, then twice that. It waits in its thread, so not for long: a process that is asked to end
ends."""

AGAIN_SECONDS_MAX: Final = 6 * 3_600.0


def launch(procedures: Sequence[Procedure], queues: Sequence[Queue], *, worker_id: str) -> None:
    """Work on the queues in threads of this process until `shut_down`. What an ended process left is not touched yet:
    `adopt` does that."""
    prepare_state()
    for procedure in procedures:
        _register(procedure)
    DBOS(
        config={
            "name": APPLICATION,
            "application_version": SHAPE,
            "executor_id": worker_id,
            "system_database_engine": state_engine(),
            "dbos_system_schema": SCHEMA,
            "serializer": plain_json,
            "log_level": "ERROR",
            "enable_otlp": False,
            "run_migrations": False,
        }
    )
    DBOS.launch()
    for queue in queues:
        DBOS.register_queue(
            queue.name,
            worker_concurrency=queue.at_once,
            polling_interval_sec=queue.look_seconds,
            on_conflict="always_update",
        )


def shut_down(*, wait_seconds: int = 5) -> None:
    """Stop taking runs; give those that run a moment to end. One that does not is continued by another process."""
    DBOS.destroy(workflow_completion_timeout_sec=wait_seconds)


def adopt(worker_ids: Sequence[str]) -> int:
    """Put what ended workers were running back in line; answers how many runs. A finished step is not done again."""
    if not worker_ids:
        return 0
    return len(DBOS._recover_pending_workflows(list(worker_ids)))


_registered: dict[str, Callable[[dict[str, Any]], Counts]] = {}


def _register(procedure: Procedure) -> None:
    if procedure.name in _registered:
        return
    step = DBOS.step(
        name=procedure.name,
        retries_allowed=True,
        max_attempts=procedure.tries,
        interval_seconds=PAUSE_SECONDS,
        backoff_rate=2.0,
    )(procedure.act)

    def run(given: dict[str, Any]) -> Counts:
        try:
            return _in_rounds(step, given)
        except Exception:
            if procedure.again_after_seconds is not None:
                _put_in_line_again(procedure.name, given, procedure.again_after_seconds)
            raise

    run.__qualname__ = run.__name__ = procedure.name
    _registered[procedure.name] = DBOS.workflow(name=procedure.name, max_recovery_attempts=RECOVERIES_MAX)(run)


def _in_rounds(step: Callable[[dict[str, Any]], Counts], given: dict[str, Any]) -> Counts:
    done: Counts = {}
    for _ in range(ROUNDS_MAX):
        counts = dict(step(given))
        is_more = counts.pop("more", 0) > 0
        done = {name: done.get(name, 0) + counts.get(name, 0) for name in {**done, **counts}}
        if not is_more:
            break
    return done


def _put_in_line_again(name: str, given: dict[str, Any], after_seconds: float) -> None:
    """The same once more, later; named after the first, so that it is there once."""
    attempt = int(given.get("attempt", 1)) + 1
    first_id = str(given.get("first_id", DBOS.workflow_id))
    enqueue(
        name,
        {**given, "attempt": attempt, "first_id": first_id},
        run_id=f"{first_id}:{attempt}",
        queue=RETRIES.name,
        after_seconds=min(after_seconds * 4.0 ** (attempt - 2), AGAIN_SECONDS_MAX),
    )
