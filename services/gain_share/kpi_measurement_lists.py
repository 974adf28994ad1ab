"""List what was measured, with what was replaced and without."""

from sqlmodel import Session, col, select

from models import KpiMeasurement


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
