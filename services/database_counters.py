"""Calls counted beside the database, for several processes without Redis; a restart forgets nothing.

One row a caller, locked while `rate_limits.Calls` decides and the count is written. The rows are no records of the
business: losing them costs nobody money, so they never wait for the disk, and on SQLite they have a file of their own
so that they never wait for the one who writes usage.
"""

import asyncio
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from services.call_counting import Call, CountersUnavailable, finish
from services.rules.rate_limits import Calls, Decision

POSTGRES_THREADS: Final = 2
WAIT_MS: Final = 5_000
RETRY_SECONDS: Final = 0.005
FILE_MODE: Final = 0o600
_LOCK_ID: Final = 7_266_104
"""Of the advisory lock under which processes that start together make the table once."""

Change = Callable[[Calls], Any]


class _Row(Protocol):
    """One caller's row, locked until the block ends."""

    kept: str | None

    def write(self, document: str, forget_after_ms: int) -> None: ...


class _RowCounters:
    """What both databases do: read a locked row, let the rule decide, write it back."""

    def __init__(self, *, threads: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="limits")

    def locked(self, key: str) -> Any:
        raise NotImplementedError

    async def admit(self, call: Call) -> Decision:
        def change(calls: Calls) -> Decision:
            return calls.admit(call.limits, at_ms=call.at_ms, day=call.day, lease=call.lease, lease_ms=call.lease_ms)

        decision: Decision = await self._in_thread(call.key, change)
        return decision

    async def renew(self, key: str, lease: str, *, expires_ms: int) -> None:
        await self._in_thread(key, lambda calls: calls.renew(lease, expires_ms=expires_ms))

    async def release(self, key: str, lease: str) -> None:
        await finish(self._in_thread(key, lambda calls: calls.release(lease)))

    async def _in_thread(self, key: str, change: Change) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._change, key, change)

    def _change(self, key: str, change: Change) -> Any:
        try:
            with self.locked(key) as row:
                calls = Calls() if row.kept is None else Calls.from_document(json.loads(row.kept))
                answer = change(calls)
                row.write(json.dumps(calls.to_document(), separators=(",", ":")), calls.forget_after_ms())
                return answer
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            raise CountersUnavailable(f"The counters cannot be had: {type(error).__name__}") from error


class SqliteCounters(_RowCounters):
    """A file beside the database, with the write lock taken before anything is read."""

    def __init__(self, path: Path) -> None:
        super().__init__(threads=1)  # one writes at a time; another thread would only poll
        self._path = path
        self._opened = threading.local()
        self._is_swept = False

    @classmethod
    def beside(cls, database: str) -> "SqliteCounters":
        """Beside tallystick.db: tallystick.limits.db."""
        path = Path(database)
        return cls(path.with_name(f"{path.stem}.limits{path.suffix}"))

    @contextmanager
    def locked(self, key: str) -> Iterator["_SqliteRow"]:
        connection = self._connection()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield _SqliteRow(connection, key)
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._opened, "connection", None)
        if connection is None:
            self._path.touch(mode=FILE_MODE)
            connection = sqlite3.connect(self._path, timeout=WAIT_MS / 1_000, isolation_level=None)
            _write_ahead(connection)
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS calls (key TEXT PRIMARY KEY, kept TEXT NOT NULL,"
                " forget_after_ms INTEGER NOT NULL) WITHOUT ROWID"
            )
            if not self._is_swept:
                connection.execute("DELETE FROM calls WHERE forget_after_ms < strftime('%s', 'now') * 1000")
                self._is_swept = True
            self._opened.connection = connection
        return connection


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Turn the file to WAL. While another process does that to a new one, SQLite refuses instead of waiting."""
    until = time.monotonic() + WAIT_MS / 1_000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(RETRY_SECONDS)
        else:
            return


class _SqliteRow:
    def __init__(self, connection: sqlite3.Connection, key: str) -> None:
        self._connection, self._key = connection, key
        found = connection.execute("SELECT kept FROM calls WHERE key = ?", (key,)).fetchone()
        self.kept: str | None = found and found[0]

    def write(self, document: str, forget_after_ms: int) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO calls VALUES (?, ?, ?)", (self._key, document, forget_after_ms)
        )


class PostgresCounters(_RowCounters):
    """An unlogged table in a schema of its own, with a row lock."""

    def __init__(self, on: Engine) -> None:
        super().__init__(threads=POSTGRES_THREADS)
        self._engine = on
        self._making = threading.Lock()
        self._is_made = False

    @contextmanager
    def locked(self, key: str) -> Iterator["_PostgresRow"]:
        self._make_once()
        with self._engine.begin() as connection:
            yield _PostgresRow(connection, key)

    def _make_once(self) -> None:
        """Others see the table once its transaction is over, whatever becomes of the call it was made for."""
        with self._making:
            if self._is_made:
                return
            with self._engine.begin() as connection:
                _make_table(connection)
            self._is_made = True


_READ: Final = text("SELECT kept FROM tallystick_limits.calls WHERE key = :key FOR UPDATE")
_CLAIM: Final = text("INSERT INTO tallystick_limits.calls (key) VALUES (:key) ON CONFLICT DO NOTHING")
_WRITE: Final = text("UPDATE tallystick_limits.calls SET kept = :kept, forget_after_ms = :forget WHERE key = :key")
_MAKE: Final = (
    "CREATE SCHEMA IF NOT EXISTS tallystick_limits",
    "CREATE UNLOGGED TABLE IF NOT EXISTS tallystick_limits.calls (key TEXT PRIMARY KEY, kept TEXT,"
    " forget_after_ms BIGINT NOT NULL DEFAULT 0) WITH (fillfactor = 50)",
    "DELETE FROM tallystick_limits.calls WHERE forget_after_ms < extract(epoch FROM now()) * 1000",
)


class _PostgresRow:
    def __init__(self, connection: Connection, key: str) -> None:
        self._connection, self._key = connection, key
        found = connection.execute(_READ, {"key": key}).first()
        if found is None:
            connection.execute(_CLAIM, {"key": key})
            found = connection.execute(_READ, {"key": key}).one()
        self.kept: str | None = found.kept

    def write(self, document: str, forget_after_ms: int) -> None:
        self._connection.execute(_WRITE, {"key": self._key, "kept": document, "forget": forget_after_ms})


def _make_table(connection: Connection) -> None:
    connection.execute(text("SELECT pg_advisory_xact_lock(:id)"), {"id": _LOCK_ID})
    for statement in _MAKE:
        connection.execute(text(statement))
