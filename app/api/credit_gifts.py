"""/v1/admin/credits/grants: give credits for a reason, and take them away again while unused. For operators' keys."""

from typing import Annotated

from fastapi import Path, Query
from starlette.responses import Response

from app import unit_of_work
from app.api.commands import Command, command
from app.api.credentials import needs, tenant_of
from app.api.documentation import READ, WRITE, problems
from app.api.exact_route import api_router
from app.api.listing import LIMIT_DEFAULT, Cursor, Limit, read_text, write_cursor
from app.api.schemas.credit_gifts import GiftBody, GiftShown, GiftsShown, TakeAwayBody
from app.api.schemas.values import ID_PATTERN
from models import CreditGrant
from services.api_keys import OPERATOR_SCOPE, Principal
from services.credits import promotions as credit_promotions
from services.database import Session

router = api_router("/v1/admin/credits/grants", "Credits")
GrantId = Annotated[str, Path(pattern=ID_PATTERN)]


@router.get("", responses=problems(READ))
async def list_grants(
    tenant_id: Annotated[str, Query(pattern=ID_PATTERN, description="Which customer's.")],
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
    caller: Principal = needs(OPERATOR_SCOPE),
) -> GiftsShown:
    """The credits that were given to a customer, newest first."""
    tenant = await tenant_of(caller, named=tenant_id)
    after_id = read_text(cursor)

    def show(session: Session) -> GiftsShown:
        before = None if after_id is None else session.get(CreditGrant, (tenant, after_id))
        page = credit_promotions.list_gifts(session, tenant_id=tenant, limit=limit, before=before)
        return GiftsShown(
            grants=[GiftShown.of(lot) for lot in page],
            next_cursor=write_cursor(page[-1].id) if len(page) == limit else None,
        )

    return await unit_of_work.read(show)


@router.post("", status_code=201, response_model=GiftShown, responses=problems(WRITE))
async def give(body: GiftBody, asked: Command = command(OPERATOR_SCOPE)) -> Response:
    """Give credits of a pool, to be spent from now on."""
    tenant_id = await asked.tenant(named=body.tenant_id, subscription_id=body.subscription_id)

    def act(session: Session) -> GiftShown:
        lot = credit_promotions.give_credits(
            session,
            tenant_id=tenant_id,
            subscription_id=body.subscription_id,
            pool=body.pool,
            credits=body.credits,
            reason=body.reason,
            priority=body.priority,
            expires_at=body.expires_at,
            by=asked.caller.key_id,
            at=asked.at,
        )
        return GiftShown.of(lot)

    return await asked.carry_out(tenant_id, act, status=201)


@router.post("/{grant_id}/revoke", response_model=GiftShown, responses=problems(WRITE))
async def take_away(grant_id: GrantId, body: TakeAwayBody, asked: Command = command(OPERATOR_SCOPE)) -> Response:
    """Take given credits away again, while nothing of them is used."""
    tenant_id = await asked.tenant(named=body.tenant_id)

    def act(session: Session) -> GiftShown:
        return GiftShown.of(
            credit_promotions.take_away(session, tenant_id=tenant_id, lot_id=grant_id, reason=body.reason, at=asked.at)
        )

    return await asked.carry_out(tenant_id, act)
