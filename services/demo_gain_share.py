"""The gain-share part of the demonstration: what a plant measured before, and two quarters since."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from sqlmodel import Session

from models import MeasurementSource, Party
from services.baselines import BaselineTerms, accept_baseline, propose_baseline
from services.evidence import store_evidence
from services.gain_share_decisions import approve_run
from services.gain_share_parties import Signer
from services.gain_share_runs import submit_run
from services.kpi_measurements import Reading, record_measurements
from services.rules.decimals import text_of
from services.rules.periods import business_date
from services.tenants import read_tenant

RATES = {
    "operating_hours": Decimal(8_320),
    "downtime_rate": Decimal(1_850),
    "labour_rate": Decimal(240),
    "parts_cost": Decimal(900),
}
BASELINES = (
    ("availability_pct", Decimal("91.2")),
    ("mtbf_hours", Decimal(96)),
    ("mttr_hours", Decimal("6.5")),
)
MONTHS = (
    ("92.1", "104", "6.2"), ("92.7", "113", "5.9"), ("93.0", "119", "5.6"),
    ("93.4", "124", "5.4"), ("93.8", "128", "5.2"), ("94.2", "133", "5.0"),
)  # fmt: skip
"""Availability, time between failures and time to repair, month by month."""

MONTHS_IN_RUN = 3
SHARE_PCT = Decimal(15)
DOCUMENT = "Reliability before, Halifax and Dartmouth.csv"
DAYS_BEFORE = 365
"""What the baselines were measured over: the year before they take effect."""


def record_demo_gain_share(session: Session, *, tenant_id: str, our_user: str, their_user: str, at: datetime) -> None:
    """Agree on the baselines of the year before and measure each month since; a run for either quarter, of which the
    customer has approved the first."""
    today = business_date(at, read_tenant(session, tenant_id=tenant_id).timezone)
    firsts = [_months_before(today.replace(day=1), count) for count in range(len(MONTHS), -1, -1)]
    begun = firsts[0]
    ours, theirs = Signer(Party.SELLER, our_user), Signer(Party.CUSTOMER, their_user)
    source = store_evidence(session, tenant_id=tenant_id, name=DOCUMENT, content=_document(), signer=theirs, at=at)
    for kpi, value in BASELINES:
        terms = BaselineTerms(
            kpi=kpi,
            value=value,
            currency="CAD",
            rates=RATES,
            period_start=begun - timedelta(days=DAYS_BEFORE),
            period_end=begun,
            file_id=source.id,
            effective_from=begun,
        )
        proposed = propose_baseline(session, tenant_id=tenant_id, terms=terms, signer=ours, at=at)
        accept_baseline(session, tenant_id=tenant_id, baseline_id=proposed.id, signer=theirs, at=at)
    readings = [
        Reading(kpi=kpi, period_start=starts, period_end=ends, value=Decimal(value))
        for (starts, ends), month in zip(pairwise(firsts), MONTHS, strict=True)
        for (kpi, _), value in zip(BASELINES, month, strict=True)
    ]
    record_measurements(
        session, tenant_id=tenant_id, readings=readings, source=MeasurementSource.ENTERED, signer=theirs, at=at
    )
    first, _ = (
        submit_run(
            session,
            tenant_id=tenant_id,
            period_start=starts,
            period_end=ends,
            share_pct=SHARE_PCT,
            signer=ours,
            at=at,
        )
        for starts, ends in pairwise(firsts[::MONTHS_IN_RUN])
    )
    approve_run(session, tenant_id=tenant_id, run_id=first.id, signer=theirs, at=at)


def _document() -> bytes:
    rows = [f"{kpi},{text_of(value)}" for kpi, value in BASELINES]
    return "\n".join(["kpi,value", *rows, ""]).encode()


def _months_before(first: date, count: int) -> date:
    month = first.year * 12 + first.month - 1 - count
    return date(month // 12, month % 12 + 1, 1)
