"""/v1/invoices: the bills, the one that is running up, and closing a period. And /v1/admin: our own side."""

from typing import Annotated

from fastapi import Path, Query
from starlette.requests import Request
from starlette.responses import Response

from app import unit_of_work
from app.api.bundles import BUNDLE, Form, Since, send_bundle
from app.api.commands import Command, command
from app.api.credentials import needs, tenant_of
from app.api.documentation import READ, WRITE, problems
from app.api.exact_route import api_router
from app.api.listing import LIMIT_DEFAULT, Cursor, Limit, SubscriptionQuery, TenantQuery, read_seq, write_cursor
from app.api.schemas.invoices import GenerateBody, InvoiceDetailShown, InvoicePage, InvoiceShown, MarkPaidBody
from app.api.schemas.receipts import LineEventPage, LineEventShown
from app.api.schemas.values import ID_PATTERN
from services.api_keys import OPERATOR_SCOPE, Principal
from services.bundles import exports
from services.bundles.exports import Export
from services.closing import close as closing
from services.database import Session
from services.errors import MissingScope
from services.invoices import finding as invoices
from services.invoices import line_events
from services.invoices.credit_notes import amount_left, amounts_left
from services.rules.receipt_fields import LINES_MAX
from services.subscriptions.finding import read_subscription

router = api_router("/v1", "Invoices")
OneSubscription = Annotated[str | None, Query(pattern=ID_PATTERN, description="All of them, if left out.")]
InvoiceId = Annotated[str, Path(pattern=ID_PATTERN)]
LinePosition = Annotated[int, Path(ge=1, le=LINES_MAX, description="Which line, counted from 1.")]


@router.get("/invoices", responses=problems(READ))
async def list_invoices(
    tenant_id: TenantQuery = None,
    subscription_id: OneSubscription = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
    caller: Principal = needs("billing:read"),
) -> InvoicePage:
    """The bills of all subscriptions or of one, newest first, without their lines."""
    tenant = await tenant_of(caller, named=tenant_id, subscription_id=subscription_id)

    def show(session: Session) -> InvoicePage:
        if subscription_id is not None:
            read_subscription(session, tenant_id=tenant, subscription_id=subscription_id)
        found = invoices.list_invoices(
            session, tenant_id=tenant, subscription_id=subscription_id, limit=limit, before_number=read_seq(cursor)
        )
        following = write_cursor(found[-1].number) if len(found) == limit else None
        left = amounts_left(session, tenant_id=tenant, invoices=found)
        shown = [InvoiceShown.of(invoice, left_minor=left[invoice.id]) for invoice in found]
        return InvoicePage(invoices=shown, next_cursor=following)

    return await unit_of_work.read(show)


@router.get("/invoices/preview", responses=problems(READ))
async def preview_invoice(
    tenant_id: TenantQuery = None, subscription_id: SubscriptionQuery = None, caller: Principal = needs("billing:read")
) -> InvoiceDetailShown:
    """What the running period would be billed if it closed with what is known now. Nothing is stored."""
    tenant = await tenant_of(caller, named=tenant_id, subscription_id=subscription_id)
    at = await unit_of_work.now_of(tenant)

    def show(session: Session) -> InvoiceDetailShown:
        drafted = closing.preview_invoice(session, tenant_id=tenant, subscription_id=subscription_id, at=at)
        return InvoiceDetailShown.of_document(drafted, is_preview=True)

    return await unit_of_work.read(show)


@router.get("/invoices/{invoice_id}", responses=problems(READ))
async def read_invoice(
    invoice_id: InvoiceId, tenant_id: TenantQuery = None, caller: Principal = needs("billing:read")
) -> InvoiceDetailShown:
    """One bill with its lines, each with its price and what it was counted from."""
    tenant = await tenant_of(caller, named=tenant_id, invoice_id=invoice_id)

    def show(session: Session) -> InvoiceDetailShown:
        return _detail(session, tenant, invoice_id)

    return await unit_of_work.read(show)


@router.get("/invoices/{invoice_id}/bundle", response_class=Response, responses=problems((*READ, 413)) | BUNDLE)
async def export_invoice(
    *,
    request: Request,
    invoice_id: InvoiceId,
    since: Since = None,
    form: Form = None,
    tenant_id: TenantQuery = None,
    caller: Principal = needs("receipts:read"),
) -> Response:
    """A bundle of everything the bill rests on, from the first receipt it sums to its own: check it offline."""
    tenant = await tenant_of(caller, named=tenant_id, invoice_id=invoice_id)
    at = await unit_of_work.now_of(tenant)

    def prepare(session: Session) -> Export:
        return exports.prepare_invoice(session, tenant_id=tenant, invoice_id=invoice_id, since=since, at=at)

    return await send_bundle(request, prepare, form)


@router.get("/invoices/{invoice_id}/lines/{position}/events", responses=problems(READ))
async def list_line_events(
    *,
    invoice_id: InvoiceId,
    position: LinePosition,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
    tenant_id: TenantQuery = None,
    caller: Principal = needs("billing:read"),
) -> LineEventPage:
    """The events a line sums, in the order of their receipts; none for a line that is not about use."""
    tenant = await tenant_of(caller, named=tenant_id, invoice_id=invoice_id)

    def show(session: Session) -> LineEventPage:
        found = line_events.list_line_events(
            session,
            tenant_id=tenant,
            invoice_id=invoice_id,
            position=position,
            limit=limit,
            after_seq=read_seq(cursor) or 0,
        )
        following = write_cursor(found[-1].event.seq) if len(found) == limit else None
        return LineEventPage(events=[LineEventShown.of(*row) for row in found], next_cursor=following)

    return await unit_of_work.read(show)


@router.post("/invoices/generate", response_model=InvoiceDetailShown, responses=problems(WRITE))
async def generate_invoice(body: GenerateBody, asked: Command = command("billing:write")) -> Response:
    """Close the period that has ended and bill it: once, however often it is asked for."""
    if body.force_period_end and not asked.caller.is_operator:
        raise MissingScope("Only an operator can end a period early; wait for its end.", field="force_period_end")
    tenant_id = await asked.tenant(named=body.tenant_id, subscription_id=body.subscription_id)

    def act(session: Session) -> InvoiceDetailShown:
        closed = closing.close_period(
            session,
            tenant_id=tenant_id,
            subscription_id=body.subscription_id,
            force=body.force_period_end,
            at=asked.at,
        )
        return _detail(session, tenant_id, closed.id)

    return await asked.carry_out(tenant_id, act)


@router.post("/admin/invoices/{invoice_id}/mark-paid", response_model=InvoiceShown, responses=problems(WRITE))
async def mark_invoice_paid(
    invoice_id: InvoiceId, body: MarkPaidBody | None = None, asked: Command = command(OPERATOR_SCOPE)
) -> Response:
    """Note a payment by transfer. Marking a paid invoice again changes nothing."""
    tenant_id = await asked.tenant(named=None, invoice_id=invoice_id)
    reference = (body.reference if body else None) or ""

    def act(session: Session) -> InvoiceShown:
        paid = invoices.mark_invoice_paid(
            session, tenant_id=tenant_id, invoice_id=invoice_id, reference=reference, at=asked.at
        )
        return InvoiceShown.of(paid, left_minor=amount_left(session, invoice=paid))

    return await asked.carry_out(tenant_id, act)


def _detail(session: Session, tenant_id: str, invoice_id: str) -> InvoiceDetailShown:
    document = invoices.read_invoice(session, tenant_id=tenant_id, invoice_id=invoice_id)
    return InvoiceDetailShown.of_document(document, left_minor=amount_left(session, invoice=document.invoice))
