"""The gain-share part of the demonstration: what a plant measured before, and two quarters since."""

import hashlib
from datetime import date, datetime, timedelta
from decimal import Decimal

from sqlmodel import Session

from services.gain_share import record_baseline, record_run
from services.rules.periods import business_date
from services.tenants import read_tenant

RATES = {
    "operating_hours": Decimal(2_080),
    "downtime_rate": Decimal(1_850),
    "labour_rate": Decimal(240),
    "parts_cost": Decimal(900),
}
BASELINES = (
    ("availability_pct", Decimal("91.2"), "%"),
    ("mtbf_hours", Decimal(96), "h"),
    ("mttr_hours", Decimal("6.5"), "h"),
)
QUARTERS = (
    {"availability_pct": Decimal("92.6"), "mtbf_hours": Decimal(112), "mttr_hours": Decimal("5.9")},
    {"availability_pct": Decimal("93.8"), "mtbf_hours": Decimal(128), "mttr_hours": Decimal("5.2")},
)
SHARE_PCT = Decimal(15)
DOCUMENT = "Maintenance log 2025, Halifax and Dartmouth.csv"
DAYS_IN_RUN = 91


def record_demo_gain_share(session: Session, *, tenant_id: str, at: datetime) -> None:
    """Record the baselines of a year ago and a run for each of the last two quarters."""
    today = business_date(at, read_tenant(session, tenant_id=tenant_id).timezone)
    begun = _first_of_month(today) - timedelta(days=DAYS_IN_RUN * len(QUARTERS))
    for kpi, value, unit in BASELINES:
        record_baseline(
            session,
            tenant_id=tenant_id,
            kpi=kpi,
            value=value,
            unit=unit,
            currency="CAD",
            rates=RATES,
            source_document=DOCUMENT,
            source_sha256=hashlib.sha256(DOCUMENT.encode()).hexdigest(),
            effective_from=begun,
            at=at,
        )
    for number, actual in enumerate(QUARTERS):
        starts = begun + timedelta(days=DAYS_IN_RUN * number)
        record_run(
            session,
            tenant_id=tenant_id,
            period_start=starts,
            period_end=starts + timedelta(days=DAYS_IN_RUN),
            actual=actual,
            share_pct=SHARE_PCT,
            at=at,
        )


def _first_of_month(day: date) -> date:
    return day.replace(day=1)
