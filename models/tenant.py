"""A customer, and the counters that must not have gaps."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint
from sqlmodel import Field, SQLModel

from models.base import ID_MAX, NAME_MAX, TenantOwned, UtcDateTime


class Tenant(SQLModel, table=True):
    """One customer. Its currency never changes; its time zone decides business dates and period boundaries."""

    __tablename__ = "tenant"
    __table_args__ = (
        CheckConstraint("length(name) > 0", name="name_given"),
        CheckConstraint("length(currency) = 3", name="currency_code"),
    )

    id: str = Field(primary_key=True, max_length=ID_MAX)
    name: str = Field(unique=True, max_length=NAME_MAX)
    currency: str = Field(max_length=3)
    timezone: str = Field(max_length=64)
    created_at: datetime = Field(sa_type=UtcDateTime)


class TenantHead(TenantOwned, table=True):
    """What a tenant has had so far: how many events, credit entries, invoices and notices.

    Whoever writes usage, credits or invoices locks this row first, and raises `version`: everything a tenant writes is
    in one order, and whoever remembers its books knows whether they are still as they were.
    """

    __tablename__ = "tenant_head"
    __table_args__ = (
        CheckConstraint("event_count >= 0", name="event_count"),
        CheckConstraint("last_entry_seq >= 0", name="entry_seq"),
        CheckConstraint("last_invoice_number >= 0", name="invoice_number"),
        CheckConstraint("last_notice_seq >= 0", name="notice_seq"),
    )

    version: int = Field(default=0, sa_type=BigInteger)
    event_count: int = Field(default=0, sa_type=BigInteger)
    last_entry_seq: int = Field(default=0, sa_type=BigInteger)
    last_invoice_number: int = Field(default=0, sa_type=BigInteger)
    last_notice_seq: int = Field(default=0, sa_type=BigInteger)
