"""A sheet: named columns, and the rows of one customer within a span of time, read a page at a time.

Each page is read in a short transaction of its own, in the order of a key that never changes; a sheet of ten million
rows holds nothing open and needs the memory of one page.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlmodel import Session

PAGE_ROWS = 5_000

Row = tuple[Any, ...]
Reading = Callable[[], AbstractContextManager[Session]]


class Kind(StrEnum):
    """What a column holds, alike in every row; any may be empty."""

    TEXT = "text"
    WHOLE = "whole"
    """A 64-bit integer."""
    MONEY = "money"
    """Major units with all decimals of the customer's currency."""
    CREDITS = "credits"
    """An exact decimal with up to 6 decimals: units and credits."""
    RATE = "rate"
    """An exact decimal with up to 12 decimals."""
    MOMENT = "moment"
    """A UTC time, exact to the microsecond."""
    DAY = "day"


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    kind: Kind = Kind.TEXT


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose rows, and of when: [since, until). `currency` is the customer's, `timezone` its own."""

    tenant_id: str
    currency: str
    timezone: str
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, and the place to go on from; None at the end."""

    rows: list[Row]
    after: Any = None


ReadPage = Callable[[Session, Asked, Any], Page]


@dataclass(frozen=True, slots=True)
class Sheet:
    """`read_page(session, asked, after)` answers with the rows after a place, which is None at first."""

    name: str
    title: str
    columns: tuple[Column, ...]
    read_page: ReadPage

    def pages(self, asked: Asked, reading: Reading) -> Iterator[list[Row]]:
        """All rows, a page at a time; `reading` opens each page's own read."""
        after = None
        while True:
            with reading() as session:
                page = self.read_page(session, asked, after)
            if page.rows:
                yield page.rows
            if page.after is None:
                return
            after = page.after


def columns(text: str) -> tuple[Column, ...]:
    """Columns from words: `number issued_at:moment total:money`."""
    words = (word.partition(":") for word in text.split())
    return tuple(Column(name, Kind(kind) if kind else Kind.TEXT) for name, _, kind in words)
