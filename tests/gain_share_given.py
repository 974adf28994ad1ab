"""Two parties, a document, and baselines that both accepted."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sqlmodel import Session

from models import GainShareRun, KpiBaseline, MeasurementSource, Party
from services.gain_share.baseline_terms import BaselineTerms
from services.gain_share.baselines import accept_baseline, propose_baseline
from services.gain_share.evidence import store_evidence
from services.gain_share.kpi_measurements import Reading, record_measurements
from services.gain_share.parties import Signer
from services.gain_share.runs import submit_run
from tests.given import Customer, customer

OURS = Signer(Party.SELLER, "usr_ours")
THEIRS = Signer(Party.CUSTOMER, "usr_theirs")
DOCUMENT = "Reliability review 2025.pdf"
RATES = {
    "operating_hours": Decimal(8000),
    "downtime_rate": Decimal(5000),
    "labour_rate": Decimal(100),
    "parts_cost": Decimal(900),
}


def document(session: Session, tenant_id: str, *, at: datetime, name: str = DOCUMENT) -> str:
    """The id of a file that shows something."""
    content = f"%PDF-1.7 {name}".encode()
    return store_evidence(session, tenant_id=tenant_id, name=name, content=content, signer=THEIRS, at=at).id


def terms_of(session: Session, tenant_id: str, kpi: str, value: str, *, at: datetime, **given: Any) -> BaselineTerms:
    """Terms of a baseline measured over 2025 and effective with 2026."""
    name = given.pop("document", DOCUMENT)
    terms: dict[str, Any] = {
        "kpi": kpi,
        "value": Decimal(value),
        "currency": "CAD",
        "rates": RATES,
        "period_start": date(2025, 1, 1),
        "period_end": date(2026, 1, 1),
        "effective_from": date(2026, 1, 1),
    }
    if "file_id" not in given:
        terms["file_id"] = document(session, tenant_id, at=at, name=name)
    return BaselineTerms(**(terms | given))


def accepted_baseline(
    session: Session, tenant_id: str, kpi: str, value: str, *, at: datetime, **given: Any
) -> KpiBaseline:
    """A baseline we proposed and the customer accepted."""
    terms = terms_of(session, tenant_id, kpi, value, at=at, **given)
    proposed = propose_baseline(session, tenant_id=tenant_id, terms=terms, signer=OURS, at=at)
    return accept_baseline(session, tenant_id=tenant_id, baseline_id=proposed.id, signer=THEIRS, at=at)


YEAR = (date(2025, 7, 1), date(2026, 7, 1))
JULY = datetime(2026, 7, 10, 12, tzinfo=UTC)
"""When the year is over; the plant's customer is billed by the calendar month from June on."""

BETTER = {"mtbf_hours": "196", "mttr_hours": "4"}


def plant(
    session: Session, *, plan: str = "ENTERPRISE", name: str = "Harbour Robotics", at: datetime = JULY
) -> Customer:
    """A customer whose plan has gain-share."""
    return customer(session, plan=plan, name=name, timezone="America/Halifax", start=date(2026, 7, 1), at=at)


def measure(
    session: Session,
    tenant_id: str,
    values: Mapping[str, str],
    *,
    days: tuple[date, date] = YEAR,
    at: datetime = JULY,
) -> None:
    """What was measured of some days, as the customer wrote it in."""
    readings = [
        Reading(kpi=kpi, period_start=days[0], period_end=days[1], value=Decimal(value))
        for kpi, value in values.items()
    ]
    record_measurements(
        session, tenant_id=tenant_id, readings=readings, source=MeasurementSource.ENTERED, signer=THEIRS, at=at
    )


def agree(session: Session, tenant_id: str, *, at: datetime = JULY, **given: Any) -> None:
    """Baselines of failures and repairs that both parties accepted, in force for the year."""
    for kpi, value in (("mtbf_hours", "92"), ("mttr_hours", "8")):
        accepted_baseline(session, tenant_id, kpi, value, at=at, **(BEFORE | given))


def submitted(session: Session, tenant_id: str, *, at: datetime = JULY, **given: Any) -> GainShareRun:
    """A run over the year that waits: savings of 2,484,000.00, of which 15 % are 372,600.00."""
    agree(session, tenant_id, at=at)
    measure(session, tenant_id, BETTER, at=at)
    return submit(session, tenant_id, at=at, **given)


def submit(session: Session, tenant_id: str, *, at: datetime = JULY, **given: Any) -> GainShareRun:
    """Submit a run for our side."""
    wanted: dict[str, Any] = {
        "period_start": YEAR[0], "period_end": YEAR[1], "share_pct": Decimal(15), "signer": OURS, "at": at,
    }  # fmt: skip
    return submit_run(session, tenant_id=tenant_id, **(wanted | given))


BEFORE = {
    "period_start": date(2024, 7, 1), "period_end": date(2025, 7, 1), "effective_from": date(2025, 7, 1),
}  # fmt: skip
