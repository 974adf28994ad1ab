"""/v1/spend-cap and /v1/alerts: what use beyond the allowance may cost, and when the customer is told."""

from app import unit_of_work
from app.api.credentials import needs, tenant_of
from app.api.documentation import READ, WRITE, problems
from app.api.exact_route import api_router
from app.api.listing import LIMIT_DEFAULT, Cursor, Limit, SubscriptionQuery, TenantQuery, read_text, write_cursor
from app.api.schemas.spend_controls import (
    AlertsShown,
    RaisedAlert,
    SpendCapBody,
    SpendCapShown,
    ThresholdsBody,
    ThresholdsShown,
)
from services.api_keys import Principal
from services.database import Session
from services.spending import controls as spend_controls

router = api_router("/v1", "Spending limit and alerts")


@router.get("/spend-cap", responses=problems(READ))
async def read_spend_cap(
    tenant_id: TenantQuery = None,
    subscription_id: SubscriptionQuery = None,
    caller: Principal = needs("billing:read", "billing:write"),
) -> SpendCapShown:
    """The customer's own cap on charges for use beyond the allowance, and what is spent of it."""
    tenant = await tenant_of(caller, named=tenant_id, subscription_id=subscription_id)
    found = await unit_of_work.read(
        spend_controls.read_spend_control, tenant_id=tenant, subscription_id=subscription_id
    )
    return SpendCapShown.of(found)


@router.put("/spend-cap", responses=problems(WRITE))
async def set_spend_cap(body: SpendCapBody, caller: Principal = needs("billing:write")) -> SpendCapShown:
    """Set the cap, or take it away with null. One below what is spent stops further use beyond the allowance."""
    tenant = await tenant_of(caller, named=body.tenant_id, subscription_id=body.subscription_id)
    found = await unit_of_work.run(
        spend_controls.set_spend_cap,
        tenant_id=tenant,
        subscription_id=body.subscription_id,
        cap=body.cap,
        by=caller.key_id,
        at=unit_of_work.now(),
    )
    return SpendCapShown.of(found)


@router.get("/alerts", responses=problems(READ))
async def list_alerts(
    tenant_id: TenantQuery = None,
    subscription_id: SubscriptionQuery = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
    caller: Principal = needs("billing:read", "billing:write"),
) -> AlertsShown:
    """The alerts of the running period, newest first, and the thresholds that raise them."""
    tenant = await tenant_of(caller, named=tenant_id, subscription_id=subscription_id)
    after_id = read_text(cursor)

    def show(session: Session) -> AlertsShown:
        found = spend_controls.read_spend_control(session, tenant_id=tenant, subscription_id=subscription_id)
        page = spend_controls.list_alerts(
            session, tenant_id=tenant, subscription_id=subscription_id, limit=limit + 1, after_id=after_id
        )
        return AlertsShown(
            **ThresholdsShown.of(found).model_dump(),
            alerts=[RaisedAlert.of(alert) for alert in page[:limit]],
            next_cursor=write_cursor(page[limit - 1].id) if len(page) > limit else None,
        )

    return await unit_of_work.read(show)


@router.put("/alerts", responses=problems(WRITE))
async def set_alert_thresholds(body: ThresholdsBody, caller: Principal = needs("billing:write")) -> ThresholdsShown:
    """Be told at these percentages of each pool instead of 80."""
    tenant = await tenant_of(caller, named=body.tenant_id, subscription_id=body.subscription_id)
    found = await unit_of_work.run(
        spend_controls.set_alert_thresholds,
        tenant_id=tenant,
        subscription_id=body.subscription_id,
        thresholds_pct=body.thresholds_pct,
        by=caller.key_id,
        at=unit_of_work.now(),
    )
    return ThresholdsShown.of(found)
