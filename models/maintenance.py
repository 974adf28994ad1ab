"""Maintenance logs that were read: the files, how their columns were taken, and what came of each row."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index
from sqlmodel import Field

from models.base import ID_MAX, Json, TenantOwned, UtcDateTime, choice
from models.gain_share import Party
from models.kpi import SITE_MAX

MACHINE_MAX = COMPONENT_MAX = 120
ROW_REASON_MAX = 300


class MaintenanceImport(TenantOwned, table=True):
    """One reading of a log of failures and repairs over the days [period_start, period_end) of a time zone.

    `mapping` says which columns were what, `findings` what a reader should know of the result.
    """

    __tablename__ = "maintenance_import"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        ForeignKeyConstraint(["tenant_id", "failures_file_id"], ["evidence_file.tenant_id", "evidence_file.id"]),
        ForeignKeyConstraint(["tenant_id", "repairs_file_id"], ["evidence_file.tenant_id", "evidence_file.id"]),
        ForeignKeyConstraint(["tenant_id", "machines_file_id"], ["evidence_file.tenant_id", "evidence_file.id"]),
        CheckConstraint("period_end > period_start", name="period_order"),
        CheckConstraint("machine_count > 0", name="machines"),
        Index("ix_maintenance_import_imported", "tenant_id", "imported_at"),
    )

    id: str = Field(primary_key=True, max_length=ID_MAX)
    failures_file_id: str = Field(max_length=ID_MAX)
    repairs_file_id: str | None = Field(default=None, max_length=ID_MAX)
    machines_file_id: str | None = Field(default=None, max_length=ID_MAX)
    mapping: dict[str, Any] = Field(sa_type=Json)
    timezone: str = Field(max_length=64)
    period_start: date
    period_end: date
    machine_count: int
    failure_count: int
    rows_used: int
    rows_joined: int
    rows_outside: int
    rows_refused: int
    findings: list[str] = Field(sa_type=Json)
    imported_by: str = Field(max_length=ID_MAX)
    imported_party: Party = Field(sa_type=choice(Party))
    imported_at: datetime = Field(sa_type=UtcDateTime)


class LogFile(StrEnum):
    """Which of the files a row is in."""

    FAILURES = "failures"
    REPAIRS = "repairs"
    MACHINES = "machines"


class RowOutcome(StrEnum):
    """What came of a row: a failure that counts, one of a machine that was down already, or nothing."""

    USED = "used"
    JOINED = "joined"
    REFUSED = "refused"


class MaintenanceRow(TenantOwned, table=True):
    """One row of the failures that was used, or one of any file that was refused and why. `line` is that of the file.

    `repaired_at` is None where the machine was still down as the period ended.
    """

    __tablename__ = "maintenance_row"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "import_id"], ["maintenance_import.tenant_id", "maintenance_import.id"]),
        CheckConstraint("line > 0", name="line"),
        CheckConstraint("(outcome = 'used') = (reason = '')", name="reason"),
        CheckConstraint("outcome = 'refused' OR failed_at IS NOT NULL", name="failed"),
        CheckConstraint("repaired_at IS NULL OR repaired_at >= failed_at", name="order"),
    )

    import_id: str = Field(primary_key=True, max_length=ID_MAX)
    file: LogFile = Field(primary_key=True, sa_type=choice(LogFile))
    line: int = Field(primary_key=True)
    outcome: RowOutcome = Field(sa_type=choice(RowOutcome))
    reason: str = Field(default="", max_length=ROW_REASON_MAX)
    machine: str = Field(default="", max_length=MACHINE_MAX)
    site: str = Field(default="", max_length=SITE_MAX)
    component: str = Field(default="", max_length=COMPONENT_MAX)
    failed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    repaired_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
