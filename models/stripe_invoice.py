"""Invoices and credit notes at Stripe, as they were when they were last read. Amounts are whole minor units."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint
from sqlmodel import Field

from models.base import ID_MAX, NAME_MAX, TenantOwned, UtcDateTime, choice
from models.stripe_account import ACCOUNT_MAX, STRIPE_ID_MAX, URL_MAX


class StripeInvoicePart(StrEnum):
    """Which lines of our invoice it carries: all of them, the base fee alone, or all but the base fee."""

    WHOLE = "whole"
    BASE = "base"
    REST = "rest"


class StripeInvoice(TenantOwned, table=True):
    """One invoice at Stripe. `invoice_id` is ours; none for a renewal's draft that our close has yet to meet.

    `renews_at` is when the period begins whose base fee it brings, `fee_minor` that fee before promotions and
    `fee_off_minor` what those took off it; `tax_minor` what Stripe itself put on top as tax.
    """

    __tablename__ = "stripe_invoice"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        ForeignKeyConstraint(["tenant_id", "invoice_id"], ["invoice.tenant_id", "invoice.id"]),
        UniqueConstraint("tenant_id", "invoice_id", "part"),
        CheckConstraint("length(stripe_id) > 0", name="stripe_id_given"),
        CheckConstraint("(invoice_id IS NULL) = (part IS NULL)", name="part_of_ours"),
        Index("ix_stripe_invoice_stripe_id", "stripe_id"),
        Index("ix_stripe_invoice_payment", "payment_id"),
        Index("ix_stripe_invoice_renewal", "tenant_id", "stripe_subscription_id", "renews_at"),
    )

    account: str = Field(primary_key=True, max_length=ACCOUNT_MAX)
    stripe_id: str = Field(primary_key=True, max_length=STRIPE_ID_MAX)
    invoice_id: str | None = Field(default=None, max_length=ID_MAX)
    part: StripeInvoicePart | None = Field(default=None, sa_type=choice(StripeInvoicePart))
    stripe_subscription_id: str | None = Field(default=None, max_length=STRIPE_ID_MAX)
    billing_reason: str | None = Field(default=None, max_length=64)
    renews_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    status: str = Field(max_length=32)
    number: str | None = Field(default=None, max_length=NAME_MAX)
    currency: str = Field(max_length=3)
    total_minor: int = Field(sa_type=BigInteger)
    tax_minor: int = Field(default=0, sa_type=BigInteger)
    fee_minor: int | None = Field(default=None, sa_type=BigInteger)
    fee_off_minor: int = Field(default=0, sa_type=BigInteger)
    due_minor: int = Field(default=0, sa_type=BigInteger)
    paid_minor: int = Field(default=0, sa_type=BigInteger)
    remaining_minor: int = Field(default=0, sa_type=BigInteger)
    credited_minor: int = Field(default=0, sa_type=BigInteger)
    refunded_minor: int = Field(default=0, sa_type=BigInteger)
    collection_method: str = Field(max_length=32)
    payment_attempts: int = 0
    next_payment_attempt_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    payment_error: str | None = Field(default=None, max_length=300)
    payment_id: str | None = Field(default=None, max_length=STRIPE_ID_MAX)
    is_disputed: bool = False
    hosted_url: str | None = Field(default=None, max_length=URL_MAX)
    pdf_url: str | None = Field(default=None, max_length=URL_MAX)
    created_at: datetime = Field(sa_type=UtcDateTime)
    paid_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ticket: int = Field(default=0, sa_type=BigInteger)
    read_at: datetime = Field(sa_type=UtcDateTime)


class StripeCreditNote(TenantOwned, table=True):
    """A credit note at Stripe and the one of ours it goes with; none where it was made there and not here yet.

    `refund_id` is the refund at Stripe that gave its money back.
    """

    __tablename__ = "stripe_credit_note"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        ForeignKeyConstraint(["tenant_id", "credit_note_id"], ["credit_note.tenant_id", "credit_note.id"]),
        UniqueConstraint("tenant_id", "account", "credit_note_id", "stripe_invoice_id"),
        CheckConstraint("length(stripe_id) > 0", name="stripe_id_given"),
    )

    account: str = Field(primary_key=True, max_length=ACCOUNT_MAX)
    stripe_id: str = Field(primary_key=True, max_length=STRIPE_ID_MAX)
    stripe_invoice_id: str = Field(max_length=STRIPE_ID_MAX)
    credit_note_id: str | None = Field(default=None, max_length=ID_MAX)
    refund_id: str | None = Field(default=None, max_length=STRIPE_ID_MAX)
    status: str = Field(max_length=32)
    total_minor: int = Field(sa_type=BigInteger)
    ticket: int = Field(default=0, sa_type=BigInteger)
    read_at: datetime = Field(sa_type=UtcDateTime)
