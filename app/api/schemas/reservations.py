"""Credits held for work whose size is not known yet."""

from datetime import datetime
from typing import Any, Final, Self

from pydantic import Field

from app.api.schemas.usage import PRINTABLE, TrackShown, Units
from app.api.schemas.values import Body, Id, Moment, Quantity, Shown
from models import Reservation
from services.credits.reservations import EXPIRES_IN_DEFAULT, EXPIRES_IN_MAX, Finalized
from services.rules.quantities import plain_micro

EXPIRES_IN_SECONDS: Final = int(EXPIRES_IN_DEFAULT.total_seconds())
EXPIRES_IN_SECONDS_MAX: Final = int(EXPIRES_IN_MAX.total_seconds())


class ReservationBody(Body):
    """Work that is about to begin, and the most it is thought to take."""

    tenant_id: Id | None = Field(default=None, description="The key says it already; if sent, it must match.")
    subscription_id: Id | None = Field(
        default=None, description="The one its site is for, else the main or only one, if left out."
    )
    event_type: str = Field(min_length=1, max_length=64, pattern=PRINTABLE, examples=["LLM_token_usage"])
    units: Units
    site: str | None = Field(
        default=None,
        min_length=1,
        max_length=64,
        pattern=PRINTABLE,
        description="Where it is for; a subscription of that site is meant, if there is one.",
    )
    expires_in: int = Field(
        default=EXPIRES_IN_SECONDS,
        ge=1,
        le=EXPIRES_IN_SECONDS_MAX,
        description="Seconds until the hold ends by itself.",
    )
    reservation_id: Id | None = Field(default=None, description="Asking again with the same one holds once.")


class FinalizeBody(Body):
    """What the work came to."""

    tenant_id: Id | None = Field(default=None, description="The key says it already; if sent, it must match.")
    units: Units
    event_id: str | None = Field(
        default=None, min_length=1, max_length=128, pattern=PRINTABLE, description="The reservation's own, if left out."
    )
    occurred_at: Moment | None = Field(
        default=None, description="When it was reserved, if left out: there the credits are held."
    )
    site: str | None = Field(default=None, min_length=1, max_length=64, pattern=PRINTABLE)
    trace_id: str | None = Field(default=None, min_length=1, max_length=128, pattern=PRINTABLE)
    meta: dict[str, Any] | None = Field(default=None, description="At most 4 KiB, kept with the event.")


class ReservationShown(Shown):
    """A hold. Of `credits_held`, `overage_credits` are beyond the allowance. `remaining_credits` is what it left."""

    reservation_id: str
    subscription_id: str
    event_type: str
    units: Quantity
    credits_held: Quantity
    overage_credits: Quantity
    remaining_credits: Quantity
    status: str = Field(description="`held`, `finalized`, `released` or `expired`.")
    reserved_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, reservation: Reservation) -> Self:
        return cls(
            reservation_id=reservation.id,
            subscription_id=reservation.subscription_id,
            event_type=reservation.event_type,
            units=plain_micro(reservation.units_micro),
            credits_held=plain_micro(reservation.credits_micro),
            overage_credits=plain_micro(reservation.overage_micro),
            remaining_credits=plain_micro(reservation.remaining_micro),
            status=reservation.status,
            reserved_at=reservation.reserved_at,
            expires_at=reservation.expires_at,
        )


class FinalizedShown(TrackShown):
    """The same as for any event. `was_held` is false where the hold had ended and it was metered as other use is."""

    was_held: bool

    @classmethod
    def of(cls, finalized: Finalized) -> Self:
        return cls(**cls.document(finalized.metered), was_held=finalized.was_held)
