"""The steps in models/migrations lead to exactly the tables in models."""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, text

from models import metadata
from services.database import open_engine
from services.errors import Conflict
from services.migrations import is_current, migrate, newest_revision


@pytest.fixture
def empty_url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if backend == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    new: Callable[[], str] = request.getfixturevalue("new_postgresql_database")
    return new()


def checks_of(engine: Engine) -> set[tuple[str, str | None, str]]:
    inspector = inspect(engine)
    return {
        (table, check["name"], " ".join(str(check["sqltext"]).split()))
        for table in metadata.tables
        for check in inspector.get_check_constraints(table)
    }


def test_upgrading_leaves_no_difference_to_the_tables(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_upgrading_writes_the_same_checks_as_the_tables_have(engine: Engine, empty_url: str) -> None:
    created = open_engine(empty_url)
    metadata.create_all(created)
    assert checks_of(engine) == checks_of(created)
    created.dispose()


def test_usage_events_are_stored_without_rowid_on_sqlite(sqlite_engine: Engine) -> None:
    with sqlite_engine.connect() as connection:
        statement = connection.scalar(text("SELECT sql FROM sqlite_master WHERE name = 'usage_event'"))
    assert statement.rstrip().endswith("WITHOUT ROWID")


def test_migrating_makes_an_empty_database_current_and_again_changes_nothing(empty_url: str) -> None:
    engine = open_engine(empty_url)
    assert not is_current(engine)
    migrate(engine)
    assert is_current(engine)
    migrate(engine)
    assert is_current(engine)
    engine.dispose()


def test_a_database_of_a_newer_program_is_left_alone(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    try:
        assert not is_current(engine)
        with pytest.raises(Conflict, match="update this program"):
            migrate(engine)
    finally:
        with engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = :head"), {"head": newest_revision()})


def test_threads_that_migrate_at_once_all_succeed(empty_url: str) -> None:
    engines = [open_engine(empty_url) for _ in range(4)]
    with ThreadPoolExecutor(len(engines)) as pool:
        list(pool.map(migrate, engines))
    assert all(is_current(engine) for engine in engines)
    for engine in engines:
        engine.dispose()


@pytest.mark.slow
def test_processes_that_migrate_at_once_all_succeed(empty_url: str, project_root: Path) -> None:
    program = (
        "import sys; from services.database import open_engine; from services.migrations import migrate;"
        "migrate(open_engine(sys.argv[1]))"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", program, empty_url], cwd=project_root, stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    errors = [process.communicate(timeout=60)[1].decode() for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], errors


def test_foreign_keys_are_enforced_again_after_migrating_sqlite(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'empty.db'}")
    migrate(engine)
    with engine.connect() as connection:
        assert connection.scalar(text("PRAGMA foreign_keys")) == 1
    engine.dispose()
