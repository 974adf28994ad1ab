"""Burn the credits of one event after another: its lots, the window it counts in, the customer's cap, its alerts."""

from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from sqlmodel import Session

from models import AlertKind, PoolUsage
from services.credits import lots as credit_lots
from services.credits.holds import Holds
from services.credits.lots import LotSpend
from services.credits.purses import Purse, Window, check_covered
from services.errors import InvalidUnits, SpendCapReached
from services.rules.credits import crossings
from services.spending.guard import SpendGuard
from services.top_ups.watch import TopUpWatch
from services.usage.alerts import RunAlerts
from services.usage.counters import UsageCounters
from services.usage.event_admission import BACK_MAX, Admitted
from services.usage.lanes import WINDOW_MICRO_MAX, Lane, PoolKey, PurseKey


class Numbering(Protocol):
    """Where the number comes from that the receipt of an event will have, once it is sure that it is booked."""

    @property
    def next_seq(self) -> int: ...


class Kept(NamedTuple):
    """What a hold keeps: of each lot by its id, beyond them, and what that leaves. In millionths."""

    lots: dict[str, int]
    overage_micro: int
    remaining_micro: int


class CreditBurning:
    """The credits of one tenant, run after run of events; the caller holds the lock on its head.

    `write_alerts` and `write_spends` store a run. `reach_back` is how long ago an event may have happened.
    """

    def __init__(self, *, tenant_id: str, counters: UsageCounters, reach_back: timedelta = BACK_MAX) -> None:
        self._tenant_id = tenant_id
        self._counters = counters
        self._reach_back = reach_back
        self._purses: dict[PurseKey, Purse] = {}
        self._windows: dict[PoolKey, Window] = {}
        self._opened: set[PoolKey] = set()
        self._alerts = RunAlerts(tenant_id=tenant_id)
        self._holds = Holds(tenant_id=tenant_id)
        self._guard = SpendGuard(tenant_id=tenant_id, holds=self._holds)
        self._watch = TopUpWatch(tenant_id=tenant_id)

    def begin(self, session: Session, at: datetime) -> None:
        self._session = session
        self._at = at
        self._alerts.begin(session, at)
        self._guard.begin(session)
        self._watch.begin(session, at)
        if self._holds.begin(session, at):
            self.forget_lots()
            self._guard.forget()

    def prepare(self, lanes: set[Lane]) -> None:
        """Grant the allowance of every window that events fall in, before any lot is loaded."""
        for lane in lanes:
            if not lane.is_daily or lane.pool_key in self._opened:
                continue
            credit_lots.grant_allowance(
                self._session,
                subscription=lane.subscription,
                plan=lane.plan,
                pool=lane.pool,
                window=lane.window,
                at=self._at,
            )
            self._opened.add(lane.pool_key)
            self._purses.pop(lane.purse_key, None)

    def forget_lots(self) -> None:
        """Read the lots again: others were granted since. Call it between runs."""
        self._purses = {}

    def burn(self, admitted: Admitted, event_id: str, numbering: Numbering) -> tuple[int, int, str | None]:
        """Burn one event's credits: what went beyond the lots, what is left to spend, any alert.

        Raises OverageNotAllowed, InvalidUnits and SpendCapReached. What is refused changes nothing, but that the first
        refusal at the customer's own cap raises its alert.
        """
        _, lane, credits_micro, occurred_at = admitted
        purse = self._purses.get(lane.purse_key) or self._load_purse(lane)
        window = self._windows.get(lane.pool_key) or self._load_window(lane)
        self._check_holdable(admitted, window)
        if not lane.sells_overage:
            check_covered(admitted, purse)
        reached_minor = self._spend(admitted, purse)
        burns, overage_micro = purse.wallet.take(credits_micro, occurred_at)
        if overage_micro and purse.held:
            lent, overage_micro = purse.lend(overage_micro, occurred_at)
            burns += lent
            self._holds.lend()
        seq = numbering.next_seq
        for grant_id, burned_micro in burns:
            spend = purse.spends.get(grant_id)
            if spend is None:
                spend = purse.spends[grant_id] = LotSpend(purse.lots[grant_id], seq, seq, 0)
            spend.last_seq = seq
            spend.credits_micro += burned_micro
        remaining_micro = purse.wallet.remaining_at(occurred_at)
        if remaining_micro < purse.low_micro:
            purse.low_micro = 0
            self._watch.cross(lane.purse_key)
        total_micro = remaining_micro + purse.held_at(occurred_at) if purse.held else remaining_micro
        alert = self._cross(admitted, window, overage_micro, total_micro, event_id)
        if reached_minor is not None and self._alerts.reach_cap(lane, event_id=event_id, cap_minor=reached_minor):
            alert = AlertKind.CAP_REACHED
        return overage_micro, remaining_micro, None if alert is None else str(alert)

    def keep(self, admitted: Admitted) -> Kept:
        """What a hold for this use keeps, so that the use is taken later whatever comes between.

        The hold counts from when it is stored and the books are read again. Raises what `burn` raises.
        """
        _, lane, credits_micro, at = admitted
        purse = self._purses.get(lane.purse_key) or self._load_purse(lane)
        self._check_holdable(admitted, self._windows.get(lane.pool_key) or self._load_window(lane))
        if not lane.sells_overage:
            check_covered(admitted, purse)
        overage_micro = max(0, credits_micro - purse.wallet.remaining_at(at))
        cap_minor = self._guard.limits_of(lane.subscription_id).cap_minor
        if overage_micro and cap_minor is not None:
            self._guard.check_hold(lane, overage_micro=overage_micro, cap_minor=cap_minor)
        taken, _ = purse.wallet.take(credits_micro, at)
        return Kept(dict(taken), overage_micro, purse.wallet.remaining_at(at))

    def remaining_at(self, lane: Lane, at: datetime) -> int:
        """What could be spent at that moment."""
        purse = self._purses.get(lane.purse_key) or self._load_purse(lane)
        return purse.wallet.remaining_at(at)

    def write_alerts(self) -> None:
        """Store the alerts, and which pools fell below the threshold at which more is bought."""
        self._alerts.write()
        self._watch.write()

    def count_entries(self) -> int:
        """How many entries `write_spends` will write."""
        return sum(credit_lots.count_entries(purse.spends.values()) for purse in self._purses.values())

    def write_spends(self, *, first_entry_seq: int) -> None:
        """Lower the lots by what was burned since, with the entries that say why."""
        spends = [spend for purse in self._purses.values() for spend in purse.spends.values()]
        credit_lots.write_spends(
            self._session, tenant_id=self._tenant_id, spends=spends, first_entry_seq=first_entry_seq, at=self._at
        )
        for purse in self._purses.values():
            for grant_id, spend in purse.spends.items():
                purse.lots[grant_id] = spend.left()
            purse.spends = {}

    def _load_purse(self, lane: Lane) -> Purse:
        lots = credit_lots.load_lots(
            self._session,
            tenant_id=self._tenant_id,
            subscription_id=lane.subscription_id,
            pool=lane.pool,
            since=self._at - self._reach_back,
        )
        kept = self._holds.of_lots(lane.purse_key)
        held = {grant_id: micro for grant_id, micro in kept.items() if grant_id in lots}
        purse = self._purses[lane.purse_key] = Purse(
            lots, held, credit_lots.wallet_of(lots, held), self._watch.threshold_of(lane.purse_key)
        )
        return purse

    def _load_window(self, lane: Lane) -> Window:
        row = self._session.get(PoolUsage, (self._tenant_id, *lane.pool_key), populate_existing=True)
        own = self._guard.limits_of(lane.subscription_id)
        window = self._windows[lane.pool_key] = Window(
            used_micro=row.used_micro if row else 0,
            overage_micro=row.overage_micro if row else 0,
            thresholds_pct=self._alerts.still_to_cross(lane, own.thresholds_pct),
        )
        return window

    def _check_holdable(self, admitted: Admitted, window: Window) -> None:
        lane = admitted.lane
        used_micro = window.used_micro + admitted.credits_micro
        is_full = used_micro > WINDOW_MICRO_MAX
        # Units that burn less than a credit each may be too many before the credits are; below this they cannot be.
        if not is_full and used_micro > lane.window_simple_max:
            if lane.event_type not in window.units_micro:
                window.units_micro[lane.event_type] = self._counters.units_micro(self._session, lane)
            is_full = window.units_micro[lane.event_type] + admitted.event.units_micro > WINDOW_MICRO_MAX
        if is_full:
            raise InvalidUnits("This would pass the most one period can hold; check the units sent.", field="units")

    def _spend(self, admitted: Admitted, purse: Purse) -> int | None:
        """Count the event's overage against the customer's own cap; that cap, in minor units, where it is reached."""
        lane = admitted.lane
        cap_minor = self._guard.limits_of(lane.subscription_id).cap_minor
        if cap_minor is None or not lane.sells_overage:
            return None
        overage_micro = admitted.credits_micro - purse.wallet.remaining_at(admitted.occurred_at)
        if overage_micro <= 0:
            return None
        lent_micro = min(overage_micro, purse.held_at(admitted.occurred_at)) if purse.held else 0
        overage_micro -= lent_micro
        try:
            then = self._guard.check(lane, overage_micro=overage_micro, lent_micro=lent_micro, cap_minor=cap_minor)
        except SpendCapReached as refusal:
            if self._alerts.reach_cap(lane, event_id=admitted.event.event_id or "", cap_minor=cap_minor):
                refusal.members["alert"] = str(AlertKind.CAP_REACHED)
            raise
        return cap_minor if self._guard.keep(lane, then, cap_minor=cap_minor) else None

    def _cross(
        self, admitted: Admitted, window: Window, overage_micro: int, remaining_micro: int, event_id: str
    ) -> AlertKind | None:
        """Count the use and answer the gravest threshold it crossed, if any."""
        lane, before_micro = admitted.lane, window.used_micro
        window.used_micro += admitted.credits_micro
        window.overage_micro += overage_micro
        if lane.event_type in window.units_micro:
            window.units_micro[lane.event_type] += admitted.event.units_micro
        pending = window.thresholds_pct
        capacity_micro = window.used_micro - window.overage_micro + remaining_micro
        if not pending or (capacity_micro and window.used_micro * 100 < pending[0] * capacity_micro):
            return None
        crossed = crossings(
            used_before_micro=before_micro,
            used_after_micro=window.used_micro,
            capacity_micro=capacity_micro,
            thresholds_pct=pending,
        )
        if not crossed:
            return None
        window.thresholds_pct = tuple(pct for pct in pending if pct not in crossed)
        return self._alerts.cross(
            lane, crossed, event_id=event_id, used_micro=window.used_micro, capacity_micro=capacity_micro
        )
