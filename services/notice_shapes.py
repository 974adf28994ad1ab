"""What the `data` of each type of notice holds: what a receiver needs to act on it without asking back.

A shape may gain a field; where one changes its meaning or goes, its `version` goes up and receivers are told so.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from pydantic import Field

from models import NoticeType
from services.gain_share.shapes import BaselineData, GainShareData
from services.notice_values import NoticeAmount, NoticeData


class InvoiceData(NoticeData):
    """An invoice as it stood when this was told. `amount_due` is what its credit notes leave to be paid."""

    invoice_id: str
    number: str = Field(examples=["INV-000042"])
    subscription_id: str
    status: str = Field(examples=["open"])
    billing_reason: str = Field(examples=["period_close"])
    period_start: datetime
    period_end: datetime
    subtotal: NoticeAmount
    tax: NoticeAmount
    total: NoticeAmount
    amount_due: NoticeAmount
    issued_at: datetime
    due_at: datetime
    paid_at: datetime | None


class PaymentFailedData(InvoiceData):
    """An invoice whose payment failed: at which attempt, why in the provider's words, and when it is tried again."""

    attempt: int = Field(ge=1)
    reason: str | None
    next_attempt_at: datetime | None


class PaymentReminderData(InvoiceData):
    """An invoice that is still to be paid so many whole days after its payment failed."""

    day: int = Field(ge=0, description="Whole days since the payment failed.")
    failed_at: datetime
    suspends_at: datetime = Field(description="When service stops unless it is paid.")
    moves_to_plan_code: str | None = Field(
        default=None,
        description="The plan without a fee that the subscription is moved to then, instead of being suspended.",
    )


class CreditNoteData(NoticeData):
    """What was taken back of an invoice. `total` is below zero where it is in the customer's favour."""

    credit_note_id: str
    number: str = Field(examples=["CN-000007"])
    invoice_id: str
    invoice_number: str = Field(examples=["INV-000042"])
    reason: str
    total: NoticeAmount
    amount_due: NoticeAmount = Field(description="What is left to be paid of the invoice; zero where it is paid.")
    issued_at: datetime


class SubscriptionData(NoticeData):
    """A subscription as it stood when this was told."""

    subscription_id: str
    plan_code: str = Field(examples=["reliability/PRO"])
    plan_name: str = Field(examples=["Pro"])
    status: str = Field(examples=["active"])
    interval: str = Field(examples=["month"])
    started_at: datetime
    current_period_start: datetime
    current_period_end: datetime
    trial_ends_at: datetime | None
    canceled_at: datetime | None


class SubscriptionStatusData(SubscriptionData):
    """A subscription whose status changed, and what it was before."""

    previous_status: str = Field(examples=["past_due"])


class SubscriptionChangeData(SubscriptionData):
    """A change of plan or interval: from what, to what, and when it takes effect (or took effect)."""

    from_plan_code: str
    from_interval: str
    to_plan_code: str
    to_interval: str
    effective_at: datetime


class SubscriptionMovedData(SubscriptionChangeData):
    """A subscription that was moved to a plan without a fee, and the unpaid invoice it was moved for."""

    invoice_id: str
    invoice_number: str = Field(examples=["INV-000042"])
    amount_due: NoticeAmount


class CreditsData(NoticeData):
    """A pool of credits whose use crossed a percentage of what the window had: once for each crossing and window."""

    subscription_id: str
    pool: str = Field(examples=["credits"])
    pool_name: str = Field(examples=["Credits"])
    threshold_pct: int = Field(examples=[80])
    used: str = Field(description="Credits used in the window, as a plain decimal.", examples=["800000"])
    available: str = Field(description="Credits the window had: used of them, and left.", examples=["1000000"])
    period_start: datetime
    window_start: datetime
    event_id: str
    raised_at: datetime


class CreditLotData(NoticeData):
    """A lot of credits that was bought or given, as it stood when this was told. Credits are plain decimals."""

    subscription_id: str
    lot_id: str
    kind: str = Field(description="`purchase` or `promotion`.", examples=["purchase"])
    pool: str = Field(examples=["credits"])
    pool_name: str = Field(examples=["Credits"])
    credits: str = Field(description="What was granted.", examples=["250000"])
    left: str = Field(description="What is left of it.", examples=["250000"])
    expires_at: datetime | None
    reason: str | None = Field(description="Why it was given; null for what was bought.")


class TopUpFailedData(NoticeData):
    """Credits were not bought as they should have been: a payment failed, or a limit or a change of plan forbade it."""

    subscription_id: str
    pool: str = Field(examples=["credits"])
    pack: str = Field(examples=["credits-250k"])
    reason: str
    is_automatic: bool = Field(description="Whether it was bought by itself.")
    is_on: bool = Field(description="Whether credits go on being bought by themselves.")
    purchase_id: str | None
    invoice_id: str | None


class SpendCapData(NoticeData):
    """That the customer's own spending limit was reached: use that would pass it is refused until it is raised."""

    subscription_id: str
    cap: NoticeAmount
    period_start: datetime
    event_id: str | None
    raised_at: datetime


class WebhookDisabledData(NoticeData):
    """That nothing is sent to an endpoint any more until somebody enables it. Of its address only the host is told."""

    endpoint_id: str
    host: str = Field(examples=["example.com"])
    description: str
    reason: str = Field(description="`failing`: every attempt failed. `gone`: it answered 410.", examples=["failing"])
    failing_since: datetime
    disabled_at: datetime


SHAPES: Final[Mapping[NoticeType, type[NoticeData]]] = {
    NoticeType.INVOICE_FINALIZED: InvoiceData,
    NoticeType.INVOICE_PAID: InvoiceData,
    NoticeType.INVOICE_PAYMENT_FAILED: PaymentFailedData,
    NoticeType.INVOICE_PAYMENT_REMINDER: PaymentReminderData,
    NoticeType.INVOICE_VOIDED: InvoiceData,
    NoticeType.INVOICE_UNCOLLECTIBLE: InvoiceData,
    NoticeType.CREDIT_NOTE_ISSUED: CreditNoteData,
    NoticeType.SUBSCRIPTION_STARTED: SubscriptionData,
    NoticeType.SUBSCRIPTION_ACTIVATED: SubscriptionStatusData,
    NoticeType.SUBSCRIPTION_CHANGED: SubscriptionChangeData,
    NoticeType.SUBSCRIPTION_CHANGE_SCHEDULED: SubscriptionChangeData,
    NoticeType.SUBSCRIPTION_PAST_DUE: SubscriptionStatusData,
    NoticeType.SUBSCRIPTION_PAUSED: SubscriptionStatusData,
    NoticeType.SUBSCRIPTION_SUSPENDED: SubscriptionStatusData,
    NoticeType.SUBSCRIPTION_MOVED_UNPAID: SubscriptionMovedData,
    NoticeType.SUBSCRIPTION_RESTORED: SubscriptionChangeData,
    NoticeType.SUBSCRIPTION_RESUMED: SubscriptionStatusData,
    NoticeType.SUBSCRIPTION_CANCELED: SubscriptionData,
    NoticeType.SUBSCRIPTION_TRIAL_ENDING: SubscriptionData,
    NoticeType.CREDITS_LOW: CreditsData,
    NoticeType.CREDITS_OVERAGE: CreditsData,
    NoticeType.CREDITS_TOPPED_UP: CreditLotData,
    NoticeType.CREDITS_TOP_UP_FAILED: TopUpFailedData,
    NoticeType.CREDITS_GRANTED: CreditLotData,
    NoticeType.CREDITS_EXPIRING: CreditLotData,
    NoticeType.SPEND_CAP_REACHED: SpendCapData,
    NoticeType.WEBHOOK_DISABLED: WebhookDisabledData,
    NoticeType.GAIN_SHARE_AWAITING_APPROVAL: GainShareData,
    NoticeType.GAIN_SHARE_REMINDER: GainShareData,
    NoticeType.GAIN_SHARE_APPROVED: GainShareData,
    NoticeType.GAIN_SHARE_REJECTED: GainShareData,
    NoticeType.GAIN_SHARE_DISPUTED: GainShareData,
    NoticeType.GAIN_SHARE_OVERDUE: GainShareData,
    NoticeType.GAIN_SHARE_BASELINE_PROPOSED: BaselineData,
    NoticeType.GAIN_SHARE_BASELINE_ACCEPTED: BaselineData,
    NoticeType.GAIN_SHARE_BASELINE_DECLINED: BaselineData,
    NoticeType.GAIN_SHARE_BASELINE_WITHDRAWN: BaselineData,
}
