"""Exports as files: what is written is read back exactly, page after page."""

import csv
import io
from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pyarrow.parquet as pq
import pytest
from sqlmodel import Session

from services.assets.snapshots import add_site
from services.closing.close import close_period
from services.errors import NotFound, Unprocessable
from services.exports import bills, usage
from services.exports.catalog import SHEETS, Export, prepare_export
from services.exports.sheets import columns
from services.exports.writing import Format, write_csv, write_parquet
from tests.given import NOON, Customer, customer, event, metered

SHEET = columns("words number:whole paid:money used:credits rate:rate at:moment on:day")
AT = datetime(2026, 11, 20, 12, 0, 0, 418, tzinfo=UTC)
ROWS = [
    ("=HYPERLINK(1)", 7, Decimal("9000.00"), Decimal("0.418"), Decimal("0.000000000001"), AT, date(2026, 11, 20)),
    ('Łódź, "new"', None, None, Decimal(-3), None, None, None),
]


def text_of(export: Export, session: Session) -> list[dict[str, str]]:
    data = b"".join(export.chunks(lambda: nullcontext(session)))
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))


def prepared(session: Session, acme: Customer, name: str, format: Format = Format.CSV) -> Export:
    return prepare_export(session, tenant_id=acme.tenant_id, name=name, at=NOON, format=format)


def test_csv_is_plain_and_runs_no_formula() -> None:
    data = b"".join(write_csv(SHEET, [ROWS], currency="CAD")).decode("utf-8-sig")
    header, first, second = csv.reader(io.StringIO(data))
    assert header == ["words", "number", "paid", "used", "rate", "at", "on"]
    assert first == ["'=HYPERLINK(1)", "7", "9000.00", "0.418", "0.000000000001", "2026-11-20T12:00:00.000418Z",
                     "2026-11-20"]  # fmt: skip
    assert second == ['Łódź, "new"', "", "", "-3", "", "", ""]


@pytest.mark.parametrize(("currency", "text"), [("JPY", "9000"), ("KWD", "9000.000"), ("CAD", "9000.00")])
def test_money_has_the_decimals_of_its_currency(currency: str, text: str) -> None:
    data = b"".join(write_csv(columns("paid:money"), [[(Decimal(9000),)]], currency=currency)).decode("utf-8-sig")
    assert data.split() == ["paid", text]


def test_parquet_keeps_every_value_exact() -> None:
    data = b"".join(write_parquet(SHEET, [ROWS, ROWS], currency="CAD"))
    table = pq.read_table(io.BytesIO(data))
    assert [str(field.type) for field in table.schema] == [
        "string", "int64", "decimal128(38, 2)", "decimal128(38, 6)", "decimal128(38, 12)", "timestamp[us, tz=UTC]",
        "date32[day]",
    ]  # fmt: skip
    read = [tuple(row.values()) for row in table.to_pylist()]
    assert read == [*ROWS, *ROWS]


@pytest.mark.parametrize("format", list(Format))
@pytest.mark.parametrize("name", list(SHEETS))
def test_every_sheet_of_a_customer_without_anything_is_a_header(session: Session, name: str, format: Format) -> None:
    acme = customer(session, plan="memory-cloud/free", currency="USD")
    data = b"".join(prepared(session, acme, name, format).chunks(lambda: nullcontext(session)))
    if format is Format.PARQUET:
        assert pq.read_table(io.BytesIO(data)).column_names == [column.name for column in SHEETS[name].columns]
    else:
        assert data.decode("utf-8-sig").startswith(SHEETS[name].columns[0].name)


@pytest.mark.parametrize("page", [1, 2, 1_000])
def test_pages_lose_and_double_nothing(session: Session, monkeypatch: pytest.MonkeyPatch, page: int) -> None:
    monkeypatch.setattr(usage, "PAGE_ROWS", page)
    monkeypatch.setattr(bills, "PAGE_ROWS", page)
    monkeypatch.setattr(bills, "LINES_PAGE_ROWS", page)
    acme = customer(session)
    add_site(session, tenant_id=acme.tenant_id, code="mill", name="Mill", at=NOON)
    same_moment = NOON - timedelta(hours=1)
    sent = [event(str(n), event_id=f"e{n}", occurred_at=same_moment, site="mill") for n in range(1, 6)]
    metered(session, acme.tenant_id, *sent, event("1200000", event_id="last"))
    close_period(session, tenant_id=acme.tenant_id, force=True, at=NOON)
    used = text_of(prepared(session, acme, "usage"), session)
    assert [row["event_id"] for row in used] == ["e1", "e2", "e3", "e4", "e5", "last"]
    assert sum(Decimal(row["credits"]) for row in used) == 1_200_015
    invoices = text_of(prepared(session, acme, "invoices"), session)
    assert [(row["number"], row["total"]) for row in invoices] == [("INV-000001", "9000.00"), ("INV-000002", "9400.03")]
    lines = text_of(prepared(session, acme, "invoice-lines"), session)
    assert [row["kind"] for row in lines] == ["base", "base", "overage"]
    assert sum(Decimal(row["amount"]) for row in lines) == sum(Decimal(row["total"]) for row in invoices)
    entries = text_of(prepared(session, acme, "credits"), session)
    assert [int(row["entry"]) for row in entries] == list(range(1, len(entries) + 1))


def test_another_customers_rows_are_in_no_sheet(session: Session) -> None:
    acme, other = customer(session), customer(session, name="Other")
    metered(session, other.tenant_id, event("5", event_id="theirs"))
    assert not text_of(prepared(session, acme, "usage"), session)
    assert len(text_of(prepared(session, acme, "invoices"), session)) == 1


def test_an_unknown_sheet_and_a_span_that_is_none_are_refused(session: Session) -> None:
    acme = customer(session)
    with pytest.raises(NotFound, match="choose one of invoices"):
        prepared(session, acme, "secrets")
    for since, until in ((date(2026, 2, 2), date(2026, 2, 1)), (date(2016, 1, 1), date(2026, 11, 1))):
        with pytest.raises(Unprocessable):
            prepare_export(session, tenant_id=acme.tenant_id, name="usage", since=since, until=until, at=NOON)
