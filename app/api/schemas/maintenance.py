"""Maintenance logs: the columns of their files, and what came of each row."""

from datetime import date, datetime
from typing import Annotated, Any, Self

from pydantic import Field

from app.api.schemas.kpis import SITE_PATTERN, MeasurementShown, SignedShown
from app.api.schemas.values import Body, Day, Id, Quantity, Shown
from models import KpiMeasurement, LogFile, MaintenanceImport, MaintenanceRow, RowOutcome
from services.maintenance.columns import (
    TIME_FORM_MAX,
    FailureColumns,
    LogMapping,
    MachineColumns,
    RepairColumns,
    Writing,
)
from services.maintenance.imports import LOG_KPIS, LogImport, LogRequest
from services.maintenance.logs import Figures, JudgedRow
from services.rules.decimals import text_of
from services.rules.kpi_periods import rounded
from services.rules.periods import TIMEZONE_NAME_MAX

REFUSED_SHOWN_MAX = 100
Column = Annotated[str, Field(min_length=1, max_length=200, pattern=SITE_PATTERN)]


class FileBody(Body):
    """A CSV file that was uploaded, and how it is written."""

    file_id: Id
    machine: Column
    encoding: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,40}$")] = "utf-8"
    delimiter: Annotated[str, Field(pattern=r"^[,;|\t]$")] = ","
    time_form: str | None = Field(
        default=None,
        min_length=2,
        max_length=TIME_FORM_MAX,
        pattern=r"^[ -~]+$",
        description="How times are written, in the letters of strptime; ISO 8601, if left out.",
        examples=["%m/%d/%Y %I:%M:%S %p"],
    )

    @property
    def writing(self) -> Writing:
        return Writing(self.encoding, self.delimiter, self.time_form)


class FailuresBody(FileBody):
    """`repaired_at` where the same row says when the machine ran again."""

    failed_at: Column
    component: Column | None = None
    repaired_at: Column | None = None


class RepairsBody(FileBody):
    repaired_at: Column
    component: Column | None = None


class MachinesBody(FileBody):
    site: Column | None = None


class ImportBody(Body):
    """A log over the local days from `period_start` to the day before `period_end`. A dry run keeps nothing."""

    tenant_id: Id | None = None
    failures: FailuresBody
    repairs: RepairsBody | None = None
    machines: MachinesBody | None = None
    timezone: Annotated[str, Field(min_length=1, max_length=TIMEZONE_NAME_MAX, pattern=r"^[ -~]+$")] | None = Field(
        default=None, description="Of times without an offset, and of the days; the customer's, if left out."
    )
    period_start: Day
    period_end: Day
    dry_run: bool = False

    def request(self) -> LogRequest:
        """What the service is asked. Raises Unprocessable."""
        failures, repairs, machines = self.failures, self.repairs, self.machines
        mapping = LogMapping(
            FailureColumns(
                failures.machine, failures.failed_at, failures.component, failures.repaired_at, failures.writing
            ),
            None
            if repairs is None
            else RepairColumns(repairs.machine, repairs.repaired_at, repairs.component, repairs.writing),
            None if machines is None else MachineColumns(machines.machine, machines.site, machines.writing),
        )
        return LogRequest(
            failures.file_id,
            mapping,
            self.period_start,
            self.period_end,
            None if repairs is None else repairs.file_id,
            None if machines is None else machines.file_id,
            self.timezone,
        )


class FiguresShown(Shown):
    """What was counted over some days; `site` "" is all of them. MTBF and MTTR are null where nothing failed."""

    site: str
    period_start: date
    period_end: date
    machines: int
    hours: Quantity
    failures: int
    availability_pct: Quantity | None
    mtbf_hours: Quantity | None
    mttr_hours: Quantity | None

    @classmethod
    def of(cls, figures: Figures) -> Self:
        tally = figures.tally
        values = {kpi: tally.value(combining) for kpi, combining in LOG_KPIS.items()}
        shown: dict[str, Any] = {kpi: None if value is None else text_of(value) for kpi, value in values.items()}
        hours = rounded(tally.hours)
        return cls(
            site=figures.site,
            period_start=figures.days[0],
            period_end=figures.days[1],
            machines=tally.machines,
            hours=text_of(hours) if hours is not None else "0",
            failures=tally.failures,
            **shown,
        )


class RowShown(Shown):
    """One row: used, joined to a failure that lasted, or refused; `reason` says why it is not a failure of its own."""

    file: LogFile
    line: int
    outcome: RowOutcome
    reason: str
    machine: str
    site: str
    component: str
    failed_at: datetime | None
    repaired_at: datetime | None

    @classmethod
    def of(cls, row: JudgedRow | MaintenanceRow) -> Self:
        return cls(**{name: getattr(row, name) for name in cls.model_fields})


class RowCounts(Shown):
    used: int
    joined: int
    outside: int
    refused: int


class ImportShown(Shown):
    """An import that was kept."""

    import_id: str
    timezone: str
    period_start: date
    period_end: date
    machine_count: int
    failure_count: int
    rows: RowCounts
    findings: list[str]
    mapping: dict[str, Any]
    failures_file_id: str
    repairs_file_id: str | None
    machines_file_id: str | None
    imported: SignedShown

    @classmethod
    def of(cls, kept: MaintenanceImport) -> Self:
        return cls(
            import_id=kept.id,
            timezone=kept.timezone,
            period_start=kept.period_start,
            period_end=kept.period_end,
            machine_count=kept.machine_count,
            failure_count=kept.failure_count,
            rows=RowCounts(
                used=kept.rows_used, joined=kept.rows_joined, outside=kept.rows_outside, refused=kept.rows_refused
            ),
            findings=kept.findings,
            mapping=kept.mapping,
            failures_file_id=kept.failures_file_id,
            repairs_file_id=kept.repairs_file_id,
            machines_file_id=kept.machines_file_id,
            imported=SignedShown(party=kept.imported_party, by=kept.imported_by, at=kept.imported_at),
        )


class ImportPage(Shown):
    imports: list[ImportShown]
    next_cursor: str | None


class ImportMeasured(ImportShown):
    """An import with what it measured, by month and site."""

    measurements: list[MeasurementShown]

    @classmethod
    def with_measurements(cls, kept: MaintenanceImport, measurements: list[KpiMeasurement]) -> Self:
        shown = [MeasurementShown.of(each) for each in measurements]
        return cls(**dict(ImportShown.of(kept)), measurements=shown)


class ImportDone(Shown):
    """What a log says. `import_id` is null after a dry run. `refused` holds the first refused rows."""

    import_id: str | None
    timezone: str
    machine_count: int
    failure_count: int
    rows: RowCounts
    findings: list[str]
    whole: list[FiguresShown]
    months: list[FiguresShown]
    refused: list[RowShown]

    @classmethod
    def of(cls, done: LogImport) -> Self:
        reading = done.reading
        refused = [row for row in reading.rows if row.outcome is RowOutcome.REFUSED]
        return cls(
            import_id=None if done.kept is None else done.kept.id,
            timezone=done.timezone,
            machine_count=reading.machine_count,
            failure_count=reading.whole[0].tally.failures,
            rows=RowCounts(
                used=reading.count(RowOutcome.USED),
                joined=reading.count(RowOutcome.JOINED),
                outside=reading.rows_outside,
                refused=len(refused),
            ),
            findings=list(reading.findings),
            whole=[FiguresShown.of(each) for each in reading.whole],
            months=[FiguresShown.of(each) for each in reading.months],
            refused=[RowShown.of(row) for row in refused[:REFUSED_SHOWN_MAX]],
        )


class RowPage(Shown):
    rows: list[RowShown]
    next_cursor: str | None
