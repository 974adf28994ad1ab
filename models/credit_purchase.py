"""Credits a customer buys beside its plan: each purchase with its invoice, and the orders to buy by itself."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlmodel import Field

from models.base import ID_MAX, TenantOwned, UtcDateTime, choice
from models.credit import REASON_MAX
from models.price_book import CODE_MAX, HASH_MAX

PACKS_MAX = 1_000
"""Packs in one purchase."""

_IS_WAITING = text("status = 'pending' AND is_automatic")
_IS_DUE = text("due_at IS NOT NULL")


class PurchaseStatus(StrEnum):
    """A purchase waits to be paid, is granted once, or came to nothing."""

    PENDING = "pending"
    GRANTED = "granted"
    CANCELED = "canceled"


class CreditPurchase(TenantOwned, table=True):
    """Packs of one pool's credits, bought at the price of a plan version. `credits_micro` is all they hold.

    Each has an invoice of its own, and at most one lot. `bought_by` is a person or an API key. Of those bought by
    themselves one at a time waits in a pool. `payment_failed_at` is when a payment of it failed first.
    """

    __tablename__ = "credit_purchase"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "subscription_id"], ["subscription.tenant_id", "subscription.id"]),
        ForeignKeyConstraint(["tenant_id", "invoice_id"], ["invoice.tenant_id", "invoice.id"]),
        ForeignKeyConstraint(["tenant_id", "grant_id"], ["credit_grant.tenant_id", "credit_grant.id"]),
        UniqueConstraint("tenant_id", "invoice_id"),
        CheckConstraint(f"quantity BETWEEN 1 AND {PACKS_MAX}", name="quantity"),
        CheckConstraint("credits_micro > 0", name="credits"),
        CheckConstraint("(status = 'granted') = (grant_id IS NOT NULL)", name="granted_has_lot"),
        CheckConstraint("(status = 'pending') = (settled_at IS NULL)", name="settled_has_time"),
        Index(
            "ix_credit_purchase_waiting", "tenant_id", "subscription_id", "pool",
            unique=True, sqlite_where=_IS_WAITING, postgresql_where=_IS_WAITING,
        ),
        Index("ix_credit_purchase_bought", "tenant_id", "subscription_id", "bought_at"),
    )  # fmt: skip

    id: str = Field(primary_key=True, max_length=ID_MAX)
    subscription_id: str = Field(max_length=ID_MAX)
    pool: str = Field(max_length=CODE_MAX)
    pack: str = Field(max_length=CODE_MAX)
    plan_version_id: str = Field(max_length=HASH_MAX, foreign_key="plan_version.id")
    quantity: int
    credits_micro: int = Field(sa_type=BigInteger)
    invoice_id: str = Field(max_length=ID_MAX)
    status: PurchaseStatus = Field(sa_type=choice(PurchaseStatus))
    is_automatic: bool = False
    bought_by: str = Field(max_length=ID_MAX)
    bought_at: datetime = Field(sa_type=UtcDateTime)
    payment_failed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    settled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    grant_id: str | None = Field(default=None, max_length=ID_MAX)


class AutoTopUp(TenantOwned, table=True):
    """The customer's order to buy a pack of a pool whenever less than `threshold_micro` is left.

    At most `month_count_max` times and for `month_minor_max` (minor units of the customer's currency) in one calendar
    month on its clock. `due_at` is when the balance fell below the threshold, until that is dealt with; where a limit
    is reached it rests until `rests_until`. `off_reason` is why we turned it off, where the customer did not.
    """

    __tablename__ = "auto_top_up"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "subscription_id"], ["subscription.tenant_id", "subscription.id"]),
        CheckConstraint("threshold_micro > 0", name="threshold"),
        CheckConstraint("month_count_max > 0", name="month_count"),
        CheckConstraint("month_minor_max > 0", name="month_amount"),
        CheckConstraint(f"quantity BETWEEN 1 AND {PACKS_MAX}", name="quantity"),
        CheckConstraint("due_at IS NULL OR is_on", name="due_while_on"),
        CheckConstraint("off_reason IS NULL OR NOT is_on", name="reason_while_off"),
        Index("ix_auto_top_up_due", "due_at", sqlite_where=_IS_DUE, postgresql_where=_IS_DUE),
    )

    subscription_id: str = Field(primary_key=True, max_length=ID_MAX)
    pool: str = Field(primary_key=True, max_length=CODE_MAX)
    pack: str = Field(max_length=CODE_MAX)
    quantity: int = 1
    threshold_micro: int = Field(sa_type=BigInteger)
    month_count_max: int
    month_minor_max: int = Field(sa_type=BigInteger)
    is_on: bool
    off_reason: str | None = Field(default=None, max_length=REASON_MAX)
    due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    rests_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)
    updated_by: str = Field(max_length=ID_MAX)
