"""/v1/checkout/sessions and /v1/billing-portal/sessions: the payment provider's hosted pages."""

import json
from typing import Annotated

from fastapi import Path
from starlette.responses import Response

from app import checkout, unit_of_work
from app.api.commands import REPLAYED_HEADER, Command, command, rendered
from app.api.credentials import needs, tenant_of
from app.api.documentation import HOSTED, READ, problems
from app.api.exact_route import api_router
from app.api.listing import TenantQuery
from app.api.schemas.checkout import CheckoutBody, CheckoutShown, PortalBody, PortalShown
from app.api.schemas.values import ID_PATTERN
from services.api_keys import Principal
from services.database import Session
from services.gateways.stripe.connection import connection
from services.payments import checkouts

router = api_router("/v1", "Checkout")
CheckoutId = Annotated[str, Path(pattern=ID_PATTERN)]


@router.post("/checkout/sessions", status_code=201, response_model=CheckoutShown, responses=problems(HOSTED))
async def open_checkout(body: CheckoutBody, asked: Command = command("billing:write")) -> Response:
    """Open the hosted page on which a plan is bought: trial, promotion code and tax id are asked for there.

    A customer who has a subscription changes its plan instead, or names another one: 409.
    """
    tenant_id = await asked.tenant(named=body.tenant_id)
    account = connection().account

    def act(session: Session) -> dict[str, str]:
        made = checkouts.ask_checkout(
            session,
            tenant_id=tenant_id,
            plan_code=body.plan_code,
            interval=body.interval,
            account=account,
            name=body.name or body.site or "",
            site=body.site,
            at=asked.at,
        )
        return {"checkout_id": made.id}

    answer = await asked.carry_out(tenant_id, act, status=201)
    checkout_id = json.loads(answer.body)["checkout_id"]
    opened = await checkout.open_checkout(tenant_id=tenant_id, checkout_id=checkout_id)
    replayed = {name: value for name, value in answer.headers.items() if name.lower() == REPLAYED_HEADER.lower()}
    return Response(rendered(CheckoutShown.of(opened)), 201, replayed, "application/json")


@router.get("/checkout/sessions/{checkout_id}", responses=problems(READ))
async def read_checkout(
    checkout_id: CheckoutId, tenant_id: TenantQuery = None, caller: Principal = needs("billing:read")
) -> CheckoutShown:
    """What became of a checkout. It is complete once the provider has said so and the subscription has started."""
    tenant = await tenant_of(caller, named=tenant_id)
    return CheckoutShown.of(await unit_of_work.read(checkouts.read_checkout, tenant_id=tenant, checkout_id=checkout_id))


@router.post("/billing-portal/sessions", status_code=201, response_model=PortalShown, responses=problems(HOSTED))
async def open_portal(body: PortalBody, asked: Command = command("billing:write")) -> Response:
    """Open the hosted page for cards, invoices and billing details. 409 before anything was bought there."""
    tenant_id = await asked.tenant(named=body.tenant_id)
    url = await checkout.open_portal(tenant_id=tenant_id)
    return Response(rendered(PortalShown(url=url)), 201, media_type="application/json")
