"""The overview as programs read it."""

from datetime import datetime

from pydantic import Field

from app.api.schemas.values import MoneyShown, Quantity, Shown


class CreditsShown(Shown):
    """One pool of credits in the window that runs now. `used_pct` passes 100 beyond the allowance."""

    included: Quantity
    used: Quantity
    remaining: Quantity
    overage: Quantity
    used_pct: int
    window_start: datetime
    window_end: datetime


class AssetsShown(Shown):
    """`counted` is null where no count was taken in the running period."""

    counted: Quantity | None
    included: Quantity
    over: Quantity
    basis: str


class SitesShown(Shown):
    used: int
    included: int | None


class AlertShown(Shown):
    """`pool` is null for CAP_REACHED, which is about all pools; `event_id` for a refused event without one."""

    kind: str
    pool: str | None
    threshold_pct: int
    raised_at: datetime
    event_id: str | None


class OpenInvoiceShown(Shown):
    invoice_id: str
    number: str | None
    amount: MoneyShown
    total: str
    due_at: datetime
    past_due: bool


class DashboardShown(Shown):
    """Where the customer stands. Without a subscription the same keys, null or empty."""

    tenant_id: str
    subscription_id: str | None
    name: str | None = Field(description="What the subscription is called; empty for the main one.")
    site: str | None = Field(description="The one site it is for.")
    plan_code: str | None
    status: str | None
    interval: str | None
    current_period_start: datetime | None
    current_period_end: datetime | None
    days_to_renewal: int | None
    credits: dict[str, CreditsShown] = Field(description="By pool.")
    assets: AssetsShown | None
    sites: SitesShown | None
    running_total: MoneyShown | None
    total: str | None = Field(description="The running bill in major units.", examples=["9600.00"])
    alerts: list[AlertShown]
    open_invoices: list[OpenInvoiceShown]
