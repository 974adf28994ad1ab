"""/v1/kpi/baselines and /v1/kpi/measurements: what both parties measure against, and what was measured since."""

from collections.abc import Callable
from functools import partial
from typing import Annotated

from fastapi import Path, Query
from starlette.responses import Response

from app import unit_of_work
from app.api.commands import Command, command
from app.api.credentials import needs, tenant_of
from app.api.documentation import READ, WRITE, problems
from app.api.exact_route import api_router
from app.api.listing import LIMIT_DEFAULT, Cursor, Limit, TenantQuery, read_text, write_cursor
from app.api.schemas.kpis import (
    SITE_PATTERN,
    BaselineBody,
    BaselinePage,
    BaselineRead,
    BaselineShown,
    DeclineBody,
    MeasurementBody,
    MeasurementPage,
    MeasurementShown,
)
from app.api.schemas.values import CODE_PATTERN, ID_PATTERN
from app.api.schemas.webhooks import TenantBody
from models import BaselineStatus, KpiBaseline, MeasurementSource
from models.kpi import SITE_MAX
from services.api_keys import Principal
from services.database import Session
from services.gain_share import baseline_lists, baselines, kpi_measurement_lists, kpi_measurements
from services.gain_share.baseline_terms import BaselineTerms
from services.gain_share.kpi_counts import Counts
from services.gain_share.kpi_measurements import Reading
from services.gain_share.parties import WRITING_SCOPE, sender_of_key, signer_of_key

router = api_router("/v1/kpi", "Gain-share")
BaselineId = Annotated[str, Path(pattern=ID_PATTERN)]
KpiQuery = Annotated[str | None, Query(pattern=CODE_PATTERN)]
SiteQuery = Annotated[
    str | None, Query(max_length=SITE_MAX, pattern=SITE_PATTERN, description="Empty for all sites together.")
]


@router.post("/baselines", status_code=201, response_model=BaselineShown, responses=problems(WRITE))
async def propose_baseline(body: BaselineBody, asked: Command = command(WRITING_SCOPE)) -> Response:
    """Propose a baseline to the other party. It counts once they accept it."""
    terms = BaselineTerms(**body.model_dump(exclude={"tenant_id"}))
    return await _carry_out(asked, body.tenant_id, partial(baselines.propose_baseline, terms=terms), status=201)


@router.post("/baselines/{baseline_id}/accept", response_model=BaselineShown, responses=problems(WRITE))
async def accept_baseline(
    baseline_id: BaselineId, body: TenantBody, asked: Command = command(WRITING_SCOPE)
) -> Response:
    """Agree to what the other party proposed. A receipt says who proposed and who accepted."""
    return await _carry_out(asked, body.tenant_id, partial(baselines.accept_baseline, baseline_id=baseline_id))


@router.post("/baselines/{baseline_id}/decline", response_model=BaselineShown, responses=problems(WRITE))
async def decline_baseline(
    baseline_id: BaselineId, body: DeclineBody, asked: Command = command(WRITING_SCOPE)
) -> Response:
    """Refuse what the other party proposed, with a reason."""
    decline = partial(baselines.decline_baseline, baseline_id=baseline_id, reason=body.reason)
    return await _carry_out(asked, body.tenant_id, decline)


@router.post("/baselines/{baseline_id}/withdraw", response_model=BaselineShown, responses=problems(WRITE))
async def withdraw_baseline(
    baseline_id: BaselineId, body: TenantBody, asked: Command = command(WRITING_SCOPE)
) -> Response:
    """Take back what your side proposed, while nobody has decided on it."""
    return await _carry_out(asked, body.tenant_id, partial(baselines.withdraw_baseline, baseline_id=baseline_id))


@router.get("/baselines", responses=problems(READ))
async def list_baselines(
    *,
    tenant_id: TenantQuery = None,
    kpi: KpiQuery = None,
    status: BaselineStatus | None = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
    caller: Principal = needs("billing:read", WRITING_SCOPE),
) -> BaselinePage:
    """Baselines, the newest proposal first."""
    tenant = await tenant_of(caller, named=tenant_id)
    before = read_text(cursor)

    def show(session: Session) -> BaselinePage:
        found = baseline_lists.list_baselines(
            session, tenant_id=tenant, limit=limit + 1, before=before, status=status, kpi=kpi
        )
        following = write_cursor(found[limit - 1].id) if len(found) > limit else None
        return BaselinePage(baselines=[BaselineShown.of(each) for each in found[:limit]], next_cursor=following)

    return await unit_of_work.read(show)


@router.get("/baselines/{baseline_id}", responses=problems(READ))
async def read_baseline(
    baseline_id: BaselineId, tenant_id: TenantQuery = None, caller: Principal = needs("billing:read", WRITING_SCOPE)
) -> BaselineRead:
    """One baseline, with the document its receipt commits to."""
    tenant = await tenant_of(caller, named=tenant_id)

    def show(session: Session) -> BaselineRead:
        found = baseline_lists.read_baseline(session, tenant_id=tenant, baseline_id=baseline_id)
        return BaselineRead.with_commitment(found, baseline_lists.read_commitment(session, baseline=found))

    return await unit_of_work.read(show)


@router.post("/measurements", status_code=201, response_model=MeasurementShown, responses=problems(WRITE))
async def record_measurement(body: MeasurementBody, asked: Command = command(WRITING_SCOPE)) -> Response:
    """Record a KPI over some days. One for exactly the same days takes the place of the one before."""
    tenant_id = await asked.tenant(named=body.tenant_id)
    signer = sender_of_key(asked.caller)
    counts = Counts(body.hours, body.up_hours, body.repair_hours, body.failures)
    reading = Reading(
        body.kpi, body.period_start, body.period_end, body.value, counts, body.unit, body.site, body.file_id
    )

    def act(session: Session) -> MeasurementShown:
        recorded = kpi_measurements.record_measurement(
            session, tenant_id=tenant_id, reading=reading, source=MeasurementSource.API, signer=signer, at=asked.at
        )
        return MeasurementShown.of(recorded)

    return await asked.carry_out(tenant_id, act, status=201)


@router.get("/measurements", responses=problems(READ))
async def list_measurements(
    *,
    tenant_id: TenantQuery = None,
    kpi: KpiQuery = None,
    site: SiteQuery = None,
    with_replaced: bool = False,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
    caller: Principal = needs("billing:read", WRITING_SCOPE),
) -> MeasurementPage:
    """What was measured, the newest first."""
    tenant = await tenant_of(caller, named=tenant_id)
    before = read_text(cursor)

    def show(session: Session) -> MeasurementPage:
        found = kpi_measurement_lists.list_measurements(
            session,
            tenant_id=tenant,
            limit=limit + 1,
            before=before,
            kpi=kpi,
            site=site,
            with_replaced=with_replaced,
        )
        following = write_cursor(found[limit - 1].id) if len(found) > limit else None
        shown = [MeasurementShown.of(each) for each in found[:limit]]
        return MeasurementPage(measurements=shown, next_cursor=following)

    return await unit_of_work.read(show)


async def _carry_out(
    asked: Command, named: str | None, act: Callable[..., KpiBaseline], *, status: int = 200
) -> Response:
    """Do something about a baseline of the customer, for the party whose key it is."""
    tenant_id = await asked.tenant(named=named)
    signer = signer_of_key(asked.caller)

    def done(session: Session) -> BaselineShown:
        return BaselineShown.of(act(session, tenant_id=tenant_id, signer=signer, at=asked.at))

    return await asked.carry_out(tenant_id, done, status=status)
