"""Hold credits for work whose size is not known yet; then meter what it took, or let go of them.

Where nothing is sold beyond the allowance, credits on hold cannot be spent by others. Where more is sold, others spend
them before they go beyond, and what the hold may cost then counts against the customer's own cap, as what it holds
beyond the allowance does. So what was held can be used when the work is done. A hold that is not used ends by itself.
"""

import hashlib
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlmodel import Session, col, func, select

from models import Reservation, ReservationStatus
from services.errors import NotFound, Refusal, ReservationConflict, Unprocessable
from services.identifiers import new_id
from services.metering import record_usage
from services.tenant_books import Books, open_books
from services.tenants import lock_head
from services.usage.event_admission import Admitted
from services.usage.metered import Metered, UsageInput

EXPIRES_IN_DEFAULT = timedelta(minutes=15)
EXPIRES_IN_MAX = timedelta(days=1)
HOLDS_MAX = 1_000
"""Reservations of one customer that may be held at once."""


class Finalized(NamedTuple):
    """The event a reservation became. `was_held` is False where the hold had ended before."""

    metered: Metered
    was_held: bool


def reserve_credits(
    session: Session,
    *,
    tenant_id: str,
    event_type: str,
    units_micro: int,
    at: datetime,
    subscription_id: str | None = None,
    site: str | None = None,
    reservation_id: str | None = None,
    expires_in: timedelta = EXPIRES_IN_DEFAULT,
) -> Reservation:
    """Hold what these units would burn now, of the subscription that is named, else of the one that use of the site is
    for. Asking again with the same id gives the first answer.

    Refused as the use would be: NotFound, UnknownEventType, InvalidUnits, SubscriptionConflict, OverageNotAllowed,
    SpendCapReached. Raises Unprocessable for a time outside one second to EXPIRES_IN_MAX, and ReservationConflict where
    the id was asked for something else or HOLDS_MAX are held.
    """
    if not timedelta(seconds=1) <= expires_in <= EXPIRES_IN_MAX:
        seconds_max = int(EXPIRES_IN_MAX.total_seconds())
        raise Unprocessable(f"expires_in is 1 to {seconds_max:,} seconds.", field="expires_in")
    lock_head(session, tenant_id=tenant_id)
    asked = hashlib.sha256(repr((subscription_id, event_type, units_micro, expires_in, site)).encode()).digest()
    made = None if reservation_id is None else session.get(Reservation, (tenant_id, reservation_id))
    if made is not None:
        if made.fingerprint != asked:
            raise ReservationConflict(
                f"Reservation {made.id} was made for something else; use another id.", field="reservation_id"
            )
        return made
    books = open_books(session, tenant_id=tenant_id, at=at)
    _check_count(session, tenant_id)
    admitted = _admit(books, UsageInput(subscription_id, event_type, units_micro, site=site))
    kept, lane = books.ledger.keep(admitted), admitted.lane
    reservation = Reservation(
        tenant_id=tenant_id,
        id=reservation_id or new_id("rsv"),
        fingerprint=asked,
        subscription_id=lane.subscription_id,
        event_type=event_type,
        pool=lane.pool,
        period_start=lane.period_start,
        units_micro=units_micro,
        credits_micro=admitted.credits_micro,
        overage_micro=kept.overage_micro,
        lots=kept.lots,
        remaining_micro=kept.remaining_micro,
        status=ReservationStatus.HELD,
        reserved_at=at,
        expires_at=at + expires_in,
    )
    session.add(reservation)
    session.flush()
    lock_head(session, tenant_id=tenant_id)
    return reservation


def finalize_reservation(
    session: Session, *, tenant_id: str, reservation_id: str, use: UsageInput, at: datetime
) -> Finalized:
    """Let go of a hold and meter what the work took, as an event whose receipt names the reservation.

    `use` has the units and may have an event id (the reservation's own, if left out), a time, a site, a trace and meta;
    its subscription and type are the reservation's. Without a time it happened when it was reserved, where the credits
    were held: there, up to the units held, it is taken whatever came between, and more as other use would be. Where the
    hold has ended by itself all of it is metered as other use would be, for what was used must not be lost.

    Finalising again gives the first answer. Raises NotFound, ReservationConflict after a release or under another event
    id, EventConflict for another body, and what metering refuses; the hold then stays.
    """
    lock_head(session, tenant_id=tenant_id)
    reservation = read_reservation(session, tenant_id=tenant_id, reservation_id=reservation_id)
    event = use._replace(
        subscription_id=reservation.subscription_id,
        event_type=reservation.event_type,
        event_id=use.event_id or reservation.id,
        occurred_at=use.occurred_at or reservation.reserved_at,
        reservation=reservation.id,
    )
    if reservation.status == ReservationStatus.RELEASED:
        raise ReservationConflict(
            f"Reservation {reservation.id} was released; track the use as an event of its own.", field="reservation_id"
        )
    if reservation.status == ReservationStatus.FINALIZED and reservation.event_id != event.event_id:
        raise ReservationConflict(
            f"Reservation {reservation.id} was finalised as event {reservation.event_id}; correct that event.",
            field="event_id",
        )
    before = reservation.model_dump(include={"status", "ended_at", "event_id"})
    if reservation.status != ReservationStatus.FINALIZED:
        _end(reservation, ReservationStatus.FINALIZED, at=at, event_id=event.event_id)
        session.flush()
    (answer,) = record_usage(session, tenant_id=tenant_id, events=[event], at=at)
    if isinstance(answer, Refusal):
        reservation.sqlmodel_update(before)
        session.flush()
        lock_head(session, tenant_id=tenant_id)  # the books were read without the hold
        answer.members.pop("alert", None)  # it is undone with the rest
        raise answer
    assert reservation.ended_at is not None
    return Finalized(answer, was_held=reservation.ended_at < reservation.expires_at)


def release_reservation(session: Session, *, tenant_id: str, reservation_id: str, at: datetime) -> Reservation:
    """Let go of a hold: its credits can be spent by others again. Nothing changes where it has ended already.

    Raises NotFound, and ReservationConflict where it was finalised.
    """
    lock_head(session, tenant_id=tenant_id)
    reservation = read_reservation(session, tenant_id=tenant_id, reservation_id=reservation_id)
    if reservation.status == ReservationStatus.FINALIZED:
        raise ReservationConflict(
            f"Reservation {reservation.id} was finalised as event {reservation.event_id}; to take the use back, "
            "correct that event to 0 units.",
            field="reservation_id",
        )
    if reservation.status == ReservationStatus.HELD:
        is_over = reservation.expires_at <= at
        _end(reservation, ReservationStatus.EXPIRED if is_over else ReservationStatus.RELEASED, at=at)
        session.flush()
    return reservation


def read_reservation(session: Session, *, tenant_id: str, reservation_id: str) -> Reservation:
    """One reservation as it is stored. Raises NotFound, also where it is another tenant's."""
    reservation = session.get(Reservation, (tenant_id, reservation_id), populate_existing=True)
    if reservation is None:
        raise NotFound("There is no such reservation.", field="reservation_id")
    return reservation


def _admit(books: Books, use: UsageInput) -> Admitted:
    periods_before = books.admission.periods_opened
    admitted = books.admission.admit(use)
    if books.admission.periods_opened != periods_before:
        books.ledger.forget_lots()
    books.ledger.prepare([admitted])
    return admitted


def _check_count(session: Session, tenant_id: str) -> None:
    held = select(func.count()).select_from(Reservation)
    held = held.where(col(Reservation.tenant_id) == tenant_id, col(Reservation.status) == ReservationStatus.HELD)
    if session.exec(held).one() >= HOLDS_MAX:
        raise ReservationConflict(f"{HOLDS_MAX:,} reservations are held already; finalise or release some first.")


def _end(reservation: Reservation, status: ReservationStatus, *, at: datetime, event_id: str | None = None) -> None:
    """A hold that has ended by itself ended at its own time, or later where that is written down later."""
    had_ended = reservation.status == ReservationStatus.EXPIRED
    reservation.status = status
    reservation.ended_at = max(at, reservation.expires_at) if had_ended else at
    reservation.event_id = event_id
