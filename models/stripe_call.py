"""The outbox: every call we owe Stripe is a row first."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index
from sqlmodel import Field

from models.base import ID_MAX, Json, TenantOwned, UtcDateTime, choice
from models.stripe_account import ACCOUNT_MAX, STRIPE_ID_MAX
from models.stripe_event import ERROR_MAX

CALL_KEY_MAX = 200


class StripeCallKind(StrEnum):
    CREATE_CUSTOMER = "create_customer"
    SHARE_CARD = "share_card"
    CREATE_SUBSCRIPTION = "create_subscription"
    CANCEL_SUBSCRIPTION = "cancel_subscription"
    CHANGE_PRICE = "change_price"
    PLAN_END = "plan_end"
    HOLD_DRAFT = "hold_draft"
    OPEN_DRAFT = "open_draft"
    ADD_DIFFERENCE = "add_difference"
    ADD_LINES = "add_lines"
    ADD_TAXES = "add_taxes"
    SET_TERMS = "set_terms"
    FINALIZE = "finalize"
    FINALIZE_UNCOLLECTED = "finalize_uncollected"
    SEND = "send"
    PAID_ELSEWHERE = "paid_elsewhere"
    VOID = "void"
    MARK_UNCOLLECTIBLE = "mark_uncollectible"
    CREDIT_NOTE = "credit_note"
    REFUND = "refund"


class StripeCallStatus(StrEnum):
    """`held` is for a person: Stripe refused it, or what came back is not what we asked for."""

    WAITING = "waiting"
    DONE = "done"
    HELD = "held"


class StripeCall(TenantOwned, table=True):
    """One call. `key` names what it does to what, and is its idempotency key.

    Calls of one `subject` are made in the order of `position`, each after the one before it is done. `stripe_id` is
    what the call made or changed: keys are forgotten after a day, ids are not.
    """

    __tablename__ = "stripe_call"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        CheckConstraint("attempts >= 0", name="attempts"),
        CheckConstraint("(status = 'done') = (done_at IS NOT NULL)", name="done_has_time"),
        CheckConstraint("status <> 'held' OR error IS NOT NULL", name="held_has_error"),
        Index("ix_stripe_call_due", "status", "next_attempt_at"),
        Index("ix_stripe_call_subject", "tenant_id", "subject", "position"),
    )

    account: str = Field(primary_key=True, max_length=ACCOUNT_MAX)
    key: str = Field(primary_key=True, max_length=CALL_KEY_MAX)
    kind: StripeCallKind = Field(sa_type=choice(StripeCallKind))
    subject: str = Field(max_length=ID_MAX)
    position: int
    arguments: dict[str, Any] = Field(sa_type=Json)
    status: StripeCallStatus = Field(sa_type=choice(StripeCallStatus))
    attempts: int = 0
    error: str | None = Field(default=None, max_length=ERROR_MAX)
    stripe_id: str | None = Field(default=None, max_length=STRIPE_ID_MAX)
    created_at: datetime = Field(sa_type=UtcDateTime)
    first_attempt_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    next_attempt_at: datetime = Field(sa_type=UtcDateTime)
    claimed_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    done_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
