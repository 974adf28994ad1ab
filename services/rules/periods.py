"""Billing months in the tenant's time zone, as half-open UTC intervals that tile the line from an anchor."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from services.rules.violations import InvalidPeriod

TIMEZONE_NAME_MAX = 64
YEAR_MIN = 1900
YEAR_MAX = 9998
"""The years a period may touch; the calendar of datetime ends with 9999, whatever the zone adds."""

_MACHINE_NAMES = ("posix", "right", "localtime", "Factory")
"""Entries of the zone database whose meaning depends on the machine, or that are no place at all."""


@dataclass(frozen=True, slots=True)
class Period:
    """Month `index` (0 first) from `starts_at`, included, to `ends_at`, excluded; both UTC."""

    index: int
    starts_at: datetime
    ends_at: datetime

    def __contains__(self, at: datetime) -> bool:
        return self.starts_at <= at < self.ends_at


def check_timezone(name: str) -> ZoneInfo:
    """The IANA zone of that name, such as America/Toronto. Raises InvalidPeriod for any other name."""
    refusal = InvalidPeriod("Choose a time zone by its IANA name, such as America/Toronto.")
    if not isinstance(name, str) or not 0 < len(name) <= TIMEZONE_NAME_MAX or name.startswith(_MACHINE_NAMES):
        raise refusal
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise refusal from error


def period_at(anchor: datetime, timezone: str, at: datetime) -> Period:
    """The one period that contains `at`.

    Raises InvalidPeriod for an unknown zone, a time without a zone, or `at` before the anchor.
    """
    zone = check_timezone(timezone)
    anchor, at = _utc(anchor, "The anchor"), _utc(at, "The moment")
    if at < anchor:
        raise InvalidPeriod("This moment is before the subscription began.")
    first, local = anchor.astimezone(zone), at.astimezone(zone)
    index = max(0, (local.year - first.year) * 12 + local.month - first.month)
    # The calendar's month is a guess: a boundary later in the month, or moved by a clock change, is one off.
    while at < _boundary(anchor, zone, index):
        index -= 1
    while at >= _boundary(anchor, zone, index + 1):
        index += 1
    return _period(anchor, zone, index)


def period_number(anchor: datetime, timezone: str, index: int) -> Period:
    """Period `index` counted from the anchor, which is where period 0 starts. Raises InvalidPeriod."""
    if index < 0:
        raise InvalidPeriod("Periods are counted from 0.")
    return _period(_utc(anchor, "The anchor"), check_timezone(timezone), index)


def term_end(anchor: datetime, timezone: str, starts_at: datetime, months: int) -> datetime:
    """Where a term of so many months from `starts_at` ends.

    Where the term starts with a period counted from the anchor it ends with one, so that 29 February comes back after
    four years; elsewhere it ends at the same wall time so many months on, the day clipped to the month.
    """
    zone = check_timezone(timezone)
    period = period_at(anchor, timezone, starts_at)
    if period.starts_at == _utc(starts_at, "The start"):
        return _boundary(period_number(anchor, timezone, 0).starts_at, zone, period.index + months)
    return _boundary(_utc(starts_at, "The start"), zone, months)


def business_date(at: datetime, timezone: str) -> date:
    """The date on the wall at that moment in that zone. Raises InvalidPeriod."""
    return _utc(at, "The moment").astimezone(check_timezone(timezone)).date()


def day_bounds(day: date, timezone: str) -> tuple[datetime, datetime]:
    """The UTC start (included) and end (excluded) of a local day, 23 to 25 hours where clocks change.

    A day the zone never had (Pacific/Apia, 30 December 2011) is empty: it ends where it starts.
    """
    zone = check_timezone(timezone)
    _check_year(day.year)
    midnight = datetime.combine(day, time())
    return _moment(midnight, zone), _moment(midnight + timedelta(days=1), zone)


def month_bounds(at: datetime, timezone: str) -> tuple[datetime, datetime]:
    """The UTC start (included) and end (excluded) of the calendar month that a moment falls in on a local clock."""
    first = business_date(at, timezone).replace(day=1)
    following = (first + timedelta(days=31)).replace(day=1)
    return day_bounds(first, timezone)[0], day_bounds(following, timezone)[0]


def _period(anchor: datetime, zone: ZoneInfo, index: int) -> Period:
    return Period(index, _boundary(anchor, zone, index), _boundary(anchor, zone, index + 1))


def _boundary(anchor: datetime, zone: ZoneInfo, index: int) -> datetime:
    """Where period `index` starts: the anchor's wall time, `index` months on, the day clipped to the month.

    Always counted from the anchor, never from the boundary before, so 31 January comes back to 31 March.
    """
    if index == 0:
        return anchor
    local = anchor.astimezone(zone).replace(tzinfo=None)
    years, month = divmod(local.month - 1 + index, 12)
    year = local.year + years
    _check_year(year)
    day = min(local.day, monthrange(year, month + 1)[1])
    return _moment(local.replace(year=year, month=month + 1, day=day), zone)


def _moment(local: datetime, zone: ZoneInfo) -> datetime:
    """UTC of a wall time: the first of two, and one that clocks skip moves forward by what they skip (PEP 495)."""
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC)


def _utc(at: datetime, what: str) -> datetime:
    if at.tzinfo is None or at.utcoffset() is None:
        raise InvalidPeriod(f"{what} needs a time zone.")
    _check_year(at.year)
    return at.astimezone(UTC)


def _check_year(year: int) -> None:
    if not YEAR_MIN <= year <= YEAR_MAX:
        raise InvalidPeriod(f"Only the years {YEAR_MIN} to {YEAR_MAX} can be billed.")
