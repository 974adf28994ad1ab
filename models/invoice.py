"""Invoices and their lines. Amounts are integers of the currency's minor unit."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, LargeBinary, UniqueConstraint, text
from sqlmodel import Field

from models.base import ID_MAX, Json, Rate, TenantOwned, UtcDateTime, choice
from models.price_book import HASH_MAX

DESCRIPTION_MAX = 300
_IS_OF_PERIOD = text("billing_reason <> 'top_up'")


class InvoiceStatus(StrEnum):
    DRAFT = "draft"
    OPEN = "open"
    PAID = "paid"
    VOID = "void"
    UNCOLLECTIBLE = "uncollectible"


class BillingReason(StrEnum):
    """What made the invoice: the start of a subscription, the close of a period, or credits that were bought."""

    SUBSCRIPTION_START = "subscription_start"
    PERIOD_CLOSE = "period_close"
    TOP_UP = "top_up"


class LineKind(StrEnum):
    BASE = "base"
    ASSET_UPLIFT = "asset_uplift"
    OVERAGE = "overage"
    LATE_USAGE = "late_usage"
    CORRECTION = "correction"
    DISCOUNT = "discount"
    ADJUSTMENT = "adjustment"
    TOP_UP = "top_up"
    PRORATION = "proration"
    CARRIED = "carried"
    GAIN_SHARE = "gain_share"


class Invoice(TenantOwned, table=True):
    """One bill. The unique key on (subscription, period, reason) is what makes closing idempotent; a purchase of
    credits, of which there may be several at once, names its invoice itself.

    `parties` is what it says of both sides, copied when it was made final, so that a later change of address changes no
    invoice; its receipt commits to it with `parties_salt`. `receipt_seq` and `receipt_hash` say which receipt of the
    customer's log attests it. `payment_salt` is what the payment's receipt commits to the reference with.
    """

    __tablename__ = "invoice"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "subscription_id"], ["subscription.tenant_id", "subscription.id"]),
        ForeignKeyConstraint(["tenant_id", "receipt_seq"], ["receipt.tenant_id", "receipt.seq"]),
        Index(
            "ix_invoice_of_period",
            "tenant_id",
            "subscription_id",
            "period_start",
            "billing_reason",
            unique=True,
            sqlite_where=_IS_OF_PERIOD,
            postgresql_where=_IS_OF_PERIOD,
        ),
        UniqueConstraint("tenant_id", "number"),
        CheckConstraint("period_end > period_start", name="period_order"),
        CheckConstraint("total_minor = subtotal_minor + tax_minor", name="total"),
        CheckConstraint("(status = 'draft') = (number IS NULL)", name="number_when_final"),
        CheckConstraint(
            "(status = 'draft') = (receipt_seq IS NULL) AND (receipt_seq IS NULL) = (receipt_hash IS NULL)",
            name="receipt_when_final",
        ),
        CheckConstraint("(status = 'paid') = (paid_at IS NOT NULL)", name="paid_has_time"),
        CheckConstraint("status <> 'uncollectible' OR given_up_at IS NOT NULL", name="given_up_has_time"),
        Index("ix_invoice_id", "id"),
    )

    id: str = Field(primary_key=True, max_length=ID_MAX)
    number: int | None = Field(default=None, sa_type=BigInteger)
    subscription_id: str = Field(max_length=ID_MAX)
    billing_reason: BillingReason = Field(sa_type=choice(BillingReason))
    status: InvoiceStatus = Field(sa_type=choice(InvoiceStatus))
    period_start: datetime = Field(sa_type=UtcDateTime)
    period_end: datetime = Field(sa_type=UtcDateTime)
    currency: str = Field(max_length=3)
    subtotal_minor: int = Field(sa_type=BigInteger)
    tax_minor: int = Field(default=0, sa_type=BigInteger)
    total_minor: int = Field(sa_type=BigInteger)
    issued_at: datetime = Field(sa_type=UtcDateTime)
    due_at: datetime = Field(sa_type=UtcDateTime)
    parties: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    parties_salt: bytes | None = Field(default=None, sa_type=LargeBinary)
    paid_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    given_up_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    payment_reference: str | None = Field(default=None, max_length=120)
    payment_salt: bytes | None = Field(default=None, sa_type=LargeBinary)
    receipt_seq: int | None = Field(default=None, sa_type=BigInteger)
    receipt_hash: bytes | None = Field(default=None, sa_type=LargeBinary)
    stripe_hosted_url: str | None = Field(default=None, max_length=500)


class InvoiceLine(TenantOwned, table=True):
    """One charge: quantity, unit, the price as it was (`pricing`), the tiers applied, and what it was counted from.

    A charge for use names its receipts: those from `first_seq` to `last_seq` of its period and pool are `usage_count`
    in number, and `usage_root` is the RFC 9162 root over their hashes.
    """

    __tablename__ = "invoice_line"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "invoice_id"], ["invoice.tenant_id", "invoice.id"]),
        CheckConstraint("position >= 1", name="position"),
        CheckConstraint(
            "(first_seq IS NULL AND last_seq IS NULL AND usage_count IS NULL AND usage_root IS NULL)"
            " OR (last_seq >= first_seq AND usage_count > 0 AND length(usage_root) = 32)",
            name="usage_range",
        ),
    )

    invoice_id: str = Field(primary_key=True, max_length=ID_MAX)
    position: int = Field(primary_key=True)
    kind: LineKind = Field(sa_type=choice(LineKind))
    description: str = Field(max_length=DESCRIPTION_MAX)
    quantity: Decimal = Field(sa_type=Rate)
    unit: str = Field(max_length=64)
    amount_minor: int = Field(sa_type=BigInteger)
    period_start: datetime = Field(sa_type=UtcDateTime)
    period_end: datetime = Field(sa_type=UtcDateTime)
    plan_version_id: str = Field(max_length=HASH_MAX, foreign_key="plan_version.id")
    pricing: dict[str, Any] = Field(sa_type=Json)
    steps: list[Any] = Field(sa_type=Json)
    sources: dict[str, Any] = Field(sa_type=Json)
    first_seq: int | None = Field(default=None, sa_type=BigInteger)
    last_seq: int | None = Field(default=None, sa_type=BigInteger)
    usage_count: int | None = Field(default=None, sa_type=BigInteger)
    usage_root: bytes | None = Field(default=None, sa_type=LargeBinary)
