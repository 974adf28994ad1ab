"""Keys that programs sign in with."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index
from sqlmodel import Field, SQLModel

from models.base import ID_MAX, NAME_MAX, Json, UtcDateTime, choice
from models.gain_share import Party

MAKER_MAX = 80


class ApiKey(SQLModel, table=True):
    """A key as its SHA-256. The key itself is shown once; the prefix is what a person can recognise it by.

    It is looked up by digest before the tenant is known, so this is a directory table. An operator's key has no tenant.
    `created_by` is the person (usr_) who made it, or `cli:` and the account of who was at the command line;
    `created_party` is the side they made it for. Neither changes, nor what the key may do.
    """

    __tablename__ = "api_key"
    __table_args__ = (
        CheckConstraint("is_operator = (tenant_id IS NULL)", name="tenant_or_operator"),
        CheckConstraint("NOT is_operator OR created_party = 'seller'", name="operators_make_operators"),
        CheckConstraint("length(created_by) > 0", name="created_by"),
        Index("ix_api_key_tenant_id", "tenant_id"),
    )

    id: str = Field(primary_key=True, max_length=ID_MAX)
    tenant_id: str | None = Field(default=None, max_length=ID_MAX, foreign_key="tenant.id")
    is_operator: bool = False
    name: str = Field(default="", max_length=NAME_MAX)
    prefix: str = Field(max_length=16)
    digest: str = Field(unique=True, max_length=64)
    scopes: list[Any] = Field(sa_type=Json)
    created_at: datetime = Field(sa_type=UtcDateTime)
    created_by: str = Field(max_length=MAKER_MAX)
    created_party: Party = Field(sa_type=choice(Party))
    last_used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
