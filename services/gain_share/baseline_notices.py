"""What notices tell of baselines: that one is proposed, and what became of it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sqlmodel import Session

from models import BaselineStatus, KpiBaseline, NoticeType
from services.gain_share.evidence import find_evidence
from services.gain_share.kpis import kpis_of
from services.gain_share.shapes import BaselineData
from services.notices import announce
from services.rules.decimals import text_of

_TYPES: Final[Mapping[BaselineStatus, NoticeType]] = {
    BaselineStatus.PROPOSED: NoticeType.GAIN_SHARE_BASELINE_PROPOSED,
    BaselineStatus.ACCEPTED: NoticeType.GAIN_SHARE_BASELINE_ACCEPTED,
    BaselineStatus.DECLINED: NoticeType.GAIN_SHARE_BASELINE_DECLINED,
    BaselineStatus.WITHDRAWN: NoticeType.GAIN_SHARE_BASELINE_WITHDRAWN,
}


def announce_baseline(session: Session, *, baseline: KpiBaseline, at: datetime) -> None:
    """Tell of a baseline as it stands, once for each way it can stand."""
    kpi = kpis_of(session, tenant_id=baseline.tenant_id).get(baseline.kpi)
    file = find_evidence(session, tenant_id=baseline.tenant_id, file_id=baseline.file_id)
    data = BaselineData(
        baseline_id=baseline.id,
        kpi=baseline.kpi,
        kpi_name=baseline.kpi if kpi is None else kpi.name,
        status=baseline.status.value,
        value=text_of(baseline.value),
        unit=baseline.unit,
        currency=baseline.currency,
        rates=dict(baseline.rates),
        period_start=baseline.period_start,
        period_end=baseline.period_end,
        effective_from=baseline.effective_from,
        document_sha256=file.sha256,
        proposed_by=baseline.proposed_party.value,
        reason=baseline.reason or None,
        receipt_seq=baseline.receipt_seq,
    )
    type = _TYPES[baseline.status]
    announce(session, tenant_id=baseline.tenant_id, type=type, subject_id=baseline.id, data=data, at=at)
