"""POST /v1/usage/check: may I?"""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from app import unit_of_work
from app.api.commands import Command, answered, command
from app.api.documentation import WRITE, body_of, problems
from app.api.exact_route import api_router
from app.api.json_body import JSON_TYPE
from app.api.schemas.usage_check import UsageCheckBody, UsageCheckShown
from app.api.usage_input import named_in, read_event
from services.credits.check import check_credits
from services.errors import Unprocessable

router = api_router("/v1/usage", "Usage")

CHECK_FIELDS: Final = frozenset(UsageCheckBody.model_fields)


@router.post(
    "/check",
    response_model=UsageCheckShown,
    responses=problems(WRITE),
    openapi_extra=body_of((JSON_TYPE, UsageCheckBody.model_json_schema())),
)
async def check(request: Request, asked: Command = command("usage:write", "billing:read")) -> Response:
    """Tell whether some use would be taken now and what it would cost beyond the plan. Only reads.

    It is a hint, not a reservation: what is left may be gone by the time the usage is tracked.
    """
    item = request.state.document
    if type(item) is dict and not item.keys() <= CHECK_FIELDS:
        field = min(item.keys() - CHECK_FIELDS)[:80]
        raise Unprocessable(f"{field!r} is not known here; remove it.", field=field)
    tenant_id = await asked.tenant(named=named_in(item, "tenant_id"), subscription_id=named_in(item, "subscription_id"))
    use = read_event(item, tenant_id=tenant_id)
    found = await unit_of_work.read(
        check_credits,
        tenant_id=tenant_id,
        subscription_id=use.subscription_id,
        event_type=use.event_type,
        units_micro=use.units_micro,
        site=use.site,
        at=unit_of_work.now(),
    )
    return answered(UsageCheckShown.of(found))
