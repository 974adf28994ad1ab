"""Credits held for work whose size is not known yet."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, LargeBinary, text
from sqlmodel import Field

from models.base import ID_MAX, Json, TenantOwned, UtcDateTime, choice
from models.price_book import CODE_MAX
from models.usage import EVENT_ID_MAX

_IS_HELD = text("status = 'held'")


class ReservationStatus(StrEnum):
    HELD = "held"
    FINALIZED = "finalized"
    RELEASED = "released"
    EXPIRED = "expired"


class Reservation(TenantOwned, table=True):
    """A hold: which lots it keeps credits of (`lots`, millionths by lot), and what it keeps free beyond them.

    It counts while it is `held` and until just before `expires_at`. What it holds is fixed when it is made:
    credits = lots + overage. `remaining_micro` is what was answered then. `fingerprint` is the SHA-256 of what was
    asked; `event_id` names the event that it became.
    """

    __tablename__ = "reservation"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "subscription_id", "period_start"],
            ["billing_period.tenant_id", "billing_period.subscription_id", "billing_period.starts_at"],
        ),
        CheckConstraint("units_micro > 0", name="units"),
        CheckConstraint("overage_micro >= 0 AND credits_micro >= overage_micro", name="overage_within_credits"),
        CheckConstraint("expires_at > reserved_at", name="lifetime"),
        CheckConstraint("(status = 'held') = (ended_at IS NULL)", name="ended_has_time"),
        CheckConstraint("(status = 'finalized') = (event_id IS NOT NULL)", name="finalized_has_event"),
        Index("ix_reservation_held", "tenant_id", sqlite_where=_IS_HELD, postgresql_where=_IS_HELD),
    )

    id: str = Field(primary_key=True, max_length=ID_MAX)
    fingerprint: bytes = Field(sa_type=LargeBinary)
    subscription_id: str = Field(max_length=ID_MAX)
    event_type: str = Field(max_length=CODE_MAX)
    pool: str = Field(max_length=CODE_MAX)
    period_start: datetime = Field(sa_type=UtcDateTime)
    units_micro: int = Field(sa_type=BigInteger)
    credits_micro: int = Field(sa_type=BigInteger)
    overage_micro: int = Field(sa_type=BigInteger)
    lots: dict[str, int] = Field(sa_type=Json)
    remaining_micro: int = Field(sa_type=BigInteger)
    status: ReservationStatus = Field(sa_type=choice(ReservationStatus))
    reserved_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    event_id: str | None = Field(default=None, max_length=EVENT_ID_MAX)
