"""Sheets as bytes: CSV for people and spreadsheets, Parquet for programs. Both are streamed, one page in memory."""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from services.exports.sheets import Column, Kind, Row
from services.rules.decimals import text_of
from services.rules.money import minor_digits
from services.rules.receipts import written_time

BOM = "\ufeff"
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""A text cell that begins so is run as a formula by spreadsheets; it is written behind an apostrophe (CSV only)."""

DIGITS = 38
DECIMALS = {Kind.CREDITS: 6, Kind.RATE: 12}


class Format(StrEnum):
    CSV = "csv"
    PARQUET = "parquet"


MEDIA_TYPES = {Format.CSV: "text/csv; charset=utf-8", Format.PARQUET: "application/vnd.apache.parquet"}


def write_csv(columns: Iterable[Column], pages: Iterable[list[Row]], *, currency: str) -> Iterator[bytes]:
    """RFC 4180 in UTF-8 with a byte order mark, by which spreadsheets know it. Numbers are plain decimals."""
    named = tuple(columns)
    digits = minor_digits(currency)
    yield _csv_bytes([[BOM + named[0].name, *(column.name for column in named[1:])]])
    for rows in pages:
        yield _csv_bytes(
            [_cell(column.kind, value, digits) for column, value in zip(named, row, strict=True)] for row in rows
        )


def write_parquet(columns: Iterable[Column], pages: Iterable[list[Row]], *, currency: str) -> Iterator[bytes]:
    """One row group a page. Money, credits and rates are decimal128, times are timestamps in UTC."""
    named = tuple(columns)
    schema = pa.schema([pa.field(column.name, _arrow_type(column.kind, currency)) for column in named])
    sink = _Chunks()
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        for rows in pages:
            arrays = [
                pa.array((row[place] for row in rows), type=field.type, size=len(rows))
                for place, field in enumerate(schema)
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            yield from sink.taken()
    yield from sink.taken()


def _csv_bytes(rows: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


def _cell(kind: Kind, value: Any, digits: int) -> str:
    if value is None:
        return ""
    if kind is Kind.MONEY:
        return format(value, f".{digits}f")
    if kind is Kind.MOMENT:
        return written_time(value)
    if isinstance(value, Decimal):
        return text_of(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    text = str(value)
    return f"'{text}" if kind is Kind.TEXT and text.startswith(FORMULA_STARTS) else text


def _arrow_type(kind: Kind, currency: str) -> pa.DataType:
    if kind is Kind.MONEY:
        return pa.decimal128(DIGITS, minor_digits(currency))
    if kind in DECIMALS:
        return pa.decimal128(DIGITS, DECIMALS[kind])
    if kind is Kind.WHOLE:
        return pa.int64()
    if kind is Kind.DAY:
        return pa.date32()
    return pa.timestamp("us", tz="UTC") if kind is Kind.MOMENT else pa.string()


class _Chunks(io.RawIOBase):
    """Where the Parquet writer writes; what has been written is taken away after each page."""

    def __init__(self) -> None:
        super().__init__()
        self._written: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._written.append(bytes(data))
        return len(self._written[-1])

    def taken(self) -> Iterator[bytes]:
        written, self._written = self._written, []
        yield from filter(None, written)
