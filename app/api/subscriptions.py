"""/v1/subscriptions: start one, look at one, or at all."""

from typing import Annotated

from fastapi import Path
from starlette.responses import Response

from app import unit_of_work
from app.api.commands import Command, command
from app.api.credentials import needs, tenant_of
from app.api.documentation import READ, WRITE, problems
from app.api.exact_route import api_router
from app.api.listing import TenantQuery
from app.api.schemas.subscriptions import SubscriptionBody, SubscriptionShown, SubscriptionsShown
from app.api.schemas.values import ID_PATTERN
from app.api.subscription_changes import shown
from services.api_keys import Principal
from services.database import Session
from services.subscriptions import finding
from services.subscriptions import starting as subscriptions
from services.subscriptions.arrears import check_no_arrears

router = api_router("/v1/subscriptions", "Subscriptions")
SubscriptionId = Annotated[str, Path(pattern=ID_PATTERN)]


@router.post("", status_code=201, response_model=SubscriptionShown, responses=problems(WRITE))
async def create_subscription(body: SubscriptionBody, asked: Command = command("billing:write")) -> Response:
    """Put a customer on a plan. The first base fee is invoiced at once; the first allowance is granted.

    Another beside the main one needs a name of its own; it may be for one site.
    """
    tenant_id = await asked.tenant(named=body.tenant_id)

    def act(session: Session) -> SubscriptionShown:
        check_no_arrears(session, tenant_id=tenant_id)
        made = subscriptions.create_subscription(
            session,
            tenant_id=tenant_id,
            plan_code=body.plan_code,
            start_date=body.start_date,
            interval=body.interval,
            collection=body.collection,
            name=body.name or body.site or "",
            site=body.site,
            at=asked.at,
        )
        return SubscriptionShown.of(made, finding.plan_of(session, made))

    return await asked.carry_out(tenant_id, act, status=201)


@router.get("", responses=problems(READ))
async def list_subscriptions(
    tenant_id: TenantQuery = None, caller: Principal = needs("billing:read")
) -> SubscriptionsShown:
    """All subscriptions of a customer, those that have ended too."""
    tenant = await tenant_of(caller, named=tenant_id)

    def show(session: Session) -> SubscriptionsShown:
        found = finding.list_subscriptions(session, tenant_id=tenant)
        return SubscriptionsShown(subscriptions=[shown(session, each) for each in found])

    return await unit_of_work.read(show)


@router.get("/{subscription_id}", responses=problems(READ))
async def read_subscription(
    subscription_id: SubscriptionId, tenant_id: TenantQuery = None, caller: Principal = needs("billing:read")
) -> SubscriptionShown:
    """One subscription, with the period it is in."""
    tenant = await tenant_of(caller, named=tenant_id, subscription_id=subscription_id)

    def show(session: Session) -> SubscriptionShown:
        return shown(session, finding.read_subscription(session, tenant_id=tenant, subscription_id=subscription_id))

    return await unit_of_work.read(show)
