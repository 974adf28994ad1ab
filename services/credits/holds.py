"""The credits that reservations hold: of which lots, and how much they keep free beyond them.

Where use beyond the lots is sold, other use takes what is held before it goes beyond: no overage is billed beside
credits that may be left over. The hold then keeps as much free beyond the lots instead. How far that is so follows from
what the lots have left, so it is worked out whenever holds are read, and undone by whatever gives back to them.

A hold ends by itself at its time. Whoever notices under the lock writes it down, so that it ends once, whatever other
clocks say.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam, select, update
from sqlmodel import Session

from models import CreditGrant, Reservation, ReservationStatus, table_of
from services.usage.lanes import PurseKey

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
        self._active: tuple[Hold, ...] | None = None
        self._next_end = _NEVER
        self._lent = False

    def begin(self, session: Session, at: datetime) -> bool:
        """Be ready for that moment; True where holds were read, for they stand otherwise than before."""
        if at < self._next_end and self._active is not None and not self._lent:
            return False
        self._active = read_holds(session, tenant_ids=[self._tenant_id])[self._tenant_id]
        if any(hold.expires_at <= at for hold in self._active):
            session.execute(_expire, {"tenant": self._tenant_id, "moment": at})
            self._active = read_holds(session, tenant_ids=[self._tenant_id])[self._tenant_id]
        self._next_end = min((hold.expires_at for hold in self._active), default=_NEVER)
        self._lent = False
        return True

    def lend(self) -> None:
        """Other use has taken what was held: the next run reads what that leaves."""
        self._lent = True

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
    rows = [row for row in session.execute(_held, {"tenants": list(tenant_ids)}) if at is None or row.expires_at > at]
    left = _left_in_lots(session, rows)
    for row in rows:
        found[row.tenant_id].append(_as_it_stands(row, left))
    return defaultdict(tuple, {tenant_id: tuple(holds) for tenant_id, holds in found.items()})


def _left_in_lots(session: Session, rows: Iterable[Any]) -> dict[tuple[str, str], int]:
    """What the lots of some holds have left for use of their own time, by tenant and lot."""
    named = {(row.tenant_id, grant_id) for row in rows for grant_id in row.lots}
    if not named:
        return {}
    tenants, ids = ({each[place] for each in named} for place in (0, 1))
    found = session.execute(_left, {"tenants": list(tenants), "ids": list(ids)})
    return {(tenant_id, id): remaining_micro + expired_micro for tenant_id, id, remaining_micro, expired_micro in found}


def _as_it_stands(row: Any, left: dict[tuple[str, str], int]) -> Hold:
    """A hold with as much of its lots as they still have, taken off `left`; the rest it keeps free beyond them."""
    lots = {}
    overage_micro = row.overage_micro
    for grant_id, micro in row.lots.items():
        lots[grant_id] = min(micro, left[row.tenant_id, grant_id])
        left[row.tenant_id, grant_id] -= lots[grant_id]
        overage_micro += micro - lots[grant_id]
    return Hold((row.subscription_id, row.pool), row.period_start, lots, overage_micro, row.expires_at)


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
_grants = table_of(CreditGrant).c
_left = select(_grants.tenant_id, _grants.id, _grants.remaining_micro, _grants.expired_micro).where(
    _grants.tenant_id.in_(bindparam("tenants", expanding=True)), _grants.id.in_(bindparam("ids", expanding=True))
)
_expire = (
    update(_table)
    .where(_c.tenant_id == bindparam("tenant"), _c.status == ReservationStatus.HELD)
    .where(_c.expires_at <= bindparam("moment"))
    .values(status=ReservationStatus.EXPIRED, ended_at=_c.expires_at)
)
"""Built once: building them costs as much as running them."""
