"""Credit notes: what is taken back of an invoice, which never changes itself. Amounts are whole minor units."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint
from sqlmodel import Field

from models.base import ID_MAX, Json, Rate, TenantOwned, UtcDateTime, choice
from models.invoice import DESCRIPTION_MAX, LineKind
from models.price_book import HASH_MAX

REASON_MAX = 300


class CreditNote(TenantOwned, table=True):
    """What is taken back of an invoice. Its total is below zero where money goes back to the customer.

    `correction_seq` is the receipt of the correction that brought it about; none where somebody decided it.
    `receipt_seq` is the note's own.
    """

    __tablename__ = "credit_note"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "invoice_id"], ["invoice.tenant_id", "invoice.id"]),
        ForeignKeyConstraint(["tenant_id", "correction_seq"], ["usage_event.tenant_id", "usage_event.seq"]),
        ForeignKeyConstraint(["tenant_id", "receipt_seq"], ["receipt.tenant_id", "receipt.seq"]),
        UniqueConstraint("tenant_id", "number"),
        UniqueConstraint("tenant_id", "correction_seq"),
        CheckConstraint("number >= 1", name="number"),
        CheckConstraint("total_minor = subtotal_minor + tax_minor", name="total"),
        CheckConstraint("correction_seq IS NULL OR receipt_seq > correction_seq", name="receipt_order"),
        CheckConstraint("length(reason) > 0", name="reason_given"),
        Index("ix_credit_note_invoice", "tenant_id", "invoice_id"),
    )

    id: str = Field(primary_key=True, max_length=ID_MAX)
    number: int = Field(sa_type=BigInteger)
    invoice_id: str = Field(max_length=ID_MAX)
    reason: str = Field(max_length=REASON_MAX)
    currency: str = Field(max_length=3)
    subtotal_minor: int = Field(sa_type=BigInteger)
    tax_minor: int = Field(default=0, sa_type=BigInteger)
    total_minor: int = Field(sa_type=BigInteger)
    issued_at: datetime = Field(sa_type=UtcDateTime)
    correction_seq: int | None = Field(default=None, sa_type=BigInteger)
    receipt_seq: int = Field(sa_type=BigInteger)


class CreditNoteLine(TenantOwned, table=True):
    """One difference: its quantity and amount are below zero where less was used than had been billed."""

    __tablename__ = "credit_note_line"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "credit_note_id"], ["credit_note.tenant_id", "credit_note.id"]),
        CheckConstraint("position >= 1", name="position"),
        CheckConstraint("kind IN ('correction', 'adjustment')", name="takes_back"),
    )

    credit_note_id: str = Field(primary_key=True, max_length=ID_MAX)
    position: int = Field(primary_key=True)
    kind: LineKind = Field(sa_type=choice(LineKind))
    description: str = Field(max_length=DESCRIPTION_MAX)
    quantity: Decimal = Field(sa_type=Rate)
    unit: str = Field(max_length=64)
    amount_minor: int = Field(sa_type=BigInteger)
    period_start: datetime = Field(sa_type=UtcDateTime)
    period_end: datetime = Field(sa_type=UtcDateTime)
    plan_version_id: str = Field(max_length=HASH_MAX, foreign_key="plan_version.id")
    pricing: dict[str, Any] = Field(sa_type=Json)
    sources: dict[str, Any] = Field(sa_type=Json)
    usage: dict[str, Any] = Field(sa_type=Json)
