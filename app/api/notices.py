"""/v1/notices: what happened, in order, for who would rather ask than be told; and for what a webhook missed."""

from typing import Annotated

from fastapi import Query

from app import unit_of_work
from app.api.credentials import needs, tenant_of
from app.api.documentation import READ, problems
from app.api.exact_route import api_router
from app.api.listing import LIMIT_DEFAULT, SEQ_MAX, Cursor, Limit, TenantQuery, read_seq, write_cursor
from app.api.schemas.webhooks import NoticePage, NoticeShown
from services import notices
from services.api_keys import Principal
from services.database import Session

router = api_router("/v1", "Webhooks")

After = Annotated[int, Query(ge=0, le=SEQ_MAX, description="The `sequence` of the last one you know; 0 for none.")]


@router.get("/notices", responses=problems(READ))
async def list_notices(
    tenant_id: TenantQuery = None,
    after: After = 0,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
    caller: Principal = needs("billing:read", "billing:write"),
) -> NoticePage:
    """What happened after the last one you know, in order. Nothing is ever told below a `sequence` you have seen."""
    tenant, after_seq = await tenant_of(caller, named=tenant_id), read_seq(cursor) or after

    def show(session: Session) -> NoticePage:
        page = notices.read_notices(session, tenant_id=tenant, after_seq=after_seq, limit=limit + 1)
        following = write_cursor(page[limit - 1].seq) if len(page) > limit else None
        return NoticePage(notices=[NoticeShown.of(each) for each in page[:limit]], next_cursor=following)

    return await unit_of_work.read(show)
