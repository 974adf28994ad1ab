"""/v1/usage/reservations: hold credits before work whose size is not known; then meter it, or let go."""

import re
from datetime import timedelta
from typing import Annotated, Any, Final

from fastapi import Path
from starlette.requests import Request
from starlette.responses import Response

from app.api.commands import Command, command
from app.api.documentation import METER, body_of, problems
from app.api.exact_route import api_router
from app.api.json_body import JSON_TYPE
from app.api.listing import TenantQuery
from app.api.schemas.reservations import (
    EXPIRES_IN_SECONDS,
    EXPIRES_IN_SECONDS_MAX,
    FinalizeBody,
    FinalizedShown,
    ReservationBody,
    ReservationShown,
)
from app.api.schemas.values import ID_PATTERN
from app.api.usage_input import named_in, read_event
from services.credits import reservations
from services.database import Session
from services.errors import Unprocessable
from services.usage.metered import UsageInput

router = api_router("/v1/usage/reservations", "Reservations")

RESERVE_FIELDS: Final = frozenset(ReservationBody.model_fields)
FINALIZE_FIELDS: Final = frozenset(FinalizeBody.model_fields)
_ID: Final = re.compile(ID_PATTERN)
ReservationId = Annotated[str, Path(pattern=ID_PATTERN)]


@router.post(
    "",
    status_code=201,
    response_model=ReservationShown,
    responses=problems(METER),
    openapi_extra=body_of((JSON_TYPE, ReservationBody.model_json_schema())),
)
async def reserve(request: Request, asked: Command = command("usage:write")) -> Response:
    """Hold what some use would burn, until it is finalised, released, or ends by itself: up to that much will be taken.

    Others are refused what would leave too little. Where the plan sells more they are not, but by a spending limit:
    then it is the use that comes last that goes beyond the allowance.
    """
    item = request.state.document
    tenant_id = await asked.tenant(named=named_in(item, "tenant_id"), subscription_id=named_in(item, "subscription_id"))
    use = _read(item, RESERVE_FIELDS, tenant_id=tenant_id)
    expires_in, reservation_id = _expires_in(item), _reservation_id(item)

    def act(session: Session) -> ReservationShown:
        made = reservations.reserve_credits(
            session,
            tenant_id=tenant_id,
            subscription_id=use.subscription_id,
            event_type=use.event_type,
            units_micro=use.units_micro,
            site=use.site,
            reservation_id=reservation_id,
            expires_in=expires_in,
            at=asked.at,
        )
        return ReservationShown.of(made)

    return await asked.carry_out(tenant_id, act, status=201)


@router.post(
    "/{reservation_id}/finalize",
    response_model=FinalizedShown,
    responses=problems(METER),
    openapi_extra=body_of((JSON_TYPE, FinalizeBody.model_json_schema())),
)
async def finalize(
    request: Request, reservation_id: ReservationId, asked: Command = command("usage:write")
) -> Response:
    """Meter what the work took and let go of the hold. Up to the units held it is taken, whatever came between."""
    item = request.state.document
    tenant_id = await asked.tenant(named=named_in(item, "tenant_id"))
    use = _read(item, FINALIZE_FIELDS, tenant_id=tenant_id, event_type="reserved")

    def act(session: Session) -> FinalizedShown:
        made = reservations.finalize_reservation(
            session, tenant_id=tenant_id, reservation_id=reservation_id, use=use, at=asked.at
        )
        return FinalizedShown.of(made)

    return await asked.carry_out(tenant_id, act)


@router.post("/{reservation_id}/release", response_model=ReservationShown, responses=problems(METER))
async def release(
    reservation_id: ReservationId, tenant_id: TenantQuery = None, asked: Command = command("usage:write")
) -> Response:
    """Let go of a hold. Nothing changes where it has ended already."""
    tenant = await asked.tenant(named=tenant_id)

    def act(session: Session) -> ReservationShown:
        return ReservationShown.of(
            reservations.release_reservation(session, tenant_id=tenant, reservation_id=reservation_id, at=asked.at)
        )

    return await asked.carry_out(tenant, act)


def _read(item: Any, known: frozenset[str], *, tenant_id: str, **filled: str) -> UsageInput:
    """The use, read as an event is, but for the fields that only reservations have."""
    if type(item) is not dict:
        raise Unprocessable("A reservation is a JSON object.")
    if not item.keys() <= known:
        field = min(item.keys() - known)[:80].encode(errors="replace").decode()
        raise Unprocessable(f"{field!r} is not known here; remove it.", field=field)
    event = {name: value for name, value in item.items() if name not in ("expires_in", "reservation_id")}
    return read_event(event | filled, tenant_id=tenant_id)


def _expires_in(item: dict[str, Any]) -> timedelta:
    seconds = item.get("expires_in", EXPIRES_IN_SECONDS)
    if type(seconds) is not int or not 1 <= seconds <= EXPIRES_IN_SECONDS_MAX:
        raise Unprocessable(
            f"expires_in must be a whole number of seconds, 1 to {EXPIRES_IN_SECONDS_MAX:,}.", field="expires_in"
        )
    return timedelta(seconds=seconds)


def _reservation_id(item: dict[str, Any]) -> str | None:
    if item.get("reservation_id") is None:
        return None
    named = named_in(item, "reservation_id")
    if named is None or not _ID.fullmatch(named):
        raise Unprocessable("reservation_id has 1 to 64 letters, digits, - and _.", field="reservation_id")
    return named
