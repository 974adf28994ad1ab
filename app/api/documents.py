"""Invoices and credit notes as PDF, and what the code printed on one leads back to."""

from typing import Annotated, Any, Final

from fastapi import Path, Query
from starlette.responses import Response

from app import unit_of_work
from app.api.credentials import needs, tenant_of
from app.api.documentation import READ, problems
from app.api.exact_route import api_router
from app.api.listing import SubscriptionQuery, TenantQuery
from app.api.schemas.documents import AttestedShown, DocumentLanguage
from app.api.schemas.values import ID_PATTERN
from services.api_keys import Principal
from services.billing_documents import reading
from services.billing_documents.document import BillingDocument
from services.billing_documents.rendering import render_pdf
from services.database import Session
from services.invoices import document_verification
from services.rules.verification_codes import TEXT_MAX

PDF_TYPE: Final = "application/pdf"
PREVIEW_NAME: Final = "preview"
NUMBER_MAX: Final = 64

PDF: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "PDF/A-3b; EN 16931 data (Factur-X) is attached where the standard can say what is on it.",
        "content": {PDF_TYPE: {"schema": {"type": "string", "format": "binary"}}},
    }
}
DOCUMENT: Final = problems((*READ, 409, 413)) | PDF

router = api_router("/v1", "Documents")
DocumentId = Annotated[str, Path(pattern=ID_PATTERN)]
Language = Annotated[
    DocumentLanguage | None, Query(description="en or fr; the language of the customer's billing details, if left out.")
]
VerificationText = Annotated[str, Path(min_length=1, max_length=TEXT_MAX, pattern=r"^[0-9A-Za-z .–-]+$")]
NumberQuery = Annotated[
    str | None,
    Query(max_length=NUMBER_MAX, pattern=r"^[ -~]*$", description="The document's number, to be compared as well."),
]


@router.get("/invoices/preview/pdf", response_class=Response, responses=DOCUMENT)
async def preview_pdf(
    tenant_id: TenantQuery = None,
    subscription_id: SubscriptionQuery = None,
    language: Language = None,
    caller: Principal = needs("billing:read"),
) -> Response:
    """What the running period would be billed, marked on every page as no invoice. It carries no data for machines."""
    tenant = await tenant_of(caller, named=tenant_id, subscription_id=subscription_id)
    at = await unit_of_work.now_of(tenant)

    def read(session: Session) -> BillingDocument:
        return reading.read_preview_document(
            session, tenant_id=tenant, subscription_id=subscription_id, language=language, at=at
        )

    return await send_pdf(await unit_of_work.read(read))


@router.get("/invoices/{invoice_id}/pdf", response_class=Response, responses=DOCUMENT)
async def invoice_pdf(
    invoice_id: DocumentId,
    tenant_id: TenantQuery = None,
    language: Language = None,
    caller: Principal = needs("billing:read"),
) -> Response:
    """An invoice as it stands: the same while nothing is paid or credited, byte for byte."""
    tenant = await tenant_of(caller, named=tenant_id, invoice_id=invoice_id)

    def read(session: Session) -> BillingDocument:
        return reading.read_invoice_document(session, tenant_id=tenant, invoice_id=invoice_id, language=language)

    return await send_pdf(await unit_of_work.read(read))


@router.get("/credit-notes/{credit_note_id}/pdf", response_class=Response, responses=DOCUMENT)
async def credit_note_pdf(
    credit_note_id: DocumentId,
    tenant_id: TenantQuery = None,
    language: Language = None,
    caller: Principal = needs("billing:read"),
) -> Response:
    """A credit note, addressed as the invoice it answers."""
    tenant = await tenant_of(caller, named=tenant_id)

    def read(session: Session) -> BillingDocument:
        return reading.read_credit_note_document(
            session, tenant_id=tenant, credit_note_id=credit_note_id, language=language
        )

    return await send_pdf(await unit_of_work.read(read))


@router.get("/documents/{verification_code}", responses=problems(READ))
async def find_document(
    verification_code: VerificationText,
    number: NumberQuery = None,
    tenant_id: TenantQuery = None,
    caller: Principal = needs("billing:read"),
) -> AttestedShown:
    """What we issued under the verification code at the foot of a document."""
    tenant = await tenant_of(caller, named=tenant_id)

    def find(session: Session) -> AttestedShown:
        return AttestedShown.of(
            document_verification.find_document(session, tenant_id=tenant, code=verification_code, number=number or "")
        )

    return await unit_of_work.read(find)


async def send_pdf(document: BillingDocument) -> Response:
    """Set the pages in the lane for long work, and answer with them as a file to keep."""
    pdf = await unit_of_work.work(render_pdf, document)
    name = document.number or PREVIEW_NAME
    return Response(pdf, media_type=PDF_TYPE, headers={"Content-Disposition": f'attachment; filename="{name}.pdf"'})
