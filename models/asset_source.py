"""Where a customer's assets can be asked for, and what each asking brought."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index
from sqlmodel import Field

from models.base import ID_MAX, TenantOwned, UtcDateTime, choice
from models.webhook_endpoint import SEALED_MAX, URL_MAX

PULL_ERROR_MAX = 300


class PullStatus(StrEnum):
    """`waiting` is under way or to be tried again; `failed` will not be, the next slot has its turn."""

    WAITING = "waiting"
    RECORDED = "recorded"
    FAILED = "failed"


class AssetSource(TenantOwned, table=True):
    """An address of the customer's that answers how many assets there are, asked every so many hours."""

    __tablename__ = "asset_source"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        CheckConstraint("every_hours IN (1, 2, 3, 4, 6, 8, 12, 24)", name="every_hours"),
    )

    url: str = Field(max_length=URL_MAX)
    token: str | None = Field(default=None, max_length=SEALED_MAX)
    every_hours: int = 24
    asked_from: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class AssetPull(TenantOwned, table=True):
    """One asking, for the slot it is due in. Each slot is recorded once."""

    __tablename__ = "asset_pull"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        ForeignKeyConstraint(["tenant_id", "snapshot_id"], ["asset_snapshot.tenant_id", "asset_snapshot.id"]),
        CheckConstraint("(status = 'recorded') = (snapshot_id IS NOT NULL)", name="recorded_has_snapshot"),
        CheckConstraint("(status = 'waiting') = (settled_at IS NULL)", name="settled_has_time"),
        CheckConstraint("attempts >= 0", name="attempts"),
        CheckConstraint("(claim IS NULL) = (claimed_until IS NULL)", name="claim_ends"),
        Index("ix_asset_pull_due", "status", "next_attempt_at"),
    )

    slot: datetime = Field(primary_key=True, sa_type=UtcDateTime)
    status: PullStatus = Field(sa_type=choice(PullStatus))
    attempts: int = 0
    next_attempt_at: datetime = Field(sa_type=UtcDateTime)
    error: str | None = Field(default=None, max_length=PULL_ERROR_MAX)
    snapshot_id: str | None = Field(default=None, max_length=ID_MAX)
    claim: str | None = Field(default=None, max_length=ID_MAX)
    claimed_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    settled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
