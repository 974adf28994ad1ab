"""Money given back: to the card it came from, asked for here or made at Stripe."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint
from sqlmodel import Field

from models.base import ID_MAX, TenantOwned, UtcDateTime, choice
from models.credit_note import REASON_MAX
from models.stripe_account import ACCOUNT_MAX, STRIPE_ID_MAX


class RefundStatus(StrEnum):
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


class Refund(TenantOwned, table=True):
    """`amount_minor`, above zero, went back to the customer. `asked_by` is a user; none where it began at Stripe."""

    __tablename__ = "refund"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "invoice_id"], ["invoice.tenant_id", "invoice.id"]),
        ForeignKeyConstraint(["tenant_id", "credit_note_id"], ["credit_note.tenant_id", "credit_note.id"]),
        UniqueConstraint("tenant_id", "account", "stripe_id"),
        CheckConstraint("amount_minor > 0", name="amount"),
        Index("ix_refund_stripe_id", "stripe_id"),
        Index("ix_refund_invoice", "tenant_id", "invoice_id"),
    )

    id: str = Field(primary_key=True, max_length=ID_MAX)
    invoice_id: str = Field(max_length=ID_MAX)
    credit_note_id: str | None = Field(default=None, max_length=ID_MAX)
    account: str = Field(max_length=ACCOUNT_MAX)
    stripe_id: str | None = Field(default=None, max_length=STRIPE_ID_MAX)
    stripe_invoice_id: str | None = Field(default=None, max_length=STRIPE_ID_MAX)
    status: RefundStatus = Field(sa_type=choice(RefundStatus))
    amount_minor: int = Field(sa_type=BigInteger)
    currency: str = Field(max_length=3)
    reason: str = Field(max_length=REASON_MAX)
    error: str | None = Field(default=None, max_length=300)
    asked_by: str | None = Field(default=None, max_length=ID_MAX)
    created_at: datetime = Field(sa_type=UtcDateTime)
    settled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
