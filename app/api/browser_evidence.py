"""/session/evidence: a file that a signed-in person shows, sent by the pages as its bare bytes.

Answers are problem details where it is refused, for the page to show in words.
"""

from typing import Annotated, Final

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app import unit_of_work
from app.api.browser_session import refuse_other_sites
from app.api.json_body import read_body
from app.api.schemas.values import ID_PATTERN
from app.session import token_in
from models.evidence import EVIDENCE_BYTES_MAX, FILE_NAME_MAX
from services import sign_in
from services.database import Session
from services.errors import Forbidden, NotFound, NotSignedIn
from services.gain_share import evidence
from services.gain_share.parties import signer_of_member
from services.sign_in import Member

NAME_MAX: Final = 4 * FILE_NAME_MAX
"""Characters of a name that is looked at at all; a longer one than FILE_NAME_MAX is refused in words."""

router = APIRouter(prefix="/session", include_in_schema=False)


@router.post("/evidence", status_code=201)
async def upload_evidence(
    request: Request,
    name: Annotated[str, Query(max_length=NAME_MAX)] = "",
    tenant_id: Annotated[str | None, Query(pattern=ID_PATTERN)] = None,
) -> Response:
    """Keep a file, under its SHA-256; the same bytes again answer with the file they were kept as first.

    Operators name the customer; others send for the customer they look at. Who may not sign is refused before a byte
    of it is read.
    """
    refuse_other_sites(request)
    member = await _member_of(request)
    signer, tenant = signer_of_member(member), _tenant_of(member, tenant_id)
    request.state.tenant_id = tenant
    content = await read_body(request, EVIDENCE_BYTES_MAX)
    at = unit_of_work.now()

    def keep(session: Session) -> dict[str, str]:
        kept = evidence.store_evidence(session, tenant_id=tenant, name=name, content=content, signer=signer, at=at)
        return {"id": kept.id, "name": kept.name, "sha256": kept.sha256}

    return JSONResponse(await unit_of_work.run(keep), status_code=201)


async def _member_of(request: Request) -> Member:
    token = token_in(request.headers.get("cookie"))
    if not token:
        raise NotSignedIn(sign_in.NOT_SIGNED_IN)
    return await unit_of_work.read(sign_in.read_member, cookie_token=token, at=unit_of_work.now())


def _tenant_of(member: Member, named: str | None) -> str:
    """Raises Forbidden where no customer is looked at, NotFound where another one is named than may be."""
    if member.is_operator and named is not None:
        return named
    if member.tenant_id is None:
        raise Forbidden("Choose a customer first.")
    if named not in (None, member.tenant_id):
        raise NotFound("There is no such customer.", field="tenant_id")
    return member.tenant_id
