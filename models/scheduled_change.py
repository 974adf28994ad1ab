"""Changes of a subscription that are to take effect later: another plan or interval, an end, a pause."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, text
from sqlmodel import Field

from models.base import ID_MAX, TenantOwned, UtcDateTime, choice
from models.price_book import HASH_MAX
from models.subscription import Interval

BY_MAX = 120


class ChangeKind(StrEnum):
    PLAN = "plan"
    CANCEL = "cancel"
    PAUSE = "pause"


class ChangeStatus(StrEnum):
    SCHEDULED = "scheduled"
    APPLIED = "applied"
    WITHDRAWN = "withdrawn"
    REPLACED = "replaced"


_WAITS = text("status = 'scheduled'")


class ScheduledChange(TenantOwned, table=True):
    """What a subscription becomes from `effective_at` on, which is the start of a period. One waits at a time.

    `decided_at` is when it was applied, withdrawn or replaced by a later one.
    """

    __tablename__ = "scheduled_change"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "subscription_id"], ["subscription.tenant_id", "subscription.id"]),
        CheckConstraint("(kind = 'plan') = (plan_version_id IS NOT NULL)", name="plan_where_it_changes"),
        CheckConstraint("(kind = 'plan') = (\"interval\" IS NOT NULL)", name="interval_where_it_changes"),
        CheckConstraint("(status = 'scheduled') = (decided_at IS NULL)", name="decided_has_time"),
        Index(
            "ix_scheduled_change_waiting",
            "tenant_id",
            "subscription_id",
            unique=True,
            sqlite_where=_WAITS,
            postgresql_where=_WAITS,
        ),
        Index("ix_scheduled_change_due", "effective_at", sqlite_where=_WAITS, postgresql_where=_WAITS),
    )

    id: str = Field(primary_key=True, max_length=ID_MAX)
    subscription_id: str = Field(max_length=ID_MAX)
    kind: ChangeKind = Field(sa_type=choice(ChangeKind))
    status: ChangeStatus = Field(default=ChangeStatus.SCHEDULED, sa_type=choice(ChangeStatus))
    plan_version_id: str | None = Field(default=None, max_length=HASH_MAX, foreign_key="plan_version.id")
    interval: Interval | None = Field(default=None, sa_type=choice(Interval))
    effective_at: datetime = Field(sa_type=UtcDateTime)
    created_at: datetime = Field(sa_type=UtcDateTime)
    created_by: str = Field(default="", max_length=BY_MAX)
    decided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
