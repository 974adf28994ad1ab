"""Changes of subscriptions: what is asked, and what it comes to."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import Field

from app.api.schemas.subscriptions import ScheduledChangeShown, SubscriptionShown
from app.api.schemas.values import Body, Id, Moment, MoneyShown, Quantity, Shown, major
from models import Interval, PendingLine
from services.invoices.adjustments import REASON_MAX
from services.invoices.lines import Line
from services.rules.money import Money
from services.rules.quantities import plain_micro
from services.subscriptions.change_preview import PlanChange, When


class Terms(StrEnum):
    """Which terms of a plan are meant."""

    OWN = "own"
    TODAY = "today"


class ChangeBody(Body):
    """Another plan, another interval, or both."""

    tenant_id: Id | None = None
    plan_code: str = Field(
        min_length=1, max_length=129, pattern=r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)?$", examples=["ENTERPRISE"]
    )
    terms: Terms = Field(
        default=Terms.OWN,
        description="For who names the plan it is on: `own` are the terms it has, `today` those sold today. Another "
        "plan's are always today's.",
    )
    interval: Interval | None = Field(default=None, description="As it is, if left out.")
    when: When | None = Field(default=None, description="Now where it costs more, else as what is paid ends.")
    preview: bool = Field(default=False, strict=True, description="Only say what it comes to.")
    since: Moment | None = Field(
        default=None, description="`effective_at` of a preview of the last minutes: charged as it said."
    )


class WhenBody(Body):
    """Now, or as the period (of a paid year: the year) ends."""

    tenant_id: Id | None = None
    when: When = When.PERIOD_END


class PlainBody(Body):
    """Nothing but whose it is."""

    tenant_id: Id | None = None


class AdjustmentBody(Body):
    """An amount for the next invoice of a subscription, above zero or below."""

    amount: Annotated[str, Field(pattern=r"^-?[0-9]{1,12}(\.[0-9]{1,4})?$", examples=["-25.00"])]
    reason: str = Field(min_length=1, max_length=REASON_MAX, examples=["Outage on 3 March"])


class ChangeLineShown(Shown):
    """A line that the next closing invoice has."""

    kind: str
    description: str
    amount: MoneyShown
    total: str = Field(examples=["4500.00"])
    period_start: datetime
    period_end: datetime
    plan_version: str
    sources: dict[str, Any]

    @classmethod
    def of(cls, line: Line) -> Self:
        return cls(
            kind=line.kind,
            description=line.description,
            amount=MoneyShown.of(line.amount.amount_minor, line.amount.currency),
            total=line.amount.plain(),
            period_start=line.period.starts_at,
            period_end=line.period.ends_at,
            plan_version=line.plan_version_id,
            sources=line.sources,
        )


class ChangeShown(Shown):
    """What a change comes to. `lines` stand on the next closing invoice; taxes come on top of that, as ever."""

    is_preview: bool
    when: When
    effective_at: datetime
    from_plan_code: str
    to_plan_code: str
    interval: Interval
    lines: list[ChangeLineShown]
    amount: MoneyShown
    total: str = Field(examples=["4500.00"])
    added_credits: dict[str, Quantity] = Field(description="What each allowance grows by, for the rest of the period.")
    subscription: SubscriptionShown

    @classmethod
    def of(cls, change: PlanChange, subscription: SubscriptionShown, *, is_preview: bool) -> Self:
        total = change.total
        return cls(
            is_preview=is_preview,
            when=change.when,
            effective_at=change.effective_at,
            from_plan_code=change.before.qualified_code,
            to_plan_code=change.then.qualified_code,
            interval=change.interval,
            lines=[ChangeLineShown.of(line) for line in change.lines],
            amount=MoneyShown.of(total.amount_minor, total.currency),
            total=total.plain(),
            added_credits={pool: plain_micro(micro) for pool, micro in (change.added_micro or {}).items() if micro},
            subscription=subscription,
        )


class ScheduledChangesShown(Shown):
    """Newest first."""

    changes: list[ScheduledChangeShown]


class AdjustmentShown(Shown):
    """An amount that waits for the next closing invoice, or the invoice that took it."""

    adjustment: str
    subscription_id: str | None
    description: str
    amount: MoneyShown
    total: str
    added_at: datetime
    invoice_id: str | None

    @classmethod
    def of(cls, row: PendingLine) -> Self:
        return cls(
            adjustment=row.key,
            subscription_id=row.subscription_id,
            description=row.description,
            amount=MoneyShown.of(row.amount_minor, row.currency),
            total=major(row.amount_minor, row.currency),
            added_at=row.added_at,
            invoice_id=row.invoice_id,
        )


class CreditShown(Shown):
    """Credit that waits for the account's next invoice."""

    amount: MoneyShown
    total: str

    @classmethod
    def of(cls, credit: Money) -> Self:
        return cls(amount=MoneyShown.of(credit.amount_minor, credit.currency), total=credit.plain())
