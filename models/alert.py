"""That a threshold was crossed: once per crossing and window."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, UniqueConstraint
from sqlmodel import Field

from models.base import ID_MAX, TenantOwned, UtcDateTime, choice
from models.price_book import CODE_MAX


class AlertKind(StrEnum):
    LOW_CREDITS = "LOW_CREDITS"
    OVERAGE = "OVERAGE"
    CAP_REACHED = "CAP_REACHED"


class Alert(TenantOwned, table=True):
    """A crossing, by the event that caused it. The unique key is what makes it fire once.

    CAP_REACHED is about all pools of a period: its pool is "", its window the period. The event that reached the cap
    may be a refused one, which is recorded nowhere; `event_id` is "" where it had no id of its own.
    """

    __tablename__ = "alert"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "subscription_id"], ["subscription.tenant_id", "subscription.id"]),
        UniqueConstraint("tenant_id", "subscription_id", "pool", "window_start", "kind", "threshold_pct"),
        CheckConstraint("threshold_pct > 0", name="threshold"),
    )

    id: str = Field(primary_key=True, max_length=ID_MAX)
    subscription_id: str = Field(max_length=ID_MAX)
    pool: str = Field(max_length=CODE_MAX)
    period_start: datetime = Field(sa_type=UtcDateTime)
    window_start: datetime = Field(sa_type=UtcDateTime)
    kind: AlertKind = Field(sa_type=choice(AlertKind))
    threshold_pct: int
    event_id: str = Field(max_length=128)
    raised_at: datetime = Field(sa_type=UtcDateTime)
