"""GET /v1/billing/dashboard: the overview as JSON."""

from app import unit_of_work
from app.api.credentials import needs, tenant_of
from app.api.documentation import READ, problems
from app.api.exact_route import api_router
from app.api.listing import SubscriptionQuery, TenantQuery
from app.api.schemas.dashboard import DashboardShown
from services.api_keys import Principal
from services.dashboard import read_dashboard

router = api_router("/v1/billing", "Dashboard")


@router.get("/dashboard", responses=problems(READ))
async def show_dashboard(
    tenant_id: TenantQuery = None, subscription_id: SubscriptionQuery = None, caller: Principal = needs("billing:read")
) -> DashboardShown:
    """Plan, credits, assets, sites, the bill that is running up, alerts, and what is to be paid."""
    tenant = await tenant_of(caller, named=tenant_id, subscription_id=subscription_id)
    found = await unit_of_work.read(
        read_dashboard, tenant_id=tenant, subscription_id=subscription_id, at=unit_of_work.now()
    )
    return DashboardShown(**found)
