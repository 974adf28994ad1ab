"""Times as exporters write them are read exactly."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.rules.timestamps import parse_local, parse_timestamp
from services.rules.violations import InvalidPeriod

READ = {
    "2023-11-16 18:15:46.6805900": datetime(2023, 11, 16, 18, 15, 46, 680590, UTC),
    "2023-11-16T18:15:46.999999999": datetime(2023, 11, 16, 18, 15, 46, 999999, UTC),
    "2023-11-16T18:15:46,5Z": datetime(2023, 11, 16, 18, 15, 46, 500000, UTC),
    "2023-11-16T18:15z": datetime(2023, 11, 16, 18, 15, tzinfo=UTC),
    "2023-11-16 18:15:46 UTC": datetime(2023, 11, 16, 18, 15, 46, tzinfo=UTC),
    "2023-11-16T23:30:00-05:00": datetime(2023, 11, 17, 4, 30, tzinfo=UTC),
    "2023-11-16T23:30:00+0530": datetime(2023, 11, 16, 18, 0, tzinfo=UTC),
    "2023-11-16T23:30:00 +02": datetime(2023, 11, 16, 21, 30, tzinfo=UTC),
    " 2023-11-16 ": datetime(2023, 11, 16, tzinfo=UTC),
}
REFUSED = [
    "", "yesterday", "16/11/2023 18:15", "2023-11-16 18", "2023-02-30", "2023-11-16 24:00:00", "2023-11-16 18:15:60",
    "2023-11-16 18:15:46.1234567890", "1700158546", "0000-01-01", "0001-01-01T00:00:00+05:00",
    "2023-11-16T18:15:46+25:00", "2023-11-16T18:15:46+05:75", "٢٠٢٣-١١-١٦", "2023-11-16" + " " * 10 + "x" * 5_000,
]  # fmt: skip


@pytest.mark.parametrize("text", READ)
def test_a_time_is_read_to_the_microsecond_as_utc(text: str) -> None:
    assert parse_timestamp(text) == READ[text]
    assert parse_timestamp(text).utcoffset() == timedelta()


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_moment_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(InvalidPeriod, match="is not a time") as refusal:
        parse_timestamp(text)
    assert len(refusal.value.message) < 200


@given(
    st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 12, 31)),  # noqa: DTZ001 — the zone is drawn too
    st.integers(-14 * 60, 14 * 60),
)
def test_what_python_writes_is_read_back(naive: datetime, offset_minutes: int) -> None:
    moment = naive.replace(tzinfo=timezone(timedelta(minutes=offset_minutes)))
    assert parse_timestamp(moment.isoformat()) == moment


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(InvalidPeriod):
        assert parse_timestamp(text).tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "form", "expected"),
    [
        ("2026-07-01 10:00", None, ("2026-07-01T14:00:00", None)),
        ("2026-07-01T10:00:00Z", None, ("2026-07-01T10:00:00", None)),
        ("2026-07-01 10:00+02:00", None, ("2026-07-01T08:00:00", None)),
        ("2026-03-08 02:30", None, ("2026-03-08T07:30:00", None)),
        ("2026-11-01 01:30", None, ("2026-11-01T05:30:00", "2026-11-01T06:30:00")),
        ("7/1/2026 10:00:00 PM", "%m/%d/%Y %I:%M:%S %p", ("2026-07-02T02:00:00", None)),
        ("01.07.2026 10:00 +0200", "%d.%m.%Y %H:%M %z", ("2026-07-01T08:00:00", None)),
    ],
)
def test_a_local_time_is_read_by_the_clock_of_its_zone(
    text: str, form: str | None, expected: tuple[str, str | None]
) -> None:
    read = parse_local(text, ZoneInfo("America/Toronto"), form)
    assert tuple(None if at is None else at.isoformat()[:19] for at in read) == expected


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("soon", None),
        ("2026-02-30", None),
        ("0001-01-01", None),
        ("9999-12-31 23:00", None),
        ("5", "%d.%m.%Y"),
        ("1", "%"),
    ],
)
def test_what_is_no_local_time_is_refused(text: str, form: str | None) -> None:
    with pytest.raises(InvalidPeriod):
        parse_local(text, ZoneInfo("Asia/Tokyo" if text.startswith("0001") else "America/Toronto"), form)
