"""Price books as loaded: immutable versions named by the hash of their content."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from models.base import NAME_MAX, Json, UtcDateTime

HASH_MAX = 71
CODE_MAX = 64


class PriceBookVersion(SQLModel, table=True):
    """A whole book: name, currency, meters, pools and the plan versions it offers, in the order shown."""

    __tablename__ = "price_book_version"

    id: str = Field(primary_key=True, max_length=HASH_MAX)
    code: str = Field(max_length=CODE_MAX, index=True)
    currency: str = Field(max_length=3)
    document: dict[str, Any] = Field(sa_type=Json)
    loaded_at: datetime = Field(sa_type=UtcDateTime)


class PriceBook(SQLModel, table=True):
    """Which version of a book new subscriptions get."""

    __tablename__ = "price_book"

    code: str = Field(primary_key=True, max_length=CODE_MAX)
    version_id: str = Field(max_length=HASH_MAX, foreign_key="price_book_version.id")


class PlanVersion(SQLModel, table=True):
    """All that is needed to rate a subscription: prices, allowances, meters. Never updated; old ones are kept."""

    __tablename__ = "plan_version"
    __table_args__ = (Index("ix_plan_version_book_plan", "book_code", "plan_code"),)

    id: str = Field(primary_key=True, max_length=HASH_MAX)
    book_code: str = Field(max_length=CODE_MAX)
    plan_code: str = Field(max_length=CODE_MAX)
    name: str = Field(max_length=NAME_MAX)
    currency: str = Field(max_length=3)
    document: dict[str, Any] = Field(sa_type=Json)
    loaded_at: datetime = Field(sa_type=UtcDateTime)
