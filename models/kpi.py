"""What a plant is measured by: baselines that both sides accepted, and what was measured since."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, LargeBinary, text
from sqlmodel import Field

from models.base import ID_MAX, Json, Rate, TenantOwned, UtcDateTime, choice
from models.gain_share import Party

KPI_MAX, UNIT_MAX, SITE_MAX, REASON_MAX = 64, 32, 64, 1_000


class BaselineStatus(StrEnum):
    PROPOSED = "proposed"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


class KpiBaseline(TenantOwned, table=True):
    """Where a KPI stood in [period_start, period_end), the rates that price its change, the document that shows it.

    One party proposes it and the other accepts or declines; only who proposed withdraws. Nothing of it is edited: a
    later accepted one takes its place from its own date. An accepted one has receipt `receipt_seq`, which commits to
    all of it with `salt`.
    """

    __tablename__ = "kpi_baseline"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        ForeignKeyConstraint(["tenant_id", "file_id"], ["evidence_file.tenant_id", "evidence_file.id"]),
        ForeignKeyConstraint(["tenant_id", "receipt_seq"], ["receipt.tenant_id", "receipt.seq"]),
        CheckConstraint("period_end > period_start", name="period_order"),
        CheckConstraint("(status = 'accepted') = (receipt_seq IS NOT NULL)", name="receipt"),
        CheckConstraint("status = 'accepted' OR salt IS NULL", name="salt"),
        CheckConstraint(
            "(status = 'proposed') = (decided_at IS NULL) AND (decided_at IS NULL) = (decided_by IS NULL)"
            " AND (decided_by IS NULL) = (decided_party IS NULL)",
            name="decided",
        ),
        CheckConstraint(
            "status = 'proposed' OR (status = 'withdrawn' AND decided_party = proposed_party)"
            " OR (status IN ('accepted', 'declined') AND decided_party <> proposed_party"
            " AND decided_by <> proposed_by)",
            name="two_parties",
        ),
        Index("ix_kpi_baseline_kpi", "tenant_id", "kpi", "effective_from"),
    )

    id: str = Field(primary_key=True, max_length=ID_MAX)
    kpi: str = Field(max_length=KPI_MAX)
    value: Decimal = Field(sa_type=Rate)
    unit: str = Field(max_length=UNIT_MAX)
    currency: str = Field(max_length=3)
    rates: dict[str, Any] = Field(sa_type=Json)
    period_start: date
    period_end: date
    file_id: str = Field(max_length=ID_MAX)
    effective_from: date
    status: BaselineStatus = Field(sa_type=choice(BaselineStatus))
    proposed_by: str = Field(max_length=ID_MAX)
    proposed_party: Party = Field(sa_type=choice(Party, "proposed_party"))
    proposed_at: datetime = Field(sa_type=UtcDateTime)
    decided_by: str | None = Field(default=None, max_length=ID_MAX)
    decided_party: Party | None = Field(default=None, sa_type=choice(Party, "decided_party"))
    decided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    reason: str = Field(default="", max_length=REASON_MAX)
    receipt_seq: int | None = Field(default=None, sa_type=BigInteger)
    salt: bytes | None = Field(default=None, sa_type=LargeBinary)


class MeasurementSource(StrEnum):
    """Written in by a person, sent by a program, or worked out from a maintenance log."""

    ENTERED = "entered"
    API = "api"
    LOG = "log"


class KpiMeasurement(TenantOwned, table=True):
    """One KPI over the days [period_start, period_end) at one site; `site` "" is the customer as a whole.

    Where it was counted, `value` is `total` over `weight`: seconds up over all seconds (times 100, availability), or
    seconds up or under repair over failures (divided by 3,600, MTBF and MTTR). `value` is None where nothing failed,
    and only there. One for exactly the same days takes the place of the one before, which is kept.
    """

    __tablename__ = "kpi_measurement"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        ForeignKeyConstraint(["tenant_id", "file_id"], ["evidence_file.tenant_id", "evidence_file.id"]),
        ForeignKeyConstraint(["tenant_id", "import_id"], ["maintenance_import.tenant_id", "maintenance_import.id"]),
        CheckConstraint("period_end > period_start", name="period_order"),
        CheckConstraint("(total IS NULL) = (weight IS NULL)", name="counted"),
        CheckConstraint("value IS NOT NULL OR (weight IS NOT NULL AND weight = 0)", name="value"),
        CheckConstraint("(source = 'log') = (import_id IS NOT NULL)", name="import"),
        Index(
            "ix_kpi_measurement_standing",
            "tenant_id",
            "kpi",
            "site",
            "period_start",
            "period_end",
            unique=True,
            sqlite_where=text("replaced_at IS NULL"),
            postgresql_where=text("replaced_at IS NULL"),
        ),
        Index("ix_kpi_measurement_recorded", "tenant_id", "recorded_at"),
    )

    id: str = Field(primary_key=True, max_length=ID_MAX)
    kpi: str = Field(max_length=KPI_MAX)
    site: str = Field(default="", max_length=SITE_MAX)
    period_start: date
    period_end: date
    value: Decimal | None = Field(default=None, sa_type=Rate)
    unit: str = Field(max_length=UNIT_MAX)
    total: Decimal | None = Field(default=None, sa_type=Rate)
    weight: Decimal | None = Field(default=None, sa_type=Rate)
    source: MeasurementSource = Field(sa_type=choice(MeasurementSource))
    import_id: str | None = Field(default=None, max_length=ID_MAX)
    file_id: str | None = Field(default=None, max_length=ID_MAX)
    recorded_by: str = Field(max_length=ID_MAX)
    recorded_party: Party = Field(sa_type=choice(Party))
    recorded_at: datetime = Field(sa_type=UtcDateTime)
    replaced_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
