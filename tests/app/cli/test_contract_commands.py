"""`tallystick subscription` and `tallystick contract`: what they print, and how they refuse."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy import Engine
from typer.testing import CliRunner

from app.cli.commands import cli
from app.cli.preparing import load_reserved_capacity
from app.unit_of_work import now
from services.settings import settings

Run = Callable[..., Result]


@pytest.fixture
def run(sqlite_engine: Engine) -> Run:
    runner = CliRunner()

    def invoke(*arguments: str, code: int = 0) -> Result:
        result = runner.invoke(cli, [*arguments])
        assert result.exit_code == code, (result.stdout, result.stderr, result.exception)
        return result

    invoke("tenant", "create", "Acme", "--plan", "verified-exchange/Starter")
    return invoke


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "reserved.json"
    tiers = [{"threshold": 500, "price_per_unit": 0.005}]
    path.write_text(json.dumps({"Acme": {"vex_reserved": 1_000_000, "vex_overage_tiers": tiers}}))
    return path


def test_another_subscription_needs_a_name_or_a_site(run: Run) -> None:
    asked = ("subscription", "create", "--tenant", "Acme", "--plan", "verified-exchange/Starter")
    assert "is live already" in run(*asked, code=1).stderr
    made = json.loads(run(*asked, "--site", "plant-2", "--interval", "year", "--json").stdout)
    assert made["name"] == "plant-2"
    listed = json.loads(run("subscription", "list", "--tenant", "Acme", "--json").stdout)
    assert [(each["name"], each["site"]) for each in listed] == [("", None), ("plant-2", "plant-2")]
    assert "plant-2" in run("subscription", "list", "--tenant", "Acme").stdout


def test_a_dry_run_says_what_would_change_and_changes_nothing(run: Run, file: Path) -> None:
    dry = run("contract", "load", str(file), "--dry-run")
    assert "would be new" in dry.stdout
    assert "warning: reserved.json: Acme.vex_overage_tiers.0.threshold: 500 ends nothing" in dry.stderr
    assert "has no contract" in run("contract", "list", "--tenant", "Acme").stdout
    loaded, again = (json.loads(run("contract", "load", str(file), "--json").stdout) for _ in range(2))
    assert [loaded[0]["change"], again[0]["change"]] == ["new", "unchanged"]
    listed = json.loads(run("contract", "list", "--tenant", "Acme", "--json").stdout)
    assert [each["contract"] for each in listed] == [loaded[0]["contract"]]


def test_a_file_with_mistakes_ends_with_exit_code_1_and_all_of_them(run: Run, file: Path) -> None:
    file.write_text(json.dumps({"Acme": {"vex_reserved": -1}, "Nobody": {}}))
    said = run("contract", "load", str(file), code=1).stderr
    assert "Acme.vex_reserved" in said
    assert "Nobody" in said
    assert "cannot be read" in run("contract", "load", str(file.parent / "none.json"), code=1).stderr


def test_a_server_loads_the_file_as_it_starts_and_goes_on_without_one_that_cannot_be(
    run: Run, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    load_reserved_capacity(at=now())
    assert "has no contract" in run("contract", "list", "--tenant", "Acme").stdout
    monkeypatch.setattr(settings(), "reserved_config", file)
    load_reserved_capacity(at=now())
    assert "Reserved capacity" in run("contract", "list", "--tenant", "Acme").stdout
    file.write_text("{")
    load_reserved_capacity(at=now())
    assert "stays as it was" in capsys.readouterr().err
    assert len(json.loads(run("contract", "list", "--tenant", "Acme", "--json").stdout)) == 1
