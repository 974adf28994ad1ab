"""The receipts of each pool and period, tallied as they are written: what invoices name."""

from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import bindparam, select
from sqlmodel import Session

from models import UsageTally, table_of
from services.database import insert_or_change
from services.rules.merkle import Frontier
from services.usage.lanes import TallyKey


class Tally(NamedTuple):
    """Receipts by the first and last number among them, and the tree over their hashes."""

    first_seq: int
    last_seq: int
    frontier: Frontier


@dataclass(slots=True)
class _Running:
    stored: Tally | None
    first_seq: int = 0
    last_seq: int = 0
    leaves: list[bytes] = field(default_factory=list)


class UsageTallies:
    """The tallies of one tenant, whose head the caller has locked. `write` stores them; nothing before does."""

    def __init__(self, *, tenant_id: str) -> None:
        self._tenant_id = tenant_id
        self._running: dict[TallyKey, _Running] = {}
        self._touched: dict[TallyKey, _Running] = {}

    def count(self, session: Session, key: TallyKey, seq: int, hashed: bytes) -> None:
        """Add the receipt of one event."""
        running = self._touched.get(key)
        if running is None:
            running = self._touched[key] = self._touch(session, key, seq)
        running.last_seq = seq
        running.leaves.append(hashed)

    def write(self, session: Session) -> None:
        if not self._touched:
            return
        rows = []
        for key, running in self._touched.items():
            frontier = running.stored.frontier if running.stored else Frontier()
            frontier, _ = frontier.extend(running.leaves)
            running.stored = Tally(running.first_seq, running.last_seq, frontier)
            running.leaves = []
            values = (self._tenant_id, *key, running.first_seq, running.last_seq, frontier.to_bytes())
            rows.append(dict(zip(_NAMES, values, strict=True)))
        insert_or_change(session, table_of(UsageTally), rows, key=_KEY, changed=("last_seq", "frontier"))
        self._touched = {}

    def _touch(self, session: Session, key: TallyKey, seq: int) -> _Running:
        running = self._running.get(key)
        if running is None:
            stored = read_tally(session, tenant_id=self._tenant_id, key=key)
            running = self._running[key] = _Running(stored)
        running.first_seq = running.stored.first_seq if running.stored else seq
        return running


def read_tally(session: Session, *, tenant_id: str, key: TallyKey) -> Tally | None:
    """What has been tallied of a subscription's period and pool; None for nothing."""
    subscription_id, period_start, pool = key
    row = session.execute(
        _stored, {"tenant": tenant_id, "subscription": subscription_id, "period": period_start, "pool_code": pool}
    ).first()
    return None if row is None else Tally(row.first_seq, row.last_seq, Frontier.from_bytes(bytes(row.frontier)))


_KEY = ("tenant_id", "subscription_id", "period_start", "pool")
_NAMES = (*_KEY, "first_seq", "last_seq", "frontier")
_c = table_of(UsageTally).c
_stored = select(_c.first_seq, _c.last_seq, _c.frontier).where(
    _c.tenant_id == bindparam("tenant"),
    _c.subscription_id == bindparam("subscription"),
    _c.period_start == bindparam("period"),
    _c.pool == bindparam("pool_code"),
)
"""Built once: building it costs as much as running it."""
