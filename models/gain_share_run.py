"""Runs: the savings between accepted baselines and what was measured, and every step that both parties took on one."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, LargeBinary, UniqueConstraint, text
from sqlmodel import Field

from models.base import ID_MAX, Json, Rate, TenantOwned, UtcDateTime, choice
from models.gain_share import Party
from models.price_book import HASH_MAX

STEP_TEXT_MAX = 4_000


class GainShareStatus(StrEnum):
    PENDING_APPROVAL = "pending_approval"
    APPROVED = "approved"
    REJECTED = "rejected"
    DISPUTED = "disputed"
    REPLACED = "replaced"


class StepKind(StrEnum):
    """What happened to a run. REMINDED is the only one that nobody of either party did."""

    SUBMITTED = "submitted"
    COMMENT = "comment"
    EVIDENCE = "evidence"
    APPROVED = "approved"
    REJECTED = "rejected"
    DISPUTED = "disputed"
    REPLACED = "replaced"
    REMINDED = "reminded"


class GainShareRun(TenantOwned, table=True):
    """Savings of the days [period_start, period_end) and the share of them that is the fee, bounded by a plan version.

    `calculation` is the canonical document of how both were worked out and `calculation_sha256` its hash, which every
    receipt of the run names. `receipt_seq` is that of its submission, `decision_seq` that of its decision. Who
    submitted it never decides on it. A run that another replaces is named by that one.
    """

    __tablename__ = "gainshare_run"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        ForeignKeyConstraint(["tenant_id", "receipt_seq"], ["receipt.tenant_id", "receipt.seq"]),
        ForeignKeyConstraint(["tenant_id", "decision_seq"], ["receipt.tenant_id", "receipt.seq"]),
        ForeignKeyConstraint(["tenant_id", "replaces_run_id"], ["gainshare_run.tenant_id", "gainshare_run.id"]),
        UniqueConstraint("tenant_id", "replaces_run_id"),
        CheckConstraint("period_end > period_start", name="period_order"),
        CheckConstraint("fee_minor >= 0 AND (fee_minor = 0 OR savings_minor > 0)", name="fee"),
        CheckConstraint("length(calculation_sha256) = 64", name="calculation"),
        CheckConstraint(
            "(decided_at IS NULL) = (decided_by IS NULL) AND (decided_at IS NULL) = (decision_seq IS NULL)",
            name="decision",
        ),
        CheckConstraint(
            "(status = 'pending_approval' AND decided_at IS NULL) OR status = 'replaced'"
            " OR (status IN ('approved', 'rejected', 'disputed') AND decided_at IS NOT NULL)",
            name="decided",
        ),
        CheckConstraint("decided_by IS NULL OR decided_by <> submitted_by", name="two_people"),
        Index("ix_gainshare_run_submitted", "tenant_id", "submitted_at"),
        Index("ix_gainshare_run_status", "status", "deadline_on"),
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
    plan_version_id: str = Field(max_length=HASH_MAX, foreign_key="plan_version.id")
    calculation: dict[str, Any] = Field(sa_type=Json)
    calculation_sha256: str = Field(max_length=64)
    submitted_by: str = Field(max_length=ID_MAX)
    submitted_at: datetime = Field(sa_type=UtcDateTime)
    deadline_on: date
    replaces_run_id: str | None = Field(default=None, max_length=ID_MAX)
    receipt_seq: int = Field(default=None, nullable=False, sa_type=BigInteger)
    decided_by: str | None = Field(default=None, max_length=ID_MAX)
    decided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    decision_seq: int | None = Field(default=None, sa_type=BigInteger)


class GainShareStep(TenantOwned, table=True):
    """One step of a run's thread, numbered from 1 without gaps. All but reminders have a receipt, `receipt_seq`, which
    commits with `salt` to what was said, by whom and for which party. `disputed` are names of parts of the savings.
    """

    __tablename__ = "gainshare_step"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "run_id"], ["gainshare_run.tenant_id", "gainshare_run.id"]),
        ForeignKeyConstraint(["tenant_id", "file_id"], ["evidence_file.tenant_id", "evidence_file.id"]),
        ForeignKeyConstraint(["tenant_id", "receipt_seq"], ["receipt.tenant_id", "receipt.seq"]),
        CheckConstraint("number >= 1 AND (number = 1) = (kind = 'submitted')", name="number"),
        CheckConstraint("(kind = 'evidence') = (file_id IS NOT NULL)", name="evidence"),
        CheckConstraint(
            "(kind = 'reminded') = (receipt_seq IS NULL) AND (kind = 'reminded') = (party IS NULL)"
            " AND (kind = 'reminded') = (taken_by IS NULL)",
            name="receipt",
        ),
        CheckConstraint("kind NOT IN ('approved', 'rejected', 'disputed') OR party = 'customer'", name="decided_by"),
        CheckConstraint("kind NOT IN ('submitted', 'replaced') OR party = 'seller'", name="submitted_by"),
        Index(
            "ix_gainshare_step_decision",
            "tenant_id",
            "run_id",
            unique=True,
            sqlite_where=text("kind IN ('approved', 'rejected', 'disputed')"),
            postgresql_where=text("kind IN ('approved', 'rejected', 'disputed')"),
        ),
    )

    run_id: str = Field(primary_key=True, max_length=ID_MAX)
    number: int = Field(primary_key=True)
    kind: StepKind = Field(sa_type=choice(StepKind))
    text: str = Field(default="", max_length=STEP_TEXT_MAX)
    disputed: list[Any] = Field(default_factory=list, sa_type=Json)
    file_id: str | None = Field(default=None, max_length=ID_MAX)
    party: Party | None = Field(default=None, sa_type=choice(Party))
    taken_by: str | None = Field(default=None, max_length=ID_MAX)
    taken_at: datetime = Field(sa_type=UtcDateTime)
    receipt_seq: int | None = Field(default=None, sa_type=BigInteger)
    salt: bytes | None = Field(default=None, sa_type=LargeBinary)
