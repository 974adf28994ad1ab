"""Read a maintenance log: which rows count as failures and which do not and why, and the figures a month and a site."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from models import LogFile, RowOutcome
from services.errors import Unprocessable
from services.maintenance.columns import LogMapping
from services.maintenance.files import RefusedRow, read_failures, read_machines, read_repairs
from services.maintenance.missing_repairs import MissingRepairs
from services.rules.kpi_periods import Days, months_of
from services.rules.maintenance_log import Failure, Repair, Stoppage, Stoppages, Tally, find_stoppages, tally_up
from services.rules.periods import check_timezone, day_bounds
from services.rules.violations import InvalidPeriod
from services.usage.files import UsageFile

LOG_DAYS_MAX: Final = 3 * 366
SITES_MAX: Final = 200
LONG_REPAIR: Final = timedelta(days=30)
LINES_NAMED_MAX: Final = 5


@dataclass(frozen=True, slots=True)
class LogFiles:
    """The files that the mapping tells the columns of."""

    failures: UsageFile
    repairs: UsageFile | None = None
    machines: UsageFile | None = None


class JudgedRow(NamedTuple):
    """A row of the failures that was used, or one of any file that was refused. `reason` is "" where it counts."""

    file: LogFile
    line: int
    outcome: RowOutcome
    reason: str
    machine: str
    site: str
    component: str = ""
    failed_at: datetime | None = None
    repaired_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """What was counted over some days at one site; `site` "" is all of them together."""

    days: Days
    site: str
    tally: Tally


@dataclass(frozen=True, slots=True)
class LogReading:
    """What a log says of [starts, ends). `months` come by month and within it all sites together first."""

    machine_count: int
    months: tuple[Figures, ...]
    whole: tuple[Figures, ...]
    rows: tuple[JudgedRow, ...]
    rows_outside: int
    findings: tuple[str, ...]

    def count(self, outcome: RowOutcome) -> int:
        return sum(1 for row in self.rows if row.outcome is outcome)


def read_log(files: LogFiles, mapping: LogMapping, *, timezone: str, starts: date, ends: date) -> LogReading:
    """Read the files and count what happened on the local days [starts, ends) of a time zone.

    Rows that cannot be used are refused one by one and the rest is kept. Raises Unprocessable, naming the field, where
    a file, a column, the zone or the period cannot be used, or where there is no machine.
    """
    zone = _checked_zone(timezone)
    if not 0 < (ends - starts).days <= LOG_DAYS_MAX:
        raise Unprocessable(
            f"A log is read for 1 to {LOG_DAYS_MAX} days; period_end is the day after the last.", field="period_end"
        )
    bounds = _bounds(starts, ends, timezone)
    refused: list[RefusedRow] = []
    listed = None
    if mapping.machines is not None and files.machines is not None:
        listed = read_machines(files.machines, mapping.machines, refused.append)
    known = (lambda _: True) if listed is None else listed.__contains__
    failures = list(read_failures(files.failures, mapping.failures, zone, known, refused.append))
    repairs: list[Repair] = []
    if mapping.repairs is not None and files.repairs is not None:
        repairs = list(read_repairs(files.repairs, mapping.repairs, zone, known, refused.append))
    sites = _named(failures, repairs) if listed is None else listed
    _check_machines(sites)
    stoppages = find_stoppages(failures, repairs, ends_at=bounds[-1][1], by_component=mapping.by_component)
    missing = MissingRepairs(repairs, by_component=mapping.by_component)
    judged = _Judged(failures, stoppages, sites, missing, starts_at=bounds[0][0], ends_at=bounds[-1][1])
    by_month = tally_up(stoppages.found, sites, bounds)
    return LogReading(
        machine_count=len(sites),
        months=tuple(_figures(by_month, months_of(starts, ends))),
        whole=tuple(_figures([_together(by_month)], [(starts, ends)])),
        rows=tuple(sorted([*judged.rows(), *(_refused(row, sites) for row in refused)], key=lambda row: row[:2])),
        rows_outside=judged.outside,
        findings=tuple(_findings(judged, stoppages, repairs, is_listed=listed is not None, machines=len(sites))),
    )


def _checked_zone(timezone: str) -> ZoneInfo:
    try:
        return check_timezone(timezone)
    except InvalidPeriod as violation:
        raise Unprocessable(violation.message, field="timezone") from violation


def _bounds(starts: date, ends: date, timezone: str) -> list[tuple[datetime, datetime]]:
    """When each month begins and ends."""
    try:
        return [
            (day_bounds(first, timezone)[0], day_bounds(end, timezone)[0]) for first, end in months_of(starts, ends)
        ]
    except InvalidPeriod as violation:
        raise Unprocessable(violation.message, field="period_start") from violation


def _named(failures: Sequence[Failure], repairs: Sequence[Repair]) -> dict[str, str]:
    return dict.fromkeys([row.machine for row in failures] + [row.machine for row in repairs], "")


def _check_machines(sites: dict[str, str]) -> None:
    if not sites:
        raise Unprocessable("No row names a machine that can be used; look at the columns.", field="machines")
    if len(set(sites.values())) > SITES_MAX:
        raise Unprocessable(
            f"The machines are at more than {SITES_MAX} sites; choose another column.", field="machines"
        )


class _Judged:
    """What came of each failure of a period, and how many lie outside it."""

    def __init__(
        self,
        failures: Sequence[Failure],
        stoppages: Stoppages,
        sites: dict[str, str],
        missing: MissingRepairs,
        *,
        starts_at: datetime,
        ends_at: datetime,
    ) -> None:
        self._stoppages, self._sites, self._missing = stoppages, sites, missing
        self._starts_at, self._ends_at = starts_at, ends_at
        self._by_line = {failure.line: failure for failure in failures}
        self.outside = sum(1 for failure in failures if not starts_at <= failure.failed_at < ends_at)

    @property
    def stoppages(self) -> list[Stoppage]:
        """Those that began in the period."""
        return [each for each in self._stoppages.found if self._is_within(each.starts_at)]

    def rows(self) -> Iterator[JudgedRow]:
        joined = {row.failure.line: row for row in self._stoppages.joined}
        for each in self._stoppages.found:
            if self._is_within(each.starts_at):
                own = self._end_of(each)
                yield self._row(self._by_line[each.line], RowOutcome.USED, "", own)
        for row in joined.values():
            if self._is_within(row.failure.failed_at):
                reason = f"The machine was down already, since line {row.since}; it counts as one failure."
                yield self._row(row.failure, RowOutcome.JOINED, reason, row.repaired_at)
        for unrepaired in self._stoppages.unrepaired:
            if self._is_within(unrepaired.failure.failed_at):
                yield self._row(unrepaired.failure, RowOutcome.REFUSED, self._missing.reason(unrepaired), None)

    def _end_of(self, stoppage: Stoppage) -> datetime | None:
        return None if stoppage.is_open else stoppage.ends_at

    def _is_within(self, moment: datetime) -> bool:
        return self._starts_at <= moment < self._ends_at

    def _row(self, failure: Failure, outcome: RowOutcome, reason: str, repaired_at: datetime | None) -> JudgedRow:
        site = self._sites.get(failure.machine, "")
        return JudgedRow(
            LogFile.FAILURES,
            failure.line,
            outcome,
            reason,
            failure.machine,
            site,
            failure.component,
            failure.failed_at,
            repaired_at,
        )


def _refused(row: RefusedRow, sites: dict[str, str]) -> JudgedRow:
    return JudgedRow(row.file, row.line, RowOutcome.REFUSED, row.reason, row.machine, sites.get(row.machine, ""))


def _together(months: Sequence[dict[str, Tally]]) -> dict[str, Tally]:
    whole = months[0]
    for month in months[1:]:
        whole = {site: tally.over(month[site]) for site, tally in whole.items()}
    return whole


def _figures(tallies: Sequence[dict[str, Tally]], stretches: Sequence[Days]) -> Iterator[Figures]:
    for days, by_site in zip(stretches, tallies, strict=True):
        yield Figures(days, "", sum(by_site.values(), start=Tally()))
        for site in sorted(by_site):
            if site:
                yield Figures(days, site, by_site[site])


def _findings(
    judged: _Judged, stoppages: Stoppages, repairs: Sequence[Repair], *, is_listed: bool, machines: int
) -> Iterator[str]:
    """What who reads the figures should know of the log."""
    within = judged.stoppages
    if not is_listed:
        yield f"No list of machines was given: the {machines:,} that the log names are taken to be all there are."
    at_once = [each for each in within if each.ends_at == each.starts_at]
    if at_once:
        yield (
            f"{len(at_once):,} of {len(within):,} repairs are stamped with the moment of the failure itself, so they "
            "took no time: the time to repair is shorter than it was."
        )
    still_down = [each for each in within if each.is_open]
    if still_down:
        yield f"Not repaired yet, and down to the end of the period: {_lines(still_down)}."
    long = [each for each in within if not each.is_open and each.ends_at - each.starts_at > LONG_REPAIR]
    if long:
        yield f"Repaired after more than {LONG_REPAIR.days} days, look for repairs that are missing: {_lines(long)}."
    planned = len(repairs) - len(stoppages.repairs_used)
    if planned:
        yield f"{planned:,} rows of maintenance ended no failure; planned maintenance counts as none."
    if judged.outside:
        yield f"{judged.outside:,} failures are before or after the period and do not count in it."


def _lines(stoppages: Sequence[Stoppage]) -> str:
    named = ", ".join(f"line {each.line} ({each.machine})" for each in stoppages[:LINES_NAMED_MAX])
    more = len(stoppages) - LINES_NAMED_MAX
    return f"{named} and {more:,} more" if more > 0 else named
