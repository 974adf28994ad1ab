"""Gain-share in words: what is measured against, and each run with the working from measurements to fee."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import Session, col, func, select

from models import BaselineStatus, EvidenceFile, GainShareRun, GainShareStatus, KpiBaseline, Tenant
from services import wording
from services.baselines import baselines_in_force
from services.gain_share_run_views import NamedValue, RunView, kpi_value, rates_view, run_view
from services.gain_share_runs import STANDING
from services.kpis import Kpi, gain_share_plan, kpis_of
from services.plans import Plan
from services.rules.periods import business_date
from services.tenants import read_tenant

BASELINES_SHOWN_MAX, RUNS_SHOWN_MAX = 50, 24


@dataclass(frozen=True)
class BaselineView:
    """Where a KPI stood, and the document that shows it. `is_in_force`: runs that begin today use it."""

    name: str
    value: str
    effective_from: str
    document: str
    sha256: str
    rates: tuple[NamedValue, ...]
    is_in_force: bool


@dataclass(frozen=True)
class GainShareView:
    """Baselines and runs, newest first. `terms` is "" where the plan has no gain-share."""

    has_subscription: bool = False
    plan_name: str = ""
    terms: str = ""
    savings: str = ""
    fees: str = ""
    waiting: str = ""
    waiting_hint: str = ""
    runs_hint: str = ""
    baselines: tuple[BaselineView, ...] = ()
    runs: tuple[RunView, ...] = ()
    older_runs: str = ""


EMPTY_GAIN_SHARE = GainShareView()


def read_gain_share(session: Session, *, tenant_id: str, at: datetime) -> GainShareView:
    """What a customer's gain-share page shows. Raises NotFound for an unknown customer.

    Runs that were rejected or replaced are listed, but count in no total.
    """
    tenant = read_tenant(session, tenant_id=tenant_id)
    plan = gain_share_plan(session, tenant_id=tenant_id)
    runs = _runs(session, tenant_id)
    totals = _totals(session, tenant_id)
    waiting_count, _, waiting_minor = totals.get(GainShareStatus.PENDING_APPROVAL, (0, 0, 0))
    counted = [sums for status, sums in totals.items() if status in STANDING]
    count = sum(each[0] for each in counted)
    return GainShareView(
        has_subscription=plan is not None,
        plan_name=plan.name if plan else "",
        terms=_terms(plan),
        savings=wording.amount(sum(each[1] for each in counted), tenant.currency),
        fees=wording.amount(sum(each[2] for each in counted), tenant.currency),
        waiting=wording.amount(waiting_minor, tenant.currency),
        waiting_hint=f"{_runs_word(waiting_count)} to be approved" if waiting_count else "No run is waiting",
        runs_hint=f"over {_runs_word(count)}" if count else "No run yet",
        baselines=_baselines(session, tenant, on=business_date(at, tenant.timezone)),
        runs=tuple(run_view(run, tenant.timezone) for run in runs),
        older_runs=_older(sum(each[0] for each in totals.values()) - len(runs)),
    )


def _terms(plan: Plan | None) -> str:
    if plan is None or plan.gain_share is None:
        return ""
    bounds = plan.gain_share
    return f"{wording.number(bounds.min_pct)} % to {wording.number(bounds.max_pct)} % of documented savings"


def _older(hidden: int) -> str:
    return f"{_runs_word(hidden)} made earlier count in the totals and are not listed here." if hidden > 0 else ""


def _runs_word(count: int) -> str:
    return f"{count:,} run{'' if count == 1 else 's'}"


def _runs(session: Session, tenant_id: str) -> list[GainShareRun]:
    newest_first = (col(GainShareRun.period_start).desc(), col(GainShareRun.submitted_at).desc(), col(GainShareRun.id))
    statement = select(GainShareRun).where(GainShareRun.tenant_id == tenant_id).order_by(*newest_first)
    return list(session.exec(statement.limit(RUNS_SHOWN_MAX)))


def _totals(session: Session, tenant_id: str) -> dict[GainShareStatus, tuple[int, int, int]]:
    """How many runs, their savings and their fees in minor units, by status."""
    statement = (
        select(
            GainShareRun.status,
            func.count(),
            func.sum(GainShareRun.savings_minor),
            func.sum(GainShareRun.fee_minor),
        )
        .where(GainShareRun.tenant_id == tenant_id)
        .group_by(col(GainShareRun.status))
    )
    rows = session.exec(statement)
    return {GainShareStatus(status): (count, int(savings), int(fees)) for status, count, savings, fees in rows}


def _baselines(session: Session, tenant: Tenant, *, on: date) -> tuple[BaselineView, ...]:
    """Those both sides accepted, by KPI, the newest of each first."""
    in_force = {baseline.id for baseline in baselines_in_force(session, tenant_id=tenant.id, on=on)}
    its_file = (col(EvidenceFile.tenant_id) == KpiBaseline.tenant_id) & (col(EvidenceFile.id) == KpiBaseline.file_id)
    statement = (
        select(KpiBaseline, EvidenceFile.name, EvidenceFile.sha256)
        .join(EvidenceFile, its_file)
        .where(KpiBaseline.tenant_id == tenant.id, KpiBaseline.status == BaselineStatus.ACCEPTED)
        .order_by(col(KpiBaseline.effective_from).desc(), col(KpiBaseline.receipt_seq).desc())
        .limit(BASELINES_SHOWN_MAX)
    )
    kpis = kpis_of(session, tenant_id=tenant.id)
    order = {code: number for number, code in enumerate(kpis)}
    found = sorted(session.exec(statement), key=lambda row: order.get(row[0].kpi, len(order)))
    return tuple(
        BaselineView(
            name=_name(kpis, baseline.kpi),
            value=kpi_value(baseline.kpi, baseline.value, baseline.currency, baseline.unit),
            effective_from=wording.day(baseline.effective_from),
            document=document,
            sha256=sha256,
            rates=rates_view(baseline.rates, baseline.currency),
            is_in_force=baseline.id in in_force,
        )
        for baseline, document, sha256 in found
    )


def _name(kpis: dict[str, Kpi], code: str) -> str:
    """A KPI that the plan has no more is called by its code."""
    return kpis[code].name if code in kpis else code
