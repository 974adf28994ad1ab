"""The gain-share part of the demonstration: what a plant measured before, and two quarters since."""

from datetime import date, datetime, timedelta
from decimal import Decimal

from sqlmodel import Session

from models import Party
from services.baselines import BaselineTerms, accept_baseline, propose_baseline
from services.evidence import store_evidence
from services.gain_share import record_run
from services.gain_share_parties import Signer
from services.rules.decimals import text_of
from services.rules.periods import business_date
from services.tenants import read_tenant

RATES = {
    "operating_hours": Decimal(2_080),
    "downtime_rate": Decimal(1_850),
    "labour_rate": Decimal(240),
    "parts_cost": Decimal(900),
}
BASELINES = (
    ("availability_pct", Decimal("91.2")),
    ("mtbf_hours", Decimal(96)),
    ("mttr_hours", Decimal("6.5")),
)
QUARTERS = (
    {"availability_pct": Decimal("92.6"), "mtbf_hours": Decimal(112), "mttr_hours": Decimal("5.9")},
    {"availability_pct": Decimal("93.8"), "mtbf_hours": Decimal(128), "mttr_hours": Decimal("5.2")},
)
SHARE_PCT = Decimal(15)
DOCUMENT = "Reliability before, Halifax and Dartmouth.csv"
DAYS_BEFORE = 365
"""What the baselines were measured over: the year before they take effect."""

DAYS_IN_RUN = 91


def record_demo_gain_share(session: Session, *, tenant_id: str, our_user: str, their_user: str, at: datetime) -> None:
    """Agree on the baselines of the year before, and record a run for each of the last two quarters."""
    today = business_date(at, read_tenant(session, tenant_id=tenant_id).timezone)
    begun = _first_of_month(today) - timedelta(days=DAYS_IN_RUN * len(QUARTERS))
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


def _document() -> bytes:
    rows = [f"{kpi},{text_of(value)}" for kpi, value in BASELINES]
    return "\n".join(["kpi,value", *rows, ""]).encode()


def _first_of_month(day: date) -> date:
    return day.replace(day=1)
