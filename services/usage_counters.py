"""The counters one run of events moves: daily roll-ups, and what each pool's window has used."""

from datetime import date, datetime, timedelta
from typing import Any

from sqlmodel import Session, col, select

from models import PoolUsage, UsageDaily, table_of
from services.database import add_or_increase
from services.event_admission import Admitted

_DAILY_KEY = ("tenant_id", "subscription_id", "day", "period_start", "event_type", "site")
_POOL_KEY = ("tenant_id", "subscription_id", "period_start", "pool", "window_start")

PoolKey = tuple[str, datetime, str, datetime]


def pool_key(admitted: Admitted) -> PoolKey:
    """Which window of which pool an event is counted in, within its tenant."""
    return (admitted.subscription.id, admitted.period_start, admitted.meter.pool, admitted.window[0])


class UsageCounters:
    """Counters of one tenant, whose head the caller has locked. `write` adds them to what is stored."""

    def __init__(self, session: Session, *, tenant_id: str) -> None:
        self._session = session
        self._tenant_id = tenant_id
        self._daily: dict[tuple[str, date, datetime, str, str], list[int]] = {}
        self._pools: dict[PoolKey, list[int]] = {}

    def count(self, admitted: Admitted, *, credits_micro: int, overage_micro: int) -> None:
        """Add one event."""
        event = admitted.event
        day = (
            admitted.subscription.id,
            admitted.day,
            admitted.period_start,
            admitted.meter.code,
            event.site or "",
        )
        _add(self._daily, day, (event.units_micro, credits_micro, overage_micro, 1))
        _add(self._pools, pool_key(admitted), (credits_micro, overage_micro))

    def units_micro(self, admitted: Admitted) -> int:
        """The units of the event's meter in its window, this run's included."""
        code, is_daily = admitted.meter.code, admitted.plan.pools[admitted.meter.pool].resets_daily
        subscription_id, period_start = admitted.subscription.id, admitted.period_start
        statement = select(UsageDaily.units_micro).where(
            UsageDaily.tenant_id == self._tenant_id,
            UsageDaily.subscription_id == subscription_id,
            col(UsageDaily.day) >= (admitted.day if is_daily else period_start.date() - timedelta(days=1)),
            UsageDaily.period_start == period_start,
            UsageDaily.event_type == code,
        )
        if is_daily:
            statement = statement.where(UsageDaily.day == admitted.day)
        counted = (
            sums[0]
            for (subscription, day, period, event_type, _), sums in self._daily.items()
            if (subscription, period, event_type) == (subscription_id, period_start, code)
            and (not is_daily or day == admitted.day)
        )
        return sum(self._session.exec(statement)) + sum(counted)

    def write(self) -> None:
        add_or_increase(self._session, table_of(UsageDaily), self._daily_rows(), key=_DAILY_KEY)
        add_or_increase(self._session, table_of(PoolUsage), self._pool_rows(), key=_POOL_KEY)

    def _daily_rows(self) -> list[dict[str, Any]]:
        names = (*_DAILY_KEY, "units_micro", "credits_micro", "overage_micro", "events")
        return [dict(zip(names, (self._tenant_id, *key, *sums), strict=True)) for key, sums in self._daily.items()]

    def _pool_rows(self) -> list[dict[str, Any]]:
        names = (*_POOL_KEY, "used_micro", "overage_micro", "billed_overage_micro")
        return [dict(zip(names, (self._tenant_id, *key, *sums, 0), strict=True)) for key, sums in self._pools.items()]


def _add(sums: dict[Any, list[int]], key: Any, values: tuple[int, ...]) -> None:
    row = sums.setdefault(key, [0] * len(values))
    for index, value in enumerate(values):
        row[index] += value
