"""When assets are asked for: at the same hours of every business day, by the customer's clock."""

from datetime import UTC, datetime, time, timedelta
from typing import Final

from services.rules.periods import check_timezone
from services.rules.violations import InvalidPeriod

HOURS: Final = (1, 2, 3, 4, 6, 8, 12, 24)
"""How many hours may lie between two askings: those that divide a day."""

FIRST_HOUR: Final = 2
"""Of a business day: most have nothing to do then, and daily counts are done."""


def latest_slot(at: datetime, *, timezone: str, every_hours: int) -> datetime:
    """The last moment, `at` included, at which assets were due to be asked for; UTC.

    On the night the clocks change a slot is the moment its hour names: one that is skipped falls to the hour after, one
    that comes twice counts at its first time. Raises InvalidPeriod for an unknown zone or hours not in HOURS.
    """
    if every_hours not in HOURS:
        raise InvalidPeriod(f"Ask every {', '.join(map(str, HOURS[:-1]))} or {HOURS[-1]} hours.")
    zone = check_timezone(timezone)
    local_day = at.astimezone(zone).date()
    slots = [
        datetime.combine(local_day - timedelta(days=days), time(hour), zone).astimezone(UTC)
        for days in (0, 1)
        for hour in range(FIRST_HOUR % every_hours, 24, every_hours)
    ]
    return max(slot for slot in slots if slot <= at)
