"""Two parties, a document, and baselines that both accepted."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlmodel import Session

from models import KpiBaseline, Party
from services.baselines import BaselineTerms, accept_baseline, propose_baseline
from services.evidence import store_evidence
from services.gain_share_parties import Signer

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
