"""What follows a failed payment: reminders, then suspension, until it is paid."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index
from sqlmodel import Field

from models.base import ID_MAX, TenantOwned, UtcDateTime, choice


class DunningOutcome(StrEnum):
    """How it ended: paid, or the invoice was given up (void or uncollectible)."""

    PAID = "paid"
    GIVEN_UP = "given_up"


class Dunning(TenantOwned, table=True):
    """One invoice whose payment failed. It runs until `ended_at`.

    `suspended_at` is when its reminders were over and service was suspended for it, or moved to a plan without a fee.
    """

    __tablename__ = "dunning"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "invoice_id"], ["invoice.tenant_id", "invoice.id"]),
        CheckConstraint("(ended_at IS NULL) = (outcome IS NULL)", name="ended_has_outcome"),
        CheckConstraint("suspended_at IS NULL OR suspended_at >= failed_at", name="suspended_after_failure"),
        Index("ix_dunning_running", "ended_at", "failed_at"),
    )

    invoice_id: str = Field(primary_key=True, max_length=ID_MAX)
    subscription_id: str = Field(max_length=ID_MAX)
    failed_at: datetime = Field(sa_type=UtcDateTime)
    suspended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    outcome: DunningOutcome | None = Field(default=None, sa_type=choice(DunningOutcome))


class PaymentReminder(TenantOwned, table=True):
    """A reminder that is due so many whole days after the payment failed; each is written once."""

    __tablename__ = "payment_reminder"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "invoice_id"], ["dunning.tenant_id", "dunning.invoice_id"]),
        CheckConstraint("day >= 0", name="day"),
    )

    invoice_id: str = Field(primary_key=True, max_length=ID_MAX)
    day: int = Field(primary_key=True)
    written_at: datetime = Field(sa_type=UtcDateTime)
