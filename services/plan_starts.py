"""Start the first plan: what it will cost is shown before, and only what was shown is bought."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from models import Interval, Subscription, Tenant
from services import wording
from services.errors import Conflict, Unprocessable
from services.invoice_lines import base_line
from services.price_books import plan_in_force
from services.rules.money import Money
from services.rules.periods import Period, business_date, day_bounds, period_number
from services.subscriptions import check_sellable, create_subscription
from services.tenants import read_tenant


@dataclass(frozen=True)
class StartView:
    """What starting a plan today means. `version_id` names the very prices shown; "" where nothing is asked."""

    plan_code: str = ""
    version_id: str = ""
    interval: str = Interval.MONTH.value
    title: str = ""
    today: str = ""
    today_detail: str = ""
    period: str = ""
    after: str = ""


NOTHING_ASKED = StartView()


def preview_start(session: Session, *, tenant_id: str, plan_code: str, interval: str, at: datetime) -> StartView:
    """What is invoiced today and what follows. Raises UnknownPlan, SubscriptionConflict and Unprocessable."""
    tenant = read_tenant(session, tenant_id=tenant_id)
    plan = plan_in_force(session, plan_code=plan_code)
    check_sellable(session, plan=plan, tenant=tenant)
    chosen = _interval(interval)
    period = _first_period(tenant, at)
    base = base_line(plan, interval=chosen, period=period, term_index=0)
    due = Money.zero(plan.currency) if base is None else base.amount
    next_day = wording.moment_day(period.ends_at, tenant.timezone)
    is_yearly = chosen == Interval.YEAR
    return StartView(
        plan_code=plan.code,
        version_id=plan.version_id,
        interval=chosen.value,
        title=f"Start {plan.name}?",
        today=wording.money(due),
        today_detail="Nothing is invoiced today" if base is None else f"{base.description}, due in advance",
        period=wording.span(period.starts_at, period.ends_at, tenant.timezone),
        after=(
            f"Use beyond what is included is invoiced every month, first on {next_day}."
            + (" The base fee is due again in a year." if is_yearly else " The next base fee is due then.")
        ),
    )


def start_plan(
    session: Session, *, tenant_id: str, plan_code: str, interval: str, version_id: str, at: datetime
) -> Subscription:
    """Put the customer on the plan that was shown. Raises Conflict where its terms have changed since."""
    if plan_in_force(session, plan_code=plan_code).version_id != version_id:
        raise Conflict("The terms of this plan have changed since you looked. Check them again, then start it.")
    return create_subscription(session, tenant_id=tenant_id, plan_code=plan_code, interval=_interval(interval), at=at)


def _interval(interval: str) -> Interval:
    try:
        return Interval(interval)
    except ValueError as error:
        raise Unprocessable("Choose to be billed by month or by year.", field="interval") from error


def _first_period(tenant: Tenant, at: datetime) -> Period:
    """The period a subscription started now begins with: from midnight of today in the customer's time zone."""
    midnight, _ = day_bounds(business_date(at, tenant.timezone), tenant.timezone)
    return period_number(midnight, tenant.timezone, 0)
