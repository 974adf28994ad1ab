"""Lines that wait for an invoice: prorations, adjustments, credit that an invoice could not use up."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index
from sqlmodel import Field

from models.base import ID_MAX, Json, Rate, TenantOwned, UtcDateTime, choice
from models.invoice import DESCRIPTION_MAX, LineKind
from models.price_book import HASH_MAX

KEY_MAX = 200
BY_MAX = 120


class PendingLine(TenantOwned, table=True):
    """One line that the next closing invoice of a subscription takes; where it names none, the account's next invoice.

    `key` says what caused it, once for ever; the lines of one cause are numbered by `position`. A line that was taken
    names its invoice. Credit that was paid back instead has `paid_back_at` and is on no invoice.
    """

    __tablename__ = "pending_line"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "subscription_id"], ["subscription.tenant_id", "subscription.id"]),
        ForeignKeyConstraint(["tenant_id", "invoice_id"], ["invoice.tenant_id", "invoice.id"]),
        CheckConstraint("position >= 1", name="position"),
        CheckConstraint("invoice_id IS NULL OR paid_back_at IS NULL", name="used_once"),
        CheckConstraint("paid_back_at IS NULL OR amount_minor < 0", name="only_credit_is_paid_back"),
        CheckConstraint("subscription_id IS NOT NULL OR amount_minor < 0", name="only_credit_is_the_accounts"),
        Index("ix_pending_line_waiting", "tenant_id", "invoice_id", "subscription_id"),
    )

    key: str = Field(primary_key=True, max_length=KEY_MAX)
    position: int = Field(primary_key=True)
    subscription_id: str | None = Field(default=None, max_length=ID_MAX)
    kind: LineKind = Field(sa_type=choice(LineKind))
    description: str = Field(max_length=DESCRIPTION_MAX)
    quantity: Decimal = Field(sa_type=Rate)
    unit: str = Field(max_length=64)
    amount_minor: int = Field(sa_type=BigInteger)
    currency: str = Field(max_length=3)
    period_start: datetime = Field(sa_type=UtcDateTime)
    period_end: datetime = Field(sa_type=UtcDateTime)
    plan_version_id: str = Field(max_length=HASH_MAX, foreign_key="plan_version.id")
    pricing: dict[str, Any] = Field(sa_type=Json)
    sources: dict[str, Any] = Field(sa_type=Json)
    added_at: datetime = Field(sa_type=UtcDateTime)
    added_by: str = Field(default="", max_length=BY_MAX)
    invoice_id: str | None = Field(default=None, max_length=ID_MAX)
    paid_back_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
