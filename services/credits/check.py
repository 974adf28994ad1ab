"""May I? Whether some use would be taken now, and what it would cost: asked before the work is done."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlmodel import Session

from services.credits.estimate import Figures, decimal_of, work_out
from services.credits.holds import held_overage, read_holds
from services.errors import UPGRADE_URL, OverageNotAllowed, SpendCapReached, SubscriptionConflict
from services.rules.money import Money
from services.spending.guard import read_own_limits, read_period_spend, spend_key
from services.usage.event_admission import METERED

INCLUDED, OVERAGE = "included", "overage"


@dataclass(frozen=True, slots=True)
class CreditCheck:
    """The answer; credits in millionths.

    `reason` is `included` or `overage` where the use is allowed, else the code of the refusal metering would give.
    `overage_price` is what the bill of the period grows by, rounded as its line is; `overage_price_exact` before that,
    in major units. Both are None where nothing goes beyond, or nothing beyond is sold.
    """

    allowed: bool
    reason: str
    credits_micro: int
    remaining_micro: int
    overage_micro: int
    overage_price: Money | None
    overage_price_exact: Decimal | None
    upgrade_url: str | None


def check_credits(
    session: Session,
    *,
    tenant_id: str,
    event_type: str,
    units_micro: int,
    at: datetime,
    subscription_id: str | None = None,
    site: str | None = None,
) -> CreditCheck:
    """Whether these units would be metered at this moment. Nothing is written or held: it is a hint, no reservation.

    What reservations hold is not there to be used, but that it is taken before use beyond it is sold. Somebody else may
    use what is left before the caller does. Raises NotFound, UnknownEventType and InvalidUnits as metering would.
    """
    found = work_out(
        session,
        tenant_id=tenant_id,
        subscription_id=subscription_id,
        site=site,
        event_type=event_type,
        units_micro=units_micro,
        at=at,
    )
    reason = _reason(session, found, at)
    goes_beyond = bool(found.beyond_micro)
    price, exact = found.added(found.beyond_micro) if goes_beyond and found.is_sold else (None, None)
    return CreditCheck(
        allowed=reason in (INCLUDED, OVERAGE),
        reason=reason,
        credits_micro=found.credits_micro,
        remaining_micro=found.left_micro,
        overage_micro=found.beyond_micro,
        overage_price=price,
        overage_price_exact=None if exact is None else decimal_of(exact),
        upgrade_url=UPGRADE_URL if goes_beyond else None,
    )


def _reason(session: Session, found: Figures, at: datetime) -> str:
    if found.subscription.status not in METERED:
        return SubscriptionConflict.code
    if not found.beyond_micro and not found.lent_micro:
        return INCLUDED
    if not found.is_sold:
        return OverageNotAllowed.code
    if _passes_cap(session, found, at):
        return SpendCapReached.code
    return OVERAGE if found.beyond_micro else INCLUDED


def _passes_cap(session: Session, found: Figures, at: datetime) -> bool:
    """Whether the customer's own cap would refuse what goes beyond the allowance."""
    subscription = found.subscription
    tenant_id, subscription_id = subscription.tenant_id, subscription.id
    cap_minor = read_own_limits(session, tenant_id=tenant_id, subscription_id=subscription_id).cap_minor
    if cap_minor is None:
        return False
    holds = read_holds(session, tenant_ids=[tenant_id], at=at)[tenant_id]
    spend = read_period_spend(
        session,
        tenant_id=tenant_id,
        subscription_id=subscription_id,
        period_start=found.period_start,
        plan=found.plan,
        held=lambda part_start: held_overage(holds, subscription_id, part_start),
    )
    key = spend_key(found.pool.code, found.period_start)
    return spend.exceeds(cap_minor, spend.after(key, found.beyond_micro, held_micro=found.lent_micro))
