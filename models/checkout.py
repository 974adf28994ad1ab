"""A visit to the hosted checkout: what was offered, and what came of it."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint
from sqlmodel import Field

from models.base import ID_MAX, TenantOwned, UtcDateTime, choice
from models.price_book import HASH_MAX
from models.stripe_account import ACCOUNT_MAX, STRIPE_ID_MAX, URL_MAX
from models.stripe_event import ERROR_MAX
from models.subscription import SUBSCRIPTION_NAME_MAX, Interval
from models.usage import SITE_MAX


class CheckoutStatus(StrEnum):
    """`asked` until Stripe has opened it, `open` while the page waits, `paying` where the bank takes its time."""

    ASKED = "asked"
    OPEN = "open"
    PAYING = "paying"
    COMPLETED = "completed"
    EXPIRED = "expired"
    FAILED = "failed"


class Checkout(TenantOwned, table=True):
    """`subscription_id` is the subscription it started; only a webhook, and what Stripe then says, completes it.

    `name` and `site` are what the subscription is to be called and bound to.
    """

    __tablename__ = "checkout"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        ForeignKeyConstraint(["tenant_id", "subscription_id"], ["subscription.tenant_id", "subscription.id"]),
        UniqueConstraint("tenant_id", "account", "stripe_id"),
        CheckConstraint("(status = 'completed') = (subscription_id IS NOT NULL)", name="completed_has_subscription"),
        Index("ix_checkout_stripe_id", "stripe_id"),
        Index("ix_checkout_created", "tenant_id", "created_at"),
    )

    id: str = Field(primary_key=True, max_length=ID_MAX)
    account: str = Field(max_length=ACCOUNT_MAX)
    plan_version_id: str = Field(max_length=HASH_MAX, foreign_key="plan_version.id")
    interval: Interval = Field(sa_type=choice(Interval))
    trial_days: int = 0
    name: str = Field(default="", max_length=SUBSCRIPTION_NAME_MAX)
    site: str | None = Field(default=None, max_length=SITE_MAX)
    status: CheckoutStatus = Field(sa_type=choice(CheckoutStatus))
    stripe_id: str | None = Field(default=None, max_length=STRIPE_ID_MAX)
    url: str | None = Field(default=None, max_length=URL_MAX)
    subscription_id: str | None = Field(default=None, max_length=ID_MAX)
    error: str | None = Field(default=None, max_length=ERROR_MAX)
    ticket: int = Field(default=0, sa_type=BigInteger)
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
