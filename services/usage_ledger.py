"""Book admitted events: burn their credits, count them, raise alerts; then write everything in a few statements."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypedDict

from sqlmodel import Session, col, select

from models import Alert, AlertKind, PoolUsage, TenantHead, UsageDaily, UsageEvent, table_of
from services import credit_lots
from services.credit_lots import Lot, LotSpend
from services.database import add_or_increase, insert_missing
from services.errors import UPGRADE_URL, InvalidUnits, OverageNotAllowed
from services.event_admission import BACK_MAX, Admitted
from services.identifiers import new_id
from services.rules.credits import Burn, Wallet, crossings
from services.rules.quantities import CREDITS_MAX, MICRO, plain_micro

LOW_CREDITS_PCT, USED_UP_PCT = 80, 100
KIND_OF = {LOW_CREDITS_PCT: AlertKind.LOW_CREDITS, USED_UP_PCT: AlertKind.OVERAGE}
WINDOW_MICRO_MAX = CREDITS_MAX * MICRO
"""The most credits of a pool, and units of a meter, in one window: their sums fit 64-bit columns."""

_DAILY_KEY = ("tenant_id", "subscription_id", "day", "period_start", "event_type", "site")
_POOL_KEY = ("tenant_id", "subscription_id", "period_start", "pool", "window_start")


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
        self._windows: dict[tuple[Any, ...], _Window] = {}
        self._events: list[dict[str, Any]] = []
        self._daily: dict[tuple[Any, ...], list[int]] = {}
        self._pools: dict[tuple[Any, ...], list[int]] = {}
        self._alerts: list[dict[str, Any]] = []

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
        """Burn one event's credits and count it. Raises OverageNotAllowed and InvalidUnits, having changed nothing."""
        purse, window = self._purse(admitted), self._window(admitted)
        self._check_holdable(admitted, window)
        self._check_affordable(admitted, purse)
        burned = purse.wallet.burn(admitted.credits_micro, admitted.occurred_at)
        self._seq += 1
        self._note_spends(purse, burned.burns)
        remaining_micro = purse.wallet.remaining_at(admitted.occurred_at)
        alert = self._cross(admitted, window, burned.shortfall_micro, remaining_micro, event_id)
        booked = Booked(
            seq=self._seq,
            credits_micro=admitted.credits_micro,
            overage_micro=burned.shortfall_micro,
            remaining_micro=remaining_micro,
            alert=alert,
        )
        self._note_event(admitted, booked, event_id, fingerprint)
        return booked

    def write(self) -> None:
        """Store events, roll-ups, counters, lots with their entries, alerts and the head, in that order."""
        if not self._events:
            return
        self._session.execute(table_of(UsageEvent).insert(), self._events)
        add_or_increase(self._session, table_of(UsageDaily), self._daily_rows(), key=_DAILY_KEY)
        add_or_increase(self._session, table_of(PoolUsage), self._pool_rows(), key=_POOL_KEY)
        spends = [spend for purse in self._purses.values() for spend in purse.spends.values()]
        self._head.last_entry_seq += credit_lots.write_spends(
            self._session,
            tenant_id=self._tenant_id,
            spends=spends,
            first_entry_seq=self._head.last_entry_seq + 1,
            at=self._at,
        )
        insert_missing(self._session, table_of(Alert), self._alerts)
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
        key = self._pool_key(admitted)
        if key not in self._windows:
            row = self._session.get(PoolUsage, key, populate_existing=True)
            statement = select(Alert.threshold_pct).where(
                Alert.tenant_id == self._tenant_id,
                Alert.subscription_id == admitted.subscription.id,
                Alert.pool == admitted.meter.pool,
                Alert.window_start == admitted.window[0],
            )
            crossed = set(self._session.exec(statement))
            self._windows[key] = _Window(
                used_micro=row.used_micro if row else 0,
                overage_micro=row.overage_micro if row else 0,
                thresholds_pct=tuple(pct for pct in KIND_OF if pct not in crossed),
            )
        return self._windows[key]

    def _pool_key(self, admitted: Admitted) -> tuple[Any, ...]:
        return (
            self._tenant_id,
            admitted.subscription.id,
            admitted.period_start,
            admitted.meter.pool,
            admitted.window[0],
        )

    def _check_holdable(self, admitted: Admitted, window: _Window) -> None:
        used_micro = window.used_micro + admitted.credits_micro
        is_full = used_micro > WINDOW_MICRO_MAX
        # Units that burn less than a credit each may be too many before the credits are; below this they cannot be.
        if not is_full and used_micro > WINDOW_MICRO_MAX * admitted.meter.credits_per_unit:
            units_micro = self._units_micro(admitted, window) + admitted.event.units_micro
            is_full = units_micro > WINDOW_MICRO_MAX
        if is_full:
            raise InvalidUnits("This would pass the most one period can hold; check the units sent.", field="units")

    def _units_micro(self, admitted: Admitted, window: _Window) -> int:
        """The units of the event's meter in its window, this run's included."""
        code, is_daily = admitted.meter.code, admitted.plan.pools[admitted.meter.pool].resets_daily
        if code not in window.units_micro:
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
            booked = (
                sums[0]
                for (subscription, day, period, event_type, _), sums in self._daily.items()
                if (subscription, period, event_type) == (subscription_id, period_start, code)
                and (not is_daily or day == admitted.day)
            )
            window.units_micro[code] = sum(self._session.exec(statement)) + sum(booked)
        return window.units_micro[code]

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

    def _note_spends(self, purse: _Purse, burns: tuple[Burn, ...]) -> None:
        for burn in burns:
            spend = purse.spends.get(burn.grant_id)
            if spend is None:
                purse.spends[burn.grant_id] = LotSpend(
                    purse.lots[burn.grant_id], self._seq, self._seq, burn.credits_micro
                )
            else:
                spend.last_event_seq = self._seq
                spend.credits_micro += burn.credits_micro

    def _cross(
        self, admitted: Admitted, window: _Window, overage_micro: int, remaining_micro: int, event_id: str
    ) -> str | None:
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
        for pct in crossed:
            self._alerts.append(self._alert_row(admitted, pct, event_id))
        window.thresholds_pct = tuple(pct for pct in window.thresholds_pct if pct not in crossed)
        return str(KIND_OF[crossed[-1]]) if crossed else None

    def _alert_row(self, admitted: Admitted, pct: int, event_id: str) -> dict[str, Any]:
        return {
            "tenant_id": self._tenant_id,
            "id": new_id("alert"),
            "subscription_id": admitted.subscription.id,
            "pool": admitted.meter.pool,
            "period_start": admitted.period_start,
            "window_start": admitted.window[0],
            "kind": KIND_OF[pct],
            "threshold_pct": pct,
            "event_id": event_id,
            "raised_at": self._at,
        }

    def _note_event(self, admitted: Admitted, booked: Booked, event_id: str, fingerprint: bytes) -> None:
        event, site = admitted.event, admitted.event.site or ""
        self._events.append(
            {
                "tenant_id": self._tenant_id,
                "event_id": event_id,
                "fingerprint": fingerprint,
                "subscription_id": admitted.subscription.id,
                "event_type": admitted.meter.code,
                "pool": admitted.meter.pool,
                "site": site,
                "trace_id": event.trace_id,
                "occurred_at": admitted.occurred_at,
                "recorded_at": self._at,
                "period_start": admitted.period_start,
                "units_micro": event.units_micro,
                "meta": event.meta,
                **booked,
            }
        )
        counted = (event.units_micro, booked["credits_micro"], booked["overage_micro"], 1)
        _add(
            self._daily,
            (admitted.subscription.id, admitted.day, admitted.period_start, admitted.meter.code, site),
            counted,
        )
        _add(self._pools, self._pool_key(admitted)[1:], counted[1:3])

    def _daily_rows(self) -> list[dict[str, Any]]:
        names = (*_DAILY_KEY, "units_micro", "credits_micro", "overage_micro", "events")
        return [dict(zip(names, (self._tenant_id, *key, *sums), strict=True)) for key, sums in self._daily.items()]

    def _pool_rows(self) -> list[dict[str, Any]]:
        names = (*_POOL_KEY, "used_micro", "overage_micro", "billed_overage_micro")
        return [dict(zip(names, (self._tenant_id, *key, *sums, 0), strict=True)) for key, sums in self._pools.items()]


def _add(sums: dict[tuple[Any, ...], list[int]], key: tuple[Any, ...], values: tuple[int, ...]) -> None:
    row = sums.setdefault(key, [0] * len(values))
    for index, value in enumerate(values):
        row[index] += value
