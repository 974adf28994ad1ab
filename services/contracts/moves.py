"""Move a subscription to the terms of a contract: now, or as what is paid ends."""

from datetime import datetime
from typing import Any

from sqlmodel import Session

from models import Interval
from services.contracts.agreements import check_offered, read_contract
from services.rules.periods import business_date
from services.subscriptions.change_preview import PlanChange, When, preview_change
from services.subscriptions.plan_changes import change_plan
from services.tenants import read_tenant


def move_to_contract(
    session: Session,
    *,
    tenant_id: str,
    contract_id: str,
    subscription_id: str,
    at: datetime,
    when: When | None = None,
    interval: Interval | None = None,
    by: str = "",
    preview: bool = False,
) -> PlanChange:
    """Change a subscription to a contract's plan version; with `preview` only say what that comes to.

    The contract must be there to be taken up on the day it takes effect. Raises NotFound, Conflict where it is not, and
    what `change_plan` raises.
    """
    contract = read_contract(session, tenant_id=tenant_id, contract_id=contract_id)
    wanted: dict[str, Any] = {
        "tenant_id": tenant_id,
        "subscription_id": subscription_id,
        "version_id": contract.plan_version_id,
        "interval": interval,
        "when": when,
        "at": at,
    }
    shown = preview_change(session, **wanted)
    timezone = read_tenant(session, tenant_id=tenant_id).timezone
    check_offered(session, contract, on=business_date(shown.effective_at, timezone))
    return shown if preview else change_plan(session, **wanted, by=by)
