"""The customer's own limits: a cap on what use beyond the allowance may cost, and when to be told."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field

from app.api.schemas.values import Body, Id, MoneyShown, Shown
from models import Alert
from services.spending.controls import PCT_MAX, PCT_MIN, THRESHOLDS_MAX, SpendStanding

WHAT_IT_BOUNDS = (
    "The cap is on charges for use beyond the allowance in one period, all pools together; base fees and assets are "
    "not usage. An event that would pass it is refused whole."
)
Percentage = Annotated[int, Field(strict=True, ge=PCT_MIN, le=PCT_MAX)]


class SpendCapBody(Body):
    """What use beyond the allowance may cost in one period; null for no cap."""

    tenant_id: Id | None = Field(default=None, description="The key says it already; if sent, it must match.")
    subscription_id: Id | None = Field(default=None, description="The main or only one, if left out.")
    cap: Annotated[str, Field(pattern=r"^[0-9]{1,16}(\.[0-9]{1,4})?$")] | None = Field(
        description=f"Major units of the customer's currency. {WHAT_IT_BOUNDS}", examples=["500.00"]
    )


class SpendCapShown(Shown):
    """The cap in force and what it leaves. `spent` sums the lines the invoice of the running period will have."""

    subscription_id: str
    cap: str | None = Field(description=WHAT_IT_BOUNDS, examples=["500.00"])
    cap_amount: MoneyShown | None
    spent: str = Field(examples=["120.00"])
    spent_amount: MoneyShown
    remaining: str | None = Field(description="Zero where the cap was lowered below what is spent.")
    currency: str
    period_start: datetime
    period_end: datetime
    updated_at: datetime | None
    updated_by: str | None = Field(description="The person or API key that changed the limits last.")

    @classmethod
    def of(cls, found: SpendStanding) -> Self:
        cap, spent = found.cap, found.spent
        left = None if cap is None or cap.amount_minor < spent.amount_minor else cap - spent
        none_left = None if cap is None else (spent - spent).plain()
        return cls(
            subscription_id=found.subscription_id,
            cap=None if cap is None else cap.plain(),
            cap_amount=None if cap is None else MoneyShown.of(cap.amount_minor, cap.currency),
            spent=spent.plain(),
            spent_amount=MoneyShown.of(spent.amount_minor, spent.currency),
            remaining=none_left if left is None else left.plain(),
            currency=spent.currency,
            period_start=found.period_start,
            period_end=found.period_end,
            updated_at=found.updated_at,
            updated_by=found.updated_by,
        )


class ThresholdsBody(Body):
    """When to be told, as percentages of each pool; null for 80 alone. At 100 you are told in any case."""

    tenant_id: Id | None = Field(default=None, description="The key says it already; if sent, it must match.")
    subscription_id: Id | None = Field(default=None, description="The main or only one, if left out.")
    thresholds_pct: list[Percentage] | None = Field(
        min_length=1,
        max_length=THRESHOLDS_MAX,
        json_schema_extra={"uniqueItems": True},
        examples=[[50, 80, 95]],
    )


class ThresholdsShown(Shown):
    """The percentages of each pool at which LOW_CREDITS is raised, once in each of its windows."""

    subscription_id: str
    thresholds_pct: list[int]
    is_default: bool = Field(description="Whether nobody chose others.")
    updated_at: datetime | None
    updated_by: str | None

    @classmethod
    def of(cls, found: SpendStanding) -> Self:
        return cls(
            subscription_id=found.subscription_id,
            thresholds_pct=list(found.thresholds_pct),
            is_default=not found.has_own_thresholds,
            updated_at=found.updated_at,
            updated_by=found.updated_by,
        )


class RaisedAlert(Shown):
    """A crossing. `pool` is null for CAP_REACHED, which is about all pools together."""

    alert_id: str
    kind: str = Field(description="`LOW_CREDITS`, `OVERAGE` or `CAP_REACHED`.")
    pool: str | None
    threshold_pct: int
    window_start: datetime
    raised_at: datetime
    event_id: str | None = Field(description="The event that crossed it; null for a refused one without an id.")

    @classmethod
    def of(cls, alert: Alert) -> Self:
        return cls(
            alert_id=alert.id,
            kind=alert.kind,
            pool=alert.pool or None,
            threshold_pct=alert.threshold_pct,
            window_start=alert.window_start,
            raised_at=alert.raised_at,
            event_id=alert.event_id or None,
        )


class AlertsShown(ThresholdsShown):
    """The alerts of the running period, newest first, and the thresholds that raise them."""

    alerts: list[RaisedAlert]
    next_cursor: str | None
