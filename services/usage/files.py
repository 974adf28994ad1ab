"""A usage file somebody exported: checked as a whole before a row of it counts, then read row by row.

Nothing here grows with the file: rows stream, and which rows were seen before is kept in a temporary file on disk.
"""

import codecs
import csv
import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple

from services.errors import Unprocessable

LINE_MAX = 1_000_000
"""Characters in the longest line; a longer one is no table."""

ENCODING_MAX = 40
"""Characters of a name that is none, repeated in the refusal."""

DELIMITERS = (",", ";", "\t", "|")

BytesRead = Callable[[int], None]


class Row(NamedTuple):
    """One record: the line it begins on (the header is line 1) and its cells as written."""

    line: int
    cells: list[str]


@dataclass(frozen=True, slots=True)
class UsageFile:
    """Where the file is and how its text is written."""

    path: Path
    encoding: str = "utf-8"
    delimiter: str = ","

    def header(self) -> list[str]:
        """The names of the columns. Raises Unprocessable for a file that cannot be read or has none."""
        for row in self._records(lambda _: None):
            return [cell.strip() for cell in row.cells]
        raise Unprocessable(f"{self.path.name} is empty; export it again with a header and rows.", field="file")

    def rows(self, on_bytes: BytesRead = lambda _: None) -> Iterator[Row]:
        """Every record below the header; blank lines are passed over. `on_bytes` hears how far reading has come.

        Raises Unprocessable, naming the line, for bytes the encoding does not know, quotes that do not close and
        lines longer than LINE_MAX.
        """
        records = self._records(on_bytes)
        next(records, None)
        yield from records

    def check(self, columns: Iterable[str]) -> list[str]:
        """Read all of it and keep nothing. Answers the header; raises Unprocessable where a part is unusable."""
        header = self.header()
        for name in columns:
            if name not in header:
                raise Unprocessable(self._missing(name, header), field=name)
            if header.count(name) > 1:
                raise Unprocessable(f"Column {name} is there {header.count(name)} times; rename one.", field=name)
        if sum(1 for _ in self.rows()) == 0:
            raise Unprocessable(f"{self.path.name} has a header but no rows; there is nothing to import.", field="file")
        return header

    def _open(self) -> BinaryIO:
        return self.path.open("rb")

    def _missing(self, name: str, header: list[str]) -> str:
        said = f"{self.path.name} has no column {name}; it has: {', '.join(header)}."
        others = [other for other in DELIMITERS if other != self.delimiter and other in header[0]]
        if len(header) == 1 and others:
            said += f" If its cells are separated by {others[0]!r}, say so with --delimiter."
        return said

    def _records(self, on_bytes: BytesRead) -> Iterator[Row]:
        try:
            known = codecs.lookup(self.encoding).name
        except (LookupError, ValueError) as error:  # ValueError: not even a name
            raise self._no_encoding() from error
        encoding = "utf-8-sig" if known == "utf-8" else self.encoding
        try:
            with self._open() as raw, TextIOWrapper(raw, encoding, newline="") as text:
                yield from self._parse(text, lambda: on_bytes(raw.tell()))
        except OSError as error:
            reason = error.strerror or str(error)
            raise Unprocessable(f"{self.path} cannot be read: {reason}.", field="file") from error
        except LookupError as error:
            raise self._no_encoding() from error

    def _no_encoding(self) -> Unprocessable:
        return Unprocessable(f"There is no text encoding {self.encoding[:ENCODING_MAX]!a}.", field="encoding")

    def _parse(self, text: TextIOWrapper, note_progress: Callable[[], None]) -> Iterator[Row]:
        reader = csv.reader(self._lines(text), delimiter=self.delimiter, strict=True)
        begins = 1
        try:
            for cells in reader:
                if cells:
                    note_progress()
                    yield Row(begins, cells)
                begins = reader.line_num + 1
        except UnicodeError as error:
            raise Unprocessable(
                f"{self.path.name} is not {self.encoding} text (near line {reader.line_num + 1}); name its encoding, "
                "such as --encoding latin-1 or utf-16.",
                field="encoding",
            ) from error
        except csv.Error as error:
            raise Unprocessable(
                f"{self.path.name} line {begins}: the quotes or cells cannot be read ({error}); nothing was imported.",
                field="file",
            ) from error

    def _lines(self, text: TextIOWrapper) -> Iterator[str]:
        number = 0
        while line := text.readline(LINE_MAX + 1):
            number += 1
            if len(line) > LINE_MAX:
                raise csv.Error(f"line {number} is longer than {LINE_MAX:,} characters")
            yield line


class Occurrences:
    """How often each row has come by, so that identical rows each count and a second reading names them alike."""

    def __enter__(self) -> "Occurrences":
        self._seen = sqlite3.connect("", isolation_level=None)  # a nameless file that ends with the connection
        self._seen.execute("PRAGMA journal_mode = OFF")
        self._seen.execute("CREATE TABLE seen (row BLOB PRIMARY KEY, times INTEGER NOT NULL) WITHOUT ROWID")
        self._seen.execute("BEGIN")
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._seen.close()

    def event_id(self, event_type: str, cells: list[str]) -> str:
        """`import:` and the SHA-256 of the event type, the cells as written, and which of its equals this row is."""
        content = hashlib.sha256(json.dumps([event_type, cells]).encode()).digest()
        statement = "INSERT INTO seen VALUES (?, 1) ON CONFLICT DO UPDATE SET times = times + 1 RETURNING times"
        (times,) = self._seen.execute(statement, (content,)).fetchone()
        return f"import:{hashlib.sha256(content + times.to_bytes(8, 'big')).hexdigest()}"
