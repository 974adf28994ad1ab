"""A cycle that is counted in UTC, laid as near as its calendar allows to dues that are counted in another zone.

A day of the month that a month does not have is its last one, as everywhere; so a cycle is named by its day, which the
first due alone may not tell: 28 February belongs to the 28th, the 29th, the 30th and the 31st.
"""

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from services.rules.violations import InvalidPeriod


@dataclass(frozen=True, slots=True)
class UtcCycle:
    """Each month, or each year in `month`, on that day and at that time in UTC, to the second."""

    month: int | None
    day_of_month: int
    hour: int
    minute: int
    second: int

    def first_after(self, moment: datetime) -> datetime:
        """The first time it comes around later than a moment."""
        return next(at for at in self._around(moment) if at > moment)

    def distance(self, moment: datetime) -> timedelta:
        """How far a moment is from the nearest time it comes around."""
        return min(abs(at - moment) for at in self._around(moment))

    def _around(self, moment: datetime) -> list[datetime]:
        """The times it comes around in the months, or the years, before, of and after a moment, in their order."""
        moment = moment.astimezone(UTC)
        if self.month is not None:
            return [self._in(year, self.month) for year in range(moment.year - 1, moment.year + 2)]
        here = moment.year * 12 + moment.month - 1
        return [self._in(index // 12, index % 12 + 1) for index in range(here - 1, here + 2)]

    def _in(self, year: int, month: int) -> datetime:
        day = min(self.day_of_month, monthrange(year, month)[1])
        return datetime(year, month, day, self.hour, self.minute, self.second, tzinfo=UTC)


def nearest_cycle(dues: Sequence[datetime], *, is_yearly: bool) -> UtcCycle:
    """The monthly or yearly cycle, at the time of the first due, that is the least far from all of them together.

    Where two are equally far, the one of the earlier day. Raises InvalidPeriod for no due at all.
    """
    if not dues:
        raise InvalidPeriod("A cycle needs a moment to begin with.")
    moments = [due.astimezone(UTC).replace(microsecond=0) for due in dues]
    first = moments[0]
    days = {(moment.month if is_yearly else None, moment.day) for moment in moments}
    cycles = [UtcCycle(month, day, first.hour, first.minute, first.second) for month, day in days]

    def apart(cycle: UtcCycle) -> tuple[timedelta, int, int]:
        return sum((cycle.distance(at) for at in moments), timedelta()), cycle.month or 0, cycle.day_of_month

    return min(cycles, key=apart)
