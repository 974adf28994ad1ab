"""The address that is asked for assets, and what each asking brought."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field

from app.api.schemas.values import Body, Id, Shown
from app.api.schemas.webhooks import Url
from models import AssetPull, AssetSource
from services.assets.sources import TOKEN_MAX

EveryHours = Literal[1, 2, 3, 4, 6, 8, 12, 24]


class SourceBody(Body):
    """Where to ask, with which bearer token, and how often. Left out, the token stays as it is; null is for none."""

    tenant_id: Id | None = Field(default=None, description="The key says it already; if sent, it must match.")
    url: Url
    token: Annotated[str, Field(min_length=1, max_length=TOKEN_MAX)] | None = None
    every_hours: EveryHours = Field(default=24, description="24: each night at two by the customer's clock.")


class PullShown(Shown):
    """One asking. A failed one says why; a waiting one that has an error is tried again."""

    slot: datetime
    status: str = Field(description="`waiting`, `recorded` or `failed`.")
    attempts: int
    error: str | None
    snapshot_id: str | None
    settled_at: datetime | None

    @classmethod
    def of(cls, pull: AssetPull) -> Self:
        return cls(**{name: getattr(pull, name) for name in cls.model_fields})


class SourceShown(Shown):
    url: str
    has_token: bool
    every_hours: int
    updated_at: datetime
    pulls: list[PullShown] = Field(description="The newest thirty, the newest first.")

    @classmethod
    def of(cls, source: AssetSource, pulls: Sequence[AssetPull]) -> Self:
        return cls(
            url=source.url,
            has_token=source.token is not None,
            every_hours=source.every_hours,
            updated_at=source.updated_at,
            pulls=[PullShown.of(pull) for pull in pulls],
        )
