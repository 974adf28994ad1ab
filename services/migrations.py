"""Bringing a database to the shape of the tables: safe when several processes start at once."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from alembic import command
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import IntegrityError, OperationalError

from models.migrations.generate import migration_config
from services.database import BUSY_TIMEOUT_MS
from services.errors import Conflict

ADVISORY_LOCK = 7_315_220_119  # any number no other program on the same server uses


def migrate(engine: Engine) -> None:
    """Bring the database to the newest shape, whole or not at all. Does nothing where it is there already.

    Processes that start together queue: on PostgreSQL on an advisory lock, on SQLite on the write lock. Raises
    Conflict where a newer version of this program has migrated it, and IntegrityError where a step left rows behind
    that name a missing row.
    """
    if engine.dialect.name == "sqlite":
        _wait_for_the_journal(engine)
    if is_current(engine):
        return
    with _alone(engine) as connection:
        _check_known(connection)
        config = migration_config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def is_current(engine: Engine) -> bool:
    """Whether the database has the shape this program was written for."""
    with engine.connect() as connection:
        return _revision_of(connection) == newest_revision()


@lru_cache
def newest_revision() -> str | None:
    """The revision this program was written for."""
    return _steps().get_current_head()


@lru_cache
def _steps() -> ScriptDirectory:
    return ScriptDirectory.from_config(migration_config())


def _revision_of(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _check_known(connection: Connection) -> None:
    revision = _revision_of(connection)
    if revision is not None and revision not in {step.revision for step in _steps().walk_revisions()}:
        raise Conflict(f"The database is at revision {revision} of a newer Tallystick; update this program to use it.")


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    if engine.dialect.name != "sqlite":
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": ADVISORY_LOCK})
            yield connection
        return
    with engine.execution_options(sqlite_begin="IMMEDIATE").connect() as connection:
        _enforce_foreign_keys(connection, on=False)
        try:
            with connection.begin():
                yield connection
                _refuse_orphans(connection)
        finally:
            _enforce_foreign_keys(connection, on=True)


def _wait_for_the_journal(engine: Engine) -> None:
    """Turn the write-ahead log on; while the first connection ever does, SQLite refuses others instead of queueing."""
    deadline = time.monotonic() + BUSY_TIMEOUT_MS / 1_000
    while True:
        try:
            engine.connect().close()
        except OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def _enforce_foreign_keys(connection: Connection, *, on: bool) -> None:
    """Rebuilding a table on SQLite drops the old one, which must not be taken for deleting its rows."""
    driver = connection.connection.driver_connection
    assert driver is not None
    driver.execute(f"PRAGMA foreign_keys = {'ON' if on else 'OFF'}")


def _refuse_orphans(connection: Connection) -> None:
    orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    if orphans:
        raise IntegrityError("PRAGMA foreign_key_check", None, ValueError(f"rows of {orphans[0][0]} name missing rows"))
