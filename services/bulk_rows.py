"""Many rows in few statements, past the ORM: what metering writes for each event.

Values come as the database takes them: text, whole numbers, bytes, None; times as `stored_time` writes them.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain
from typing import Any

from sqlalchemy import Table
from sqlmodel import Session

Row = tuple[Any, ...]

PARAMETERS_MAX = 8_000
"""Of one statement on SQLite, which by itself would take four times as many."""

_CHUNKS = (256, 64, 16, 4, 1)
"""Rows a statement. Few sizes, so that each statement is prepared once and kept."""


def stored_time(moment: datetime) -> str:
    """An aware moment as both databases read it back."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat(" ", "microseconds")[:26]


def insert_rows(session: Session, table: Table, names: tuple[str, ...], rows: Sequence[Row]) -> None:
    """Insert rows whose values stand in the order of `names`.

    On SQLite a statement holds many rows: the driver lets other threads run with each statement, and may wait long to
    go on. On PostgreSQL they are copied.
    """
    if not rows:
        return
    if session.get_bind().dialect.name == "postgresql":
        _copy(session, table, names, rows)
    else:
        _insert(session, table, names, rows)


def find_given(session: Session, query: str, *, tenant_id: str, given: list[str]) -> list[Row]:
    """The rows of a query of ours over given texts: FROM {given}…, WHERE … = {tenant} AND … {is_given}.

    They go as one parameter, so that the statement is the same however many there are. On SQLite they are joined first:
    it would otherwise walk all the tenant has, looking at each whether it is among them.
    """
    if session.get_bind().dialect.name == "postgresql":
        statement = query.format(given="", tenant="%s", is_given="= ANY(%s)")
        parameters: tuple[Any, ...] = (tenant_id, given)
    else:
        statement = query.format(given="json_each(?) AS given CROSS JOIN ", tenant="?", is_given="= given.value")
        parameters = (json.dumps(given), tenant_id)
    return [tuple(row) for row in session.connection().exec_driver_sql(statement, parameters)]


def _insert(session: Session, table: Table, names: tuple[str, ...], rows: Sequence[Row]) -> None:
    connection = session.connection()
    start = 0
    for size in _CHUNKS:
        if size > 1 and size * len(names) > PARAMETERS_MAX:
            continue
        while len(rows) - start >= size:
            values = tuple(chain.from_iterable(rows[start : start + size]))
            connection.exec_driver_sql(_statement(table, names, size), values)
            start += size


def _copy(session: Session, table: Table, names: tuple[str, ...], rows: Sequence[Row]) -> None:
    driver: Any = session.connection().connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(_copy_statement(table, names)) as copy:
        for row in rows:
            copy.write_row(row)


@lru_cache
def _statement(table: Table, names: tuple[str, ...], size: int) -> str:
    row = f"({', '.join('?' * len(names))})"
    return f"INSERT INTO {table.name} ({', '.join(names)}) VALUES {', '.join([row] * size)}"  # noqa: S608 names of ours


@lru_cache
def _copy_statement(table: Table, names: tuple[str, ...]) -> str:
    return f"COPY {table.name} ({', '.join(names)}) FROM STDIN"
