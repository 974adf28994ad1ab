"""The counters one run of events moves: daily roll-ups, and what each pool's window has used."""

from datetime import timedelta
from typing import Any

from sqlmodel import Session, col, select

from models import PoolUsage, UsageDaily, table_of
from services.database import add_or_increase
from services.usage.lanes import Lane, PoolKey

_DAILY_KEY = ("tenant_id", "subscription_id", "day", "period_start", "event_type", "site")
_POOL_KEY = ("tenant_id", "subscription_id", "period_start", "pool", "window_start")
_DAILY = (*_DAILY_KEY, "units_micro", "credits_micro", "overage_micro", "events")
_POOL = (*_POOL_KEY, "used_micro", "overage_micro", "billed_overage_micro")


class UsageCounters:
    """Counters of one tenant, whose head the caller has locked. `write` adds them to what is stored."""

    def __init__(self, *, tenant_id: str) -> None:
        self._tenant_id = tenant_id
        self._daily: dict[tuple[Lane, str], list[int]] = {}
        self._pools: dict[PoolKey, list[int]] = {}

    def count(self, lane: Lane, site: str, units_micro: int, credits_micro: int, overage_micro: int) -> None:
        """Add one event."""
        row = self._daily.get((lane, site))
        if row is None:
            row = self._daily[lane, site] = [0, 0, 0, 0]
        row[0] += units_micro
        row[1] += credits_micro
        row[2] += overage_micro
        row[3] += 1
        pool = self._pools.get(lane.pool_key)
        if pool is None:
            pool = self._pools[lane.pool_key] = [0, 0]
        pool[0] += credits_micro
        pool[1] += overage_micro

    def units_micro(self, session: Session, lane: Lane) -> int:
        """The units of the lane's meter in its window, what is not written yet included."""
        statement = select(UsageDaily.units_micro).where(
            UsageDaily.tenant_id == self._tenant_id,
            UsageDaily.subscription_id == lane.subscription_id,
            col(UsageDaily.day) >= (lane.day if lane.is_daily else lane.period_start.date() - timedelta(days=1)),
            UsageDaily.period_start == lane.period_start,
            UsageDaily.event_type == lane.event_type,
        )
        if lane.is_daily:
            statement = statement.where(UsageDaily.day == lane.day)
        counted = (
            sums[0]
            for (other, _), sums in self._daily.items()
            if (other.pool_key, other.event_type) == (lane.pool_key, lane.event_type)
        )
        return sum(session.exec(statement)) + sum(counted)

    def write(self, session: Session) -> None:
        add_or_increase(session, table_of(UsageDaily), self._daily_rows(), key=_DAILY_KEY)
        add_or_increase(session, table_of(PoolUsage), self._pool_rows(), key=_POOL_KEY)
        self._daily, self._pools = {}, {}

    def _daily_rows(self) -> list[dict[str, Any]]:
        return [
            dict(
                zip(
                    _DAILY,
                    (
                        self._tenant_id, lane.subscription_id, lane.day, lane.period_start, lane.event_type, site,
                        *sums,
                    ),
                    strict=True,
                )
            )
            for (lane, site), sums in self._daily.items()
        ]  # fmt: skip

    def _pool_rows(self) -> list[dict[str, Any]]:
        return [dict(zip(_POOL, (self._tenant_id, *key, *sums, 0), strict=True)) for key, sums in self._pools.items()]
