"""How each pool of a customer stands: what was used in the window that runs now, what is left, what went beyond.

Read from counters and lots, never from events, for one subscription or for a page of them at once.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlmodel import Session, col, or_, select

from models import BillingPeriod, CreditGrant, GrantKind, PoolUsage, Subscription
from services.credits.holds import Hold, held_of_lots, held_overage, read_holds
from services.price_books.plans import Plan, Pool
from services.rules.periods import business_date, day_bounds

LOW_PCT, FULL_PCT = 80, 100


@dataclass(frozen=True, slots=True)
class PoolBalance:
    """One pool in the window from `starts_at` to `ends_at`; credits in millionths.

    `included_micro` is what the plan gives for the window. `capacity_micro` is all that could be spent in it: what
    was burned from lots, bought ones too, and what they still have. Use beyond that is `overage_micro`. Of what they
    have, `held_micro` is on hold for reservations and `remaining_micro` can be spent now; `held_overage_micro` is what
    reservations keep free beyond the lots. `period_overage_micro` sums every window of the billing period,
    `part_overage_micro` those since the plan changed within it.
    """

    pool: Pool
    starts_at: datetime
    ends_at: datetime
    included_micro: int
    used_micro: int
    overage_micro: int
    remaining_micro: int
    period_overage_micro: int
    part_overage_micro: int
    held_micro: int = 0
    held_overage_micro: int = 0

    @property
    def capacity_micro(self) -> int:
        return self.used_micro - self.overage_micro + self.remaining_micro + self.held_micro

    @property
    def used_pct(self) -> int:
        """Use as a whole percentage of the capacity, rounded down, above 100 beyond it; 100 where there is none."""
        if not self.capacity_micro:
            return FULL_PCT if self.used_micro else 0
        return self.used_micro * 100 // self.capacity_micro

    @property
    def state(self) -> str:
        """ok, low (from 80 %), used_up (nothing left), over (beyond the capacity)."""
        if self.overage_micro:
            return "over"
        if self.used_micro and not self.remaining_micro and not self.held_micro:
            return "used_up"
        return "low" if self.used_pct >= LOW_PCT else "ok"


@dataclass(frozen=True, slots=True)
class Holder:
    """A subscription with what it takes to know its windows. `in_arrears` as `BillingPeriod` has it, of the part that
    runs."""

    subscription: Subscription
    plan: Plan
    timezone: str
    changed_at: datetime | None = None
    in_arrears: bool = False

    @property
    def part_start(self) -> datetime:
        """Where the part of the period began that is rated with this plan: at the last change within it, if any."""
        return self.changed_at or self.subscription.current_period_start

    def moment(self, at: datetime) -> datetime:
        """`at`, or the last moment of a period that has ended and is not closed yet."""
        return min(at, self.subscription.current_period_end - datetime.resolution)


def read_balances(session: Session, *, holders: Iterable[Holder], at: datetime) -> dict[str, list[PoolBalance]]:
    """The pools of each subscription in the order of its price book, by subscription id; four queries in all."""
    wanted = _with_changes(session, list(holders))
    if not wanted:
        return {}
    usage = _usage_by_subscription(session, wanted)
    lots = _lots_by_subscription(session, wanted, at)
    holds = read_holds(session, tenant_ids={holder.subscription.tenant_id for holder in wanted}, at=at)
    return {
        holder.subscription.id: [
            _balance(
                holder,
                pool,
                usage=usage[holder.subscription.id],
                lots=lots[holder.subscription.id],
                holds=holds[holder.subscription.tenant_id],
                at=holder.moment(at),
            )
            for pool in holder.plan.pools.values()
            if holder.plan.allowance_micro(pool.code)
            or lots[holder.subscription.id][pool.code]
            or _is_touched(pool, usage[holder.subscription.id])
        ]
        for holder in wanted
    }


def _with_changes(session: Session, holders: list[Holder]) -> list[Holder]:
    """The holders, each knowing where its plan changed last within its period."""
    statement = select(
        BillingPeriod.subscription_id, BillingPeriod.part_of, BillingPeriod.starts_at, BillingPeriod.in_arrears
    ).where(
        col(BillingPeriod.tenant_id).in_({holder.subscription.tenant_id for holder in holders}),
        col(BillingPeriod.subscription_id).in_({holder.subscription.id for holder in holders}),
        col(BillingPeriod.part_of).is_not(None),
    )
    changes: dict[tuple[str, datetime | None], tuple[datetime, bool]] = {}
    for subscription_id, part_of, starts_at, in_arrears in session.exec(
        statement.order_by(col(BillingPeriod.starts_at))
    ):
        changes[subscription_id, part_of] = starts_at, in_arrears
    found = []
    for holder in holders:
        key = holder.subscription.id, holder.subscription.current_period_start
        changed_at, is_apart = changes.get(key, (None, False))
        found.append(replace(holder, changed_at=changed_at, in_arrears=is_apart))
    return found


def _bounds(subscription: Subscription) -> tuple[datetime, datetime]:
    return subscription.current_period_start, subscription.current_period_end


def _window(holder: Holder, pool: Pool, at: datetime) -> tuple[datetime, datetime]:
    """The window of a pool that contains `at`: the period, or the part of the business day inside it.

    A part in arrears has an allowance of its own, and so a window.
    """
    starts_at, ends_at = holder.subscription.current_period_start, holder.subscription.current_period_end
    if not pool.resets_daily:
        return (holder.part_start if holder.in_arrears else starts_at), ends_at
    day_starts, day_ends = day_bounds(business_date(at, holder.timezone), holder.timezone)
    return max(holder.part_start, day_starts), min(ends_at, day_ends)


def _balance(
    holder: Holder,
    pool: Pool,
    *,
    usage: list[PoolUsage],
    lots: Mapping[str, list[CreditGrant]],
    holds: tuple[Hold, ...],
    at: datetime,
) -> PoolBalance:
    starts_at, ends_at = _window(holder, pool, at)
    mine = [row for row in usage if row.pool == pool.code]
    current = [row for row in mine if starts_at <= row.window_start < ends_at]
    grants = lots[pool.code]
    included_micro = _included(holder, pool, grants)
    held = held_of_lots(holds)
    held_micro = sum(held.get(grant.id, 0) for grant in grants)
    remaining_micro = sum(grant.remaining_micro for grant in grants) - held_micro
    if pool.resets_daily and not current:
        # A day's allowance is granted with its first event; until then all of it is there to be spent.
        remaining_micro += 0 if any(grant.effective_at == starts_at for grant in grants) else included_micro
    return PoolBalance(
        pool=pool,
        starts_at=starts_at,
        ends_at=ends_at,
        included_micro=included_micro,
        used_micro=sum(row.used_micro for row in current),
        overage_micro=sum(row.overage_micro for row in current),
        remaining_micro=remaining_micro,
        period_overage_micro=sum(row.overage_micro for row in mine),
        part_overage_micro=sum(row.overage_micro for row in mine if row.period_start == holder.part_start),
        held_micro=held_micro,
        held_overage_micro=held_overage(holds, holder.subscription.id, holder.part_start).get(pool.code, 0),
    )


def _included(holder: Holder, pool: Pool, grants: Iterable[CreditGrant]) -> int:
    """What the plan gives for the window; where it changed within the period, what the plans gave together."""
    if pool.resets_daily or holder.part_start == holder.subscription.current_period_start:
        return holder.plan.allowance_micro(pool.code)
    return sum(grant.granted_micro for grant in grants if grant.kind == GrantKind.ALLOWANCE)


def _is_touched(pool: Pool, usage: list[PoolUsage]) -> bool:
    return any(row.pool == pool.code for row in usage)


def _usage_by_subscription(session: Session, holders: list[Holder]) -> Mapping[str, list[PoolUsage]]:
    """The counters of the period each subscription is in."""
    current = {holder.subscription.id: _bounds(holder.subscription) for holder in holders}
    statement = select(PoolUsage).where(
        col(PoolUsage.tenant_id).in_({holder.subscription.tenant_id for holder in holders}),
        col(PoolUsage.subscription_id).in_(current),
        col(PoolUsage.period_start) >= min(starts_at for starts_at, _ in current.values()),
    )
    found: dict[str, list[PoolUsage]] = defaultdict(list)
    for row in session.exec(statement):
        starts_at, ends_at = current[row.subscription_id]
        if starts_at <= row.period_start < ends_at:
            found[row.subscription_id].append(row)
    return found


def _lots_by_subscription(
    session: Session, holders: list[Holder], at: datetime
) -> Mapping[str, Mapping[str, list[CreditGrant]]]:
    """The lots that could be spent at each subscription's moment, by subscription and pool."""
    moments = {holder.subscription.id: holder.moment(at) for holder in holders}
    statement = select(CreditGrant).where(
        col(CreditGrant.tenant_id).in_({holder.subscription.tenant_id for holder in holders}),
        col(CreditGrant.subscription_id).in_({holder.subscription.id for holder in holders}),
        col(CreditGrant.effective_at) <= at,
        or_(col(CreditGrant.expires_at).is_(None), col(CreditGrant.expires_at) > min(moments.values())),
    )
    found: dict[str, dict[str, list[CreditGrant]]] = defaultdict(lambda: defaultdict(list))
    for grant in session.exec(statement):
        moment = moments[grant.subscription_id]
        if grant.effective_at <= moment and (grant.expires_at is None or grant.expires_at > moment):
            found[grant.subscription_id][grant.pool].append(grant)
    return found
