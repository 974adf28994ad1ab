"""How many assets a period is billed for, read from no more snapshots than the plan's way of counting needs."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import bindparam
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, exists, select

from models import AssetSnapshot, Subscription, Tenant
from services.closing.questions import Question
from services.price_books.plans import AssetPrice
from services.rules.asset_shares import Holder, share_of
from services.rules.assets import LATEST, PEAK, Snapshot, billable_assets
from services.rules.periods import Period


@dataclass(frozen=True, slots=True)
class AssetCount:
    """What counts, the snapshots that say so, and when the last of them was taken (None: none in the period)."""

    count: Decimal
    snapshot_ids: tuple[str, ...]
    counted_at: datetime | None


def count_assets(session: Session, *, subscription: Subscription, price: AssetPrice, period: Period) -> AssetCount:
    """Count the plan's way: the latest snapshot in the period, the highest, or the mean of all.

    Where the customer has several subscriptions, only this one's share of each snapshot counts; see `asset_shares`.
    """
    holders = _holders(session, subscription, period)
    if len(holders) == 1 and subscription.site is None:
        snapshots = _whole(session, subscription, price, period)
    else:
        snapshots = _shared(session, subscription, holders, period)
    basis = billable_assets(snapshots, price.basis, period)
    times = [snapshot.captured_at for snapshot in snapshots if snapshot.id in basis.snapshot_ids]
    return AssetCount(basis.count, basis.snapshot_ids, max(times, default=None))


def _whole(session: Session, subscription: Subscription, price: AssetPrice, period: Period) -> list[Snapshot]:
    if COUNTED.foreseen(session, subscription.tenant_id, period.starts_at, period.ends_at) == []:
        return []
    wanted = {"tenant": subscription.tenant_id, "since": period.starts_at, "until": period.ends_at}
    counting = {LATEST: _latest, PEAK: _peak}.get(price.basis, _all)
    return [Snapshot(*row) for row in session.execute(counting, wanted)]


def _shared(session: Session, subscription: Subscription, holders: dict[str, Holder], period: Period) -> list[Snapshot]:
    statement = select(AssetSnapshot).where(
        AssetSnapshot.tenant_id == subscription.tenant_id,
        AssetSnapshot.captured_at >= period.starts_at,
        AssetSnapshot.captured_at < period.ends_at,
    )
    found = []
    for row in session.exec(statement):
        share = share_of(
            holders[subscription.id],
            tuple(holders.values()),
            asset_count=row.asset_count,
            by_site=row.site_breakdown,
            captured_at=row.captured_at,
        )
        if share is not None:
            found.append(Snapshot(row.id, share, row.captured_at))
    return found


def _holders(session: Session, subscription: Subscription, period: Period) -> dict[str, Holder]:
    """The subscription itself and those that ran beside it within the period."""
    return {
        each.id: Holder(each.id, each.name, each.site, each.started_at, each.canceled_at)
        for each in BEGUN.ask(session, subscription.tenant_id, period.ends_at)
        if each.id == subscription.id or each.canceled_at is None or each.canceled_at > period.starts_at
    }


_newest_first = (col(AssetSnapshot.captured_at).desc(), col(AssetSnapshot.id).desc())
_all = select(AssetSnapshot.id, AssetSnapshot.asset_count, AssetSnapshot.captured_at).where(
    AssetSnapshot.tenant_id == bindparam("tenant"),
    AssetSnapshot.captured_at >= bindparam("since"),
    AssetSnapshot.captured_at < bindparam("until"),
)
_latest = _all.order_by(*_newest_first).limit(1)
_peak = _all.order_by(col(AssetSnapshot.asset_count).desc(), *_newest_first).limit(1)
"""Built once: building them costs as much as running it."""

_each = aliased(Subscription)
BEGUN = Question(
    lambda tenant, until: select(_each).where(_each.tenant_id == tenant, _each.started_at < until),
    Subscription.tenant_id,
    Subscription.current_period_end,
)
COUNTED = Question(
    lambda tenant, since, until: select(Tenant.id).where(
        Tenant.id == tenant,
        exists().where(
            col(AssetSnapshot.tenant_id) == Tenant.id,
            col(AssetSnapshot.captured_at) >= since,
            col(AssetSnapshot.captured_at) < until,
        ),
    ),
    Subscription.tenant_id,
    Subscription.current_period_start,
    Subscription.current_period_end,
)
"""The customer, where it has counted its assets in the period."""
