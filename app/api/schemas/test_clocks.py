"""A customer's test clock: where to set it, and what happened on the way."""

from datetime import datetime
from typing import TYPE_CHECKING, Self

from pydantic import Field

from app.api.schemas.values import Body, Moment, Shown

if TYPE_CHECKING:
    from app.time_travel import Journey


class ClockBody(Body):
    """When it shall be for the customer; only started where nothing is said."""

    to: Moment | None = None


class ToldShown(Shown):
    """Something that happened, as it is told to mail and webhooks."""

    seq: int
    type: str
    subject_id: str
    at: datetime


class ClockShown(Shown):
    """`stops` are the moments at which something fell due on the way."""

    tenant_id: str
    now: datetime
    stops: int
    told: list[ToldShown] = Field(description="In order; at most 500.")

    @classmethod
    def of(cls, journey: "Journey") -> Self:
        told = [
            ToldShown(seq=notice.seq, type=notice.type, subject_id=notice.subject_id, at=notice.announced_at)
            for notice in journey.told
        ]
        return cls(tenant_id=journey.tenant_id, now=journey.now, stops=journey.stops, told=told)
