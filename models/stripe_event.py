"""The inbox: every event Stripe sent, kept under its id before anything is done about it."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Index
from sqlmodel import Field, SQLModel

from models.base import ID_MAX, Json, UtcDateTime, choice
from models.stripe_account import ACCOUNT_MAX, STRIPE_ID_MAX

ERROR_MAX = 500


class StripeEventStatus(StrEnum):
    """`waiting` for its turn or for another try, `handled`, `ignored` as none of ours, or `failed` until replayed."""

    WAITING = "waiting"
    HANDLED = "handled"
    IGNORED = "ignored"
    FAILED = "failed"


class EventSource(StrEnum):
    """Delivered to the webhook, or found by the sweep of what never arrived."""

    WEBHOOK = "webhook"
    SWEEP = "sweep"


class StripeEvent(SQLModel, table=True):
    """One event as it arrived. Its object is read anew before it is acted on: the payload is for people to look at.

    `claimed_until` is how long whoever works on it has it for itself.
    """

    __tablename__ = "stripe_event"
    __table_args__ = (
        CheckConstraint("length(id) > 0", name="id_given"),
        CheckConstraint("attempts >= 0", name="attempts"),
        CheckConstraint("(status IN ('handled', 'ignored')) = (done_at IS NOT NULL)", name="done_has_time"),
        CheckConstraint("status <> 'failed' OR error IS NOT NULL", name="failed_has_error"),
        Index("ix_stripe_event_due", "status", "next_attempt_at"),
        Index("ix_stripe_event_received", "received_at", "id"),
        Index("ix_stripe_event_object", "object_id"),
    )

    id: str = Field(primary_key=True, max_length=STRIPE_ID_MAX)
    account: str = Field(max_length=ACCOUNT_MAX)
    type: str = Field(max_length=STRIPE_ID_MAX)
    object_id: str = Field(max_length=STRIPE_ID_MAX)
    customer_id: str | None = Field(default=None, max_length=STRIPE_ID_MAX)
    api_version: str | None = Field(default=None, max_length=64)
    payload: dict[str, Any] = Field(sa_type=Json)
    source: EventSource = Field(sa_type=choice(EventSource))
    status: StripeEventStatus = Field(sa_type=choice(StripeEventStatus))
    attempts: int = 0
    error: str | None = Field(default=None, max_length=ERROR_MAX)
    tenant_id: str | None = Field(default=None, max_length=ID_MAX, foreign_key="tenant.id")
    created_at: datetime = Field(sa_type=UtcDateTime)
    received_at: datetime = Field(sa_type=UtcDateTime)
    next_attempt_at: datetime = Field(sa_type=UtcDateTime)
    claimed_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    done_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
