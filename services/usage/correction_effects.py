"""What a correction does to overage and lots: more use burns as use does, less use gives back."""

from datetime import datetime
from typing import NamedTuple, Protocol

from sqlmodel import Session

from models import PoolUsage, UsageEvent
from services.credits.burning import CreditBurning
from services.credits.lots import grant_of
from services.credits.returns import LotReturn, plan_returns, write_returns
from services.errors import SpendCapReached
from services.receipts.log import OpenLog
from services.usage.counters import UsageCounters
from services.usage.event_admission import Admitted
from services.usage.lanes import Lane
from services.usage.metered import UsageInput


class Difference(NamedTuple):
    """How far an event is off: millionths of units and of credits, of one sign."""

    original: UsageEvent
    lane: Lane
    units_micro: int
    credits_micro: int


class Effect(Protocol):
    """What a difference does; `write` does it to the lots, with `entries` credit entries from the given number on."""

    overage_micro: int
    remaining_micro: int
    alert: str | None
    entries: int

    def write(self, *, seq: int, first_entry_seq: int) -> None: ...


def effect_of(session: Session, difference: Difference, *, event_id: str, log: OpenLog, at: datetime) -> Effect:
    """Work out what a difference does; only alerts of crossings are stored yet.

    Raises OverageNotAllowed, SpendCapReached and InvalidUnits for more use than can be taken.
    """
    original, lane = difference.original, difference.lane
    burning = CreditBurning(
        tenant_id=original.tenant_id,
        counters=UsageCounters(tenant_id=original.tenant_id),
        reach_back=at - original.occurred_at,
    )
    burning.begin(session, at)
    if difference.credits_micro < 0:
        return _LessUse(session, difference, left_micro=burning.remaining_at(lane, original.occurred_at), at=at)
    return _MoreUse(burning, difference, event_id=event_id, log=log)


class _NextOf:
    """The number of the log's next receipt. Where another key signs now, the log says so first."""

    def __init__(self, log: OpenLog) -> None:
        self._log = log

    @property
    def next_seq(self) -> int:
        self._log.begin()
        return self._log.seq + 1


class _MoreUse:
    """Booked like use at the time of the event."""

    def __init__(self, burning: CreditBurning, difference: Difference, *, event_id: str, log: OpenLog) -> None:
        original, lane = difference.original, difference.lane
        use = UsageInput(lane.subscription_id, lane.event_type, difference.units_micro)
        admitted = Admitted(use, lane, difference.credits_micro, original.occurred_at)
        try:
            self.overage_micro, self.remaining_micro, self.alert = burning.burn(admitted, event_id, _NextOf(log))
        except SpendCapReached as refusal:
            refusal.members.pop("alert", None)  # a correction that is refused leaves nothing, no alert either
            raise
        burning.write_alerts()
        self.entries = burning.count_entries()
        self._burning = burning

    def write(self, *, seq: int, first_entry_seq: int) -> None:
        self._burning.write_spends(first_entry_seq=first_entry_seq)


class _LessUse:
    """Overage of the event's window first, whichever event it was of; what remains goes back to lots."""

    def __init__(self, session: Session, difference: Difference, *, left_micro: int, at: datetime) -> None:
        lane, less_micro = difference.lane, -difference.credits_micro
        tenant_id, happened = difference.original.tenant_id, difference.original.occurred_at
        window = session.get_one(PoolUsage, (tenant_id, *lane.pool_key), populate_existing=True)
        from_overage_micro = min(less_micro, window.overage_micro)
        self._returns: list[LotReturn] = plan_returns(
            session,
            tenant_id=tenant_id,
            lane=lane,
            burned_micro=window.used_micro - window.overage_micro,
            credits_micro=less_micro - from_overage_micro,
            at=at,
        )
        self.overage_micro = -from_overage_micro
        back = (each.credits_micro for each in self._returns if grant_of(each.lot).covers(happened))
        self.remaining_micro = left_micro + sum(back)
        self.alert: str | None = None
        self.entries = sum(len(each.entries) for each in self._returns)
        self._session, self._at = session, at

    def write(self, *, seq: int, first_entry_seq: int) -> None:
        write_returns(self._session, returns=self._returns, seq=seq, first_entry_seq=first_entry_seq, at=self._at)
