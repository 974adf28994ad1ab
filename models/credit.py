"""Credits: lots that were granted, and the append-only entries that explain every change of the balance."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlmodel import Field

from models.base import ID_MAX, TenantOwned, UtcDateTime, choice
from models.price_book import CODE_MAX

SOURCE_MAX = 200
REASON_MAX = 300
_IS_LEFT = text("remaining_micro > 0")


class GrantKind(StrEnum):
    ALLOWANCE = "allowance"
    PURCHASE = "purchase"
    PROMOTION = "promotion"


class EntryKind(StrEnum):
    """Why a lot changed.

    A return gives back what had expired, so late usage can still spend its own allowance, or what a correction says
    was never used. A transfer leaves one lot and enters another, which sum to zero. What is revoked was bought and is
    paid back, or was given and is taken away again.
    """

    GRANT = "grant"
    BURN = "burn"
    EXPIRE = "expire"
    RETURN = "return"
    TRANSFER = "transfer"
    REVOKE = "revoke"


_SIGNS = (
    "(kind IN ('grant', 'return') AND delta_micro > 0) OR (kind IN ('burn', 'expire', 'revoke') AND delta_micro < 0)"
    " OR (kind = 'transfer' AND delta_micro <> 0)"
)
_WITHIN = (
    "remaining_micro >= 0 AND expired_micro >= 0 AND transferred_micro >= 0 AND revoked_micro >= 0"
    " AND remaining_micro + expired_micro + transferred_micro + revoked_micro <= granted_micro"
)


class CreditGrant(TenantOwned, table=True):
    """A lot of credits (millionths). granted = remaining + expired + transferred + revoked + what was burned.

    One lot per source, for ever. What was transferred from another lot names the first it was in (`origin_id`). A
    promotion says why it was given (`reason`) and by whom.
    """

    __tablename__ = "credit_grant"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "subscription_id"], ["subscription.tenant_id", "subscription.id"]),
        UniqueConstraint("tenant_id", "source_id"),
        CheckConstraint("granted_micro > 0", name="granted"),
        ForeignKeyConstraint(["tenant_id", "origin_id"], ["credit_grant.tenant_id", "credit_grant.id"]),
        CheckConstraint(_WITHIN, name="within_granted"),
        CheckConstraint("expires_at IS NULL OR expires_at > effective_at", name="lifetime"),
        CheckConstraint("kind <> 'promotion' OR reason IS NOT NULL", name="promotion_has_reason"),
        Index("ix_credit_grant_usable", "tenant_id", "subscription_id", "pool", "expires_at"),
        Index("ix_credit_grant_ending", "expires_at", sqlite_where=_IS_LEFT, postgresql_where=_IS_LEFT),
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
    transferred_micro: int = Field(default=0, sa_type=BigInteger)
    revoked_micro: int = Field(default=0, sa_type=BigInteger)
    effective_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    granted_at: datetime = Field(sa_type=UtcDateTime)
    origin_id: str | None = Field(default=None, max_length=ID_MAX)
    reason: str | None = Field(default=None, max_length=REASON_MAX)
    granted_by: str | None = Field(default=None, max_length=ID_MAX)

    @property
    def spent_micro(self) -> int:
        """What was burned of it, returns taken off."""
        gone_micro = self.expired_micro + self.transferred_micro + self.revoked_micro
        return self.granted_micro - self.remaining_micro - gone_micro


class CreditEntry(TenantOwned, table=True):
    """One change of one lot. A burn names the range of receipts it paid for (first and last `seq`).

    `source_id` names what else brought it about: the other lot of a transfer, the credit note that takes back what was
    bought. `reason` is why a person took a gift away, or why an allowance that was held
    back is there again.
    """

    __tablename__ = "credit_entry"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "grant_id"], ["credit_grant.tenant_id", "credit_grant.id"]),
        CheckConstraint(_SIGNS, name="sign"),
        CheckConstraint("first_seq <= last_seq", name="event_range"),
        Index("ix_credit_entry_grant", "tenant_id", "grant_id"),
    )

    seq: int = Field(primary_key=True, sa_type=BigInteger)
    grant_id: str = Field(max_length=ID_MAX)
    kind: EntryKind = Field(sa_type=choice(EntryKind))
    delta_micro: int = Field(sa_type=BigInteger)
    first_seq: int | None = Field(default=None, sa_type=BigInteger)
    last_seq: int | None = Field(default=None, sa_type=BigInteger)
    source_id: str | None = Field(default=None, max_length=ID_MAX)
    reason: str | None = Field(default=None, max_length=REASON_MAX)
    at: datetime = Field(sa_type=UtcDateTime)
