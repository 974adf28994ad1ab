"""/v1/kpi/maintenance-imports: measurements out of a log of failures and repairs."""

from typing import Annotated

from fastapi import Path
from starlette.responses import Response

from app import unit_of_work
from app.api.commands import Command, command
from app.api.credentials import needs, tenant_of
from app.api.documentation import READ, WRITE, problems
from app.api.exact_route import api_router
from app.api.listing import LIMIT_DEFAULT, Cursor, Limit, TenantQuery, read_file_line, read_text, write_cursor
from app.api.schemas.maintenance import (
    ImportBody,
    ImportDone,
    ImportMeasured,
    ImportPage,
    ImportShown,
    RowPage,
    RowShown,
)
from app.api.schemas.values import ID_PATTERN
from models import RowOutcome
from services.api_keys import Principal
from services.database import Session
from services.gain_share.parties import WRITING_SCOPE, sender_of_key
from services.maintenance import imports as maintenance_imports
from services.maintenance.imports import LogImport

router = api_router("/v1/kpi", "Gain-share")
ImportId = Annotated[str, Path(pattern=ID_PATTERN)]


@router.post("/maintenance-imports", status_code=201, response_model=ImportDone, responses=problems(WRITE))
async def import_log(body: ImportBody, asked: Command = command(WRITING_SCOPE)) -> Response:
    """Read a log and keep availability, MTBF and MTTR of each month and site. With `dry_run` nothing is kept."""
    tenant_id = await asked.tenant(named=body.tenant_id)
    signer = sender_of_key(asked.caller)
    loaded = await unit_of_work.read(
        maintenance_imports.load_log, tenant_id=tenant_id, request=body.request(), at=asked.at
    )
    reading = await unit_of_work.work(loaded.read)

    def act(session: Session) -> ImportDone:
        if body.dry_run:
            return ImportDone.of(LogImport(reading, loaded.timezone))
        done = maintenance_imports.keep_log(session, loaded, reading, tenant_id=tenant_id, signer=signer, at=asked.at)
        return ImportDone.of(done)

    return await asked.carry_out(tenant_id, act, status=201)


@router.get("/maintenance-imports", responses=problems(READ))
async def list_imports(
    tenant_id: TenantQuery = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
    caller: Principal = needs("billing:read", WRITING_SCOPE),
) -> ImportPage:
    """The imports that were kept, the newest first."""
    tenant = await tenant_of(caller, named=tenant_id)
    before = read_text(cursor)

    def show(session: Session) -> ImportPage:
        found = maintenance_imports.list_imports(session, tenant_id=tenant, limit=limit + 1, before=before)
        following = write_cursor(found[limit - 1].id) if len(found) > limit else None
        return ImportPage(imports=[ImportShown.of(each) for each in found[:limit]], next_cursor=following)

    return await unit_of_work.read(show)


@router.get("/maintenance-imports/{import_id}", responses=problems(READ))
async def read_import(
    import_id: ImportId, tenant_id: TenantQuery = None, caller: Principal = needs("billing:read", WRITING_SCOPE)
) -> ImportMeasured:
    """One import and what it measured."""
    tenant = await tenant_of(caller, named=tenant_id)

    def show(session: Session) -> ImportMeasured:
        kept = maintenance_imports.read_import(session, tenant_id=tenant, import_id=import_id)
        found = maintenance_imports.list_import_measurements(session, tenant_id=tenant, import_id=import_id)
        return ImportMeasured.with_measurements(kept, found)

    return await unit_of_work.read(show)


@router.get("/maintenance-imports/{import_id}/rows", responses=problems(READ))
async def list_rows(
    *,
    import_id: ImportId,
    tenant_id: TenantQuery = None,
    outcome: RowOutcome | None = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
    caller: Principal = needs("billing:read", WRITING_SCOPE),
) -> RowPage:
    """What came of each row, by file and line."""
    tenant = await tenant_of(caller, named=tenant_id)
    after = read_file_line(cursor)

    def show(session: Session) -> RowPage:
        maintenance_imports.read_import(session, tenant_id=tenant, import_id=import_id)
        found = maintenance_imports.list_rows(
            session, tenant_id=tenant, import_id=import_id, limit=limit + 1, after=after, outcome=outcome
        )
        last = found[limit - 1] if len(found) > limit else None
        following = None if last is None else write_cursor(last.file.value, last.line)
        return RowPage(rows=[RowShown.of(row) for row in found[:limit]], next_cursor=following)

    return await unit_of_work.read(show)
