"""The customer's own cap while events are booked, and what a period has cost beyond its allowance so far."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam, select
from sqlmodel import Session, col

from models import PoolUsage, SpendControl, table_of
from services.errors import RAISE_CAP_URL, SpendCapReached
from services.holds import Holds
from services.plans import Plan
from services.rules.money import Money
from services.rules.spend import PeriodSpend, Spent
from services.usage_alerts import LOW_CREDITS_PCT
from services.usage_lanes import Lane


class OwnLimits(NamedTuple):
    """What the customer set, or what holds where it set nothing. `cap_minor` is None where there is no cap."""

    cap_minor: int | None = None
    thresholds_pct: tuple[int, ...] = (LOW_CREDITS_PCT,)


_c = table_of(SpendControl).c
_limits = select(_c.cap_minor, _c.thresholds_pct).where(
    _c.tenant_id == bindparam("tenant"), _c.subscription_id == bindparam("subscription")
)
"""Built once: building it costs as much as running it."""


def read_own_limits(session: Session, *, tenant_id: str, subscription_id: str) -> OwnLimits:
    """The limits in force."""
    row = session.execute(_limits, {"tenant": tenant_id, "subscription": subscription_id}).first()
    if row is None:
        return OwnLimits()
    return OwnLimits(row.cap_minor, tuple(row.thresholds_pct or (LOW_CREDITS_PCT,)))


def read_period_spend(
    session: Session,
    *,
    tenant_id: str,
    subscription_id: str,
    period_start: datetime,
    plan: Plan,
    held_micro: Mapping[str, int] | None = None,
) -> PeriodSpend:
    """What all overage of a period costs at its plan's prices, what was invoiced of it included.

    With `held_micro`, what holds keep free of each pool beyond its lots counts as if it were used already.
    """
    statement = select(col(PoolUsage.pool), col(PoolUsage.overage_micro)).where(
        col(PoolUsage.tenant_id) == tenant_id,
        col(PoolUsage.subscription_id) == subscription_id,
        col(PoolUsage.period_start) == period_start,
    )
    overage_micro: dict[str, int] = {}
    for pool, micro in session.execute(statement):
        overage_micro[pool] = overage_micro.get(pool, 0) + micro
    return PeriodSpend(plan.overage, overage_micro, plan.currency, held_micro or {})


class SpendGuard:
    """The cap over one run of events of one tenant, whose head the caller has locked."""

    def __init__(self, *, tenant_id: str, holds: Holds) -> None:
        self._tenant_id = tenant_id
        self._holds = holds
        self._limits: dict[str, OwnLimits] = {}
        self._periods: dict[tuple[str, datetime], PeriodSpend] = {}

    def begin(self, session: Session) -> None:
        self._session = session

    def limits_of(self, subscription_id: str) -> OwnLimits:
        """The customer's own limits, read once."""
        limits = self._limits.get(subscription_id)
        if limits is None:
            limits = read_own_limits(self._session, tenant_id=self._tenant_id, subscription_id=subscription_id)
            self._limits[subscription_id] = limits
        return limits

    def check(self, lane: Lane, *, overage_micro: int, lent_micro: int, cap_minor: int) -> Spent:
        """How the event's pool will stand with this overage, and with holds that keep `lent_micro` more free beyond.

        Raises SpendCapReached, having changed nothing.
        """
        spend = self._spend(lane)
        then = spend.after(lane.pool, overage_micro, held_micro=lent_micro)
        if spend.exceeds(cap_minor, then):
            raise cap_refusal(lane.plan, cap_minor=cap_minor, spent=spend.spent)
        return then

    def check_hold(self, lane: Lane, *, overage_micro: int, cap_minor: int) -> None:
        """Raises SpendCapReached where keeping so much free beyond the lots could take the period above the cap."""
        spend = self._spend(lane)
        if spend.exceeds(cap_minor, spend.after(lane.pool, 0, held_micro=overage_micro)):
            raise cap_refusal(lane.plan, cap_minor=cap_minor, spent=spend.spent)

    def keep(self, lane: Lane, then: Spent, *, cap_minor: int) -> bool:
        """Count what `check` allowed; True where it takes the period to its cap exactly, with nothing held on top."""
        spend = self._spend(lane)
        spend.keep(then)
        return 0 < cap_minor == spend.spent.amount_minor and not spend.is_held

    def forget(self) -> None:
        """Read what periods have cost again: holds have ended since. Call it between runs."""
        self._periods = {}

    def _spend(self, lane: Lane) -> PeriodSpend:
        key = (lane.subscription_id, lane.period_start)
        if key not in self._periods:
            self._periods[key] = read_period_spend(
                self._session,
                tenant_id=self._tenant_id,
                subscription_id=lane.subscription_id,
                period_start=lane.period_start,
                plan=lane.plan,
                held_micro=self._holds.overage(lane.subscription_id, lane.period_start),
            )
        return self._periods[key]


def cap_refusal(plan: Plan, *, cap_minor: int, spent: Money) -> SpendCapReached:
    """The refusal of use that would cost more than the customer allows itself."""
    cap, current = Money(cap_minor, plan.currency).plain(), spent.plain()
    message = (
        f"This would take the charges for use beyond the allowance above your spending limit of {cap} {plan.currency} "
        f"a period ({current} so far); raise the limit to go on."
    )
    return SpendCapReached(
        message, error=message, tier=plan.code, cap=cap, current=current, raise_cap_url=RAISE_CAP_URL
    )
