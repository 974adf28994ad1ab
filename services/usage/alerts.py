"""The alerts of one run of events: which thresholds are still to be crossed, and what was crossed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session, select

from models import Alert, AlertKind, NoticeType, table_of
from services.database import insert_missing
from services.identifiers import new_id
from services.notice_shapes import CreditsData, SpendCapData
from services.notice_values import NoticeAmount, NoticeData
from services.notices import announce
from services.rules.quantities import plain_micro
from services.usage.lanes import Lane

LOW_CREDITS_PCT, USED_UP_PCT = 80, 100
ALL_POOLS = ""

_CREDITS: Mapping[AlertKind, NoticeType] = {
    AlertKind.LOW_CREDITS: NoticeType.CREDITS_LOW,
    AlertKind.OVERAGE: NoticeType.CREDITS_OVERAGE,
}


def kind_of(threshold_pct: int) -> AlertKind:
    """What crossing a percentage of the credits is called."""
    return AlertKind.OVERAGE if threshold_pct == USED_UP_PCT else AlertKind.LOW_CREDITS


class RunAlerts:
    """Alerts of one tenant, whose head the caller has locked. `write` stores them and tells; nothing before does."""

    def __init__(self, *, tenant_id: str) -> None:
        self._tenant_id = tenant_id
        self._rows: list[dict[str, Any]] = []
        self._told: list[tuple[dict[str, Any], NoticeType, NoticeData]] = []
        self._caps_reached: set[tuple[str, datetime]] = set()

    def begin(self, session: Session, at: datetime) -> None:
        self._session = session
        self._at = at

    def still_to_cross(self, lane: Lane, thresholds_pct: tuple[int, ...]) -> tuple[int, ...]:
        """Those of a pool's thresholds, and 100, that its window has not crossed."""
        crossed = self._crossed(lane.subscription_id, lane.pool, lane.window[0])
        return tuple(pct for pct in (*thresholds_pct, USED_UP_PCT) if pct not in crossed)

    def cross(
        self, lane: Lane, thresholds_pct: tuple[int, ...], *, event_id: str, used_micro: int, capacity_micro: int
    ) -> AlertKind | None:
        """Raise the alerts of thresholds that were crossed, rising; answers the gravest.

        `used_micro` of the window's `capacity_micro` are used from here on.
        """
        for pct in thresholds_pct:
            kind = kind_of(pct)
            row = self._row(lane, kind, pct, event_id, pool=lane.pool, window_start=lane.window[0])
            data = CreditsData(
                subscription_id=lane.subscription_id,
                pool=lane.pool,
                pool_name=lane.plan.pools[lane.pool].name,
                threshold_pct=pct,
                used=plain_micro(used_micro),
                available=plain_micro(capacity_micro),
                period_start=lane.period_start,
                window_start=lane.window[0],
                event_id=event_id,
                raised_at=self._at,
            )
            self._raise(row, _CREDITS[kind], data)
        return kind_of(thresholds_pct[-1]) if thresholds_pct else None

    def reach_cap(self, lane: Lane, *, event_id: str, cap_minor: int) -> bool:
        """Raise CAP_REACHED for the event's period, once; False where it was raised before."""
        period = (lane.subscription_id, lane.period_start)
        if period in self._caps_reached:
            return False
        self._caps_reached.add(period)
        if self._crossed(lane.subscription_id, ALL_POOLS, lane.period_start):
            return False
        row = self._row(
            lane, AlertKind.CAP_REACHED, USED_UP_PCT, event_id, pool=ALL_POOLS, window_start=lane.period_start
        )
        data = SpendCapData(
            subscription_id=lane.subscription_id,
            cap=NoticeAmount.of(cap_minor, lane.plan.currency),
            period_start=lane.period_start,
            event_id=event_id or None,
            raised_at=self._at,
        )
        self._raise(row, NoticeType.SPEND_CAP_REACHED, data)
        return True

    def write(self) -> None:
        insert_missing(self._session, table_of(Alert), self._rows)
        for row, type, data in self._told:
            announce(
                self._session,
                tenant_id=self._tenant_id,
                type=type,
                subject_id=row["subscription_id"],
                occurrence=f"{row['pool']}:{row['window_start'].isoformat()}:{row['threshold_pct']}",
                data=data,
                at=self._at,
            )
        self._rows, self._told = [], []

    def _raise(self, row: dict[str, Any], type: NoticeType, data: NoticeData) -> None:
        self._rows.append(row)
        self._told.append((row, type, data))

    def _crossed(self, subscription_id: str, pool: str, window_start: datetime) -> set[int]:
        statement = select(Alert.threshold_pct).where(
            Alert.tenant_id == self._tenant_id,
            Alert.subscription_id == subscription_id,
            Alert.pool == pool,
            Alert.window_start == window_start,
        )
        return set(self._session.exec(statement))

    def _row(
        self, lane: Lane, kind: AlertKind, threshold_pct: int, event_id: str, *, pool: str, window_start: datetime
    ) -> dict[str, Any]:
        return {
            "tenant_id": self._tenant_id,
            "id": new_id("alert"),
            "subscription_id": lane.subscription_id,
            "pool": pool,
            "period_start": lane.period_start,
            "window_start": window_start,
            "kind": kind,
            "threshold_pct": threshold_pct,
            "event_id": event_id,
            "raised_at": self._at,
        }
