"""Taxes: the rates an operator adds to those that ship, and what is due on each invoice and credit note."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, Date, ForeignKeyConstraint, UniqueConstraint
from sqlmodel import Field, SQLModel

from models.base import ID_MAX, NAME_MAX, Rate, TenantOwned, UtcDateTime, choice
from models.billing_profile import CHANGED_BY_MAX, COUNTRY_MAX, REGION_MAX

TAX_CODE_MAX = 16
TAX_REASON_MAX = 300


class TaxCategory(StrEnum):
    """Why a tax is, or is not, due: the codes of EN 16931 (UNCL 5305)."""

    STANDARD = "S"
    EXEMPT = "E"
    REVERSE_CHARGE = "AE"
    EXPORT = "G"
    OUT_OF_SCOPE = "O"


class TaxRateRow(SQLModel, table=True):
    """A rate that somebody added to the table that ships, from `since` on; `percentage` NULL ends the tax that day.

    None is ever edited: what was in force on a day stays what it was.
    """

    __tablename__ = "tax_rate"
    __table_args__ = (
        UniqueConstraint("country", "region", "code", "since"),
        CheckConstraint("length(country) = 2", name="country_code"),
        CheckConstraint("length(code) > 0", name="code_given"),
    )

    id: str = Field(primary_key=True, max_length=ID_MAX)
    country: str = Field(max_length=COUNTRY_MAX)
    region: str = Field(default="", max_length=REGION_MAX)
    code: str = Field(max_length=TAX_CODE_MAX)
    name: str = Field(max_length=NAME_MAX)
    percentage: Decimal | None = Field(default=None, sa_type=Rate)
    is_federal: bool = False
    since: date = Field(sa_type=Date)
    added_at: datetime = Field(sa_type=UtcDateTime)
    added_by: str = Field(max_length=CHANGED_BY_MAX)


class InvoiceTax(TenantOwned, table=True):
    """One tax of an invoice: `rate` per cent of `base_minor`, rounded once, half away from zero.

    Where none is due there may be a row that says why: rate and amount are zero, `reason` is what the invoice states.
    """

    __tablename__ = "invoice_tax"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "invoice_id"], ["invoice.tenant_id", "invoice.id"]),
        CheckConstraint("position >= 1", name="position"),
        CheckConstraint("category = 'S' OR (amount_minor = 0 AND length(reason) > 0)", name="due_or_reason"),
    )

    invoice_id: str = Field(primary_key=True, max_length=ID_MAX)
    position: int = Field(primary_key=True)
    code: str = Field(max_length=TAX_CODE_MAX)
    name: str = Field(max_length=NAME_MAX)
    country: str = Field(max_length=COUNTRY_MAX)
    region: str = Field(default="", max_length=REGION_MAX)
    rate: Decimal = Field(sa_type=Rate)
    base_minor: int = Field(sa_type=BigInteger)
    amount_minor: int = Field(sa_type=BigInteger)
    category: TaxCategory = Field(sa_type=choice(TaxCategory))
    reason: str = Field(default="", max_length=TAX_REASON_MAX)


class CreditNoteTax(TenantOwned, table=True):
    """What a credit note takes back of one tax of its invoice: its share, below zero where money goes back."""

    __tablename__ = "credit_note_tax"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "credit_note_id"], ["credit_note.tenant_id", "credit_note.id"]),
        CheckConstraint("position >= 1", name="position"),
        CheckConstraint("category = 'S' OR (amount_minor = 0 AND length(reason) > 0)", name="due_or_reason"),
    )

    credit_note_id: str = Field(primary_key=True, max_length=ID_MAX)
    position: int = Field(primary_key=True)
    code: str = Field(max_length=TAX_CODE_MAX)
    name: str = Field(max_length=NAME_MAX)
    country: str = Field(max_length=COUNTRY_MAX)
    region: str = Field(default="", max_length=REGION_MAX)
    rate: Decimal = Field(sa_type=Rate)
    base_minor: int = Field(sa_type=BigInteger)
    amount_minor: int = Field(sa_type=BigInteger)
    category: TaxCategory = Field(sa_type=choice(TaxCategory))
    reason: str = Field(default="", max_length=TAX_REASON_MAX)
