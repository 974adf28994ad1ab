"""/v1/evidence: the files that show what was said about savings, for both parties."""

import hashlib
import re
from collections.abc import Mapping
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import Path
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app import unit_of_work
from app.api.commands import Command, command
from app.api.credentials import needs, tenant_of
from app.api.documentation import READ, WRITE, body_of, problems
from app.api.exact_route import api_router
from app.api.json_body import BodyRules, accepts
from app.api.listing import LIMIT_DEFAULT, Cursor, Limit, TenantQuery, read_text, write_cursor
from app.api.schemas.kpis import EvidencePage, EvidenceShown
from app.api.schemas.values import ID_PATTERN
from models.evidence import EVIDENCE_BYTES_MAX
from services.api_keys import Principal
from services.database import Session
from services.errors import BadRequest, Unprocessable
from services.gain_share import evidence
from services.gain_share.parties import WRITING_SCOPE, sender_of_key

FORM_TYPE: Final = "multipart/form-data"
FORM_BYTES_MAX: Final = EVIDENCE_BYTES_MAX + 16 * 1024
FIELD_BYTES_MAX: Final = 1_024
TENANT_ID: Final = re.compile(ID_PATTERN)
FORM: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "file": {"type": "string", "format": "binary", "description": f"{evidence.ACCEPTED}, at most 10 MB."},
        "tenant_id": {"type": "string", "pattern": ID_PATTERN, "description": "Operators name the customer."},
    },
    "required": ["file"],
    "additionalProperties": False,
}
CONTENT: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The file as it was sent, to be saved.",
        "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
    }
}

router = api_router("/v1", "Gain-share")
FileId = Annotated[str, Path(pattern=ID_PATTERN)]


@router.post(
    "/evidence",
    status_code=201,
    response_model=EvidenceShown,
    responses=problems(WRITE),
    openapi_extra=body_of((FORM_TYPE, FORM)),
)
@accepts(BodyRules(FORM_BYTES_MAX, (FORM_TYPE,), is_parsed=False))
async def upload_evidence(request: Request, asked: Command = command(WRITING_SCOPE)) -> Response:
    """Keep a file, under its SHA-256. The same bytes again answer with the file they were kept as first."""
    name, content, named = await _read_form(request)
    tenant_id = await asked.tenant(named=named)
    signer = sender_of_key(asked.caller)
    request.state.document = {"name": name, "sha256": hashlib.sha256(content).hexdigest()}

    def act(session: Session) -> EvidenceShown:
        kept = evidence.store_evidence(
            session, tenant_id=tenant_id, name=name, content=content, signer=signer, at=asked.at
        )
        return EvidenceShown.of(kept)

    return await asked.carry_out(tenant_id, act, status=201)


@router.get("/evidence", responses=problems(READ))
async def list_evidence(
    tenant_id: TenantQuery = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
    caller: Principal = needs("billing:read", WRITING_SCOPE),
) -> EvidencePage:
    """The files both parties uploaded, the newest first."""
    tenant = await tenant_of(caller, named=tenant_id)
    before = read_text(cursor)

    def show(session: Session) -> EvidencePage:
        found = evidence.list_evidence(session, tenant_id=tenant, limit=limit + 1, before=before)
        following = write_cursor(found[limit - 1].id) if len(found) > limit else None
        return EvidencePage(files=[EvidenceShown.of(file) for file in found[:limit]], next_cursor=following)

    return await unit_of_work.read(show)


@router.get("/evidence/{file_id}", response_class=Response, responses=problems(READ) | CONTENT)
async def download_evidence(
    file_id: FileId, tenant_id: TenantQuery = None, caller: Principal = needs("billing:read", WRITING_SCOPE)
) -> Response:
    """The file itself, as an attachment."""
    return await send_evidence(await tenant_of(caller, named=tenant_id), file_id)


async def send_evidence(tenant_id: str, file_id: str) -> Response:
    """A customer's file, never to be shown in place: it is somebody's, and may be anything."""

    def read(session: Session) -> tuple[str, str, bytes]:
        file = evidence.find_evidence(session, tenant_id=tenant_id, file_id=file_id)
        return file.name, file.media_type, file.content

    name, media_type, content = await unit_of_work.read(read)
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(content, media_type=media_type, headers=headers)


async def _read_form(request: Request) -> tuple[str, bytes, str | None]:
    """The file's name, its bytes and the tenant that is named. Raises BadRequest and Unprocessable."""
    try:
        form = await request.form(max_files=1, max_fields=1, max_part_size=FIELD_BYTES_MAX)
    except HTTPException as error:
        raise BadRequest(f"The form cannot be read: {error.detail}") from error
    sent: Mapping[str, Any] = dict(form)
    unknown = sorted(set(sent) - {"file", "tenant_id"})
    if unknown:
        raise Unprocessable("Send the file as `file`, and nothing but tenant_id beside it.", field=unknown[0][:64])
    file, named = sent.get("file"), sent.get("tenant_id")
    if not isinstance(file, UploadFile):
        raise Unprocessable("Send the file in the form's field `file`, with its name.", field="file")
    if named is not None and not (isinstance(named, str) and TENANT_ID.fullmatch(named)):
        raise Unprocessable("This is no customer's id.", field="tenant_id")
    return file.filename or "", await file.read(), named
