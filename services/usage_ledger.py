"""Book admitted events: burn their credits, count them, raise alerts; then write everything in a few statements."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypedDict

from sqlmodel import Session

from models import AlertKind, PoolUsage, TenantHead, UsageEvent, table_of
from services import credit_lots
from services.credit_lots import Lot, LotSpend
from services.errors import UPGRADE_URL, InvalidUnits, OverageNotAllowed, SpendCapReached
from services.event_admission import BACK_MAX, Admitted
from services.rules.credits import Burn, Wallet, crossings
from services.rules.quantities import CREDITS_MAX, MICRO, plain_micro
from services.spend_guard import SpendGuard
from services.usage_alerts import RunAlerts
from services.usage_counters import PoolKey, UsageCounters, pool_key

WINDOW_MICRO_MAX = CREDITS_MAX * MICRO
"""The most credits of a pool, and units of a meter, in one window: their sums fit 64-bit columns."""


class Booked(TypedDict):
    """What booking one event came to, in millionths of a credit."""

    seq: int
    credits_micro: int
    overage_micro: int
    remaining_micro: int
    alert: str | None


@dataclass(slots=True)
class _Purse:
    """The lots of one pool, and what this run of events takes from each."""

    lots: dict[str, Lot]
    wallet: Wallet
    spends: dict[str, LotSpend] = field(default_factory=dict)


@dataclass(slots=True)
class _Window:
    """Use of a pool in one window: what is stored, with this run's on top, and the thresholds not yet crossed.

    `units_micro` holds the units of those meters for which it had to be known.
    """

    used_micro: int
    overage_micro: int
    thresholds_pct: tuple[int, ...]
    units_micro: dict[str, int] = field(default_factory=dict)


class UsageLedger:
    """One run of events of one tenant, whose head the caller has locked. `write` stores it; nothing before does."""

    def __init__(self, session: Session, *, head: TenantHead, at: datetime) -> None:
        self._session = session
        self._head = head
        self._at = at
        self._tenant_id = head.tenant_id
        self._seq = head.last_event_seq
        self._purses: dict[tuple[str, str], _Purse] = {}
        self._windows: dict[PoolKey, _Window] = {}
        self._events: list[dict[str, Any]] = []
        self._counters = UsageCounters(session, tenant_id=head.tenant_id)
        self._alerts = RunAlerts(session, tenant_id=head.tenant_id, at=at)
        self._guard = SpendGuard(session, tenant_id=head.tenant_id)

    def prepare(self, admitted: list[Admitted]) -> None:
        """Grant the allowance of every window the events fall in, before any lot is loaded."""
        for key in {(a.subscription.id, a.meter.pool, a.window): a for a in admitted}.values():
            if key.plan.pools[key.meter.pool].resets_daily:
                credit_lots.grant_allowance(
                    self._session,
                    subscription=key.subscription,
                    plan=key.plan,
                    pool=key.meter.pool,
                    window=key.window,
                    at=self._at,
                )

    def book(self, admitted: Admitted, *, event_id: str, fingerprint: bytes) -> Booked:
        """Burn one event's credits and count it. Raises OverageNotAllowed, InvalidUnits and SpendCapReached.

        What is refused changes nothing, but that the first refusal at the customer's own cap raises its alert.
        """
        purse, window = self._purse(admitted), self._window(admitted)
        self._check_holdable(admitted, window)
        self._check_affordable(admitted, purse)
        reaches_cap = self._spend(admitted, purse)
        burned = purse.wallet.burn(admitted.credits_micro, admitted.occurred_at)
        self._seq += 1
        self._note_spends(purse, burned.burns)
        remaining_micro = purse.wallet.remaining_at(admitted.occurred_at)
        alert = self._cross(admitted, window, burned.shortfall_micro, remaining_micro, event_id)
        if reaches_cap and self._alerts.reach_cap(admitted, event_id=event_id):
            alert = AlertKind.CAP_REACHED
        booked = Booked(
            seq=self._seq,
            credits_micro=admitted.credits_micro,
            overage_micro=burned.shortfall_micro,
            remaining_micro=remaining_micro,
            alert=None if alert is None else str(alert),
        )
        self._note_event(admitted, booked, event_id, fingerprint)
        return booked

    def write(self) -> None:
        """Store alerts, events, roll-ups, counters, lots with their entries and the head, in that order."""
        self._alerts.write()
        if not self._events:
            return
        self._session.execute(table_of(UsageEvent).insert(), self._events)
        self._counters.write()
        spends = [spend for purse in self._purses.values() for spend in purse.spends.values()]
        first = self._head.last_entry_seq + 1
        self._head.last_entry_seq += credit_lots.write_spends(
            self._session, tenant_id=self._tenant_id, spends=spends, first_entry_seq=first, at=self._at
        )
        self._head.last_event_seq = self._seq
        self._session.add(self._head)
        self._session.flush()

    def _purse(self, admitted: Admitted) -> _Purse:
        key = (admitted.subscription.id, admitted.meter.pool)
        if key not in self._purses:
            lots = credit_lots.load_lots(
                self._session,
                tenant_id=self._tenant_id,
                subscription_id=admitted.subscription.id,
                pool=admitted.meter.pool,
                since=self._at - BACK_MAX,
            )
            self._purses[key] = _Purse(lots, credit_lots.wallet_of(lots))
        return self._purses[key]

    def _window(self, admitted: Admitted) -> _Window:
        key = pool_key(admitted)
        if key not in self._windows:
            row = self._session.get(PoolUsage, (self._tenant_id, *key), populate_existing=True)
            own = self._guard.limits_of(admitted.subscription.id)
            self._windows[key] = _Window(
                used_micro=row.used_micro if row else 0,
                overage_micro=row.overage_micro if row else 0,
                thresholds_pct=self._alerts.still_to_cross(admitted, own.thresholds_pct),
            )
        return self._windows[key]

    def _check_holdable(self, admitted: Admitted, window: _Window) -> None:
        used_micro = window.used_micro + admitted.credits_micro
        is_full = used_micro > WINDOW_MICRO_MAX
        # Units that burn less than a credit each may be too many before the credits are; below this they cannot be.
        if not is_full and used_micro > WINDOW_MICRO_MAX * admitted.meter.credits_per_unit:
            code = admitted.meter.code
            if code not in window.units_micro:
                window.units_micro[code] = self._counters.units_micro(admitted)
            is_full = window.units_micro[code] + admitted.event.units_micro > WINDOW_MICRO_MAX
        if is_full:
            raise InvalidUnits("This would pass the most one period can hold; check the units sent.", field="units")

    def _check_affordable(self, admitted: Admitted, purse: _Purse) -> None:
        plan, pool = admitted.plan, admitted.plan.pools[admitted.meter.pool]
        if pool.code in plan.overage:
            return
        left_micro = purse.wallet.remaining_at(admitted.occurred_at)
        if left_micro < admitted.credits_micro:
            per = "a day" if pool.resets_daily else "a period"
            included = plan.allowances.get(pool.code, 0)
            message = f"{plan.name} includes {included:,f} {pool.name} {per} and sells none beyond; upgrade to go on."
            raise OverageNotAllowed(
                message,
                error=message,
                tier=plan.code,
                upgrade_url=UPGRADE_URL,
                remaining_credits=plain_micro(left_micro),
            )

    def _spend(self, admitted: Admitted, purse: _Purse) -> bool:
        """Count the event's overage against the customer's own cap; True where that is reached exactly."""
        cap_minor = self._guard.limits_of(admitted.subscription.id).cap_minor
        if cap_minor is None:
            return False
        overage_micro = admitted.credits_micro - purse.wallet.remaining_at(admitted.occurred_at)
        if overage_micro <= 0:
            return False
        try:
            then = self._guard.check(admitted, overage_micro=overage_micro, cap_minor=cap_minor)
        except SpendCapReached as refusal:
            if self._alerts.reach_cap(admitted, event_id=admitted.event.event_id or ""):
                refusal.members["alert"] = str(AlertKind.CAP_REACHED)
            raise
        return self._guard.keep(admitted, then, cap_minor=cap_minor)

    def _note_spends(self, purse: _Purse, burns: tuple[Burn, ...]) -> None:
        for burn in burns:
            spend = purse.spends.get(burn.grant_id)
            if spend is None:
                lot = purse.lots[burn.grant_id]
                purse.spends[burn.grant_id] = LotSpend(lot, self._seq, self._seq, burn.credits_micro)
            else:
                spend.last_event_seq = self._seq
                spend.credits_micro += burn.credits_micro

    def _cross(
        self, admitted: Admitted, window: _Window, overage_micro: int, remaining_micro: int, event_id: str
    ) -> AlertKind | None:
        """Count the use and answer the gravest threshold it crossed, if any."""
        before_micro = window.used_micro
        window.used_micro += admitted.credits_micro
        window.overage_micro += overage_micro
        if admitted.meter.code in window.units_micro:
            window.units_micro[admitted.meter.code] += admitted.event.units_micro
        if not window.thresholds_pct:
            return None
        crossed = crossings(
            used_before_micro=before_micro,
            used_after_micro=window.used_micro,
            capacity_micro=window.used_micro - window.overage_micro + remaining_micro,
            thresholds_pct=window.thresholds_pct,
        )
        if not crossed:
            return None
        window.thresholds_pct = tuple(pct for pct in window.thresholds_pct if pct not in crossed)
        return self._alerts.cross(admitted, crossed, event_id=event_id)

    def _note_event(self, admitted: Admitted, booked: Booked, event_id: str, fingerprint: bytes) -> None:
        event = admitted.event
        self._events.append(
            {
                "tenant_id": self._tenant_id,
                "event_id": event_id,
                "fingerprint": fingerprint,
                "subscription_id": admitted.subscription.id,
                "event_type": admitted.meter.code,
                "pool": admitted.meter.pool,
                "site": event.site or "",
                "trace_id": event.trace_id,
                "occurred_at": admitted.occurred_at,
                "recorded_at": self._at,
                "period_start": admitted.period_start,
                "units_micro": event.units_micro,
                "meta": event.meta,
                **booked,
            }
        )
        self._counters.count(admitted, credits_micro=booked["credits_micro"], overage_micro=booked["overage_micro"])
