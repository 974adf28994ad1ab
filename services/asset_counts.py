"""How many assets a period is billed for, read from no more snapshots than the plan's way of counting needs."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlmodel import Session, col, select

from models import AssetSnapshot
from services.plans import AssetPrice
from services.rules.assets import LATEST, PEAK, Snapshot, billable_assets
from services.rules.periods import Period


@dataclass(frozen=True, slots=True)
class AssetCount:
    """What counts, the snapshots that say so, and when the last of them was taken (None: none in the period)."""

    count: Decimal
    snapshot_ids: tuple[str, ...]
    counted_at: datetime | None


def count_assets(session: Session, *, tenant_id: str, price: AssetPrice, period: Period) -> AssetCount:
    """Count the plan's way: the latest snapshot in the period, the highest, or the mean of all."""
    statement = select(AssetSnapshot.id, AssetSnapshot.asset_count, AssetSnapshot.captured_at).where(
        AssetSnapshot.tenant_id == tenant_id,
        AssetSnapshot.captured_at >= period.starts_at,
        AssetSnapshot.captured_at < period.ends_at,
    )
    newest_first = (col(AssetSnapshot.captured_at).desc(), col(AssetSnapshot.id).desc())
    if price.basis == LATEST:
        statement = statement.order_by(*newest_first).limit(1)
    elif price.basis == PEAK:
        statement = statement.order_by(col(AssetSnapshot.asset_count).desc(), *newest_first).limit(1)
    snapshots = [Snapshot(*row) for row in session.exec(statement)]
    basis = billable_assets(snapshots, price.basis, period)
    times = [snapshot.captured_at for snapshot in snapshots if snapshot.id in basis.snapshot_ids]
    return AssetCount(basis.count, basis.snapshot_ids, max(times, default=None))
