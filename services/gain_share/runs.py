"""Submit a run for the customer's approval, or one that replaces it; and find runs again."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from sqlmodel import Session, col, select

from models import GainShareRun, GainShareStatus, Party, StepKind
from services.errors import Conflict, Forbidden, NotFound, Unprocessable
from services.gain_share.billing import is_taken_back
from services.gain_share.calculations import Calculation, calculate_run
from services.gain_share.notices import announce_run
from services.gain_share.parties import Signer
from services.gain_share.steps import Said, add_step
from services.identifiers import new_id
from services.rules.gain_share import DOWNTIME_COST
from services.rules.periods import business_date
from services.tenants import lock_head, read_tenant

DEADLINE_DAYS: Final = 30
"""How long the customer has, where nobody says otherwise."""

DEADLINE_DAYS_MAX: Final = 366
STANDING: Final = (GainShareStatus.PENDING_APPROVAL, GainShareStatus.APPROVED, GainShareStatus.DISPUTED)
"""Runs that cover their days: no other may be submitted for them."""


def submit_run(
    session: Session,
    *,
    tenant_id: str,
    period_start: date,
    period_end: date,
    share_pct: Decimal,
    signer: Signer,
    at: datetime,
    method: str = DOWNTIME_COST,
    deadline_on: date | None = None,
    text: str = "",
) -> GainShareRun:
    """Work a run out and ask the customer to approve its fee by a day. It charges nothing by itself.

    Raises what `calculate_run` raises, Forbidden for who is not of our side, Conflict where another run covers some of
    these days, and Unprocessable for a deadline that is none.
    """
    _check_ours(signer)
    lock_head(session, tenant_id=tenant_id)
    check_not_covered(session, tenant_id=tenant_id, starts=period_start, ends=period_end)
    worked_out = calculate_run(
        session,
        tenant_id=tenant_id,
        period_start=period_start,
        period_end=period_end,
        share_pct=share_pct,
        method=method,
        at=at,
    )
    deadline = _deadline(session, tenant_id, deadline_on, at)
    return _submitted(session, worked_out, tenant_id=tenant_id, signer=signer, deadline=deadline, text=text, at=at)


def revise_run(
    session: Session,
    *,
    tenant_id: str,
    run_id: str,
    signer: Signer,
    at: datetime,
    share_pct: Decimal | None = None,
    method: str | None = None,
    deadline_on: date | None = None,
    text: str = "",
) -> GainShareRun:
    """Submit a run of the same days that replaces one which is disputed, waits, or was taken back with the invoice that
    billed it; from what is measured by now.

    Raises what `submit_run` raises, NotFound, and Conflict where that one is decided or replaced already.
    """
    _check_ours(signer)
    lock_head(session, tenant_id=tenant_id)
    old = read_run(session, tenant_id=tenant_id, run_id=run_id)
    session.refresh(old)
    if not can_be_revised(session, run=old):
        raise Conflict(
            f"This run is {old.status.value}; only one that is disputed, waits, or was taken back with its invoice is "
            "replaced.",
            field="run_id",
        )
    worked_out = calculate_run(
        session,
        tenant_id=tenant_id,
        period_start=old.period_start,
        period_end=old.period_end,
        share_pct=old.share_pct if share_pct is None else share_pct,
        method=method or old.method,
        at=at,
    )
    deadline = _deadline(session, tenant_id, deadline_on, at)
    old.status = GainShareStatus.REPLACED
    add_step(session, run=old, kind=StepKind.REPLACED, signer=signer, said=Said(text), at=at)
    session.flush()
    return _submitted(
        session, worked_out, tenant_id=tenant_id, signer=signer, deadline=deadline, text=text, at=at, replaces=old
    )


def can_be_revised(session: Session, *, run: GainShareRun) -> bool:
    """Whether another run may take the place of this one: nothing of it is charged, or ever will be."""
    if run.status == GainShareStatus.APPROVED:
        return is_taken_back(session, run=run)
    return run.status in (GainShareStatus.DISPUTED, GainShareStatus.PENDING_APPROVAL)


def read_run(session: Session, *, tenant_id: str, run_id: str) -> GainShareRun:
    """Raises NotFound, also where it is another customer's."""
    run = session.get(GainShareRun, (tenant_id, run_id)) if run_id.isprintable() else None
    if run is None:
        raise NotFound("There is no such run.", field="run_id")
    return run


def list_runs(
    session: Session,
    *,
    tenant_id: str | None,
    limit: int,
    before: str | None = None,
    status: GainShareStatus | None = None,
) -> list[GainShareRun]:
    """Runs, the newest first, those with an id below `before`; of all customers where `tenant_id` is None."""
    found = select(GainShareRun)
    if tenant_id is not None:
        found = found.where(GainShareRun.tenant_id == tenant_id)
    if before is not None:
        found = found.where(GainShareRun.id < before)
    if status is not None:
        found = found.where(GainShareRun.status == status)
    return list(session.exec(found.order_by(col(GainShareRun.id).desc()).limit(limit)))


def check_not_covered(session: Session, *, tenant_id: str, starts: date, ends: date) -> None:
    """That no other run covers any of the days [starts, ends). Raises Conflict."""
    overlapping = select(GainShareRun).where(
        GainShareRun.tenant_id == tenant_id,
        col(GainShareRun.status).in_(STANDING),
        GainShareRun.period_start < ends,
        GainShareRun.period_end > starts,
    )
    earlier = session.exec(overlapping).first()
    if earlier is not None:
        covered = f"{earlier.period_start} up to {earlier.period_end}"
        instead = " It was taken back with its invoice: revise it." if is_taken_back(session, run=earlier) else ""
        raise Conflict(
            f"The run of {covered} covers some of these days; a saving is charged once.{instead}",
            field="period_start",
            run_id=earlier.id,
        )


def _submitted(
    session: Session,
    worked_out: Calculation,
    *,
    tenant_id: str,
    signer: Signer,
    deadline: date,
    text: str,
    at: datetime,
    replaces: GainShareRun | None = None,
) -> GainShareRun:
    document = worked_out.document
    run = GainShareRun(
        tenant_id=tenant_id,
        id=new_id("run"),
        method=document["method"],
        period_start=date.fromisoformat(document["period"]["start"]),
        period_end=date.fromisoformat(document["period"]["end"]),
        share_pct=worked_out.comparison.share_pct,
        currency=document["currency"],
        savings_minor=worked_out.savings.total.amount_minor,
        fee_minor=worked_out.fee.amount_minor,
        status=GainShareStatus.PENDING_APPROVAL,
        plan_version_id=worked_out.plan.version_id,
        calculation=document,
        calculation_sha256=worked_out.sha256,
        submitted_by=signer.by,
        submitted_at=at,
        deadline_on=deadline,
        replaces_run_id=None if replaces is None else replaces.id,
    )
    with session.no_autoflush:  # its receipt is written after the row that names it
        receipt = add_step(session, run=run, kind=StepKind.SUBMITTED, signer=signer, said=Said(text), at=at)
        run.receipt_seq = receipt.seq
        session.add(run)
    session.flush()
    announce_run(session, run=run, at=at)
    return run


def _check_ours(signer: Signer) -> None:
    if signer.party != Party.SELLER:
        raise Forbidden("Runs are submitted by the seller; what you measured and your evidence go into them.")


def _deadline(session: Session, tenant_id: str, wanted: date | None, at: datetime) -> date:
    today = business_date(at, read_tenant(session, tenant_id=tenant_id).timezone)
    if wanted is None:
        return today + timedelta(days=DEADLINE_DAYS)
    if not today < wanted <= today + timedelta(days=DEADLINE_DAYS_MAX):
        raise Unprocessable(
            f"The deadline is a day after today ({today}), within {DEADLINE_DAYS_MAX} days.", field="deadline_on"
        )
    return wanted
