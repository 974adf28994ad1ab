"""What the customer runs us on: sites, and how many assets were counted when."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index
from sqlmodel import Field

from models.base import ID_MAX, NAME_MAX, Json, TenantOwned, UtcDateTime
from models.usage import SITE_MAX


class Site(TenantOwned, table=True):
    """A place the customer may meter usage for; the plan says how many there can be."""

    __tablename__ = "site"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        CheckConstraint("length(code) > 0", name="code_given"),
    )

    code: str = Field(primary_key=True, max_length=SITE_MAX)
    name: str = Field(default="", max_length=NAME_MAX)
    created_at: datetime = Field(sa_type=UtcDateTime)


class AssetSnapshot(TenantOwned, table=True):
    """How many assets there were at one moment. Never edited: a wrong count is followed by a right one."""

    __tablename__ = "asset_snapshot"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        CheckConstraint("asset_count >= 0", name="count"),
        Index("ix_asset_snapshot_captured", "tenant_id", "captured_at"),
    )

    id: str = Field(primary_key=True, max_length=ID_MAX)
    asset_count: int
    site_breakdown: dict[str, Any] = Field(sa_type=Json)
    captured_at: datetime = Field(sa_type=UtcDateTime)
    recorded_at: datetime = Field(sa_type=UtcDateTime)
