"""`tallystick kpi import`: figures out of a log, shown or kept, with the rows that were refused."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import Engine
from sqlmodel import func, select
from typer.testing import CliRunner

from app.cli.commands import cli
from models import KpiMeasurement, MaintenanceImport
from services.database import reading
from tests.maintenance_logs import PlantYear

YEAR = (datetime.now(UTC) - timedelta(days=1)).year - 1
Run = Callable[..., Result]


@pytest.fixture
def run(sqlite_engine: Engine, tmp_path: Path) -> Run:
    runner = CliRunner()
    plant = PlantYear(year=YEAR, machine_count=6)
    (tmp_path / "failures.csv").write_text(plant.failures_csv + f"{YEAR}-02-30,1,comp1\n")
    (tmp_path / "maint.csv").write_text(plant.maintenance_csv)
    (tmp_path / "machines.csv").write_text(plant.machines_csv)

    def invoke(*arguments: str, code: int = 0) -> Result:
        result = runner.invoke(cli, [*arguments])
        assert result.exit_code == code, result.output
        return result

    invoke("tenant", "create", "Acme", "--plan", "ENTERPRISE", "--start", f"{YEAR}-01-01", "--timezone", "UTC")
    return invoke


def arguments(folder: Path, **given: str) -> list[str]:
    named = {
        "tenant": "Acme", "machine": "machineID", "failed-at": "datetime", "component": "failure",
        "repaired-at": "datetime", "repair-component": "comp", "repairs": str(folder / "maint.csv"),
        "machines": str(folder / "machines.csv"), "site": "plant", "from": f"{YEAR}-01-01", "to": f"{YEAR}-12-31",
    } | given  # fmt: skip
    options = [part for name, value in named.items() for part in (f"--{name}", value)]
    return ["kpi", "import", str(folder / "failures.csv"), *options]


def kept() -> tuple[int, int]:
    with reading() as session:
        tables: tuple[Any, ...] = (MaintenanceImport, KpiMeasurement)
        return tuple(session.exec(select(func.count()).select_from(table)).one() for table in tables)  # type: ignore[return-value]


def test_a_dry_run_shows_the_figures_and_keeps_nothing(run: Run, tmp_path: Path) -> None:
    shown = run(*arguments(tmp_path), "--dry-run")
    assert f"{YEAR}-01-01 to {YEAR}-12-31" in shown.output
    assert "halifax" in shown.output
    assert "is not a time there is" in shown.output
    assert kept() == (0, 0)


def test_an_import_keeps_what_the_dry_run_showed(run: Run, tmp_path: Path) -> None:
    tried = json.loads(run(*arguments(tmp_path), "--dry-run", "--json").stdout)
    done = json.loads(run(*arguments(tmp_path), "--json").stdout)
    assert tried["import_id"] is None
    assert done | {"import_id": None} == tried
    assert [row["reason"] for row in done["refused_rows"]] == [
        f"“{YEAR}-02-30” is not a time there is: day is out of range for month."
    ]
    assert kept() == (1, 12 * 3 * 4)
    run(*arguments(tmp_path), "--json")
    assert kept() == (2, 2 * 12 * 3 * 4)


def test_what_cannot_be_read_is_said_in_a_sentence(run: Run, tmp_path: Path) -> None:
    assert "no column when" in run(*arguments(tmp_path, **{"failed-at": "when"}), code=1).output
    assert "not utf-16 text" in run(*arguments(tmp_path, encoding="utf-16"), code=1).output
    assert "cannot be read" in run(*arguments(tmp_path, repairs=str(tmp_path / "none.csv")), code=1).output
    assert "cannot be read" in run(*arguments(tmp_path, machines=str(tmp_path)), "--dry-run", code=1).output
    assert "not ended" in run(*arguments(tmp_path, to=f"{YEAR + 3}-01-01"), "--dry-run", code=1).output
    assert kept() == (0, 0)
