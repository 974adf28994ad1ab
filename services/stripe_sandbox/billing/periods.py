"""Billing periods: counted from the anchor by the calendar, so that the 31st comes back after February."""

import calendar
from datetime import UTC, datetime, timedelta

MONTHS = {"month": 1, "year": 12}
DAYS = {"day": 1, "week": 7}


def after(moment: int, interval: str, count: int) -> int:
    """The moment `count` intervals later; a day the month does not have becomes its last."""
    start = datetime.fromtimestamp(moment, UTC)
    if interval in DAYS:
        return int((start + timedelta(days=DAYS[interval] * count)).timestamp())
    months = start.month - 1 + MONTHS[interval] * count
    year, month = start.year + months // 12, months % 12 + 1
    day = min(start.day, calendar.monthrange(year, month)[1])
    return int(start.replace(year=year, month=month, day=day).timestamp())


def boundary_after(anchor: int, interval: str, count: int, moment: int) -> int:
    """The first period boundary later than `moment`, counted from the anchor, which may lie on either side of it."""
    days = (moment - anchor) / 86_400
    typical = DAYS[interval] * count if interval in DAYS else MONTHS[interval] * count * 30.44
    steps = int(days // typical) - 1
    while after(anchor, interval, count * steps) <= moment:
        steps += 1
    return after(anchor, interval, count * steps)


def boundary_before(anchor: int, interval: str, count: int, boundary: int) -> int:
    """The boundary one interval earlier than `boundary`, counted from the anchor."""
    steps = 0
    while after(anchor, interval, count * steps) < boundary:
        steps += 1
    while after(anchor, interval, count * steps) >= boundary:
        steps -= 1
    return after(anchor, interval, count * steps)
