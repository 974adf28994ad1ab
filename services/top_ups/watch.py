"""Whether use takes a pool below the threshold at which its customer has more bought, over one run of events."""

from datetime import datetime

from sqlalchemy import bindparam, or_, select, update
from sqlmodel import Session

from models import AutoTopUp, table_of
from services.usage.lanes import PurseKey


class TopUpWatch:
    """The thresholds of one tenant, whose head the caller has locked. Read once; only a crossing writes a row."""

    def __init__(self, *, tenant_id: str) -> None:
        self._tenant_id = tenant_id
        self._below_micro: dict[PurseKey, int] | None = None
        self._crossed: list[PurseKey] = []

    def begin(self, session: Session, at: datetime) -> None:
        self._session = session
        self._at = at

    def threshold_of(self, purse_key: PurseKey) -> int:
        """Millionths below which more is bought; 0, which nothing is below, where none is or it is due already."""
        if self._below_micro is None:
            rows = self._session.execute(_watched, {"tenant": self._tenant_id, "moment": self._at})
            self._below_micro = {(row.subscription_id, row.pool): row.threshold_micro for row in rows}
        return self._below_micro.get(purse_key, 0)

    def cross(self, purse_key: PurseKey) -> None:
        """Note that a pool fell below its threshold, once."""
        if self._below_micro and self._below_micro.pop(purse_key, 0):
            self._crossed.append(purse_key)

    def write(self) -> None:
        if self._crossed:
            due = [
                {"tenant": self._tenant_id, "subscription": subscription_id, "of_pool": pool, "moment": self._at}
                for subscription_id, pool in self._crossed
            ]
            self._session.connection().execute(_fall_due, due)
            self._crossed = []


_orders = table_of(AutoTopUp)
_c = _orders.c
_watched = select(_c.subscription_id, _c.pool, _c.threshold_micro).where(
    _c.tenant_id == bindparam("tenant"),
    _c.is_on,
    _c.due_at.is_(None),
    or_(_c.rests_until.is_(None), _c.rests_until <= bindparam("moment")),
)
_fall_due = (
    update(_orders)
    .where(
        _c.tenant_id == bindparam("tenant"),
        _c.subscription_id == bindparam("subscription"),
        _c.pool == bindparam("of_pool"),
        _c.is_on,
        _c.due_at.is_(None),
    )
    .values(due_at=bindparam("moment"))
)
"""Built once: building them costs as much as running them."""
