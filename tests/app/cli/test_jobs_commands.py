"""`tallystick jobs`: what it lists, what it puts in line, and how it refuses."""

import json
from collections.abc import Callable

import pytest
from click.testing import Result
from sqlalchemy import Engine
from typer.testing import CliRunner

from app.cli.commands import cli
from services.gateways.workflows import runs
from services.gateways.workflows.procedures import RETRIES

Run = Callable[..., Result]


@pytest.fixture
def run(sqlite_engine: Engine) -> Run:
    runner = CliRunner()

    def invoke(*arguments: str, code: int = 0) -> Result:
        result = runner.invoke(cli, ["jobs", *arguments])
        assert result.exit_code == code, (result.stdout, result.stderr, result.exception)
        return result

    return invoke


def test_a_job_that_is_run_now_is_listed_once(run: Run) -> None:
    assert "There is no such run" in run("list").stdout
    put = json.loads(run("run", "close-periods", "--json").stdout)["run"]
    assert "waits or runs already" in run("run", "close-periods", code=1).stderr
    (listed,) = json.loads(run("list", "--state", "waiting", "--json").stdout)
    assert (listed["run"], listed["job"], listed["state"]) == (put, "Close periods", "waiting")
    assert json.loads(run("list", "--job", "trials", "--json").stdout) == []
    assert put in run("list").stdout


def test_what_waits_for_its_time_can_be_begun_and_what_did_not_fail_cannot_be_retried(run: Run) -> None:
    run("list")
    runs.enqueue("close-subscription", {}, run_id="close:one", queue=RETRIES.name, after_seconds=3_600)
    assert "is in line again" in run("retry", "close:one").stdout
    put = json.loads(run("run", "trials", "--json").stdout)["run"]
    assert "did not fail" in run("retry", put, code=1).stderr
    assert "There is no run nothing" in run("retry", "nothing", code=1).stderr


def test_what_there_is_not_is_refused_with_what_there_is(run: Run) -> None:
    assert "close-periods" in run("run", "nothing", code=1).stderr
    assert "--state" in run("list", "--state", "odd", code=2).stderr
