"""Workflows run once, go on where they stopped, and say why they failed."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from sqlalchemy import Engine, make_url, text

from services.errors import Conflict, NotFound, Unprocessable
from services.gateways.workflows import running, runs
from services.gateways.workflows.procedures import RETRIES, Counts, Procedure, Queue
from services.gateways.workflows.runs import Run, RunState
from services.gateways.workflows.state import SCHEMA, plain_json, prepare_state, reason_of, state_engine, state_url

QUEUE = Queue("tested", at_once=4, look_seconds=0.05)
SECONDS_MAX = 20.0

Act = Callable[[Mapping[str, Any]], Counts]
_acts: list[Act] = []
"""The last of them is what the procedure does: workflows are known to DBOS for as long as the process lives."""


def _act(given: Mapping[str, Any]) -> Counts:
    return _acts[-1](given)


@pytest.fixture
def worker(engine: Engine) -> Iterator[str]:
    """This process works on the queue, under a name, on an empty state."""
    prepare_state()
    _forget_all()
    launch("wrk_1")
    yield "wrk_1"
    running.shut_down(wait_seconds=1)
    _forget_all()
    state_engine().dispose()


def launch(worker_id: str, again_after_seconds: float | None = None) -> None:
    procedures = [Procedure("tested", _act, tries=1, again_after_seconds=again_after_seconds)]
    running.launch(procedures, [QUEUE, RETRIES], worker_id=worker_id)


def _forget_all() -> None:
    prefix = "" if state_engine().dialect.name == "sqlite" else f"{SCHEMA}."
    with state_engine().begin() as connection:
        for table in ("operation_outputs", "workflow_status", "queues"):
            connection.execute(text(f"DELETE FROM {prefix}{table}"))


def given_act(does: Act) -> None:
    _acts.append(does)


def enqueue(run_id: str, given: Mapping[str, Any] = {}, **options: Any) -> bool:
    return runs.enqueue("tested", given, run_id=run_id, queue=QUEUE.name, **options)


def ended(run_id: str) -> Run:
    deadline = time.monotonic() + SECONDS_MAX
    while time.monotonic() < deadline:
        run = runs.read_run(run_id)
        if run.ended_at is not None:
            return run
        time.sleep(0.02)
    raise AssertionError(f"{run_id} did not end")


def test_what_is_asked_for_twice_runs_once(worker: str) -> None:
    calls: list[Mapping[str, Any]] = []

    def count(given: Mapping[str, Any]) -> Counts:
        calls.append(given)
        return {"done": 2}

    given_act(count)
    assert enqueue("one", {"slot": "12:00"})
    assert not enqueue("one", {"slot": "12:00"})
    run = ended("one")
    assert not enqueue("one")
    assert calls == [{"slot": "12:00"}]
    assert (run.state, run.counts, run.given, run.worker, run.executions) == (
        RunState.DONE,
        {"done": 2},
        {"slot": "12:00"},
        worker,
        1,
    )


def test_rounds_go_on_while_there_is_more_and_are_added_up(worker: str) -> None:
    left = [3, 2, 1]
    given_act(lambda _: {"done": 10, "more": int(len(left) > 1 and bool(left.pop()))})
    enqueue("one")
    assert ended("one").counts == {"done": 30}


def test_of_those_that_run_alone_no_second_one_waits(worker: str) -> None:
    go_on = threading.Event()
    given_act(lambda _: {"done": int(go_on.wait(SECONDS_MAX))})
    assert enqueue("one", alone_as="tested")
    assert not enqueue("two", alone_as="tested")
    assert enqueue("three", alone_as="other")
    go_on.set()
    ended("one")
    assert enqueue("four", alone_as="tested")
    assert ended("four").counts == {"done": 1}


def test_a_failure_says_why_and_can_be_tried_again(worker: str) -> None:
    def fail(_: Mapping[str, Any]) -> Counts:
        raise Unprocessable("The region QQ has no tax rate.", field="region")

    given_act(fail)
    enqueue("one")
    failed = ended("one")
    assert (failed.state, failed.reason) == (RunState.FAILED, "The region QQ has no tax rate.")
    given_act(lambda _: {"done": 1})
    runs.retry_run("one")
    deadline = time.monotonic() + SECONDS_MAX
    while (run := runs.read_run("one")).state is not RunState.DONE and time.monotonic() < deadline:
        time.sleep(0.05)
    assert (run.state, run.counts, run.reason) == (RunState.DONE, {"done": 1}, "")
    with pytest.raises(Conflict, match="did not fail"):
        runs.retry_run("one")
    with pytest.raises(NotFound):
        runs.retry_run("another")


def test_what_failed_is_put_in_line_once_for_later_and_can_be_hurried(engine: Engine) -> None:
    prepare_state()
    _forget_all()
    launch("wrk_1", again_after_seconds=3_600)
    try:
        # The act of the registered procedure decides; the pause is that of the first registration in this process.
        running._put_in_line_again("tested", {"first_id": "one"}, 3_600.0)
        running._put_in_line_again("tested", {"first_id": "one"}, 3_600.0)
        (waiting,) = runs.find_runs(states=[RunState.DELAYED], limit=10)
        assert (waiting.id, waiting.given["attempt"]) == ("one:2", 2)
        assert waiting.due_at is not None
        assert (waiting.due_at - waiting.created_at).total_seconds() == pytest.approx(3_600, abs=5)
        given_act(lambda _: {"done": 1})
        runs.retry_run("one:2")
        assert ended("one:2").state is RunState.DONE
    finally:
        running.shut_down(wait_seconds=1)
        _forget_all()


def test_what_an_ended_worker_was_doing_is_continued_and_finished_steps_are_not_done_again(worker: str) -> None:
    rounds: list[int] = []
    stop = threading.Event()

    def act_once_then_hang(_: Mapping[str, Any]) -> Counts:
        rounds.append(len(rounds))
        if len(rounds) == 2:
            stop.wait(SECONDS_MAX)
            raise SystemExit
        return {"done": 1, "more": int(len(rounds) < 4)}

    given_act(act_once_then_hang)
    enqueue("one")
    deadline = time.monotonic() + SECONDS_MAX
    while len(rounds) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    running.shut_down(wait_seconds=0)  # in the middle of the second round
    stop.set()
    launch("wrk_2")
    assert runs.read_run("one").state is RunState.RUNNING
    assert running.adopt([]) == 0
    assert running.adopt(["wrk_1"]) == 1
    assert ended("one").counts == {"done": 3}
    assert rounds == [0, 1, 2, 3]  # the first was kept, the second begun anew
    assert runs.read_run("one").worker == "wrk_2"


def test_runs_are_found_by_state_name_and_beginning_and_can_be_forgotten(worker: str) -> None:
    given_act(lambda _: {})
    for run_id in ("a:1", "a:2", "b:1"):
        enqueue(run_id)
        ended(run_id)
    assert [run.id for run in runs.find_runs(limit=2)] == ["b:1", "a:2"]
    assert [run.id for run in runs.find_runs(limit=2, skip=2)] == ["a:1"]
    assert [run.id for run in runs.find_runs(id_prefix="a:", names=["tested"], limit=9)] == ["a:2", "a:1"]
    assert runs.find_runs(states=[RunState.FAILED], limit=9) == []
    runs.forget_runs(["a:1", "b:1"])
    assert [run.id for run in runs.find_runs(limit=9)] == ["a:2"]


def test_what_is_kept_is_data_and_never_code() -> None:
    kept = plain_json.serialize({"args": [{"slot": "12:00"}], "kwargs": {}})
    assert json.loads(kept) == {"value": {"args": [{"slot": "12:00"}], "kwargs": {}}}
    error = plain_json.deserialize(plain_json.serialize(ValueError("no such thing")))
    assert str(error) == "ValueError: no such thing"
    with pytest.raises(json.JSONDecodeError):
        plain_json.deserialize("gASVIAAAAAAAAACMBXBvc2l4lIwGc3lzdGVtlJOUjAhlY2hvIGhpIZSFlFKULg==")


def test_a_reason_holds_no_secret() -> None:
    assert "sk_live_" not in reason_of(RuntimeError("refused for sk_live_abcdefghijklmnop"))
    assert len(reason_of(ValueError("x" * 10_000))) == 1_000


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:////srv/data/tallystick.db", "sqlite:////srv/data/tallystick.jobs.db"),
        ("postgresql://db/tallystick", "postgresql+psycopg://db/tallystick"),
    ],
)
def test_the_state_of_runs_is_kept_beside_the_database(url: str, expected: str) -> None:
    assert state_url(make_url(url)).render_as_string() == expected


def test_a_database_in_memory_has_no_place_for_jobs() -> None:
    with pytest.raises(ValueError, match="in a file"):
        state_url(make_url("sqlite://"))
