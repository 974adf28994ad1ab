"""/v1/assets/source: an address of the customer's that is asked for its assets, so that nobody has to send them."""

import asyncio

from starlette.responses import Response

from app import asset_pulls, unit_of_work
from app.api.commands import REPLAYED_HEADER, Command, command
from app.api.credentials import needs, tenant_of
from app.api.documentation import READ, WRITE, problems
from app.api.exact_route import api_router
from app.api.listing import TenantQuery
from app.api.schemas.asset_source import PullShown, SourceBody, SourceShown
from app.api.schemas.webhooks import TenantBody
from services.api_keys import Principal
from services.assets import sources as asset_sources
from services.database import Session

router = api_router("/v1", "Assets and sites")


@router.put("/assets/source", responses=problems(WRITE))
async def set_source(body: SourceBody, caller: Principal = needs("billing:write")) -> SourceShown:
    """Name the address and how often it is asked. It answers the body of `POST /v1/assets/snapshots`."""
    tenant, at = await tenant_of(caller, named=body.tenant_id), unit_of_work.now()

    def act(session: Session) -> SourceShown:
        asset_sources.set_source(
            session,
            tenant_id=tenant,
            url=body.url,
            every_hours=body.every_hours,
            token=body.token,
            keeps_token="token" not in body.model_fields_set,
            at=at,
        )
        return _shown(session, tenant)

    return await unit_of_work.run(act)


@router.get("/assets/source", responses=problems(READ))
async def read_source(
    tenant_id: TenantQuery = None, caller: Principal = needs("billing:read", "billing:write")
) -> SourceShown:
    """The address, and what the newest askings brought."""
    tenant = await tenant_of(caller, named=tenant_id)
    return await unit_of_work.read(_shown, tenant)


@router.delete("/assets/source", status_code=204, responses=problems(READ))
async def remove_source(tenant_id: TenantQuery = None, caller: Principal = needs("billing:write")) -> Response:
    """Ask no more. What was recorded stays."""
    tenant, at = await tenant_of(caller, named=tenant_id), unit_of_work.now()
    await unit_of_work.run(lambda session: asset_sources.remove_source(session, tenant_id=tenant, at=at))
    return Response(status_code=204)


@router.post("/assets/source/pull", status_code=202, response_model=PullShown, responses=problems(WRITE))
async def pull_now(body: TenantBody, asked: Command = command("billing:write")) -> Response:
    """Ask now, beside the schedule. What came of it is among the `pulls` of `GET /v1/assets/source`."""
    tenant_id, at = await asked.tenant(named=body.tenant_id), unit_of_work.now()

    def act(session: Session) -> PullShown:
        return PullShown.of(asset_sources.ask_now(session, tenant_id=tenant_id, at=at))

    answer = await asked.carry_out(tenant_id, act, status=202)
    if REPLAYED_HEADER not in answer.headers:
        await asyncio.to_thread(asset_pulls.pull_asset_count, tenant_id=tenant_id, at=at)
    return answer


def _shown(session: Session, tenant_id: str) -> SourceShown:
    source = asset_sources.read_source(session, tenant_id=tenant_id)
    return SourceShown.of(source, asset_sources.list_pulls(session, tenant_id=tenant_id))
