"""Keys that programs sign in with."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index
from sqlmodel import Field, SQLModel

from models.base import ID_MAX, NAME_MAX, Json, UtcDateTime


class ApiKey(SQLModel, table=True):
    """A key as its SHA-256. The key itself is shown once; the prefix is what a person can recognise it by.

    It is looked up by digest before the tenant is known, so this is a directory table. An operator's key has no tenant.
    """

    __tablename__ = "api_key"
    __table_args__ = (
        CheckConstraint("is_operator = (tenant_id IS NULL)", name="tenant_or_operator"),
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
    last_used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
