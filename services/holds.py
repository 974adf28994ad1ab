"""The credits that reservations hold: of which lots, and how much they keep free beyond them.

A hold ends by itself at its time. Whoever notices under the lock writes it down, so that it ends once, whatever other
clocks say.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import bindparam, select, update
from sqlmodel import Session

from models import Reservation, ReservationStatus, table_of
from services.usage_lanes import PurseKey

_NEVER = datetime.max.replace(tzinfo=UTC)


class Hold(NamedTuple):
    """What one reservation holds, in millionths: of each lot by its id, and beyond them."""

    purse_key: PurseKey
    period_start: datetime
    lots: Mapping[str, int]
    overage_micro: int
    expires_at: datetime


class Holds:
    """The active holds of one tenant, whose head the caller has locked. Read once, then kept up."""

    def __init__(self, *, tenant_id: str) -> None:
        self._tenant_id = tenant_id
        self._active: list[Hold] | None = None
        self._next_end = _NEVER

    def begin(self, session: Session, at: datetime) -> bool:
        """Be ready for that moment; True where holds that counted before have ended by themselves."""
        if at < self._next_end and self._active is not None:
            return False
        if self._active is None:
            self._active = list(read_holds(session, tenant_ids=[self._tenant_id])[self._tenant_id])
        ended = [hold for hold in self._active if hold.expires_at <= at]
        if ended:
            session.execute(_expire, {"tenant": self._tenant_id, "moment": at})
            self._active = [hold for hold in self._active if hold.expires_at > at]
        self._next_end = min((hold.expires_at for hold in self._active), default=_NEVER)
        return bool(ended)

    def of_lots(self, purse_key: PurseKey) -> dict[str, int]:
        """What is held of each lot of a purse; empty where nothing is."""
        return held_of_lots(hold for hold in self._active or () if hold.purse_key == purse_key)

    def overage(self, subscription_id: str, period_start: datetime) -> dict[str, int]:
        """What is kept free beyond the lots of each pool in a period."""
        return held_overage(self._active or (), subscription_id, period_start)


def read_holds(
    session: Session, *, tenant_ids: Iterable[str], at: datetime | None = None
) -> Mapping[str, tuple[Hold, ...]]:
    """The holds of each tenant in the order they were made; those that count at a moment, where one is given."""
    found: dict[str, list[Hold]] = defaultdict(list)
    for row in session.execute(_held, {"tenants": list(tenant_ids)}):
        if at is None or row.expires_at > at:
            hold = Hold((row.subscription_id, row.pool), row.period_start, row.lots, row.overage_micro, row.expires_at)
            found[row.tenant_id].append(hold)
    return defaultdict(tuple, {tenant_id: tuple(holds) for tenant_id, holds in found.items()})


def held_of_lots(holds: Iterable[Hold]) -> dict[str, int]:
    """What some holds keep of each lot, by the lot's id."""
    held: dict[str, int] = {}
    for hold in holds:
        for grant_id, micro in hold.lots.items():
            held[grant_id] = held.get(grant_id, 0) + micro
    return held


def held_overage(holds: Iterable[Hold], subscription_id: str, period_start: datetime) -> dict[str, int]:
    """What some holds keep free beyond the lots of each pool of a subscription in a period."""
    held: dict[str, int] = {}
    for hold in holds:
        holder, pool = hold.purse_key
        if hold.overage_micro and (holder, hold.period_start) == (subscription_id, period_start):
            held[pool] = held.get(pool, 0) + hold.overage_micro
    return held


_table = table_of(Reservation)
_c = _table.c
_held = (
    select(_c.tenant_id, _c.subscription_id, _c.pool, _c.period_start, _c.lots, _c.overage_micro, _c.expires_at)
    .where(_c.tenant_id.in_(bindparam("tenants", expanding=True)), _c.status == ReservationStatus.HELD)
    .order_by(_c.reserved_at, _c.id)
)
_expire = (
    update(_table)
    .where(_c.tenant_id == bindparam("tenant"), _c.status == ReservationStatus.HELD)
    .where(_c.expires_at <= bindparam("moment"))
    .values(status=ReservationStatus.EXPIRED, ended_at=_c.expires_at)
)
"""Built once: building them costs as much as running them."""
