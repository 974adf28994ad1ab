"""Moments as other people's files write them, read exactly."""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import NamedTuple
from zoneinfo import ZoneInfo

from services.rules.violations import InvalidPeriod

TIMESTAMP_MAX = 48
"""Characters in the longest timestamp worth reading."""

_MOMENT = re.compile(
    r"(?P<day>\d{4}-\d{2}-\d{2})"
    r"(?:[T ](?P<hour>\d{2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?"
    r" ?(?P<zone>[Zz]|UTC|(?P<sign>[+-])(?P<zone_hour>\d{2}):?(?P<zone_minute>\d{2})?)?)?",
    re.ASCII,
)

_YEARS = ("%Y", "%y", "%G", "%c", "%x")


def parse_timestamp(text: str) -> datetime:
    """An aware UTC moment from `2023-11-16 18:15:46.6805900`, `2023-11-16T13:15:46-05:00` or `2023-11-16`.

    Without an offset it is UTC; a date alone is its midnight. Up to 9 fractional digits are read, and what is finer
    than a microsecond is cut off, never rounded up. Raises InvalidPeriod for anything else.
    """
    wall, offset = _read(text)
    try:
        return wall.replace(tzinfo=timezone(offset or timedelta())).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _no_time(text, error) from error


class LocalMoment(NamedTuple):
    """A moment in UTC. `later` is the second reading of a wall time that clocks show twice, None of all others."""

    at: datetime
    later: datetime | None = None


def parse_local(text: str, zone: ZoneInfo, form: str | None = None) -> LocalMoment:
    """A moment as a clock in `zone` showed it, unless the text says an offset itself.

    It is written as `parse_timestamp` takes it, or as `form` says in the letters of strptime. A wall time that clocks
    skip moves forward by what they skip; of two equal ones the first counts and the other is given too. Raises
    InvalidPeriod.
    """
    if form is None:
        wall, offset = _read(text)
    else:
        wall, offset = _read_as(text.strip(), form)
    try:
        if offset is not None:
            return LocalMoment(wall.replace(tzinfo=timezone(offset)).astimezone(UTC))
        first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    except (ValueError, OverflowError) as error:
        raise _no_time(text, error) from error
    return LocalMoment(first, second if second > first else None)


def check_form(form: str) -> None:
    """That a time can be written like this in the letters of strptime, with its year. Raises InvalidPeriod.

    A zone by name is refused: it would be read as a name only, and the clock taken for the zone's own.
    """
    letters = form.replace("%%", "")
    if "%Z" in letters:
        raise InvalidPeriod("Names of time zones have several meanings; say %z for offsets, or leave the zone out.")
    refusal = InvalidPeriod(f"“{form}” is no way to write a time; say it like %d.%m.%Y %H:%M.")
    try:
        datetime.strptime("", form)  # noqa: DTZ007 nothing is read
    except re.error as error:
        raise refusal from error
    except ValueError as error:
        if "does not match" not in str(error):
            raise refusal from error
    else:
        raise refusal
    if not any(letter in letters for letter in _YEARS):
        raise refusal


def _read(text: str) -> tuple[datetime, timedelta | None]:
    """The wall time and the offset that stand there. Raises InvalidPeriod."""
    stripped = text.strip()
    match = _MOMENT.fullmatch(stripped) if len(stripped) <= TIMESTAMP_MAX else None
    if match is None:
        raise InvalidPeriod(f"“{stripped[:TIMESTAMP_MAX]}” is not a time such as 2026-03-31T18:15:46Z.")
    year, month, day = (int(part) for part in match["day"].split("-"))
    hour, minute, second = (int(match[name] or 0) for name in ("hour", "minute", "second"))
    microsecond = int((match["fraction"] or "0").ljust(6, "0")[:6])
    try:
        return datetime(year, month, day, hour, minute, second, microsecond), _offset(match)  # noqa: DTZ001
    except (ValueError, OverflowError) as error:
        raise _no_time(stripped, error) from error


def _read_as(text: str, form: str) -> tuple[datetime, timedelta | None]:
    try:
        read = datetime.strptime(text, form)  # noqa: DTZ007 its zone, if any, is told apart
    except (ValueError, OverflowError, re.error) as error:
        raise InvalidPeriod(f"“{text[:TIMESTAMP_MAX]}” is not a time written as {form}.") from error
    return read.replace(tzinfo=None), read.utcoffset()


def _no_time(text: str, error: Exception) -> InvalidPeriod:
    return InvalidPeriod(f"“{text.strip()[:TIMESTAMP_MAX]}” is not a time there is: {error}.")


def _offset(match: re.Match[str]) -> timedelta | None:
    if match["zone"] is None:
        return None
    if match["sign"] is None:
        return timedelta()
    minutes = int(match["zone_minute"] or 0)
    if minutes > 59:
        raise ValueError("the offset's minutes must be in 0..59")
    size = timedelta(hours=int(match["zone_hour"]), minutes=minutes)
    return -size if match["sign"] == "-" else size
