"""Find baselines again: one, those of a customer, those in force on a day, and what a receipt commits to."""

from datetime import date
from typing import Any, NamedTuple

from sqlmodel import Session, col, select

from models import BaselineStatus, KpiBaseline
from services.errors import NotFound
from services.gain_share.evidence import find_evidence
from services.key_makers import makers_of_keys
from services.receipts.agreements import baseline_document
from services.rules.savings import MEASURED


class Commitment(NamedTuple):
    """SHA-256(salt ‖ canonical JSON of the document) is the receipt's `cid`."""

    salt: bytes
    document: dict[str, Any]


def read_baseline(session: Session, *, tenant_id: str, baseline_id: str) -> KpiBaseline:
    """Raises NotFound."""
    baseline = session.get(KpiBaseline, (tenant_id, baseline_id)) if baseline_id.isprintable() else None
    if baseline is None:
        raise NotFound("There is no such baseline.", field="baseline_id")
    return baseline


def read_commitment(session: Session, *, baseline: KpiBaseline) -> Commitment | None:
    """What the receipt of an accepted baseline commits to; None of one that has none, or whose salt was destroyed."""
    if baseline.status != BaselineStatus.ACCEPTED or baseline.salt is None:
        return None
    file = find_evidence(session, tenant_id=baseline.tenant_id, file_id=baseline.file_id)
    makers = makers_of_keys(session, [by for by in (baseline.proposed_by, baseline.decided_by) if by])
    return Commitment(baseline.salt, baseline_document(baseline, file.sha256, makers))


def list_baselines(
    session: Session,
    *,
    tenant_id: str,
    limit: int,
    before: str | None = None,
    status: BaselineStatus | None = None,
    kpi: str | None = None,
) -> list[KpiBaseline]:
    """A customer's baselines, the newest proposal first, those with an id below `before`."""
    mine = select(KpiBaseline).where(KpiBaseline.tenant_id == tenant_id)
    if before is not None:
        mine = mine.where(KpiBaseline.id < before)
    if status is not None:
        mine = mine.where(KpiBaseline.status == status)
    if kpi is not None:
        mine = mine.where(KpiBaseline.kpi == kpi)
    return list(session.exec(mine.order_by(col(KpiBaseline.id).desc()).limit(limit)))


def accepted_of(session: Session, *, tenant_id: str, kpi: str) -> list[KpiBaseline]:
    """A KPI's accepted baselines in the order in which they take each other's place: by the day, then as accepted."""
    statement = (
        select(KpiBaseline)
        .where(
            KpiBaseline.tenant_id == tenant_id,
            KpiBaseline.status == BaselineStatus.ACCEPTED,
            KpiBaseline.kpi == kpi,
        )
        .order_by(col(KpiBaseline.effective_from), col(KpiBaseline.receipt_seq))
    )
    return list(session.exec(statement))


def baselines_in_force(session: Session, *, tenant_id: str, on: date) -> list[KpiBaseline]:
    """The accepted baseline of each KPI on a day: the one effective last, and of two the one accepted last.

    The built-in KPIs come first, then the plan's own by code.
    """
    statement = (
        select(KpiBaseline)
        .where(
            KpiBaseline.tenant_id == tenant_id,
            KpiBaseline.status == BaselineStatus.ACCEPTED,
            KpiBaseline.effective_from <= on,
        )
        .order_by(col(KpiBaseline.effective_from), col(KpiBaseline.receipt_seq))
    )
    latest = {baseline.kpi: baseline for baseline in session.exec(statement)}
    own = sorted(code for code in latest if code not in MEASURED)
    return [latest[code] for code in (*MEASURED, *own) if code in latest]
