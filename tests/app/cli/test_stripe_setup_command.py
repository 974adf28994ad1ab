"""`tallystick stripe setup`: what it prints, in both forms, and how it refuses."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import Engine
from typer.testing import CliRunner

from app.cli.commands import cli
from services.settings import settings

Run = Callable[..., Result]


@pytest.fixture
def run(sqlite_engine: Engine, sandbox: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    monkeypatch.setenv("TALLYSTICK_STRIPE_SECRET_KEY", sandbox.secret_key)
    monkeypatch.setenv("TALLYSTICK_STRIPE_ADDRESS", sandbox.address)
    settings.cache_clear()
    runner = CliRunner()

    def invoke(*arguments: str, code: int = 0) -> Result:
        result = runner.invoke(cli, ["stripe", "setup", *arguments])
        assert result.exit_code == code, (result.stdout, result.stderr, result.exception)
        return result

    yield invoke
    settings.cache_clear()


@pytest.fixture
def as_sandbox(run: Run, sandbox: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """No key in the settings: the sandbox at that address is taken to have the one this installation derives."""
    monkeypatch.delenv("TALLYSTICK_STRIPE_SECRET_KEY")
    monkeypatch.setattr("services.gateways.stripe.connection._sandbox_key", lambda: sandbox.secret_key)
    settings.cache_clear()


@pytest.mark.usefixtures("as_sandbox")
def test_a_dry_run_and_a_run_print_a_table_and_a_second_run_says_nothing_was_done(run: Run) -> None:
    dry = run("--book", "assistant", "--dry-run").stdout
    assert "would be done" in dry
    made = run("--book", "assistant").stdout
    assert "tallystick:assistant:pro:month" in made
    assert "in the sandbox account" in made
    assert "whsec_" not in made
    assert "nothing done." in run("--book", "assistant").stdout


@pytest.mark.usefixtures("as_sandbox")
def test_json_tells_of_every_thing(run: Run) -> None:
    said = json.loads(run("--book", "assistant", "--json").stdout)
    assert (said["account"], said["dry_run"], said["notes"], said["webhook_secret"]) == ("sandbox", False, [], None)
    kinds = {thing["kind"] for thing in said["things"]}
    assert kinds == {"product", "price", "tax_rate", "payment_link", "portal_configuration", "webhook_endpoint"}
    assert {thing["action"] for thing in said["things"]} == {"created"}


def test_an_endpoint_at_a_real_account_shows_its_secret_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALLYSTICK_PUBLIC_URL", "https://portal.example.com")
    settings.cache_clear()
    made = run("--book", "assistant").stdout
    assert "https://portal.example.com/v1/stripe/webhook" in made
    assert made.splitlines()[-1].startswith("whsec_")
    assert "whsec_" not in run("--book", "assistant").stdout


def test_a_real_account_that_cannot_reach_us_says_so(run: Run) -> None:
    assert "Stripe cannot deliver to http://localhost:3000" in run("--book", "assistant").stdout


def test_all_books_are_set_up_where_none_is_named(run: Run) -> None:
    things = json.loads(run("--json", "--dry-run").stdout)["things"]
    assert {thing["name"].split(":")[1] for thing in things if thing["kind"] == "product"} == {
        "assistant", "memory-cloud", "reliability", "verified-exchange",
    }  # fmt: skip


def test_an_unknown_book_is_refused_in_a_sentence(run: Run) -> None:
    assert "There is no price book 'nowhere'" in run("--book", "nowhere", code=1).stderr


def test_settings_that_must_not_be_are_refused_before_anything_is_called(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALLYSTICK_STRIPE_SECRET_KEY", "sk_live_0123456789abcdef")
    settings.cache_clear()
    refused = run(code=1).stderr
    assert "live key" in refused
    assert "sk_live_" not in refused


def test_a_stripe_that_does_not_answer_is_told_in_a_sentence(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stripe.HTTPClient.INITIAL_DELAY", 0.01)
    monkeypatch.setenv("TALLYSTICK_STRIPE_ADDRESS", "http://127.0.0.1:1")
    settings.cache_clear()
    assert "cannot be reached" in run(code=1).stderr


def test_neither_the_command_line_nor_metering_loads_the_sdk(project_root: Path) -> None:
    program = "import sys, app.cli.commands, services.metering; print('stripe' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=project_root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
