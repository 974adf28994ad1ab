"""The page of one baseline: what it says and rests on, who agreed to it, what it replaced, and which runs used it."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import String, cast
from sqlmodel import Session, col, func, select

from models import BaselineStatus, GainShareRun, KpiBaseline, Party, Tenant
from services import wording
from services.gain_share.baseline_lists import accepted_of, read_baseline
from services.gain_share.baseline_views import BaselineView, baseline_view
from services.gain_share.evidence import find_evidence
from services.gain_share.review import who_decides
from services.gain_share.run_rows import RunRow, run_row
from services.gain_share.thread_views import PARTY_NAMES, file_size
from services.gain_share.words import kpi_value
from services.rules.periods import business_date
from services.sign_in import Member
from services.tenants import read_tenant

RUNS_SHOWN: Final = 6


@dataclass(frozen=True)
class OtherBaseline:
    """A baseline of the same KPI before or after this one; `id` is "" for none."""

    id: str = ""
    said: str = ""


@dataclass(frozen=True)
class BaselinePageView:
    """One baseline. `baselines` holds it, as lists show it; it is empty where there is nothing to show.

    `counts` says from when to when runs are measured against it, in a sentence.
    """

    id: str = ""
    baselines: tuple[BaselineView, ...] = ()
    name: str = ""
    counts: str = ""
    decides: str = ""
    document_size: str = ""
    uploaded: str = ""
    before: OtherBaseline = OtherBaseline()
    after: OtherBaseline = OtherBaseline()
    runs: tuple[RunRow, ...] = ()
    older_runs: str = ""


NO_BASELINE_PAGE = BaselinePageView()


def read_baseline_page(
    session: Session, *, tenant_id: str, baseline_id: str, member: Member, at: datetime
) -> BaselinePageView:
    """What a member of either party sees of a baseline. Raises NotFound, also where it is another customer's."""
    tenant = read_tenant(session, tenant_id=tenant_id)
    baseline = read_baseline(session, tenant_id=tenant_id, baseline_id=baseline_id)
    file = find_evidence(session, tenant_id=tenant_id, file_id=baseline.file_id)
    today = business_date(at, tenant.timezone)
    view = baseline_view(session, tenant=tenant, baseline=baseline, file=file, on=today, member=member)
    before, after = _neighbours(session, baseline)
    runs, hidden = _runs(session, tenant, baseline, today)
    return BaselinePageView(
        id=baseline.id,
        baselines=(view,),
        name=view.name,
        counts=_counts(baseline, after),
        decides=_decides(session, baseline),
        document_size=file_size(file.size_bytes),
        uploaded=f"by the {PARTY_NAMES[file.party].lower()} on {wording.moment_day(file.uploaded_at, tenant.timezone)}",
        before=_other(before),
        after=_other(after),
        runs=runs,
        older_runs=f"and {hidden:,} earlier" if hidden > 0 else "",
    )


def _decides(session: Session, baseline: KpiBaseline) -> str:
    """Who may decide on it, while nobody has."""
    if baseline.status != BaselineStatus.PROPOSED:
        return ""
    ours = baseline.proposed_party == Party.SELLER
    return who_decides(session, tenant_id=baseline.tenant_id) if ours else "the seller"


def _neighbours(session: Session, baseline: KpiBaseline) -> tuple[KpiBaseline | None, KpiBaseline | None]:
    """Whose place it took, and which took its place; of one that is not accepted, none."""
    line = accepted_of(session, tenant_id=baseline.tenant_id, kpi=baseline.kpi)
    at = next((number for number, each in enumerate(line) if each.id == baseline.id), None)
    if at is None:
        return None, None
    return (line[at - 1] if at else None), (line[at + 1] if at + 1 < len(line) else None)


def _counts(baseline: KpiBaseline, after: KpiBaseline | None) -> str:
    starts = wording.day(baseline.effective_from)
    if baseline.status == BaselineStatus.PROPOSED:
        return f"Would count for runs from {starts} on. It counts for nothing until it is accepted."
    if baseline.status != BaselineStatus.ACCEPTED:
        return "It never counted."
    if after is None:
        return f"Counts for runs that begin on {starts} or later."
    if after.effective_from == baseline.effective_from:
        return f"From {starts}, the very same day, one accepted later counts instead."
    last = wording.day(after.effective_from - timedelta(days=1))
    return f"Counts for runs that begin from {starts} to {last}."


def _other(baseline: KpiBaseline | None) -> OtherBaseline:
    if baseline is None:
        return OtherBaseline()
    value = kpi_value(baseline.kpi, baseline.value, baseline.currency, baseline.unit)
    return OtherBaseline(baseline.id, f"{value}, from {wording.day(baseline.effective_from)}")


def _runs(session: Session, tenant: Tenant, baseline: KpiBaseline, today: date) -> tuple[tuple[RunRow, ...], int]:
    """The newest runs whose calculation names the baseline, and how many more there are."""
    used = (
        GainShareRun.tenant_id == tenant.id,
        GainShareRun.period_start >= baseline.effective_from,
        cast(col(GainShareRun.calculation), String).contains(baseline.id, autoescape=True),
    )
    newest = (col(GainShareRun.submitted_at).desc(), col(GainShareRun.id))
    found = session.exec(select(GainShareRun).where(*used).order_by(*newest).limit(RUNS_SHOWN)).all()
    count = session.exec(select(func.count()).select_from(GainShareRun).where(*used)).one()
    return tuple(run_row(run, tenant.timezone, today=today) for run in found), count - len(found)
