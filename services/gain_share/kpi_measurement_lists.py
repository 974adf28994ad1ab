"""List what was measured, with what was replaced and without."""

from datetime import date
from typing import Final

from sqlmodel import Session, col, select

from models import KpiMeasurement

ALL_SITES: Final = ""
"""Where a measurement is of the customer as a whole."""


def list_measurements(
    session: Session,
    *,
    tenant_id: str,
    limit: int,
    before: str | None = None,
    kpi: str | None = None,
    site: str | None = None,
    with_replaced: bool = False,
) -> list[KpiMeasurement]:
    """A customer's measurements, the newest first, those with an id below `before`."""
    mine = select(KpiMeasurement).where(KpiMeasurement.tenant_id == tenant_id)
    if before is not None:
        mine = mine.where(KpiMeasurement.id < before)
    if kpi is not None:
        mine = mine.where(KpiMeasurement.kpi == kpi)
    if site is not None:
        mine = mine.where(KpiMeasurement.site == site)
    if not with_replaced:
        mine = mine.where(col(KpiMeasurement.replaced_at).is_(None))
    return list(session.exec(mine.order_by(col(KpiMeasurement.id).desc()).limit(limit)))


def standing_measurements(
    session: Session, *, tenant_id: str, starts: date, ends: date, site: str | None = ALL_SITES
) -> list[KpiMeasurement]:
    """What stands of the measurements that touch the days [starts, ends), in time; of every site where it is None."""
    touching = select(KpiMeasurement).where(
        KpiMeasurement.tenant_id == tenant_id,
        col(KpiMeasurement.replaced_at).is_(None),
        KpiMeasurement.period_start < ends,
        KpiMeasurement.period_end > starts,
    )
    if site is not None:
        touching = touching.where(KpiMeasurement.site == site)
    return list(session.exec(touching.order_by(col(KpiMeasurement.period_start), col(KpiMeasurement.id))))
