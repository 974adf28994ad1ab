"""Credits: lots that were granted, and the append-only entries that explain every change of the balance."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint
from sqlmodel import Field

from models.base import ID_MAX, TenantOwned, UtcDateTime, choice
from models.price_book import CODE_MAX

SOURCE_MAX = 200


class GrantKind(StrEnum):
    ALLOWANCE = "allowance"
    PURCHASE = "purchase"
    PROMOTION = "promotion"


class EntryKind(StrEnum):
    """Why a lot changed.

    A return gives back what had expired, so late usage can still spend its own allowance, or what a correction says
    was never used.
    """

    GRANT = "grant"
    BURN = "burn"
    EXPIRE = "expire"
    RETURN = "return"


class CreditGrant(TenantOwned, table=True):
    """A lot of credits (millionths). granted = remaining + expired + what was burned. One lot per source, for ever."""

    __tablename__ = "credit_grant"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "subscription_id"], ["subscription.tenant_id", "subscription.id"]),
        UniqueConstraint("tenant_id", "source_id"),
        CheckConstraint("granted_micro > 0", name="granted"),
        CheckConstraint(
            "remaining_micro >= 0 AND expired_micro >= 0 AND remaining_micro + expired_micro <= granted_micro",
            name="within_granted",
        ),
        CheckConstraint("expires_at IS NULL OR expires_at > effective_at", name="lifetime"),
        Index("ix_credit_grant_usable", "tenant_id", "subscription_id", "pool", "expires_at"),
    )

    id: str = Field(primary_key=True, max_length=ID_MAX)
    subscription_id: str = Field(max_length=ID_MAX)
    pool: str = Field(max_length=CODE_MAX)
    kind: GrantKind = Field(sa_type=choice(GrantKind))
    source_id: str = Field(max_length=SOURCE_MAX)
    priority: int
    granted_micro: int = Field(sa_type=BigInteger)
    remaining_micro: int = Field(sa_type=BigInteger)
    expired_micro: int = Field(default=0, sa_type=BigInteger)
    effective_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    granted_at: datetime = Field(sa_type=UtcDateTime)


class CreditEntry(TenantOwned, table=True):
    """One change of one lot. A burn names the range of receipts it paid for (first and last `seq`)."""

    __tablename__ = "credit_entry"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "grant_id"], ["credit_grant.tenant_id", "credit_grant.id"]),
        CheckConstraint(
            "(kind IN ('grant', 'return') AND delta_micro > 0) OR (kind IN ('burn', 'expire') AND delta_micro < 0)",
            name="sign",
        ),
        CheckConstraint("first_seq <= last_seq", name="event_range"),
        Index("ix_credit_entry_grant", "tenant_id", "grant_id"),
    )

    seq: int = Field(primary_key=True, sa_type=BigInteger)
    grant_id: str = Field(max_length=ID_MAX)
    kind: EntryKind = Field(sa_type=choice(EntryKind))
    delta_micro: int = Field(sa_type=BigInteger)
    first_seq: int | None = Field(default=None, sa_type=BigInteger)
    last_seq: int | None = Field(default=None, sa_type=BigInteger)
    at: datetime = Field(sa_type=UtcDateTime)
