"""Keep what a maintenance log says: its files, each row with what came of it, and the measurements of every month."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

from sqlmodel import Session, col, select

from models import (
    EvidenceFile,
    KpiMeasurement,
    LogFile,
    MaintenanceImport,
    MaintenanceRow,
    MeasurementSource,
    RowOutcome,
    table_of,
)
from services.errors import NotFound, Unprocessable
from services.gain_share.evidence import find_evidence
from services.gain_share.kpi_measurements import Reading, check_ended, record_measurements
from services.gain_share.parties import Signer
from services.identifiers import new_id
from services.maintenance.columns import FailureColumns, LogMapping, MachineColumns, RepairColumns
from services.maintenance.files import StoredFile
from services.maintenance.logs import LogFiles, LogReading, read_log
from services.rules.kpi_periods import Combining
from services.tenants import lock_head, read_tenant

ROWS_A_STATEMENT: Final = 1_000
LOG_KPIS: Final = {
    "availability_pct": Combining.UP_SHARE,
    "mtbf_hours": Combining.BETWEEN_FAILURES,
    "mttr_hours": Combining.OF_REPAIRS,
}


@dataclass(frozen=True, slots=True)
class LogRequest:
    """A log to be read: the stored files, their columns, and the days [period_start, period_end) of a time zone.

    Without `timezone` it is the customer's own.
    """

    failures_file_id: str
    mapping: LogMapping
    period_start: date
    period_end: date
    repairs_file_id: str | None = None
    machines_file_id: str | None = None
    timezone: str | None = None


@dataclass(frozen=True, slots=True)
class LoadedLog:
    """A log whose files are in memory, and the time zone of its days."""

    request: LogRequest
    files: LogFiles
    timezone: str

    def read(self) -> LogReading:
        """Some seconds for hundreds of thousands of rows. Raises what `read_log` does."""
        request = self.request
        return read_log(
            self.files,
            request.mapping,
            timezone=self.timezone,
            starts=request.period_start,
            ends=request.period_end,
        )


@dataclass(frozen=True, slots=True)
class LogImport:
    """What was read, and how it was kept: nothing of it after a dry run."""

    reading: LogReading
    timezone: str
    kept: MaintenanceImport | None = None
    measurements: tuple[KpiMeasurement, ...] = ()


def import_maintenance_log(
    session: Session, *, tenant_id: str, request: LogRequest, signer: Signer, at: datetime, dry_run: bool = False
) -> LogImport:
    """Read a log and keep its rows and, for each month and site, availability, MTBF and MTTR as measurements.

    They take the place of measurements of exactly the same days. Raises what `read_log` and `record_measurements` do,
    with nothing kept.
    """
    loaded = load_log(session, tenant_id=tenant_id, request=request, at=at)
    reading = loaded.read()
    if dry_run:
        return LogImport(reading, loaded.timezone)
    return keep_log(session, loaded, reading, tenant_id=tenant_id, signer=signer, at=at)


def load_log(session: Session, *, tenant_id: str, request: LogRequest, at: datetime) -> LoadedLog:
    """The files of a log, to be read out of the way of the database. Raises NotFound and Unprocessable."""
    tenant = read_tenant(session, tenant_id=tenant_id)
    check_ended(request.period_end, tenant, at)
    return LoadedLog(request, _files(session, tenant_id, request), request.timezone or tenant.timezone)


def keep_log(
    session: Session, loaded: LoadedLog, reading: LogReading, *, tenant_id: str, signer: Signer, at: datetime
) -> LogImport:
    """Keep what was read of a log. Raises Conflict where some of the days are measured otherwise."""
    lock_head(session, tenant_id=tenant_id)
    kept = _import_row(loaded, reading, tenant_id=tenant_id, signer=signer, at=at)
    session.add(kept)
    session.flush()
    _keep_rows(session, kept, reading)
    measurements = record_measurements(
        session,
        tenant_id=tenant_id,
        readings=list(_readings(reading)),
        source=MeasurementSource.LOG,
        import_id=kept.id,
        signer=signer,
        at=at,
    )
    return LogImport(reading, loaded.timezone, kept, tuple(measurements))


def read_import(session: Session, *, tenant_id: str, import_id: str) -> MaintenanceImport:
    """Raises NotFound."""
    found = session.get(MaintenanceImport, (tenant_id, import_id))
    if found is None:
        raise NotFound("There is no such import.", field="import_id")
    return found


def list_imports(session: Session, *, tenant_id: str, limit: int, before: str | None = None) -> list[MaintenanceImport]:
    """A customer's imports, the newest first, those with an id below `before`."""
    mine = select(MaintenanceImport).where(MaintenanceImport.tenant_id == tenant_id)
    if before is not None:
        mine = mine.where(MaintenanceImport.id < before)
    return list(session.exec(mine.order_by(col(MaintenanceImport.id).desc()).limit(limit)))


def list_rows(
    session: Session,
    *,
    tenant_id: str,
    import_id: str,
    limit: int,
    after: tuple[str, int] | None = None,
    outcome: RowOutcome | None = None,
) -> list[MaintenanceRow]:
    """The rows of an import by file and line, those after (file, line)."""
    mine = select(MaintenanceRow).where(MaintenanceRow.tenant_id == tenant_id, MaintenanceRow.import_id == import_id)
    if outcome is not None:
        mine = mine.where(MaintenanceRow.outcome == outcome)
    if after is not None:
        file, line = LogFile(after[0]), after[1]
        further = (col(MaintenanceRow.file) == file) & (col(MaintenanceRow.line) > line)
        mine = mine.where((col(MaintenanceRow.file) > file) | further)
    return list(session.exec(mine.order_by(col(MaintenanceRow.file), col(MaintenanceRow.line)).limit(limit)))


def list_import_measurements(session: Session, *, tenant_id: str, import_id: str) -> list[KpiMeasurement]:
    """What an import measured, by month, site and KPI; also what was replaced since."""
    mine = select(KpiMeasurement).where(KpiMeasurement.tenant_id == tenant_id, KpiMeasurement.import_id == import_id)
    return list(
        session.exec(mine.order_by(col(KpiMeasurement.period_start), col(KpiMeasurement.site), col(KpiMeasurement.kpi)))
    )


def _files(session: Session, tenant_id: str, request: LogRequest) -> LogFiles:
    mapping = request.mapping
    given: tuple[tuple[str, str | None, FailureColumns | RepairColumns | MachineColumns | None], ...] = (
        ("failures", request.failures_file_id, mapping.failures),
        ("repairs", request.repairs_file_id, mapping.repairs),
        ("machines", request.machines_file_id, mapping.machines),
    )
    found: dict[str, StoredFile] = {}
    for name, file_id, columns in given:
        field = f"{name}_file_id"
        if (file_id is None) != (columns is None):
            raise Unprocessable(f"Send both the file of {name} and the columns of it, or neither.", field=field)
        if file_id is not None and columns is not None:
            file = find_evidence(session, tenant_id=tenant_id, file_id=file_id, field=field)
            found[name] = _table(file, columns, field)
    return LogFiles(found["failures"], found.get("repairs"), found.get("machines"))


def _table(file: EvidenceFile, columns: FailureColumns | RepairColumns | MachineColumns, field: str) -> StoredFile:
    if not file.media_type.startswith("text/"):
        raise Unprocessable(f"{file.name} is no table; export the log as CSV.", field=field)
    writing = columns.writing
    return StoredFile(Path(file.name), writing.encoding, writing.delimiter, content=file.content)


def _import_row(
    loaded: LoadedLog, reading: LogReading, *, tenant_id: str, signer: Signer, at: datetime
) -> MaintenanceImport:
    request = loaded.request
    return MaintenanceImport(
        tenant_id=tenant_id,
        id=new_id("imp"),
        failures_file_id=request.failures_file_id,
        repairs_file_id=request.repairs_file_id,
        machines_file_id=request.machines_file_id,
        mapping=request.mapping.as_document(),
        timezone=loaded.timezone,
        period_start=request.period_start,
        period_end=request.period_end,
        machine_count=reading.machine_count,
        failure_count=reading.whole[0].tally.failures,
        rows_used=reading.count(RowOutcome.USED),
        rows_joined=reading.count(RowOutcome.JOINED),
        rows_outside=reading.rows_outside,
        rows_refused=reading.count(RowOutcome.REFUSED),
        findings=list(reading.findings),
        imported_by=signer.by,
        imported_party=signer.party,
        imported_at=at,
    )


def _keep_rows(session: Session, kept: MaintenanceImport, reading: LogReading) -> None:
    """In statements of so many rows: a log has up to hundreds of thousands."""
    of_it = {"tenant_id": kept.tenant_id, "import_id": kept.id}
    rows: Iterator[dict[str, Any]] = (of_it | row._asdict() for row in reading.rows)
    while some := list(islice(rows, ROWS_A_STATEMENT)):
        session.connection().execute(table_of(MaintenanceRow).insert(), some)


def _readings(reading: LogReading) -> Iterator[Reading]:
    for month in reading.months:
        for kpi, combining in LOG_KPIS.items():
            yield Reading(kpi, *month.days, site=month.site, totals=month.tally.totals(combining))
