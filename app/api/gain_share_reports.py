"""The report of a gain-share run as PDF."""

from typing import Annotated, Any, Final

from fastapi import Path
from starlette.responses import Response

from app import unit_of_work
from app.api.credentials import needs, tenant_of
from app.api.documentation import READ, problems
from app.api.documents import PDF_TYPE, Language
from app.api.exact_route import api_router
from app.api.listing import TenantQuery
from app.api.schemas.values import ID_PATTERN
from services.api_keys import Principal
from services.database import Session
from services.gain_share.parties import WRITING_SCOPE
from services.gain_share.report.rendering import render_report
from services.gain_share.report.report import RunReport, read_report

router = api_router("/v1/gainshare/runs", "Gain-share")
PDF: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "PDF/A-3b with charts, every intermediate number, and who signed what.",
        "content": {PDF_TYPE: {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.get("/{run_id}/pdf", response_class=Response, responses=problems(READ) | PDF)
async def run_pdf(
    run_id: Annotated[str, Path(pattern=ID_PATTERN)],
    tenant_id: TenantQuery = None,
    language: Language = None,
    caller: Principal = needs("billing:read", WRITING_SCOPE),
) -> Response:
    """A run as a report to file: the same while nothing more is signed or shown, byte for byte."""
    tenant = await tenant_of(caller, named=tenant_id)

    def read(session: Session) -> RunReport:
        return read_report(session, tenant_id=tenant, run_id=run_id, language=language)

    return await send_report(await unit_of_work.read(read))


async def send_report(report: RunReport) -> Response:
    """Set the pages in the lane for long work, and answer with them as a file to keep."""
    pdf = await unit_of_work.work(render_report, report)
    headers = {"Content-Disposition": f'attachment; filename="gain-share-{report.id}.pdf"'}
    return Response(pdf, media_type=PDF_TYPE, headers=headers)
