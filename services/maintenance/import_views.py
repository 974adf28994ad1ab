"""Importing a maintenance log from a page: what a reading came to before it is kept, and what was kept."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sqlmodel import Session

from models import LogFile, MaintenanceImport, RowOutcome
from services import wording
from services.gain_share.evidence import find_evidence
from services.gain_share.series_views import days_words
from services.gain_share.words import NOTHING_FAILED
from services.maintenance.imports import LOG_KPIS, list_imports
from services.maintenance.logs import Figures, JudgedRow, LogReading
from services.rules.decimals import text_of
from services.tenants import read_tenant

REFUSED_SHOWN: Final = 60
FIGURES_SHOWN: Final = 120
IMPORTS_SHOWN: Final = 12
FIGURE_DECIMALS: Final = 3
OUTCOME_WORDS: Final = {RowOutcome.JOINED: "Counted with another", RowOutcome.REFUSED: "Refused"}
FILE_WORDS: Final = {LogFile.FAILURES: "Failures", LogFile.REPAIRS: "Repairs", LogFile.MACHINES: "Machines"}


@dataclass(frozen=True)
class FigureRow:
    """What was counted in a month, or in all, at one site or all together."""

    days: str
    site: str
    machines: str
    failures: str
    availability: str
    mtbf: str
    mttr: str


@dataclass(frozen=True)
class RefusedView:
    """A row that does not count as a failure of its own, and why."""

    where: str
    machine: str
    outcome: str
    reason: str


@dataclass(frozen=True)
class ReadingView:
    """What a dry run came to; nothing of it is kept."""

    title: str = ""
    counts: str = ""
    findings: tuple[str, ...] = ()
    whole: tuple[FigureRow, ...] = ()
    months: tuple[FigureRow, ...] = ()
    more_months: str = ""
    refused: tuple[RefusedView, ...] = ()
    more_refused: str = ""


@dataclass(frozen=True)
class ImportRow:
    """A log that was kept."""

    id: str
    file_id: str
    name: str
    period: str
    counts: str
    kept: str


NO_READING = ReadingView()


def reading_view(reading: LogReading, timezone: str) -> ReadingView:
    """What was read of a log, before anything of it is kept."""
    others = [row for row in reading.rows if row.outcome is not RowOutcome.USED]
    whole = reading.whole[0]
    refused = reading.count(RowOutcome.REFUSED)
    return ReadingView(
        title=f"{days_words(*whole.days)}, times of {timezone}",
        counts=_counted(reading.machine_count, whole.tally.failures, refused),
        findings=reading.findings,
        whole=tuple(_figures(reading.whole)),
        months=tuple(_figures(reading.months[:FIGURES_SHOWN])),
        more_months=_more(len(reading.months), FIGURES_SHOWN, "rows of months and sites"),
        refused=tuple(_refused(row) for row in others[:REFUSED_SHOWN]),
        more_refused=_more(len(others), REFUSED_SHOWN, "rows"),
    )


def list_kept(session: Session, *, tenant_id: str) -> tuple[ImportRow, ...]:
    """The logs that were kept, the newest first."""
    timezone = read_tenant(session, tenant_id=tenant_id).timezone
    found = list_imports(session, tenant_id=tenant_id, limit=IMPORTS_SHOWN)
    return tuple(_import_row(session, each, timezone) for each in found)


def _import_row(session: Session, kept: MaintenanceImport, timezone: str) -> ImportRow:
    file = find_evidence(session, tenant_id=kept.tenant_id, file_id=kept.failures_file_id)
    return ImportRow(
        id=kept.id,
        file_id=file.id,
        name=file.name,
        period=days_words(kept.period_start, kept.period_end),
        counts=_counted(kept.machine_count, kept.failure_count, kept.rows_refused),
        kept=wording.moment(kept.imported_at, timezone),
    )


def _counted(machines: int, failures: int, refused: int) -> str:
    rows = "row" if refused == 1 else "rows"
    return f"{failures:,} failures of {machines:,} machines; {refused:,} {rows} refused"


def _more(count: int, shown: int, what: str) -> str:
    return f"and {count - shown:,} more {what}" if count > shown else ""


def _figures(figures: Iterable[Figures]) -> Iterable[FigureRow]:
    for each in figures:
        values = [each.tally.value(combining) for combining in LOG_KPIS.values()]
        availability, mtbf, mttr = (
            NOTHING_FAILED if value is None else text_of(round(value, FIGURE_DECIMALS)) for value in values
        )
        yield FigureRow(
            days=days_words(*each.days),
            site=each.site or "All together",
            machines=f"{each.tally.machines:,}",
            failures=f"{each.tally.failures:,}",
            availability=f"{availability} %",
            mtbf=mtbf,
            mttr=mttr,
        )


def _refused(row: JudgedRow) -> RefusedView:
    where = f"{FILE_WORDS[row.file]}, line {row.line:,}"
    return RefusedView(where, row.machine, OUTCOME_WORDS[row.outcome], row.reason)
