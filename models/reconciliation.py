"""What the last comparison found: events, our invoice, Stripe's, and the payment, for every invoice."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index
from sqlmodel import Field

from models.base import ID_MAX, Json, TenantOwned, UtcDateTime


class InvoiceCheck(TenantOwned, table=True):
    """One invoice's last comparison. `differences` are objects of code and detail; none where all agree."""

    __tablename__ = "invoice_check"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "invoice_id"], ["invoice.tenant_id", "invoice.id"]),
        CheckConstraint("difference_count >= 0", name="difference_count"),
        Index("ix_invoice_check_differences", "difference_count", "checked_at"),
    )

    invoice_id: str = Field(primary_key=True, max_length=ID_MAX)
    checked_at: datetime = Field(sa_type=UtcDateTime)
    difference_count: int
    differences: list[Any] = Field(sa_type=Json)
