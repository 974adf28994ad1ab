"""Many rows in few statements, past the ORM: what metering writes for each event, and rows that are final.

Values of the former come as the database takes them: text, whole numbers, bytes, None; times as `stored_time` writes
them.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from itertools import chain
from typing import Any, Final, NamedTuple

from sqlalchemy import Dialect, Insert, Table
from sqlmodel import Session, SQLModel

from models import table_of

Row = tuple[Any, ...]

PARAMETERS_MAX = 8_000
"""Of one statement on SQLite, which by itself would take four times as many."""

UNNESTED_MAX = 256
"""Rows that PostgreSQL is given as arrays."""

_Waiting = dict[tuple[Table, tuple[str, ...] | None], list[Any]]
_WAITING: Final = "rows_that_wait"

_CHUNKS = (256, 64)
"""Rows a statement, where there are so many; the rest, fewer than the last of these, go in one."""


def stored_time(moment: datetime) -> str:
    """An aware moment as both databases read it back."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat(" ", "microseconds")[:26]


def insert_rows(session: Session, table: Table, names: tuple[str, ...], rows: Sequence[Row]) -> None:
    """Insert rows whose values stand in the order of `names`.

    On SQLite a statement holds many rows: the driver lets other threads run with each statement, and may wait long to
    go on. On PostgreSQL many are copied; fewer go as one array a column, which takes one exchange instead of two.
    """
    waiting: _Waiting | None = session.info.get(_WAITING)
    if waiting is not None:
        waiting.setdefault((table, names), []).extend(rows)
        return
    if not rows:
        return
    dialect = session.get_bind().dialect
    if dialect.name == "postgresql":
        if len(rows) > UNNESTED_MAX:
            _copy(session, table, names, rows)
        else:
            columns = tuple(map(list, zip(*rows, strict=True)))
            session.connection().exec_driver_sql(_unnest_statement(table, names, dialect), columns)
    else:
        _insert(session, table, names, rows)


def insert_final(session: Session, rows: Sequence[SQLModel]) -> None:
    """Insert rows of one table that nobody changes after, so that the session need not watch over them.

    What they refer to is in the database already: nothing that waits in the session is written first.
    """
    if rows:
        session.connection().execute(_insert_into(table_of(type(rows[0]))), [row.model_dump() for row in rows])


def insert_after(session: Session, table: Table, row: dict[str, Any]) -> None:
    """Insert a row that nobody changes after, once what the session holds is written: it may refer to that."""
    waiting: _Waiting | None = session.info.get(_WAITING)
    if waiting is None:
        session.flush()
        session.connection().execute(_insert_into(table), row)
    else:
        waiting.setdefault((table, None), []).append(row)


def write_held(session: Session) -> None:
    """Write what the session holds, unless it is written together with more."""
    if _WAITING not in session.info:
        session.flush()


@contextmanager
def written_together(session: Session) -> Iterator[None]:
    """What is changed and inserted within it is written as it ends: rows of a table by one statement."""
    waiting: _Waiting = {}
    session.info[_WAITING] = waiting
    try:
        yield
    finally:
        del session.info[_WAITING]
    session.flush()
    for (table, names), rows in waiting.items():
        if names is None:
            session.connection().execute(_insert_into(table), rows)
        else:
            insert_rows(session, table, names, rows)


class GivenQuery(NamedTuple):
    """One question in the words of each database: which rows of `tenant` belong to the texts in `given`.

    The texts go as one parameter and are looked up one by one, in an index that has them: left to itself, either
    database may walk all that the tenant has and look at each row whether it is among them.
    """

    sqlite: str
    postgresql: str


def find_given(session: Session, query: GivenQuery, *, tenant_id: str, given: list[str]) -> list[Row]:
    """The rows that belong to the given texts."""
    if session.get_bind().dialect.name == "postgresql":
        statement, parameters = query.postgresql, {"tenant": tenant_id, "given": given}
    else:
        statement, parameters = query.sqlite, {"tenant": tenant_id, "given": json.dumps(given)}
    return [tuple(row) for row in session.connection().exec_driver_sql(statement, parameters)]


def _insert(session: Session, table: Table, names: tuple[str, ...], rows: Sequence[Row]) -> None:
    connection = session.connection()
    start = 0
    while start < len(rows):
        left = len(rows) - start
        size = next((size for size in _CHUNKS if size <= left and size * len(names) <= PARAMETERS_MAX), left)
        values = tuple(chain.from_iterable(rows[start : start + size]))
        connection.exec_driver_sql(_statement(table, names, size), values)
        start += size


def _copy(session: Session, table: Table, names: tuple[str, ...], rows: Sequence[Row]) -> None:
    driver: Any = session.connection().connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(_copy_statement(table, names)) as copy:
        for row in rows:
            copy.write_row(row)


@cache
def _insert_into(table: Table) -> Insert:
    """Built once a table: building it costs as much as running it."""
    return table.insert()


@cache
def _statement(table: Table, names: tuple[str, ...], size: int) -> str:
    row = f"({', '.join('?' * len(names))})"
    return f"INSERT INTO {table.name} ({', '.join(names)}) VALUES {', '.join([row] * size)}"  # noqa: S608 names of ours


@cache
def _unnest_statement(table: Table, names: tuple[str, ...], dialect: Dialect) -> str:
    arrays = ", ".join(f"%s::{table.c[name].type.compile(dialect)}[]" for name in names)
    return f"INSERT INTO {table.name} ({', '.join(names)}) SELECT * FROM unnest({arrays})"  # noqa: S608 names of ours


@cache
def _copy_statement(table: Table, names: tuple[str, ...]) -> str:
    return f"COPY {table.name} ({', '.join(names)}) FROM STDIN"
