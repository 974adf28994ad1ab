"""/v1/gainshare/runs: savings worked out, submitted to the customer, decided on, and talked about by both parties."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Final

from fastapi import Path
from starlette.responses import Response

from app import unit_of_work
from app.api.commands import Command, command
from app.api.credentials import needs, tenant_of
from app.api.documentation import READ, WRITE, problems
from app.api.exact_route import api_router
from app.api.listing import LIMIT_DEFAULT, Cursor, Limit, TenantQuery, read_text, write_cursor
from app.api.schemas.gain_share import (
    ApproveBody,
    CommentBody,
    DisputeBody,
    EffectShown,
    RejectBody,
    ReviseBody,
    RunBody,
    RunEvidenceBody,
    RunShown,
    RunsShown,
    RunThreadShown,
    SensitivityShown,
    StepShown,
    WorkedOutShown,
)
from app.api.schemas.values import ID_PATTERN, MoneyShown
from models import GainShareRun, GainShareStatus
from services.api_keys import Principal
from services.database import Session
from services.gain_share import calculations as gain_share_calculations
from services.gain_share import decisions as gain_share_decisions
from services.gain_share import runs as gain_share_runs
from services.gain_share.follow_ups import follow_up_of, follow_ups_of
from services.gain_share.parties import WRITING_SCOPE, signer_of_key
from services.gain_share.sensitivity import sensitivity_of
from services.gain_share.steps import read_thread
from services.key_makers import makers_of_keys
from services.rules.periods import business_date
from services.tenants import read_tenant

router = api_router("/v1/gainshare/runs", "Gain-share")
DRY: Final[dict[int | str, dict[str, Any]]] = {200: {"model": WorkedOutShown, "description": "Worked out, not stored."}}
RunId = Annotated[str, Path(pattern=ID_PATTERN)]


@router.post("", status_code=201, response_model=RunThreadShown, responses=problems(WRITE) | DRY)
async def submit_run(body: RunBody, asked: Command = command(WRITING_SCOPE)) -> Response:
    """Work out savings and fee from accepted baselines and what was measured, and ask the customer to approve the fee.
    It charges nothing by itself. With `dry_run` nothing is stored."""
    tenant_id = await asked.tenant(named=body.tenant_id)
    wanted = {"period_start": body.period_start, "period_end": body.period_end, "share_pct": body.share_pct}

    def act(session: Session) -> WorkedOutShown:
        more = {"tenant_id": tenant_id, "method": body.method, "at": asked.at}
        if body.dry_run:
            return WorkedOutShown.of_dry_run(gain_share_calculations.calculate_run(session, **wanted, **more))  # type: ignore[arg-type]
        run = gain_share_runs.submit_run(
            session, **wanted, **more, signer=signer_of_key(asked.caller), deadline_on=body.deadline_on, text=body.text  # type: ignore[arg-type]
        )  # fmt: skip
        return _thread(session, run, asked.at)

    return await asked.carry_out(tenant_id, act, status=200 if body.dry_run else 201)


@router.get("", responses=problems(READ))
async def list_runs(
    *,
    tenant_id: TenantQuery = None,
    status: GainShareStatus | None = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
    caller: Principal = needs("billing:read", WRITING_SCOPE),
) -> RunsShown:
    """Runs of a customer, the newest first."""
    tenant = await tenant_of(caller, named=tenant_id)
    before, at = read_text(cursor), await unit_of_work.now_of(tenant)

    def show(session: Session) -> RunsShown:
        found = gain_share_runs.list_runs(session, tenant_id=tenant, limit=limit + 1, before=before, status=status)
        today = business_date(at, read_tenant(session, tenant_id=tenant).timezone)
        came = follow_ups_of(session, tenant_id=tenant, run_ids=[run.id for run in found[:limit]])
        shown = [RunShown.of(run, came[run.id], today=today) for run in found[:limit]]
        return RunsShown(runs=shown, next_cursor=write_cursor(found[limit - 1].id) if len(found) > limit else None)

    return await unit_of_work.read(show)


@router.get("/{run_id}", responses=problems(READ))
async def read_run(
    run_id: RunId, tenant_id: TenantQuery = None, caller: Principal = needs("billing:read", WRITING_SCOPE)
) -> RunThreadShown:
    """One run with its calculation and its thread."""
    tenant = await tenant_of(caller, named=tenant_id)
    at = await unit_of_work.now_of(tenant)

    def show(session: Session) -> RunThreadShown:
        return _thread(session, gain_share_runs.read_run(session, tenant_id=tenant, run_id=run_id), at)

    return await unit_of_work.read(show)


@router.get("/{run_id}/sensitivity", responses=problems(READ))
async def read_sensitivity(
    run_id: RunId, tenant_id: TenantQuery = None, caller: Principal = needs("billing:read", WRITING_SCOPE)
) -> SensitivityShown:
    """What the fee would be with a tenth less and a tenth more of each input, all others as they are."""
    tenant = await tenant_of(caller, named=tenant_id)

    def show(session: Session) -> SensitivityShown:
        run = gain_share_runs.read_run(session, tenant_id=tenant, run_id=run_id)
        return SensitivityShown(
            gainshare_run_id=run.id,
            fee=MoneyShown.of(run.fee_minor, run.currency),
            effects=[EffectShown.of(effect) for effect in sensitivity_of(run.calculation)],
        )

    return await unit_of_work.read(show)


@router.post("/{run_id}/approve", response_model=RunThreadShown, responses=problems(WRITE))
async def approve_run(
    run_id: RunId, body: ApproveBody | None = None, asked: Command = command(WRITING_SCOPE)
) -> Response:
    """Agree to the fee, for the customer: the next invoice charges it by one line that names this approval."""
    said = body or ApproveBody()
    approve = partial(gain_share_decisions.approve_run, run_id=run_id, text=said.text)
    return await _carry_out(asked, said.tenant_id, approve)


@router.post("/{run_id}/reject", response_model=RunThreadShown, responses=problems(WRITE))
async def reject_run(run_id: RunId, body: RejectBody, asked: Command = command(WRITING_SCOPE)) -> Response:
    """Refuse it, for the customer. It is never billed."""
    reject = partial(gain_share_decisions.reject_run, run_id=run_id, reason=body.reason)
    return await _carry_out(asked, body.tenant_id, reject)


@router.post("/{run_id}/dispute", response_model=RunThreadShown, responses=problems(WRITE))
async def dispute_run(run_id: RunId, body: DisputeBody, asked: Command = command(WRITING_SCOPE)) -> Response:
    """Dispute parts of the savings, for the customer. It is not billed; the seller submits a revised run."""
    dispute = partial(gain_share_decisions.dispute_run, run_id=run_id, parts=body.parts, reason=body.reason)
    return await _carry_out(asked, body.tenant_id, dispute)


@router.post("/{run_id}/comments", response_model=RunThreadShown, responses=problems(WRITE))
async def comment_on_run(run_id: RunId, body: CommentBody, asked: Command = command(WRITING_SCOPE)) -> Response:
    """Say something on the run's thread."""
    comment = partial(gain_share_decisions.comment_on_run, run_id=run_id, text=body.text)
    return await _carry_out(asked, body.tenant_id, comment)


@router.post("/{run_id}/evidence", response_model=RunThreadShown, responses=problems(WRITE))
async def add_run_evidence(run_id: RunId, body: RunEvidenceBody, asked: Command = command(WRITING_SCOPE)) -> Response:
    """Show an uploaded file on the run's thread."""
    show = partial(gain_share_decisions.add_run_evidence, run_id=run_id, file_id=body.file_id, text=body.text)
    return await _carry_out(asked, body.tenant_id, show)


@router.post("/{run_id}/revise", status_code=201, response_model=RunThreadShown, responses=problems(WRITE))
async def revise_run(
    run_id: RunId, body: ReviseBody | None = None, asked: Command = command(WRITING_SCOPE)
) -> Response:
    """Submit a run of the same days that replaces one which is disputed, waits, or was taken back with its invoice. For
    operators' keys."""
    wanted = body or ReviseBody()
    changed = wanted.model_dump(exclude={"tenant_id"})
    revise = partial(gain_share_runs.revise_run, run_id=run_id, **changed)
    return await _carry_out(asked, wanted.tenant_id, revise, status=201)


async def _carry_out(
    asked: Command, named: str | None, act: Callable[..., GainShareRun], *, status: int = 200
) -> Response:
    """Do something about a run of the customer, for the party whose key it is; the answer is the run as it is then."""
    tenant_id = await asked.tenant(named=named)
    signer = signer_of_key(asked.caller)

    def done(session: Session) -> RunThreadShown:
        return _thread(session, act(session, tenant_id=tenant_id, signer=signer, at=asked.at), asked.at)

    return await asked.carry_out(tenant_id, done, status=status)


def _thread(session: Session, run: GainShareRun, at: datetime) -> RunThreadShown:
    today = business_date(at, read_tenant(session, tenant_id=run.tenant_id).timezone)
    shown = RunThreadShown.of(run, follow_up_of(session, run=run), today=today)
    thread = read_thread(session, tenant_id=run.tenant_id, run_id=run.id)
    makers = makers_of_keys(session, [step.taken_by for step in thread if step.taken_by is not None])
    shown.thread = [StepShown.of(step, makers) for step in thread]
    return shown
