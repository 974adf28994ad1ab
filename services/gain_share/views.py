"""Gain-share in words: what is measured against, what was measured since, and the runs that made fees of it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import String, case, cast
from sqlmodel import Session, col, func, select

from models import BaselineStatus, GainShareRun, GainShareStatus
from services import wording
from services.gain_share.baseline_views import BaselineView, baseline_views
from services.gain_share.billing import runs_taken_back
from services.gain_share.kpis import gain_share_plan
from services.gain_share.measurement_views import NOTHING_MEASURED, MeasuredView, read_measured
from services.gain_share.parties import SIGNING_ROLES
from services.gain_share.review import who_decides
from services.gain_share.run_rows import RunRow, run_row
from services.gain_share.words import TAKEN_BACK
from services.price_books.plans import Plan
from services.rules.periods import business_date
from services.sign_in import Member
from services.tenants import read_tenant

RUNS_SHOWN = 24
RUNS_SHOWN_MAX = 240


@dataclass(frozen=True)
class GainShareView:
    """Baselines and runs, newest first. `savings` and `fees` are of approved runs whose invoice was not taken back;
    `terms` is "" where the plan has no gain-share."""

    has_subscription: bool = False
    plan_name: str = ""
    terms: str = ""
    savings: str = ""
    fees: str = ""
    waiting: str = ""
    waiting_hint: str = ""
    runs_hint: str = ""
    baselines: tuple[BaselineView, ...] = ()
    proposed: str = ""
    """How many baselines wait for the customer, in words."""

    decides: str = ""
    """Who decides on those we proposed, in a sentence, where the member does not."""

    may_propose: bool = False
    """Whether the member is one of the customer who proposes baselines here; operators have a page of theirs."""

    measured: MeasuredView = NOTHING_MEASURED
    runs: tuple[RunRow, ...] = ()
    older_runs: str = ""
    has_more_runs: bool = False
    """Whether more of them can be listed."""


EMPTY_GAIN_SHARE = GainShareView()


def read_gain_share(
    session: Session, *, tenant_id: str, at: datetime, member: Member | None = None, runs_max: int = RUNS_SHOWN
) -> GainShareView:
    """What a customer's gain-share page shows to a member, or to nobody in particular. Raises NotFound.

    The newest `runs_max` runs are listed, whatever became of them; only what both sides signed is in the totals.
    """
    tenant = read_tenant(session, tenant_id=tenant_id)
    plan = gain_share_plan(session, tenant_id=tenant_id)
    runs = _runs(session, tenant_id, min(max(runs_max, RUNS_SHOWN), RUNS_SHOWN_MAX))
    undone = runs_taken_back(session, tenant_ids=[tenant_id])
    totals = _totals(session, tenant_id, undone)
    waiting_count, _, waiting_minor = totals.get(GainShareStatus.PENDING_APPROVAL, (0, 0, 0))
    count, savings_minor, fees_minor = totals.get(GainShareStatus.APPROVED, (0, 0, 0))
    undone_count, _, _ = totals.get(TAKEN_BACK, (0, 0, 0))
    today = business_date(at, tenant.timezone)
    baselines = baseline_views(session, tenant=tenant, on=today, member=member)
    proposed = sum(each.status == BaselineStatus.PROPOSED and each.is_from_seller for each in baselines)
    may_sign = member is not None and not member.is_operator and member.role in SIGNING_ROLES
    return GainShareView(
        has_subscription=plan is not None,
        plan_name=plan.name if plan else "",
        terms=_terms(plan),
        savings=wording.amount(savings_minor, tenant.currency),
        fees=wording.amount(fees_minor, tenant.currency),
        waiting=wording.amount(waiting_minor, tenant.currency),
        waiting_hint=f"{_runs_word(waiting_count)} to be approved" if waiting_count else "No run is waiting",
        runs_hint=_signed(count, undone_count),
        baselines=baselines,
        proposed=f"{proposed} proposed" if proposed else "",
        decides="" if may_sign else _decides(session, tenant_id, member),
        may_propose=may_sign and plan is not None and plan.gain_share is not None,
        measured=read_measured(session, tenant_id=tenant_id, today=today),
        runs=tuple(run_row(run, tenant.timezone, today=today, taken_back=run.id in undone) for run in runs),
        older_runs=_older(hidden := sum(each[0] for each in totals.values()) - len(runs)),
        has_more_runs=hidden > 0 and len(runs) < RUNS_SHOWN_MAX,
    )


def _decides(session: Session, tenant_id: str, member: Member | None) -> str:
    what = "What we proposed is decided on" if member is not None and member.is_operator else "Decided on"
    return f"{what} by {who_decides(session, tenant_id=tenant_id)}."


def _terms(plan: Plan | None) -> str:
    if plan is None or plan.gain_share is None:
        return ""
    bounds = plan.gain_share
    return f"{wording.number(bounds.min_pct)} % to {wording.number(bounds.max_pct)} % of documented savings"


def _older(hidden: int) -> str:
    return f"{_runs_word(hidden)} earlier not listed here; approved ones count in the totals." if hidden > 0 else ""


def _signed(count: int, undone: int) -> str:
    back = f"{_runs_word(undone)} taken back with {'its' if undone == 1 else 'their'} invoice" if undone else ""
    if not count:
        return back.capitalize() or "No run is approved yet"
    return f"over {_runs_word(count)} both sides signed{f'; {back}' if back else ''}"


def _runs_word(count: int) -> str:
    return f"{count:,} run{'' if count == 1 else 's'}"


def _runs(session: Session, tenant_id: str, runs_max: int) -> list[GainShareRun]:
    newest_first = (
        col(GainShareRun.period_start).desc(),
        col(GainShareRun.submitted_at).desc(),
        col(GainShareRun.id).desc(),
    )
    statement = select(GainShareRun).where(GainShareRun.tenant_id == tenant_id).order_by(*newest_first)
    return list(session.exec(statement.limit(runs_max)))


def _totals(session: Session, tenant_id: str, undone: set[str]) -> dict[str, tuple[int, int, int]]:
    """How many runs, their savings and their fees in minor units, by status; of those approved that were taken back
    under TAKEN_BACK."""
    is_undone = (col(GainShareRun.status) == GainShareStatus.APPROVED) & col(GainShareRun.id).in_(undone)
    standing = case((is_undone, TAKEN_BACK), else_=cast(GainShareRun.status, String)).label("standing")
    statement = (
        select(
            standing,
            func.count(),
            func.sum(GainShareRun.savings_minor),
            func.sum(GainShareRun.fee_minor),
        )
        .where(GainShareRun.tenant_id == tenant_id)
        .group_by(standing)
    )
    rows = session.exec(statement)
    return {status: (count, int(savings), int(fees)) for status, count, savings, fees in rows}
