"""Rows written past the ORM are those the ORM would have written, however many there are."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlmodel import Session, select

from models import Receipt, UsageEvent, table_of
from services.bulk_rows import GivenQuery, find_given, insert_rows, stored_time
from services.usage.event_receipts import EVENT_COLUMNS
from tests.given import NOON, customer, event, metered

COLUMNS = ("tenant_id", "seq", "data", "nodes")


@pytest.mark.parametrize("count", [0, 1, 2, 63, 64, 65, 255, 256, 257, 700])
def test_every_row_is_there_once_and_as_it_was(session: Session, count: int) -> None:
    rows = [
        ("ten_a", n, b'{"\\":\x00\xff}' * (n % 3 + 1), None if n % 2 else bytes([n % 256] * 32))
        for n in range(1, count + 1)
    ]
    insert_rows(session, table_of(Receipt), COLUMNS, rows)
    stored = session.exec(select(Receipt).order_by(Receipt.seq)).all()
    assert [(row.tenant_id, row.seq, bytes(row.data), row.nodes) for row in stored] == rows


@pytest.mark.parametrize("count", [1, 300])
def test_an_event_reads_back_through_the_orm(session: Session, count: int) -> None:
    one = customer(session)
    meta = {"note": "tab\t, new\nline, \\ and “quotes”", "n": [1, 2.5, None]}
    late = NOON - timedelta(days=1, microseconds=7)
    sent = [event("0.5", event_id=f"e{n}\\", occurred_at=late, trace_id="t\\N", meta=meta) for n in range(count)]
    metered(session, one.tenant_id, *sent)
    stored = session.exec(select(UsageEvent).order_by(UsageEvent.seq)).all()
    assert len(stored) == count
    for row, event_sent in zip(stored, sent, strict=True):
        assert (row.event_id, row.trace_id, row.meta) == (event_sent.event_id, "t\\N", meta)
        assert (row.occurred_at, row.recorded_at, row.site) == (late, NOON, "")
        assert (bytes(row.fingerprint), len(row.salt or b"")) == (event_sent.fingerprint(), 16)


def test_the_columns_are_those_of_the_table() -> None:
    assert set(EVENT_COLUMNS) <= set(table_of(UsageEvent).c.keys())


def test_times_are_stored_in_utc_to_the_microsecond() -> None:
    toronto = datetime(2026, 3, 31, 14, 15, 46, 7, timezone(timedelta(hours=-4)))
    assert stored_time(toronto) == "2026-03-31 18:15:46.000007"
    assert stored_time(datetime(2026, 1, 1, tzinfo=UTC)) == "2026-01-01 00:00:00.000000"


def test_what_is_given_is_found_by_the_index_that_has_it(session: Session) -> None:
    one = customer(session)
    metered(session, one.tenant_id, *(event("1", event_id=f"it's {n}") for n in range(5)))
    query = GivenQuery(
        sqlite="SELECT e.event_id FROM json_each(:given) AS given CROSS JOIN usage_event e"
        " WHERE e.tenant_id = :tenant AND e.event_id = given.value",
        postgresql="SELECT event_id FROM usage_event WHERE tenant_id = %(tenant)s AND event_id = ANY(%(given)s)",
    )
    found = find_given(session, query, tenant_id=one.tenant_id, given=["it's 3", "nobody's", "it's 1"])
    assert sorted(found) == [("it's 1",), ("it's 3",)]
