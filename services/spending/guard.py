"""The customer's own cap while events are booked, and what a period has cost beyond its allowance so far."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam, select
from sqlmodel import Session, col

from models import BillingPeriod, PoolUsage, SpendControl, Subscription, table_of
from services.closing.period_parts import parts_of
from services.credits.holds import Holds
from services.errors import RAISE_CAP_URL, SpendCapReached
from services.price_books.books import plan_version
from services.price_books.plans import Plan
from services.rules.money import Money
from services.rules.price_models import Charge
from services.rules.spend import PeriodSpend, Spent
from services.usage.alerts import LOW_CREDITS_PCT
from services.usage.lanes import Lane


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


HeldIn = Callable[[datetime], Mapping[str, int]]


def no_holds(part_start: datetime) -> Mapping[str, int]:
    """What holds keep of a part of a period, where they are not to be counted."""
    return {}


def spend_key(pool: str, part_start: datetime) -> str:
    """A pool of one part of a period, each of which has its own prices."""
    return f"{pool}@{part_start.isoformat()}"


def read_period_spend(
    session: Session,
    *,
    tenant_id: str,
    subscription_id: str,
    period_start: datetime,
    plan: Plan,
    held: HeldIn = no_holds,
) -> PeriodSpend:
    """What all overage of a period costs at its plans' prices, what was invoiced of it included, by `spend_key`.

    `period_start` is where the period or a part of it starts; `plan` rates it where it is not open yet. What holds keep
    free of each pool beyond its lots (`held`, by the part's start) counts as if it were used already.
    """
    charges: dict[str, Charge] = {}
    overage_micro: dict[str, int] = {}
    held_micro: dict[str, int] = {}
    for part_start, rated in _parts(session, tenant_id, subscription_id, period_start, plan):
        charges |= {spend_key(pool, part_start): charge for pool, charge in rated.overage.items()}
        held_micro |= {spend_key(pool, part_start): micro for pool, micro in held(part_start).items()}
        statement = select(col(PoolUsage.pool), col(PoolUsage.overage_micro)).where(
            col(PoolUsage.tenant_id) == tenant_id,
            col(PoolUsage.subscription_id) == subscription_id,
            col(PoolUsage.period_start) == part_start,
        )
        for pool, micro in session.execute(statement):
            key = spend_key(pool, part_start)
            overage_micro[key] = overage_micro.get(key, 0) + micro
    return PeriodSpend(charges, overage_micro, plan.currency, held_micro)


def _parts(
    session: Session, tenant_id: str, subscription_id: str, period_start: datetime, plan: Plan
) -> list[tuple[datetime, Plan]]:
    """(start, plan) of each part of the period that a part which starts then is of."""
    row = session.get(BillingPeriod, (tenant_id, subscription_id, period_start))
    if row is None:
        return [(period_start, plan)]
    subscription = session.get_one(Subscription, (tenant_id, subscription_id))
    parts = parts_of(session, subscription=subscription, starts_at=row.part_of or row.starts_at)
    return [(part.starts_at, plan_version(session, version_id=part.plan_version_id)) for part in parts]


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
        then = spend.after(spend_key(lane.pool, lane.period_start), overage_micro, held_micro=lent_micro)
        if spend.exceeds(cap_minor, then):
            raise cap_refusal(lane.plan, cap_minor=cap_minor, spent=spend.spent)
        return then

    def check_hold(self, lane: Lane, *, overage_micro: int, cap_minor: int) -> None:
        """Raises SpendCapReached where keeping so much free beyond the lots could take the period above the cap."""
        spend = self._spend(lane)
        key = spend_key(lane.pool, lane.period_start)
        if spend.exceeds(cap_minor, spend.after(key, 0, held_micro=overage_micro)):
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
            self._read(lane)
        return self._periods[key]

    def _read(self, lane: Lane) -> None:
        """Read what a period has cost; its parts share it."""
        tenant_id, subscription_id = self._tenant_id, lane.subscription_id
        spend = read_period_spend(
            self._session,
            tenant_id=tenant_id,
            subscription_id=subscription_id,
            period_start=lane.period_start,
            plan=lane.plan,
            held=lambda part_start: self._holds.overage(subscription_id, part_start),
        )
        for part_start, _ in _parts(self._session, tenant_id, subscription_id, lane.period_start, lane.plan):
            self._periods[subscription_id, part_start] = spend


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
