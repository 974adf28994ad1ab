"""What was metered: every event for ever, and the daily roll-ups that pages read."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Index, LargeBinary, UniqueConstraint, text
from sqlmodel import Field

from models.base import ID_MAX, Json, TenantOwned, UtcDateTime
from models.price_book import CODE_MAX

EVENT_ID_MAX = 128
TRACE_ID_MAX = 128
SITE_MAX = 64

_IS_CORRECTION = text("corrects_seq IS NOT NULL")


class UsageEvent(TenantOwned, table=True):
    """One metered event with the answer it was given, so a retry gets the same one. Units and credits in millionths.

    `seq` is that of its receipt in the tenant's log. `fingerprint` is the SHA-256 of what was sent; `salt` is what the
    receipt's commitment to `meta` was made with, kept only where there is one.

    A correction is an event too: `corrects_seq` is the event it corrects, and its units, credits and overage are the
    difference it makes, all of one sign. Its reason is in `meta`.
    """

    __tablename__ = "usage_event"
    __table_args__ = (
        UniqueConstraint("tenant_id", "event_id"),
        CheckConstraint("units_micro > 0 OR corrects_seq IS NOT NULL", name="units"),
        CheckConstraint(
            "(units_micro >= 0 AND overage_micro >= 0 AND credits_micro >= overage_micro)"
            " OR (units_micro < 0 AND overage_micro <= 0 AND credits_micro <= overage_micro)",
            name="overage_within_credits",
        ),
        CheckConstraint("corrects_seq < seq", name="corrects_earlier"),
        Index("ix_usage_event_occurred", "tenant_id", "occurred_at"),
        Index(
            "ix_usage_event_corrects",
            "tenant_id",
            "corrects_seq",
            sqlite_where=_IS_CORRECTION,
            postgresql_where=_IS_CORRECTION,
        ),
        {"sqlite_with_rowid": False},
    )

    seq: int = Field(primary_key=True, sa_type=BigInteger)
    event_id: str = Field(max_length=EVENT_ID_MAX)
    fingerprint: bytes = Field(sa_type=LargeBinary)
    subscription_id: str = Field(max_length=ID_MAX)
    event_type: str = Field(max_length=CODE_MAX)
    pool: str = Field(max_length=CODE_MAX)
    site: str = Field(default="", max_length=SITE_MAX)
    trace_id: str | None = Field(default=None, max_length=TRACE_ID_MAX)
    occurred_at: datetime = Field(sa_type=UtcDateTime)
    recorded_at: datetime = Field(sa_type=UtcDateTime)
    period_start: datetime = Field(sa_type=UtcDateTime)
    units_micro: int = Field(sa_type=BigInteger)
    credits_micro: int = Field(sa_type=BigInteger)
    overage_micro: int = Field(sa_type=BigInteger)
    remaining_micro: int = Field(sa_type=BigInteger)
    alert: str | None = Field(default=None, max_length=32)
    meta: dict[str, Any] | None = Field(default=None, sa_type=Json)
    salt: bytes | None = Field(default=None, sa_type=LargeBinary)
    corrects_seq: int | None = Field(default=None, sa_type=BigInteger)


class UsageDaily(TenantOwned, table=True):
    """One business day of one event type at one site ("" where none was named), kept with the events it sums.

    Corrections are among them. A correction shrinks the overage of its whole window first, whichever event that was
    of, so here overage may be below zero or above the credits; over the days and types of a window it is neither.
    """

    __tablename__ = "usage_daily"
    __table_args__ = (CheckConstraint("events > 0 AND units_micro >= 0 AND credits_micro >= 0", name="some"),)

    subscription_id: str = Field(primary_key=True, max_length=ID_MAX)
    day: date = Field(primary_key=True)
    period_start: datetime = Field(primary_key=True, sa_type=UtcDateTime)
    event_type: str = Field(primary_key=True, max_length=CODE_MAX)
    site: str = Field(primary_key=True, max_length=SITE_MAX)
    units_micro: int = Field(sa_type=BigInteger)
    credits_micro: int = Field(sa_type=BigInteger)
    overage_micro: int = Field(sa_type=BigInteger)
    events: int = Field(sa_type=BigInteger)
