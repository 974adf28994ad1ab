"""What a customer has bought, the periods it is billed in, and what was used in each."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, text
from sqlmodel import Field

from models.base import ID_MAX, Rate, TenantOwned, UtcDateTime, choice
from models.price_book import CODE_MAX, HASH_MAX
from models.usage import SITE_MAX

SUBSCRIPTION_NAME_MAX = 60
_HAS_NOT_ENDED = text("status <> 'canceled'")
_IS_OF_A_SITE = text("status <> 'canceled' AND site IS NOT NULL")


class SubscriptionStatus(StrEnum):
    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    PAUSED = "paused"
    SUSPENDED = "suspended"
    CANCELED = "canceled"


class Interval(StrEnum):
    """How often the base fee falls due. Usage is always closed monthly."""

    MONTH = "month"
    YEAR = "year"


class Collection(StrEnum):
    """Who collects: the payment provider, or the customer pays by transfer and an operator marks it."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"


class PeriodStatus(StrEnum):
    OPEN = "open"
    CLOSED = "closed"


class Subscription(TenantOwned, table=True):
    """A plan version a customer is on. The current period is [current_period_start, current_period_end).

    A trial is the first period, which then ends at `trial_ends_at`. `base_paid_until` is when the base fee falls due
    next: the end of the month or year it was last charged for, which began at `base_paid_from`.

    While it is paused or suspended, `rests_since` is when that began, after the last use.

    `former_version_id` is the plan version that it was moved from, to one without a fee, because an invoice is unpaid:
    paying puts it back. Its interval stays what it was.

    `name` tells it from the customer's others; "" is the main one. One that is bound to a `site` takes that site's use
    and assets alone. No two that have not ended share a name, or a site.
    """

    __tablename__ = "subscription"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        CheckConstraint("current_period_end > current_period_start", name="period_order"),
        CheckConstraint("current_period_start >= started_at", name="period_after_start"),
        CheckConstraint("period_index >= 0", name="period_index"),
        CheckConstraint("(status IN ('paused', 'suspended')) = (rests_since IS NOT NULL)", name="rest_has_time"),
        ForeignKeyConstraint(["tenant_id", "site"], ["site.tenant_id", "site.code"]),
        CheckConstraint("site IS NULL OR name <> ''", name="site_has_name"),
        CheckConstraint("former_version_id <> plan_version_id", name="moved_to_another_plan"),
        CheckConstraint("former_version_id IS NULL OR rests_since IS NULL", name="moved_does_not_rest"),
        Index("ix_subscription_due", "current_period_end", "tenant_id", "id", "status"),
        Index("ix_subscription_id", "id"),
        Index(
            "ix_subscription_name",
            "tenant_id",
            "name",
            unique=True,
            sqlite_where=_HAS_NOT_ENDED,
            postgresql_where=_HAS_NOT_ENDED,
        ),
        Index(
            "ix_subscription_site",
            "tenant_id",
            "site",
            unique=True,
            sqlite_where=_IS_OF_A_SITE,
            postgresql_where=_IS_OF_A_SITE,
        ),
    )

    id: str = Field(primary_key=True, max_length=ID_MAX)
    name: str = Field(default="", max_length=SUBSCRIPTION_NAME_MAX)
    site: str | None = Field(default=None, max_length=SITE_MAX)
    plan_version_id: str = Field(max_length=HASH_MAX, foreign_key="plan_version.id")
    status: SubscriptionStatus = Field(sa_type=choice(SubscriptionStatus))
    interval: Interval = Field(sa_type=choice(Interval))
    collection: Collection = Field(sa_type=choice(Collection))
    started_at: datetime = Field(sa_type=UtcDateTime)
    anchor_at: datetime = Field(sa_type=UtcDateTime)
    period_index: int = 0
    current_period_start: datetime = Field(sa_type=UtcDateTime)
    current_period_end: datetime = Field(sa_type=UtcDateTime)
    created_at: datetime = Field(sa_type=UtcDateTime)
    trial_ends_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    base_paid_from: datetime | None = Field(default=None, sa_type=UtcDateTime)
    base_paid_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    canceled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    rests_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    former_version_id: str | None = Field(default=None, max_length=HASH_MAX, foreign_key="plan_version.id")


class SubscriptionDiscount(TenantOwned, table=True):
    """A promotion on the base fee: per cent or an amount off, for base fees that fall due in [starts_at, ends_at).

    `is_once` where it is for one base fee; until that has fallen due it has no end.
    """

    __tablename__ = "subscription_discount"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "subscription_id"], ["subscription.tenant_id", "subscription.id"]),
        CheckConstraint("(percent_off IS NULL) <> (off_minor IS NULL)", name="one_kind"),
        CheckConstraint("off_minor IS NULL OR off_minor > 0", name="off_minor"),
        CheckConstraint("ends_at IS NULL OR ends_at > starts_at", name="order"),
    )

    subscription_id: str = Field(primary_key=True, max_length=ID_MAX)
    stripe_id: str = Field(primary_key=True, max_length=128)
    code: str = Field(max_length=128)
    percent_off: Decimal | None = Field(default=None, sa_type=Rate)
    off_minor: int | None = Field(default=None, sa_type=BigInteger)
    is_once: bool = False
    starts_at: datetime = Field(sa_type=UtcDateTime)
    ends_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class BillingPeriod(TenantOwned, table=True):
    """One period of a subscription and the plan version it is rated with. Closed once, by one invoice.

    A change of plan within a period cuts it into parts, each a row of its own, closed together: `part_of` is where the
    whole period starts, for all but the first.

    A part is `in_arrears` where the plan is one without a fee that it was moved to because an invoice is unpaid: what
    the parts before it were given is held back, and it has an allowance of its own.
    """

    __tablename__ = "billing_period"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "subscription_id"], ["subscription.tenant_id", "subscription.id"]),
        CheckConstraint("ends_at > starts_at", name="order"),
        CheckConstraint("(status = 'closed') = (closed_at IS NOT NULL)", name="closed_has_time"),
        CheckConstraint("part_of < starts_at", name="part_after_its_start"),
        CheckConstraint("NOT in_arrears OR part_of IS NOT NULL", name="arrears_cut_a_period"),
    )

    subscription_id: str = Field(primary_key=True, max_length=ID_MAX)
    starts_at: datetime = Field(primary_key=True, sa_type=UtcDateTime)
    ends_at: datetime = Field(sa_type=UtcDateTime)
    plan_version_id: str = Field(max_length=HASH_MAX, foreign_key="plan_version.id")
    status: PeriodStatus = Field(sa_type=choice(PeriodStatus))
    closed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    invoice_id: str | None = Field(default=None, max_length=ID_MAX)
    part_of: datetime | None = Field(default=None, sa_type=UtcDateTime)
    in_arrears: bool = False


class PoolUsage(TenantOwned, table=True):
    """Millionths of a credit used in a pool during one window of a period, and how many of them were overage.

    The window is the period itself, or one business day for pools whose allowance resets daily.
    `billed_overage_micro` is what invoices have charged so far; the rest is late usage.
    """

    __tablename__ = "pool_usage"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "subscription_id", "period_start"],
            ["billing_period.tenant_id", "billing_period.subscription_id", "billing_period.starts_at"],
        ),
        CheckConstraint("overage_micro >= 0 AND used_micro >= overage_micro", name="overage_within_used"),
        CheckConstraint(
            "billed_overage_micro >= 0 AND billed_overage_micro <= overage_micro", name="billed_within_overage"
        ),
    )

    subscription_id: str = Field(primary_key=True, max_length=ID_MAX)
    period_start: datetime = Field(primary_key=True, sa_type=UtcDateTime)
    pool: str = Field(primary_key=True, max_length=CODE_MAX)
    window_start: datetime = Field(primary_key=True, sa_type=UtcDateTime)
    used_micro: int = Field(default=0, sa_type=BigInteger)
    overage_micro: int = Field(default=0, sa_type=BigInteger)
    billed_overage_micro: int = Field(default=0, sa_type=BigInteger)
