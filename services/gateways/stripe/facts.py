"""What we learn from Stripe, as plain data. Amounts are whole minor units; times are aware UTC; "" is never an id."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True)
class CustomerFacts:
    """`card` is the one charged by itself, worded such as "Visa ending 4242, expires 12/2030"."""

    id: str
    is_deleted: bool = False
    name: str | None = None
    email: str | None = None
    card: str | None = None
    metadata: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class CouponFacts:
    """A discount that is on a subscription or an invoice; `id` is the discount's own.

    `code` is the promotion code, or the coupon's name where none was typed; `is_once` where it is for one fee alone.
    """

    id: str
    code: str
    percent_off: Decimal | None
    off_minor: int | None
    starts_at: datetime
    ends_at: datetime | None
    is_once: bool = False


@dataclass(frozen=True, slots=True)
class SubscriptionFacts:
    """`status` is in Stripe's words; the period is that of its first item, and so is the price, in minor units.

    `price_minor` is None where the price is no flat amount. `has_pause` where collection is paused.
    """

    id: str
    customer_id: str
    status: str
    item_id: str
    price_id: str
    price_minor: int | None
    price_interval: str
    started_at: datetime
    current_period_start: datetime
    current_period_end: datetime
    cancel_at_period_end: bool
    trial_ends_at: datetime | None
    canceled_at: datetime | None
    ended_at: datetime | None
    has_pause: bool
    latest_invoice_id: str | None
    discounts: tuple[CouponFacts, ...]
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class InvoiceLineFacts:
    """`subscription_item` where the line came with the subscription, which then is its base fee."""

    id: str
    amount_minor: int
    discount_minor: int
    description: str
    period_start: datetime
    period_end: datetime
    is_subscription_item: bool
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PaymentFacts:
    """One payment of an invoice. `id` is its payment intent, charge or record; `status` open, paid or canceled."""

    id: str
    status: str
    amount_minor: int
    paid_at: datetime | None
    error: str | None


@dataclass(frozen=True, slots=True)
class InvoiceFacts:
    """`lines` are all of them, however many pages Stripe keeps them on. `tax_minor` is on top of them, in the total."""

    id: str
    customer_id: str
    subscription_id: str | None
    status: str
    billing_reason: str
    number: str | None
    currency: str
    total_minor: int
    tax_minor: int
    due_minor: int
    paid_minor: int
    remaining_minor: int
    credited_minor: int
    starting_balance_minor: int
    collection_method: str
    auto_advance: bool
    attempts: int
    next_attempt_at: datetime | None
    created_at: datetime
    finalized_at: datetime | None
    paid_at: datetime | None
    voided_at: datetime | None
    hosted_url: str | None
    pdf_url: str | None
    discounts: tuple[CouponFacts, ...]
    lines: tuple[InvoiceLineFacts, ...]
    payments: tuple[PaymentFacts, ...]
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CheckoutFacts:
    """`status` open, complete or expired; `payment_status` paid, unpaid or no_payment_required.

    `reference` is what whoever made the link to it added, `email` what the customer gave.
    """

    id: str
    status: str
    payment_status: str
    url: str | None
    customer_id: str | None
    subscription_id: str | None
    invoice_id: str | None
    expires_at: datetime
    metadata: Mapping[str, str]
    reference: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True)
class CreditNoteFacts:
    """`total_minor` is above zero: what it takes back."""

    id: str
    invoice_id: str
    customer_id: str
    status: str
    number: str
    total_minor: int
    currency: str
    reason: str | None
    memo: str | None
    refund_ids: tuple[str, ...]
    created_at: datetime
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RefundFacts:
    """`status` pending, requires_action, succeeded, failed or canceled. `payment_id` is the payment intent's."""

    id: str
    status: str
    amount_minor: int
    currency: str
    payment_id: str | None
    charge_id: str | None
    reason: str | None
    error: str | None
    created_at: datetime
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ChargeFacts:
    """A payment that was made: which intent it belongs to, and whether it is disputed."""

    id: str
    customer_id: str | None
    payment_id: str | None
    amount_minor: int
    refunded_minor: int
    is_disputed: bool


@dataclass(frozen=True, slots=True)
class EventFacts:
    """An event as delivered. `object_id` is its object's; `customer_id` whose it is, where the payload says so."""

    id: str
    type: str
    api_version: str | None
    is_live: bool
    created_at: datetime
    object_type: str
    object_id: str
    customer_id: str | None
    payload: Mapping[str, Any]
