"""Who a bill is addressed to and who sends it. Both keep their history: a change is a new version, none is edited."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint
from sqlmodel import Field, SQLModel

from models.base import Json, TenantOwned, UtcDateTime, choice

PARTY_NAME_MAX = 200
CITY_MAX = 120
REGION_MAX = 32
POSTAL_CODE_MAX = 20
COUNTRY_MAX = 2
EXEMPTION_MAX = 200
PURCHASE_ORDER_MAX = 64
PAYMENT_DAYS_MAX = 365
CHANGED_BY_MAX = 120


class Language(StrEnum):
    """What an invoice is written in."""

    ENGLISH = "en"
    FRENCH = "fr"


class BillingProfile(TenantOwned, table=True):
    """To whom a customer's invoices are addressed, from one moment on. The highest `version` is the one in force.

    `address_lines` and `emails` are lists of text; `tax_ids` a list of {"kind", "value", "validated"}. `region` is
    the part of an ISO 3166-2 code after the hyphen, such as ON; `payment_days` None takes the seller's.
    """

    __tablename__ = "billing_profile"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        CheckConstraint("version >= 1", name="version"),
        CheckConstraint("length(legal_name) > 0", name="name_given"),
        CheckConstraint("length(country) = 2", name="country_code"),
        CheckConstraint(f"payment_days BETWEEN 0 AND {PAYMENT_DAYS_MAX}", name="payment_days"),
        CheckConstraint("NOT is_tax_exempt OR length(exemption_reason) > 0", name="exempt_for_a_reason"),
    )

    version: int = Field(primary_key=True)
    legal_name: str = Field(max_length=PARTY_NAME_MAX)
    address_lines: list[str] = Field(sa_type=Json)
    city: str = Field(max_length=CITY_MAX)
    region: str = Field(default="", max_length=REGION_MAX)
    postal_code: str = Field(default="", max_length=POSTAL_CODE_MAX)
    country: str = Field(max_length=COUNTRY_MAX)
    emails: list[str] = Field(sa_type=Json)
    tax_ids: list[Any] = Field(sa_type=Json)
    is_tax_exempt: bool = False
    exemption_reason: str = Field(default="", max_length=EXEMPTION_MAX)
    exemption_certificate: str = Field(default="", max_length=EXEMPTION_MAX)
    purchase_order: str = Field(default="", max_length=PURCHASE_ORDER_MAX)
    language: Language = Field(default=Language.ENGLISH, sa_type=choice(Language))
    payment_days: int | None = None
    changed_at: datetime = Field(sa_type=UtcDateTime)
    changed_by: str = Field(max_length=CHANGED_BY_MAX)


class SellerProfile(SQLModel, table=True):
    """Who sends the invoices and where to pay, from one moment on. The highest `version` is the one in force.

    `registrations` is a list of {"kind", "value"}: the taxes we are registered for, and so the only ones we charge.
    `bank_details` is a list of {"label", "value"}, such as IBAN and what it is.
    """

    __tablename__ = "seller_profile"
    __table_args__ = (
        CheckConstraint("version >= 1", name="version"),
        CheckConstraint("length(legal_name) > 0", name="name_given"),
        CheckConstraint("length(country) = 2", name="country_code"),
    )

    version: int = Field(primary_key=True)
    legal_name: str = Field(max_length=PARTY_NAME_MAX)
    address_lines: list[str] = Field(sa_type=Json)
    city: str = Field(max_length=CITY_MAX)
    region: str = Field(default="", max_length=REGION_MAX)
    postal_code: str = Field(default="", max_length=POSTAL_CODE_MAX)
    country: str = Field(max_length=COUNTRY_MAX)
    email: str = Field(default="", max_length=254)
    registrations: list[Any] = Field(sa_type=Json)
    bank_details: list[Any] = Field(sa_type=Json)
    changed_at: datetime = Field(sa_type=UtcDateTime)
    changed_by: str = Field(max_length=CHANGED_BY_MAX)
