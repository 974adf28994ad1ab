"""/v1/webhook-endpoints: addresses that are told what happens. Calls out live by our own clock, never a test clock."""

import asyncio
from typing import Annotated, Final

from fastapi import Path
from starlette.responses import Response

from app import unit_of_work
from app.api.commands import REPLAYED_HEADER, Command, command
from app.api.credentials import needs, tenant_of
from app.api.documentation import READ, WRITE, problems
from app.api.exact_route import api_router
from app.api.listing import LIMIT_DEFAULT, Cursor, Limit, TenantQuery, read_seq, write_cursor
from app.api.schemas.values import ID_PATTERN
from app.api.schemas.webhooks import (
    DeliveryDetailShown,
    DeliveryPage,
    DeliveryShown,
    EndpointBody,
    EndpointChangeBody,
    EndpointShown,
    EndpointsShown,
    ReplayBody,
    ReplayShown,
    RotateBody,
    SecretShown,
    TenantBody,
)
from app.webhook_deliveries import deliver_test
from models import WebhookEndpoint
from services.api_keys import Principal
from services.database import Session
from services.webhooks import endpoints, records, replays
from services.webhooks.endpoints import EndpointChanges
from services.webhooks.waiting import count_waiting

router = api_router("/v1", "Webhooks")

PATH: Final = "/webhook-endpoints/{endpoint_id}"
EndpointId = Annotated[str, Path(pattern=ID_PATTERN)]
DeliveryId = Annotated[str, Path(pattern=ID_PATTERN)]
_reads = needs("billing:read", "billing:write")
_writes = needs("billing:write")


@router.post("/webhook-endpoints", status_code=201, response_model=EndpointShown, responses=problems(WRITE))
async def create_endpoint(body: EndpointBody, asked: Command = command("billing:write")) -> Response:
    """Register an address for what happens from now on. Read the secret it verifies with at `/secret`."""
    tenant_id, at = await asked.tenant(named=body.tenant_id), unit_of_work.now()

    def act(session: Session) -> EndpointShown:
        made = endpoints.create_endpoint(
            session,
            tenant_id=tenant_id,
            url=body.url,
            description=body.description,
            event_types=body.event_types,
            at=at,
        )
        return _shown(session, made)

    return await asked.carry_out(tenant_id, act, status=201)


@router.get("/webhook-endpoints", responses=problems(READ))
async def list_endpoints(tenant_id: TenantQuery = None, caller: Principal = _reads) -> EndpointsShown:
    """The endpoints, the oldest first; there are ten at most."""
    tenant = await tenant_of(caller, named=tenant_id)

    def show(session: Session) -> EndpointsShown:
        found = endpoints.list_endpoints(session, tenant_id=tenant)
        return EndpointsShown(endpoints=[_shown(session, each) for each in found])

    return await unit_of_work.read(show)


@router.get(PATH, responses=problems(READ))
async def read_endpoint(
    endpoint_id: EndpointId, tenant_id: TenantQuery = None, caller: Principal = _reads
) -> EndpointShown:
    """One endpoint, and how many messages wait for it."""
    tenant = await tenant_of(caller, named=tenant_id)

    def show(session: Session) -> EndpointShown:
        return _shown(session, endpoints.read_endpoint(session, tenant_id=tenant, endpoint_id=endpoint_id))

    return await unit_of_work.read(show)


@router.patch(PATH, responses=problems(WRITE))
async def change_endpoint(
    endpoint_id: EndpointId, body: EndpointChangeBody, caller: Principal = _writes
) -> EndpointShown:
    """Change an endpoint, turn it off or on again."""
    tenant, at = await tenant_of(caller, named=body.tenant_id), unit_of_work.now()
    changes = EndpointChanges(
        url=body.url,
        description=body.description,
        event_types=body.event_types,
        wants_all=body.wants_all,
        enabled=body.enabled,
        skips_held=body.skip_held,
    )

    def act(session: Session) -> EndpointShown:
        changed = endpoints.change_endpoint(session, tenant_id=tenant, endpoint_id=endpoint_id, changes=changes, at=at)
        return _shown(session, changed)

    return await unit_of_work.run(act)


@router.delete(PATH, status_code=204, responses=problems(READ))
async def delete_endpoint(
    endpoint_id: EndpointId, tenant_id: TenantQuery = None, caller: Principal = _writes
) -> Response:
    """Send nothing there any more, and forget its secret."""
    tenant, at = await tenant_of(caller, named=tenant_id), unit_of_work.now()
    await unit_of_work.run(
        lambda session: endpoints.delete_endpoint(session, tenant_id=tenant, endpoint_id=endpoint_id, at=at)
    )
    return Response(status_code=204)


@router.get(f"{PATH}/secret", responses=problems(READ))
async def read_secret(
    endpoint_id: EndpointId, tenant_id: TenantQuery = None, caller: Principal = _writes
) -> SecretShown:
    """What to verify signatures with. During a rotation, the secret before as well."""
    tenant, at = await tenant_of(caller, named=tenant_id), unit_of_work.now()

    def show(session: Session) -> SecretShown:
        endpoint = endpoints.read_endpoint(session, tenant_id=tenant, endpoint_id=endpoint_id)
        secret, *previous = endpoints.open_secrets(session, endpoint, at=at)
        return SecretShown(
            secret=secret,
            previous_secret=previous[0] if previous else None,
            previous_secret_expires_at=endpoint.previous_expires_at if previous else None,
        )

    return await unit_of_work.read(show)


@router.post(f"{PATH}/rotate-secret", response_model=EndpointShown, responses=problems(WRITE))
async def rotate_secret(
    endpoint_id: EndpointId, body: RotateBody, asked: Command = command("billing:write")
) -> Response:
    """Make a new secret; the one before signs as well for `overlap_hours`."""
    tenant_id, at = await asked.tenant(named=body.tenant_id), unit_of_work.now()

    def act(session: Session) -> EndpointShown:
        rotated = endpoints.rotate_secret(
            session, tenant_id=tenant_id, endpoint_id=endpoint_id, overlap_hours=body.overlap_hours, at=at
        )
        return _shown(session, rotated)

    return await asked.carry_out(tenant_id, act)


@router.post(f"{PATH}/test", status_code=202, response_model=DeliveryShown, responses=problems(WRITE))
async def send_test(endpoint_id: EndpointId, body: TenantBody, asked: Command = command("billing:write")) -> Response:
    """Send a `webhook.test` now, once and out of turn. What came of it is at `/deliveries/{delivery_id}`."""
    tenant_id, at = await asked.tenant(named=body.tenant_id), unit_of_work.now()
    written: list[str] = []

    def act(session: Session) -> DeliveryShown:
        test = replays.ask_test(session, tenant_id=tenant_id, endpoint_id=endpoint_id, at=at)
        written.append(test.id)
        record, _ = records.read_delivery(session, tenant_id=tenant_id, endpoint_id=endpoint_id, delivery_id=test.id)
        return DeliveryShown.of(record)

    answer = await asked.carry_out(tenant_id, act, status=202)
    if written and REPLAYED_HEADER not in answer.headers:
        await asyncio.to_thread(deliver_test, tenant_id=tenant_id, delivery_id=written[0], at=at)
    return answer


@router.post(f"{PATH}/replay", status_code=202, response_model=ReplayShown, responses=problems(WRITE))
async def replay(endpoint_id: EndpointId, body: ReplayBody, asked: Command = command("billing:write")) -> Response:
    """Send a notice again, or all since a moment, behind what waits already and under the same ids."""
    tenant_id, at = await asked.tenant(named=body.tenant_id), unit_of_work.now()
    named = {"tenant_id": tenant_id, "endpoint_id": endpoint_id}

    def act(session: Session) -> ReplayShown:
        if body.notice_id is not None:
            queued = [replays.replay_notice(session, **named, notice_id=body.notice_id, at=at)]
        else:
            assert body.since is not None, "the body has one of both"
            queued = replays.replay_since(session, **named, since=body.since, at=at)
        return ReplayShown(queued=len(queued), delivery_ids=[each.id for each in queued])

    return await asked.carry_out(tenant_id, act, status=202)


@router.get(f"{PATH}/deliveries", responses=problems(READ))
async def list_deliveries(
    endpoint_id: EndpointId,
    tenant_id: TenantQuery = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
    caller: Principal = _reads,
) -> DeliveryPage:
    """What was sent to an endpoint, the newest first."""
    tenant, before = await tenant_of(caller, named=tenant_id), read_seq(cursor)

    def show(session: Session) -> DeliveryPage:
        page = records.list_deliveries(
            session, tenant_id=tenant, endpoint_id=endpoint_id, limit=limit + 1, before_position=before
        )
        following = write_cursor(page[limit - 1].delivery.position) if len(page) > limit else None
        return DeliveryPage(deliveries=[DeliveryShown.of(each) for each in page[:limit]], next_cursor=following)

    return await unit_of_work.read(show)


@router.get(f"{PATH}/deliveries/{{delivery_id}}", responses=problems(READ))
async def read_delivery(
    endpoint_id: EndpointId, delivery_id: DeliveryId, tenant_id: TenantQuery = None, caller: Principal = _reads
) -> DeliveryDetailShown:
    """One delivery: its body, and every attempt with its answer."""
    tenant = await tenant_of(caller, named=tenant_id)

    def show(session: Session) -> DeliveryDetailShown:
        record, message = records.read_delivery(
            session, tenant_id=tenant, endpoint_id=endpoint_id, delivery_id=delivery_id
        )
        return DeliveryDetailShown.of_message(record, message)

    return await unit_of_work.read(show)


def _shown(session: Session, endpoint: WebhookEndpoint) -> EndpointShown:
    return EndpointShown.of(endpoint, count_waiting(session, endpoint))
