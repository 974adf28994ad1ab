"""/v1/assets/snapshots and /v1/sites: what the customer runs, and where."""

from starlette.responses import Response

from app import unit_of_work
from app.api.commands import Command, command
from app.api.credentials import needs, tenant_of
from app.api.documentation import READ, WRITE, problems
from app.api.exact_route import api_router
from app.api.listing import LIMIT_DEFAULT, Cursor, Limit, TenantQuery, read_text, write_cursor
from app.api.schemas.assets import SiteBody, SitePage, SiteShown, SnapshotBody, SnapshotShown
from services.api_keys import Principal
from services.assets import snapshots as assets
from services.database import Session

router = api_router("/v1", "Assets and sites")


@router.post("/assets/snapshots", status_code=201, response_model=SnapshotShown, responses=problems(WRITE))
async def record_snapshot(body: SnapshotBody, asked: Command = command("billing:write", "usage:write")) -> Response:
    """Say how many assets there are. A site named for the first time is added, if the plan has room for it."""
    tenant_id = await asked.tenant(named=body.tenant_id)

    def act(session: Session) -> SnapshotShown:
        recorded = assets.record_snapshot(
            session,
            tenant_id=tenant_id,
            asset_count=body.asset_count,
            site_breakdown=body.site_breakdown,
            captured_at=body.captured_at,
            at=asked.at,
        )
        return SnapshotShown.of(recorded)

    return await asked.carry_out(tenant_id, act, status=201)


@router.post("/sites", status_code=201, response_model=SiteShown, responses=problems(WRITE))
async def add_site(body: SiteBody, asked: Command = command("billing:write")) -> Response:
    """Add a site that usage may be metered for."""
    tenant_id = await asked.tenant(named=body.tenant_id)

    def act(session: Session) -> SiteShown:
        return SiteShown.of(assets.add_site(session, tenant_id=tenant_id, code=body.code, name=body.name, at=asked.at))

    return await asked.carry_out(tenant_id, act, status=201)


@router.get("/sites", responses=problems(READ))
async def list_sites(
    tenant_id: TenantQuery = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
    caller: Principal = needs("billing:read"),
) -> SitePage:
    """The sites by code."""
    tenant = await tenant_of(caller, named=tenant_id)

    def show(session: Session) -> SitePage:
        after = read_text(cursor)
        rest = [site for site in assets.list_sites(session, tenant_id=tenant) if after is None or site.code > after]
        following = write_cursor(rest[limit - 1].code) if len(rest) > limit else None
        return SitePage(sites=[SiteShown.of(site) for site in rest[:limit]], next_cursor=following)

    return await unit_of_work.read(show)
