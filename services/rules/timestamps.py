"""Moments as other people's files write them, read exactly."""

import re
from datetime import UTC, datetime, timedelta, timezone

from services.rules.violations import InvalidPeriod

TIMESTAMP_MAX = 48
"""Characters in the longest timestamp worth reading."""

_MOMENT = re.compile(
    r"(?P<day>\d{4}-\d{2}-\d{2})"
    r"(?:[T ](?P<hour>\d{2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?"
    r" ?(?P<zone>[Zz]|UTC|(?P<sign>[+-])(?P<zone_hour>\d{2}):?(?P<zone_minute>\d{2})?)?)?",
    re.ASCII,
)


def parse_timestamp(text: str) -> datetime:
    """An aware UTC moment from `2023-11-16 18:15:46.6805900`, `2023-11-16T13:15:46-05:00` or `2023-11-16`.

    Without an offset it is UTC; a date alone is its midnight. Up to 9 fractional digits are read, and what is finer
    than a microsecond is cut off, never rounded up. Raises InvalidPeriod for anything else.
    """
    stripped = text.strip()
    match = _MOMENT.fullmatch(stripped) if len(stripped) <= TIMESTAMP_MAX else None
    if match is None:
        raise InvalidPeriod(f"“{stripped[:TIMESTAMP_MAX]}” is not a time such as 2026-03-31T18:15:46Z.")
    year, month, day = (int(part) for part in match["day"].split("-"))
    hour, minute, second = (int(match[name] or 0) for name in ("hour", "minute", "second"))
    microsecond = int((match["fraction"] or "0").ljust(6, "0")[:6])
    try:
        zone = timezone(_offset(match))
        return datetime(year, month, day, hour, minute, second, microsecond, zone).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidPeriod(f"“{stripped}” is not a time there is: {error}.") from error


def _offset(match: re.Match[str]) -> timedelta:
    if match["sign"] is None:
        return timedelta()
    minutes = int(match["zone_minute"] or 0)
    if minutes > 59:
        raise ValueError("the offset's minutes must be in 0..59")
    size = timedelta(hours=int(match["zone_hour"]), minutes=minutes)
    return -size if match["sign"] == "-" else size
