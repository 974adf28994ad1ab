"""/session/…: the files a signed-in person takes along. The customer is the session's, never the address's.

Reading is all these do, so a link may lead here. Nobody signed in is led to the sign-in page, and from there to the
page the link stood on.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app import unit_of_work
from app.api.bundles import send_bundle
from app.api.credits import send_ledger
from app.api.documents import send_pdf
from app.api.evidence import send_evidence
from app.api.exports import send_export
from app.api.gain_share_reports import send_report
from app.api.listing import SEQ_MAX
from app.api.schemas.values import ID_PATTERN
from app.routes import BY_NAME, invoice_href, receipt_href, run_href
from app.session import sign_in_address, token_in
from services import sign_in
from services.billing_documents.document import BillingDocument
from services.billing_documents.reading import read_credit_note_document, read_invoice_document
from services.bundles import exports
from services.bundles.exports import Export
from services.credits.ledger import ALL
from services.database import Session
from services.errors import Forbidden, NotFound, NotSignedIn
from services.exports.writing import Format
from services.gain_share.report.report import read_report
from services.receipts.reading import read_head

SAME_SITE: Final = {"Cross-Origin-Resource-Policy": "same-origin"}

router = APIRouter(prefix="/session", include_in_schema=False)


@router.get("/invoices/{invoice_id}/proof")
async def download_invoice_proof(request: Request, invoice_id: Annotated[str, Path(pattern=ID_PATTERN)]) -> Response:
    """Everything the invoice rests on, as the API's bundle of it."""
    try:
        tenant_id = await _tenant_of_session(request)
    except NotSignedIn:
        return _sign_in_first(request, str(invoice_href(invoice_id)))
    at = await unit_of_work.now_of(tenant_id)

    def prepare(session: Session) -> Export:
        return exports.prepare_invoice(session, tenant_id=tenant_id, invoice_id=invoice_id, at=at)

    return await _send(request, prepare)


@router.get("/receipts/{seq}/proof")
async def download_receipt_proof(request: Request, seq: Annotated[int, Path(ge=1, le=SEQ_MAX)]) -> Response:
    """One receipt with its proof against the log as it was signed last."""
    try:
        tenant_id = await _tenant_of_session(request)
    except NotSignedIn:
        return _sign_in_first(request, str(receipt_href(str(seq))))
    at = await unit_of_work.now_of(tenant_id)

    def prepare(session: Session) -> Export:
        if seq > read_head(session, tenant_id=tenant_id).size:
            raise NotFound("There is no receipt of that number.", field="seq")
        return exports.prepare_range(session, tenant_id=tenant_id, first_seq=seq, last_seq=seq, at=at)

    return await _send(request, prepare)


@router.get("/evidence/{file_id}")
async def download_evidence(request: Request, file_id: Annotated[str, Path(pattern=ID_PATTERN)]) -> Response:
    """A file that shows what was said about savings."""
    try:
        tenant_id = await _tenant_of_session(request)
    except NotSignedIn:
        return _sign_in_first(request, BY_NAME["gain_share"].href)
    response = await send_evidence(tenant_id, file_id)
    response.headers.update(SAME_SITE)
    return response


@router.get("/credits.csv")
async def download_credits(request: Request) -> Response:
    """Every change of the customer's credits."""
    try:
        tenant_id = await _tenant_of_session(request)
    except NotSignedIn:
        return _sign_in_first(request, BY_NAME["credits"].href)
    response = await send_ledger(tenant_id, ALL)
    response.headers.update(SAME_SITE)
    return response


@router.get("/exports/{sheet}")
async def download_export(
    request: Request,
    sheet: Annotated[str, Path(pattern=r"^[a-z-]{1,40}$")],
    since: Annotated[str | None, Query(alias="from", max_length=10)] = None,
    until: Annotated[str | None, Query(alias="to", max_length=10)] = None,
    format: Format = Format.CSV,
) -> Response:
    """A sheet of the customer's, as the API's export of it."""
    try:
        tenant_id = await _tenant_of_session(request)
    except NotSignedIn:
        return _sign_in_first(request, BY_NAME["exports"].href)
    response = await send_export(tenant_id, sheet, since=since, until=until, format=format)
    response.headers.update(SAME_SITE)
    return response


@router.get("/invoices/{invoice_id}/pdf")
async def download_invoice(request: Request, invoice_id: Annotated[str, Path(pattern=ID_PATTERN)]) -> Response:
    """The invoice to file, in the customer's own language."""
    try:
        tenant_id = await _tenant_of_session(request)
    except NotSignedIn:
        return _sign_in_first(request, str(invoice_href(invoice_id)))
    document = await unit_of_work.read(read_invoice_document, tenant_id=tenant_id, invoice_id=invoice_id)
    return await _send_pdf(document)


@router.get("/credit-notes/{credit_note_id}/pdf")
async def download_credit_note(request: Request, credit_note_id: Annotated[str, Path(pattern=ID_PATTERN)]) -> Response:
    """The credit note to file. Who is not signed in comes back to the list of invoices."""
    try:
        tenant_id = await _tenant_of_session(request)
    except NotSignedIn:
        return _sign_in_first(request, BY_NAME["invoices"].href)
    document = await unit_of_work.read(read_credit_note_document, tenant_id=tenant_id, credit_note_id=credit_note_id)
    return await _send_pdf(document)


@router.get("/gain-share/{run_id}/pdf")
async def download_run(request: Request, run_id: Annotated[str, Path(pattern=ID_PATTERN)]) -> Response:
    """The report of a gain-share run, in the customer's own language."""
    try:
        tenant_id = await _tenant_of_session(request)
    except NotSignedIn:
        return _sign_in_first(request, str(run_href(run_id)))
    report = await unit_of_work.read(read_report, tenant_id=tenant_id, run_id=run_id)
    response = await send_report(report)
    response.headers.update(SAME_SITE)
    return response


async def _send_pdf(document: BillingDocument) -> Response:
    response = await send_pdf(document)
    response.headers.update(SAME_SITE)
    return response


async def _send(request: Request, prepare: Callable[[Session], Export]) -> Response:
    response = await send_bundle(request, prepare, None)
    response.headers.update(SAME_SITE)
    return response


async def _tenant_of_session(request: Request) -> str:
    """The customer the session looks at. Raises NotSignedIn, and Forbidden where it looks at none."""
    token = token_in(request.headers.get("cookie"))
    if not token:
        raise NotSignedIn(sign_in.NOT_SIGNED_IN)
    member = await unit_of_work.read(sign_in.read_member, cookie_token=token, at=unit_of_work.now())
    if member.tenant_id is None:
        raise Forbidden("Choose a customer first.")
    request.state.tenant_id = member.tenant_id
    return member.tenant_id


def _sign_in_first(request: Request, page: str) -> Response:
    ended = bool(token_in(request.headers.get("cookie")))
    return RedirectResponse(sign_in_address(page, ended=ended), HTTPStatus.SEE_OTHER)
