"""Sites, and how many assets were counted."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field

from app.api.schemas.values import Body, Code, Id, Moment, Name, Shown
from models import AssetSnapshot, Site
from services.assets.snapshots import ASSETS_MAX

SITES_IN_BREAKDOWN_MAX = 1_000
Count = Annotated[int, Field(strict=True, ge=0, le=ASSETS_MAX)]


class SnapshotBody(Body):
    """A count of assets. The breakdown by site, where sent, adds up to it."""

    tenant_id: Id | None = None
    asset_count: Count
    site_breakdown: dict[Code, Count] | None = Field(default=None, max_length=SITES_IN_BREAKDOWN_MAX)
    captured_at: Moment | None = Field(default=None, description="Now, if left out.")


class SnapshotShown(Shown):
    snapshot_id: str
    asset_count: int
    site_breakdown: dict[str, int]
    captured_at: datetime
    recorded_at: datetime

    @classmethod
    def of(cls, snapshot: AssetSnapshot) -> Self:
        return cls(
            snapshot_id=snapshot.id,
            asset_count=snapshot.asset_count,
            site_breakdown=snapshot.site_breakdown,
            captured_at=snapshot.captured_at,
            recorded_at=snapshot.recorded_at,
        )


class SiteBody(Body):
    """A place usage can be metered for."""

    tenant_id: Id | None = None
    code: Code
    name: Name = ""


class SiteShown(Shown):
    code: str
    name: str
    created_at: datetime

    @classmethod
    def of(cls, site: Site) -> Self:
        return cls(code=site.code, name=site.name, created_at=site.created_at)


class SitePage(Shown):
    sites: list[SiteShown]
    next_cursor: str | None
