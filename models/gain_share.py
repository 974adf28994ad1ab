"""Fees from documented savings: the baseline both sides measure against, and the runs computed from it."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, LargeBinary
from sqlmodel import Field

from models.base import ID_MAX, Json, Rate, TenantOwned, UtcDateTime, choice


class GainShareStatus(StrEnum):
    PENDING_APPROVAL = "pending_approval"
    APPROVED = "approved"
    REJECTED = "rejected"
    DISPUTED = "disputed"


class KpiBaseline(TenantOwned, table=True):
    """Where a KPI stood before, with the rates that turn its change into money and the document that shows it.

    Its receipt, number `receipt_seq` of the customer's log, commits to all of it with `salt`.
    """

    __tablename__ = "kpi_baseline"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        ForeignKeyConstraint(["tenant_id", "receipt_seq"], ["receipt.tenant_id", "receipt.seq"]),
        Index("ix_kpi_baseline_kpi", "tenant_id", "kpi", "effective_from"),
    )

    id: str = Field(primary_key=True, max_length=ID_MAX)
    kpi: str = Field(max_length=64)
    value: Decimal = Field(sa_type=Rate)
    unit: str = Field(max_length=32)
    currency: str = Field(max_length=3)
    rates: dict[str, Any] = Field(sa_type=Json)
    source_document: str = Field(max_length=200)
    source_sha256: str = Field(max_length=64)
    effective_from: date
    recorded_at: datetime = Field(sa_type=UtcDateTime)
    receipt_seq: int = Field(default=None, nullable=False, sa_type=BigInteger)
    salt: bytes | None = Field(default=None, sa_type=LargeBinary)


class GainShareRun(TenantOwned, table=True):
    """Savings found between a baseline and what was measured, and the share of them that is the fee.

    The receipt of its submission is number `receipt_seq` of the customer's log and commits to it with `salt`.
    """

    __tablename__ = "gainshare_run"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        ForeignKeyConstraint(["tenant_id", "receipt_seq"], ["receipt.tenant_id", "receipt.seq"]),
        CheckConstraint("period_end > period_start", name="period_order"),
        CheckConstraint("fee_minor >= 0", name="fee"),
        Index("ix_gainshare_run_created", "tenant_id", "created_at"),
    )

    id: str = Field(primary_key=True, max_length=ID_MAX)
    method: str = Field(max_length=32)
    period_start: date
    period_end: date
    share_pct: Decimal = Field(sa_type=Rate)
    currency: str = Field(max_length=3)
    savings_minor: int = Field(sa_type=BigInteger)
    fee_minor: int = Field(sa_type=BigInteger)
    status: GainShareStatus = Field(sa_type=choice(GainShareStatus))
    breakdown: dict[str, Any] = Field(sa_type=Json)
    created_at: datetime = Field(sa_type=UtcDateTime)
    receipt_seq: int = Field(default=None, nullable=False, sa_type=BigInteger)
    salt: bytes | None = Field(default=None, sa_type=LargeBinary)
