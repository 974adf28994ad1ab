"""Stoppages out of a log of failures and repairs, and what they say of a fleet: hours, failures, MTBF, MTTR.

A machine is down from a failure to the first repair of that component at or after it. A failure while it is down
already is no other failure: stoppages that overlap are one. Maintenance that no failure waits for is none.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from services.rules.kpi_periods import Combining, counted_value
from services.rules.timestamps import LocalMoment
from services.rules.violations import InvalidPeriod

_MICROSECOND = timedelta(microseconds=1)
_SECOND_MICRO = 1_000_000


class Failure(NamedTuple):
    """A row of the log: what failed and when. `repaired_at` is what the row itself says, if it does."""

    line: int
    machine: str
    failed_at: datetime
    component: str = ""
    repaired_at: datetime | None = None


class Repair(NamedTuple):
    """A row that tells of maintenance, done because something failed or as planned."""

    line: int
    machine: str
    repaired_at: LocalMoment
    component: str = ""


class Stoppage(NamedTuple):
    """A time a machine was down, and the line of the failure that began it. Of one still down `is_open`."""

    machine: str
    starts_at: datetime
    ends_at: datetime
    line: int
    is_open: bool = False


class Joined(NamedTuple):
    """A failure of a machine that was down already, since the failure on line `since`."""

    failure: Failure
    repaired_at: datetime | None
    since: int


class Unrepaired(NamedTuple):
    """A failure whose repair the log does not tell, though it tells of the machine again, at `again_at`."""

    failure: Failure
    again_at: datetime


@dataclass(frozen=True, slots=True)
class Stoppages:
    """What became of each failure, and which lines of the repairs ended one."""

    found: tuple[Stoppage, ...]
    joined: tuple[Joined, ...]
    unrepaired: tuple[Unrepaired, ...]
    repairs_used: frozenset[int]


@dataclass(frozen=True, slots=True)
class Tally:
    """Whole microseconds that machines were to run, were down and were under repair, and how often they failed.

    Tallies of other machines or other times add up. The repair of a failure belongs to the time it began in, all of it.
    """

    machines: int = 0
    span_micro: int = 0
    down_micro: int = 0
    repair_micro: int = 0
    failures: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        """Of other machines over the same time; `machines` add up too."""
        return replace(self.over(other), machines=self.machines + other.machines)

    def over(self, other: "Tally") -> "Tally":
        """Of the same machines over another time."""
        return Tally(
            self.machines,
            self.span_micro + other.span_micro,
            self.down_micro + other.down_micro,
            self.repair_micro + other.repair_micro,
            self.failures + other.failures,
        )

    def totals(self, combining: Combining) -> tuple[Decimal, Decimal]:
        """Seconds, and what they are divided by, of availability, MTBF or MTTR."""
        up = _seconds(self.span_micro - self.down_micro)
        if combining is Combining.UP_SHARE:
            return up, _seconds(self.span_micro)
        return (up if combining is Combining.BETWEEN_FAILURES else _seconds(self.repair_micro)), Decimal(self.failures)

    def value(self, combining: Combining) -> Decimal | None:
        """Availability in percent, MTBF or MTTR in hours, rounded once; None where nothing failed."""
        return counted_value(combining, *self.totals(combining))

    @property
    def hours(self) -> Fraction:
        return Fraction(self.span_micro, 3_600 * _SECOND_MICRO)


def find_stoppages(
    failures: Iterable[Failure], repairs: Iterable[Repair], *, ends_at: datetime, by_component: bool
) -> Stoppages:
    """Match failures with repairs, of the same component where `by_component`, and join what overlaps.

    A failure without a repair lasts to `ends_at` where nothing later is told of its machine, which is then still down;
    else the log is incomplete, and the failure is given back as `unrepaired`.
    """
    ended = _RepairTimes(repairs, by_component=by_component)
    of_machine: dict[str, list[Failure]] = {}
    for failure in failures:
        of_machine.setdefault(failure.machine, []).append(failure)
    found: list[Stoppage] = []
    joined: list[Joined] = []
    unrepaired: list[Unrepaired] = []
    for machine in sorted(of_machine):
        theirs = sorted(of_machine[machine], key=lambda failure: (failure.failed_at, failure.line))
        last_seen = max(theirs[-1].failed_at, ended.last_of(machine) or theirs[-1].failed_at)
        current: Stoppage | None = None
        for failure in theirs:
            repaired_at = failure.repaired_at or ended.first_after(failure)
            if repaired_at is None and failure.failed_at < last_seen:
                unrepaired.append(Unrepaired(failure, last_seen))
                continue
            until = max(ends_at, failure.failed_at) if repaired_at is None else repaired_at
            if current is None or not _overlap(current, failure.failed_at):
                if current is not None:
                    found.append(current)
                current = Stoppage(machine, failure.failed_at, until, failure.line, repaired_at is None)
                continue
            joined.append(Joined(failure, repaired_at, current.line))
            if until > current.ends_at:
                current = current._replace(ends_at=until, is_open=repaired_at is None)
        if current is not None:
            found.append(current)
    return Stoppages(tuple(found), tuple(joined), tuple(unrepaired), frozenset(ended.used))


def tally_up(
    stoppages: Iterable[Stoppage], sites: Mapping[str, str], windows: Sequence[tuple[datetime, datetime]]
) -> list[dict[str, Tally]]:
    """A tally a site for each of consecutive half-open windows of time; `sites` names the site of every machine.

    Raises InvalidPeriod where the windows do not follow each other.
    """
    for (_, ended), (begun, _) in pairwise(windows):
        if ended != begun:
            raise InvalidPeriod("One window of time begins where the one before it ends.")
    counts: dict[str, int] = {}
    for site in sites.values():
        counts[site] = counts.get(site, 0) + 1
    tallies = [
        {site: Tally(count, count * _micro(ends - starts)) for site, count in counts.items()}
        for starts, ends in windows
    ]
    begins = [starts for starts, _ in windows]
    for stoppage in stoppages:
        site = sites[stoppage.machine]
        number = max(0, bisect_right(begins, stoppage.starts_at) - 1)
        while number < len(windows) and windows[number][0] <= stoppage.ends_at:
            tallies[number][site] = _with(tallies[number][site], stoppage, *windows[number])
            number += 1
    return tallies


def _with(tally: Tally, stoppage: Stoppage, starts: datetime, ends: datetime) -> Tally:
    down = _micro(max(timedelta(), min(stoppage.ends_at, ends) - max(stoppage.starts_at, starts)))
    begins_here = starts <= stoppage.starts_at < ends
    repair = _micro(stoppage.ends_at - stoppage.starts_at) if begins_here else 0
    return replace(
        tally,
        down_micro=tally.down_micro + down,
        repair_micro=tally.repair_micro + repair,
        failures=tally.failures + begins_here,
    )


class _RepairTimes:
    """The times of repairs by machine and component, in order. A time that clocks show twice stands there twice."""

    def __init__(self, repairs: Iterable[Repair], *, by_component: bool) -> None:
        self.used: set[int] = set()
        self._by_component = by_component
        self._times: dict[tuple[str, str], list[tuple[datetime, int]]] = {}
        self._last: dict[str, datetime] = {}
        for repair in repairs:
            times = self._times.setdefault(self._key(repair.machine, repair.component), [])
            moment = repair.repaired_at
            times += [(at, repair.line) for at in (moment.at, moment.later) if at is not None]
            self._last[repair.machine] = max(moment.at, self._last.get(repair.machine, moment.at))
        for times in self._times.values():
            times.sort()

    def first_after(self, failure: Failure) -> datetime | None:
        """When the component was repaired first, at the failure's moment or later."""
        times = self._times.get(self._key(failure.machine, failure.component), [])
        place = bisect_left(times, (failure.failed_at, 0))
        if place == len(times):
            return None
        self.used.add(times[place][1])
        return times[place][0]

    def last_of(self, machine: str) -> datetime | None:
        return self._last.get(machine)

    def _key(self, machine: str, component: str) -> tuple[str, str]:
        return machine, component if self._by_component else ""


def _overlap(current: Stoppage, failed_at: datetime) -> bool:
    return failed_at < current.ends_at or failed_at == current.starts_at


def _micro(span: timedelta) -> int:
    return span // _MICROSECOND


def _seconds(micro: int) -> Decimal:
    return Decimal(micro).scaleb(-6)
