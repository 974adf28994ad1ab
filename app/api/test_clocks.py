"""/v1/admin/test-clocks/{tenant_id}: a customer's own time, set forward. For operators, and only in development."""

import asyncio
from typing import Annotated

from fastapi import Path

from app import time_travel, unit_of_work
from app.api.credentials import needs, tenant_of
from app.api.documentation import READ, WRITE, problems
from app.api.exact_route import api_router
from app.api.schemas.test_clocks import ClockBody, ClockShown
from app.api.schemas.values import ID_PATTERN
from services.api_keys import OPERATOR_SCOPE, Principal
from services.database import Session
from services.tenant_clocks import now_of, read_clock

router = api_router("/v1/admin/test-clocks/{tenant_id}", "Test clocks")
TenantId = Annotated[str, Path(pattern=ID_PATTERN)]


@router.get("", responses=problems(READ))
async def read_test_clock(tenant_id: TenantId, caller: Principal = needs(OPERATOR_SCOPE)) -> ClockShown:
    """What time it is for a customer that has a test clock."""
    tenant = await tenant_of(caller, named=tenant_id)
    at = unit_of_work.now()

    def show(session: Session) -> ClockShown:
        read_clock(session, tenant_id=tenant)
        return ClockShown(tenant_id=tenant, now=now_of(session, tenant_id=tenant, at=at), stops=0, told=[])

    return await unit_of_work.read(show)


@router.put("", responses=problems(WRITE))
async def set_test_clock(tenant_id: TenantId, body: ClockBody, caller: Principal = needs(OPERATOR_SCOPE)) -> ClockShown:
    """Give a customer a test clock, and set it forward to `to`: all that falls due on the way is done at its moment.

    Doing it again changes nothing: a clock is never set back.
    """
    tenant = await tenant_of(caller, named=tenant_id)
    journey = await asyncio.to_thread(time_travel.start, tenant_id=tenant)
    if body.to is not None:
        journey = await asyncio.to_thread(time_travel.advance, tenant_id=tenant, to=body.to)
    return ClockShown.of(journey)
