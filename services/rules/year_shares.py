"""How much of a year some days are, for what is agreed by the year: hours, and rates of what is held."""

from calendar import monthrange
from datetime import MAXYEAR, date
from fractions import Fraction

from services.rules.violations import InvalidPeriod

__all__ = ["days_of_year", "year_after", "year_share"]


def year_after(day: date) -> date:
    """The same day twelve months later; 28 February after a 29th. Raises InvalidPeriod where no year follows."""
    if day.year == MAXYEAR:
        raise InvalidPeriod("Choose an earlier period; no year follows this one.")
    last = monthrange(day.year + 1, day.month)[1]
    return day.replace(year=day.year + 1, day=min(day.day, last))


def days_of_year(starts: date) -> int:
    """The days of the twelve months from a day on: 365, or 366 where a 29 February lies among them."""
    return (year_after(starts) - starts).days


def year_share(starts: date, ends: date) -> Fraction:
    """The days [starts, ends) by those of the twelve months from their start: 1 for twelve months.

    Raises InvalidPeriod for no days, or more than twelve months.
    """
    if not starts < ends <= year_after(starts):
        raise InvalidPeriod("A period has at least one day and at most twelve months.")
    return Fraction((ends - starts).days, days_of_year(starts))
