"""Fees from documented savings: the two parties that sign, and the runs between a baseline and what was measured."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, LargeBinary
from sqlmodel import Field

from models.base import ID_MAX, Json, Rate, TenantOwned, UtcDateTime, choice


class Party(StrEnum):
    """The two sides of a gain-share: ours, and the customer with its programs."""

    SELLER = "seller"
    CUSTOMER = "customer"


class GainShareStatus(StrEnum):
    PENDING_APPROVAL = "pending_approval"
    APPROVED = "approved"
    REJECTED = "rejected"
    DISPUTED = "disputed"


class GainShareRun(TenantOwned, table=True):
    """Savings found between a baseline and what was measured, and the share of them that is the fee.

    The receipt of its submission is number `receipt_seq` of the customer's log and commits to it with `salt`.
    """

    __tablename__ = "gainshare_run"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        ForeignKeyConstraint(["tenant_id", "receipt_seq"], ["receipt.tenant_id", "receipt.seq"]),
        CheckConstraint("period_end > period_start", name="period_order"),
        CheckConstraint("fee_minor >= 0", name="fee"),
        Index("ix_gainshare_run_created", "tenant_id", "created_at"),
    )

    id: str = Field(primary_key=True, max_length=ID_MAX)
    method: str = Field(max_length=32)
    period_start: date
    period_end: date
    share_pct: Decimal = Field(sa_type=Rate)
    currency: str = Field(max_length=3)
    savings_minor: int = Field(sa_type=BigInteger)
    fee_minor: int = Field(sa_type=BigInteger)
    status: GainShareStatus = Field(sa_type=choice(GainShareStatus))
    breakdown: dict[str, Any] = Field(sa_type=Json)
    created_at: datetime = Field(sa_type=UtcDateTime)
    receipt_seq: int = Field(default=None, nullable=False, sa_type=BigInteger)
    salt: bytes | None = Field(default=None, sa_type=LargeBinary)
