"""GET /v1/exports/{sheet}: bills, use, credits and the journal as files, streamed."""

from collections.abc import AsyncIterator
from datetime import date
from typing import Annotated, Any, Final

from fastapi import Path, Query
from starlette.responses import Response, StreamingResponse

from app import unit_of_work
from app.api.credentials import needs, tenant_of
from app.api.documentation import READ, problems
from app.api.exact_route import api_router
from app.api.listing import TenantQuery
from app.api.schemas.values import read_date
from services.api_keys import Principal
from services.database import reading
from services.errors import Unprocessable
from services.exports.catalog import SHEETS, Export, prepare_export
from services.exports.writing import MEDIA_TYPES, Format

router = api_router("/v1/exports", "Exports")

SheetName = Annotated[str, Path(pattern=r"^[a-z-]{1,40}$", description=f"One of: {', '.join(SHEETS)}.")]
DayQuery = Annotated[str | None, Query(max_length=10, description="A day in the customer's time zone, included.")]
FILE: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The file.",
        "content": {media: {"schema": {"type": "string", "format": "binary"}} for media in MEDIA_TYPES.values()},
    }
}


@router.get("/{sheet}", response_class=Response, responses=problems(READ) | FILE)
async def export_sheet(
    sheet: SheetName,
    *,
    since: Annotated[DayQuery, Query(alias="from")] = None,
    until: Annotated[DayQuery, Query(alias="to")] = None,
    format: Annotated[Format, Query(description="csv, or parquet.")] = Format.CSV,
    tenant_id: TenantQuery = None,
    caller: Principal = needs("billing:read"),
) -> Response:
    """One sheet, of the last year unless days are given."""
    tenant = await tenant_of(caller, named=tenant_id)
    return await send_export(tenant, sheet, since=since, until=until, format=format)


async def send_export(tenant_id: str, name: str, *, since: str | None, until: str | None, format: Format) -> Response:
    """Stream a sheet as a download. Raises Unprocessable and NotFound before the first byte."""
    export = await unit_of_work.read(
        prepare_export,
        tenant_id=tenant_id,
        name=name,
        since=_day(since, "from"),
        until=_day(until, "to"),
        format=format,
        at=unit_of_work.now(),
    )
    headers = {"Content-Disposition": f'attachment; filename="{export.filename}"'}
    return StreamingResponse(_stream(export), headers=headers, media_type=MEDIA_TYPES[format])


async def _stream(export: Export) -> AsyncIterator[bytes]:
    chunks = export.chunks(reading)
    while (chunk := await unit_of_work.read_on(next, chunks, None)) is not None:
        yield chunk


def _day(text: str | None, field: str) -> date | None:
    if not text:
        return None
    try:
        return read_date(text)
    except ValueError as error:
        raise Unprocessable(f"“{field}” is no day; {error}.", field=field) from error
