"""Subscriptions: what is asked to start one, and what it is."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field

from app.api.schemas.usage import PRINTABLE
from app.api.schemas.values import Body, Day, Id, Shown
from models import Collection, Interval, ScheduledChange, Subscription
from models.subscription import SUBSCRIPTION_NAME_MAX
from models.usage import SITE_MAX
from services.price_books.plans import Plan

SubscriptionName = Annotated[
    str | None,
    Field(
        min_length=1,
        max_length=SUBSCRIPTION_NAME_MAX,
        pattern=PRINTABLE,
        description="What another subscription beside the main one is called, such as a team's name.",
    ),
]
SubscriptionSite = Annotated[
    str | None,
    Field(
        min_length=1,
        max_length=SITE_MAX,
        pattern=PRINTABLE,
        description="The one site it is for; its code is the name, unless another is given.",
    ),
]


class SubscriptionBody(Body):
    """Put a customer on a plan of the price book in force, from the start of a day in its own time zone."""

    tenant_id: Id | None = Field(default=None, description="The key says it already; operators must send it.")
    plan_code: str = Field(
        min_length=1, max_length=129, pattern=r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)?$", examples=["PRO"]
    )
    start_date: Day | None = Field(default=None, description="Today, if left out.")
    interval: Interval = Interval.MONTH
    collection: Collection = Collection.MANUAL
    name: SubscriptionName = None
    site: SubscriptionSite = None


class ScheduledChangeShown(Shown):
    """What a subscription becomes, is to become, or was to: `status` says which. `plan_code` where `kind` is plan."""

    change_id: str
    kind: str = Field(examples=["plan", "cancel", "pause"])
    status: str = Field(examples=["scheduled", "applied", "withdrawn", "replaced"])
    plan_code: str | None
    interval: str | None
    effective_at: datetime
    created_at: datetime

    @classmethod
    def of(cls, change: ScheduledChange, plan: Plan | None) -> Self:
        return cls(
            change_id=change.id,
            kind=change.kind,
            status=change.status,
            plan_code=None if plan is None else plan.qualified_code,
            interval=change.interval,
            effective_at=change.effective_at,
            created_at=change.created_at,
        )


class SubscriptionShown(Shown):
    """The current period is [current_period_start, current_period_end)."""

    subscription_id: str
    tenant_id: str
    name: str = Field(description="Empty for the main one.")
    site: str | None
    status: str
    plan_code: str
    plan_name: str
    plan_version: str
    currency: str
    interval: str
    collection: str
    started_at: datetime
    current_period_start: datetime
    current_period_end: datetime
    canceled_at: datetime | None
    trial_ends_at: datetime | None
    restores_plan_code: str | None = Field(
        description="The plan it was moved from, to one without a fee, because an invoice is unpaid: paying brings it "
        "back at once. Null where it was not."
    )
    scheduled_change: ScheduledChangeShown | None = Field(
        description="What it becomes later, where that was asked for."
    )

    @classmethod
    def of(
        cls,
        subscription: Subscription,
        plan: Plan,
        scheduled: ScheduledChangeShown | None = None,
        former: Plan | None = None,
    ) -> Self:
        return cls(
            subscription_id=subscription.id,
            tenant_id=subscription.tenant_id,
            name=subscription.name,
            site=subscription.site,
            status=subscription.status,
            plan_code=plan.code,
            plan_name=plan.name,
            plan_version=subscription.plan_version_id,
            currency=plan.currency,
            interval=subscription.interval,
            collection=subscription.collection,
            started_at=subscription.started_at,
            current_period_start=subscription.current_period_start,
            current_period_end=subscription.current_period_end,
            canceled_at=subscription.canceled_at,
            trial_ends_at=subscription.trial_ends_at,
            restores_plan_code=None if former is None else former.code,
            scheduled_change=scheduled,
        )


class SubscriptionsShown(Shown):
    """Those that have not ended first, the main one in front."""

    subscriptions: list[SubscriptionShown]
