"""A customer whose time runs ahead of everyone else's: for development and demonstrations."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint
from sqlmodel import Field

from models.base import TenantOwned, UtcDateTime
from models.stripe_account import STRIPE_ID_MAX


class TenantClock(TenantOwned, table=True):
    """The customer's now is ours and `ahead_us` microseconds. It is never set back.

    `stripe_clock_id` is the test clock its customer at the payment provider lives by; none where it has none there.
    """

    __tablename__ = "tenant_clock"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        CheckConstraint("ahead_us >= 0", name="ahead"),
    )

    ahead_us: int = Field(default=0, sa_type=BigInteger)
    stripe_clock_id: str | None = Field(default=None, max_length=STRIPE_ID_MAX)
    started_at: datetime = Field(sa_type=UtcDateTime)
    moved_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
