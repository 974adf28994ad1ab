"""What stands for ours at the payment provider. `account` says in which: sandbox, test or live."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from models.base import ID_MAX, NAME_MAX, TenantOwned, UtcDateTime, choice
from models.price_book import HASH_MAX
from models.subscription import Interval

ACCOUNT_MAX = 16
STRIPE_ID_MAX = 128
LOOKUP_KEY_MAX = 200
URL_MAX = 2_000
SECRET_MAX = 500
_STANDS = text("replaced_at IS NULL")


class CatalogKind(StrEnum):
    PRODUCT = "product"
    PRICE = "price"
    TAX_RATE = "tax_rate"
    PORTAL_CONFIGURATION = "portal_configuration"
    WEBHOOK_ENDPOINT = "webhook_endpoint"
    PAYMENT_LINK = "payment_link"


class StripeAccount(SQLModel, table=True):
    """Where we stand with an account: the last ticket drawn before a reading, and how far its events were swept."""

    __tablename__ = "stripe_account"

    account: str = Field(primary_key=True, max_length=ACCOUNT_MAX)
    last_ticket: int = Field(default=0, sa_type=BigInteger)
    swept_until: datetime | None = Field(default=None, sa_type=UtcDateTime)


class StripeCatalogEntry(SQLModel, table=True):
    """What set-up made or found at Stripe, under our own name for it; `fingerprint` is of what it was made from.

    `secret` is a webhook endpoint's, encrypted under the master key.
    """

    __tablename__ = "stripe_catalog_entry"
    __table_args__ = (
        UniqueConstraint("account", "stripe_id"),
        CheckConstraint("length(stripe_id) > 0", name="stripe_id_given"),
    )

    account: str = Field(primary_key=True, max_length=ACCOUNT_MAX)
    lookup_key: str = Field(primary_key=True, max_length=LOOKUP_KEY_MAX)
    kind: CatalogKind = Field(sa_type=choice(CatalogKind))
    stripe_id: str = Field(max_length=STRIPE_ID_MAX)
    fingerprint: str = Field(max_length=ID_MAX)
    url: str | None = Field(default=None, max_length=URL_MAX)
    secret: str | None = Field(default=None, max_length=SECRET_MAX)
    written_at: datetime = Field(sa_type=UtcDateTime)


class StripeCustomer(TenantOwned, table=True):
    """The customer at Stripe, and the card that is charged by itself. `ticket` is of the reading that was kept last."""

    __tablename__ = "stripe_customer"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        UniqueConstraint("tenant_id", "account", "stripe_id"),
        CheckConstraint("length(stripe_id) > 0", name="stripe_id_given"),
        Index("ix_stripe_customer_stripe_id", "stripe_id"),
    )

    account: str = Field(primary_key=True, max_length=ACCOUNT_MAX)
    stripe_id: str = Field(max_length=STRIPE_ID_MAX)
    email: str | None = Field(default=None, max_length=320)
    card: str | None = Field(default=None, max_length=NAME_MAX)
    is_deleted: bool = False
    ticket: int = Field(default=0, sa_type=BigInteger)
    read_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class StripeSubscription(TenantOwned, table=True):
    """The subscription at Stripe that brings the base fee of one of ours, as it was when it was last read.

    One stands for ours at a time. Where ours is charged by another interval, or by none, it is replaced: `replaced_at`
    is when, and from then on what becomes of it changes nothing of ours. It charges nothing before its first renewal
    after `began_at`, but for one that was bought on the hosted page, which is paid first.

    `price_minor` each `price_interval` is what it charges; `version_id` and `interval` are the terms of ours that was
    found to be the fee of. `ends_for` is the scheduled end of ours that it was told of, `pauses_ours` where ours rests
    because it does.
    """

    __tablename__ = "stripe_subscription"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "subscription_id"], ["subscription.tenant_id", "subscription.id"]),
        CheckConstraint("length(stripe_id) > 0", name="stripe_id_given"),
        Index("ix_stripe_subscription_stripe_id", "stripe_id"),
        Index(
            "ix_stripe_subscription_standing",
            "tenant_id",
            "subscription_id",
            unique=True,
            sqlite_where=_STANDS,
            postgresql_where=_STANDS,
        ),
    )

    account: str = Field(primary_key=True, max_length=ACCOUNT_MAX)
    stripe_id: str = Field(primary_key=True, max_length=STRIPE_ID_MAX)
    subscription_id: str = Field(max_length=ID_MAX)
    status: str = Field(max_length=32)
    cancel_at_period_end: bool = False
    began_at: datetime = Field(sa_type=UtcDateTime)
    current_period_start: datetime = Field(sa_type=UtcDateTime)
    current_period_end: datetime = Field(sa_type=UtcDateTime)
    trial_ends_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    price_minor: int | None = Field(default=None, sa_type=BigInteger)
    price_interval: str | None = Field(default=None, max_length=16)
    version_id: str | None = Field(default=None, max_length=HASH_MAX)
    interval: Interval | None = Field(default=None, sa_type=choice(Interval))
    ends_for: str | None = Field(default=None, max_length=ID_MAX)
    pauses_ours: bool = False
    replaced_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ticket: int = Field(default=0, sa_type=BigInteger)
    read_at: datetime = Field(sa_type=UtcDateTime)
