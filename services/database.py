"""The engine and the only commit: `transaction()` for what writes, `reading()` for what looks."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Insert, Table, create_engine, event, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlmodel import Session

from services.settings import settings

BUSY_TIMEOUT_MS = 30_000
POOL_SIZE = 10
STATEMENTS_PREPARED = 512
"""Kept by each SQLite connection: rows are inserted by as many statements as there are sizes of a group."""

LOCK_TIMEOUT_MS = 30_000

ALWAYS_PLANNED = "plan_cache_mode=force_custom_plan"
"""A plan that PostgreSQL made for a prepared statement while a table was empty walks all of it once it is not."""

_BEFORE_COMMIT, _AFTER_COMMIT = "before_commit", "after_commit"

_sqlite_writer = threading.RLock()


@lru_cache
def engine() -> Engine:
    """The engine of this process, for the database in the settings."""
    return open_engine(settings().database_url)


def open_engine(url: str) -> Engine:
    """An engine for SQLite or PostgreSQL. Raises ValueError for any other database."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _open_sqlite(parsed)
    if parsed.get_backend_name() == "postgresql":
        return _open_postgresql(parsed)
    raise ValueError(f"TALLYSTICK_DATABASE_URL must be sqlite or postgresql, not {parsed.get_backend_name()}")


@contextmanager
def transaction(on: Engine | None = None) -> Iterator[Session]:
    """A session whose work is kept whole or not at all. Use cases flush; this commits.

    On SQLite the write lock is taken at the start (BEGIN IMMEDIATE), so a transaction never fails half way because
    another wrote first; writers of this process wait in a queue instead of polling the file.
    """
    target = on or engine()
    if target.dialect.name != "sqlite":
        with Session(target, expire_on_commit=False) as session:
            yield from _kept_whole(session)
        return
    writable = target.execution_options(sqlite_begin="IMMEDIATE")
    with _sqlite_writer, Session(writable, expire_on_commit=False) as session:
        yield from _kept_whole(session)


def _kept_whole(session: Session) -> Iterator[Session]:
    with session.begin():
        yield session
        for finish in _noted(session, _BEFORE_COMMIT):
            finish()
    for finished in _noted(session, _AFTER_COMMIT):
        finished()


def before_commit(session: Session, finish: Callable[[], None]) -> None:
    """Do this last in the transaction, once all else is done: for what is written once, however much it covers."""
    session.info.setdefault(_BEFORE_COMMIT, []).append(finish)


def after_commit(session: Session, finished: Callable[[], None]) -> None:
    """Do this once the transaction is kept, and not where it is not: for what a process remembers of it."""
    session.info.setdefault(_AFTER_COMMIT, []).append(finished)


def _noted(session: Session, when: str) -> list[Callable[[], None]]:
    noted: list[Callable[[], None]] = session.info.pop(when, [])
    return noted


@contextmanager
def reading(on: Engine | None = None) -> Iterator[Session]:
    """A session that sees one consistent state, that of its first query, and keeps nothing."""
    target = on or engine()
    if target.dialect.name == "postgresql":  # where by default each query sees what was committed before it
        target = target.execution_options(isolation_level="REPEATABLE READ")
    with Session(target, expire_on_commit=False, autoflush=False) as session:
        try:
            yield session
        finally:
            session.expunge_all()  # what was read stays as it was read
            session.rollback()


def insert_into(session: Session, table: Table) -> "sqlite.Insert | postgresql.Insert":
    """An INSERT that can say ON CONFLICT, for the database at hand."""
    return _insert(session.get_bind().dialect.name, table)


def add_or_increase(session: Session, table: Table, rows: list[dict[str, Any]], *, key: tuple[str, ...]) -> None:
    """Insert rows of counters; where a row with that key exists, add every other column to it."""
    if rows:
        counters = tuple(name for name in rows[0] if name not in key)
        session.connection().execute(_increase(session.get_bind().dialect.name, table, key, counters), rows)


def insert_or_change(
    session: Session, table: Table, rows: list[dict[str, Any]], *, key: tuple[str, ...], changed: tuple[str, ...]
) -> None:
    """Insert rows; where a row with that key exists, give the columns in `changed` their new values."""
    if rows:
        session.connection().execute(_change(session.get_bind().dialect.name, table, key, changed), rows)


def insert_missing(session: Session, table: Table, rows: list[dict[str, Any]]) -> None:
    """Insert rows; leave those whose key exists as they are."""
    if rows:
        session.execute(insert_into(session, table).on_conflict_do_nothing(), rows)


def _insert(dialect: str, table: Table) -> "sqlite.Insert | postgresql.Insert":
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


@lru_cache
def _increase(
    dialect: str, table: Table, key: tuple[str, ...], counters: tuple[str, ...]
) -> "sqlite.Insert | postgresql.Insert":
    """Built once a table: building it costs as much as running it."""
    statement = _insert(dialect, table)
    added = {name: table.c[name] + statement.excluded[name] for name in counters}
    return statement.on_conflict_do_update(index_elements=list(key), set_=added)


def _open_sqlite(url: URL) -> Engine:
    if url.database and url.database != ":memory:":
        make_private(Path(url.database))
    opened = create_engine(
        url,
        pool_size=POOL_SIZE,
        max_overflow=POOL_SIZE,
        hide_parameters=True,
        connect_args={"check_same_thread": False, "cached_statements": STATEMENTS_PREPARED},
    )
    event.listen(opened, "connect", _prepare_sqlite)
    event.listen(opened, "begin", _begin_sqlite)
    return opened


def make_private(path: Path) -> None:
    """A new file, and folder, that only their owner may read; SQLite gives its journal the mode of the file."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        path.touch(mode=0o600)


def _prepare_sqlite(connection: DBAPIConnection, _record: object) -> None:
    connection.isolation_level = None  # the driver must not begin transactions of its own
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        "temp_store = MEMORY",
        "cache_size = -65536",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    mode = connection.get_execution_options().get("sqlite_begin", "DEFERRED")
    connection.exec_driver_sql(f"BEGIN {mode}")


def _open_postgresql(url: URL) -> Engine:
    return create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=POOL_SIZE,
        max_overflow=POOL_SIZE,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={"options": f"-c timezone=UTC -c lock_timeout={LOCK_TIMEOUT_MS} -c {ALWAYS_PLANNED}"},
    )


@lru_cache
def _change(
    dialect: str, table: Table, key: tuple[str, ...], changed: tuple[str, ...]
) -> "sqlite.Insert | postgresql.Insert":
    statement = _insert(dialect, table)
    values = {name: statement.excluded[name] for name in changed}
    return statement.on_conflict_do_update(index_elements=list(key), set_=values)


__all__ = [
    "Insert",
    "add_or_increase",
    "after_commit",
    "before_commit",
    "engine",
    "insert_into",
    "insert_missing",
    "insert_or_change",
    "open_engine",
    "reading",
    "transaction",
]
