"""/v1/usage/corrections: say what an event should have been. And /v1/credit-notes: what that took back of bills."""

from decimal import Decimal
from typing import Annotated, Any, Final

from fastapi import Path, Query
from starlette.requests import Request
from starlette.responses import Response

from app import unit_of_work
from app.api.commands import Command, command
from app.api.credentials import needs, tenant_of
from app.api.documentation import METER, READ, body_of, problems
from app.api.exact_route import api_router
from app.api.json_body import JSON_TYPE, ExponentNumber
from app.api.listing import LIMIT_DEFAULT, Cursor, Limit, TenantQuery, read_seq, write_cursor
from app.api.schemas.corrections import (
    CorrectionBody,
    CorrectionShown,
    CreditNoteDetailShown,
    CreditNotePage,
    CreditNoteShown,
)
from app.api.schemas.values import ID_PATTERN
from app.api.usage_input import named_in, read_event
from models.credit_note import REASON_MAX
from models.usage import EVENT_ID_MAX
from services.api_keys import Principal
from services.database import Session
from services.errors import Unprocessable
from services.invoices import credit_notes
from services.usage.corrections import CorrectionInput, correct_usage

router = api_router("/v1", "Corrections")

FIELDS: Final = frozenset(CorrectionBody.model_fields)
CreditNoteId = Annotated[str, Path(pattern=ID_PATTERN)]
InvoiceQuery = Annotated[str | None, Query(pattern=ID_PATTERN, description="Those for one invoice only.")]


@router.post(
    "/usage/corrections",
    response_model=CorrectionShown,
    responses=problems(METER),
    openapi_extra=body_of((JSON_TYPE, CorrectionBody.model_json_schema())),
)
async def correct(request: Request, asked: Command = command("usage:write")) -> Response:
    """Let a recorded event count as the units it should have had. Without an `event_id`, the Idempotency-Key is its id.

    What was invoiced and shrinks is credited at once; what grows goes on the next invoice as late usage.
    """
    item = request.state.document
    tenant_id = await asked.tenant(named=named_in(item, "tenant_id"))
    sent = _read(item, tenant_id=tenant_id, key=asked.key)

    def act(session: Session) -> CorrectionShown:
        return CorrectionShown.of(
            correct_usage(session, tenant_id=tenant_id, correction=sent, at=asked.at), sent.corrects
        )

    return await asked.carry_out(tenant_id, act)


@router.get("/credit-notes", responses=problems(READ))
async def list_credit_notes(
    *,
    tenant_id: TenantQuery = None,
    invoice_id: InvoiceQuery = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
    caller: Principal = needs("billing:read"),
) -> CreditNotePage:
    """The credit notes, newest first, without their lines."""
    tenant = await tenant_of(caller, named=tenant_id, invoice_id=invoice_id)

    def show(session: Session) -> CreditNotePage:
        found = credit_notes.list_credit_notes(
            session, tenant_id=tenant, invoice_id=invoice_id, limit=limit, before_number=read_seq(cursor)
        )
        following = write_cursor(found[-1].number) if len(found) == limit else None
        return CreditNotePage(credit_notes=[CreditNoteShown.of(note) for note in found], next_cursor=following)

    return await unit_of_work.read(show)


@router.get("/credit-notes/{credit_note_id}", responses=problems(READ))
async def read_credit_note(
    credit_note_id: CreditNoteId, tenant_id: TenantQuery = None, caller: Principal = needs("billing:read")
) -> CreditNoteDetailShown:
    """One credit note with its lines, each with the receipts that it sums."""
    tenant = await tenant_of(caller, named=tenant_id)

    def show(session: Session) -> CreditNoteDetailShown:
        found = credit_notes.read_credit_note(session, tenant_id=tenant, credit_note_id=credit_note_id)
        return CreditNoteDetailShown.of_document(found)

    return await unit_of_work.read(show)


def _read(item: Any, *, tenant_id: str, key: str | None) -> CorrectionInput:
    """A correction as it arrives. Its units are read as an event's are, but that there may be none."""
    if type(item) is not dict:
        raise Unprocessable("A correction is a JSON object.")
    if not item.keys() <= FIELDS:
        field = min(item.keys() - FIELDS)[:80].encode(errors="replace").decode()
        raise Unprocessable(f"{field!r} is not known here; remove it.", field=field)
    is_none = _is_zero(item.get("units"))
    named = {name: item.get(name) for name in ("tenant_id", "event_id")}
    event = read_event(
        named | {"event_type": "correction", "units": 1 if is_none else item.get("units")}, tenant_id=tenant_id
    )
    return CorrectionInput(
        corrects=_text(item, "corrects", EVENT_ID_MAX),
        units_micro=0 if is_none else event.units_micro,
        reason=_text(item, "reason", REASON_MAX),
        event_id=event.event_id or key,
    )


def _is_zero(units: Any) -> bool:
    if type(units) is int or (isinstance(units, Decimal) and type(units) is not ExponentNumber):
        return units == 0
    return type(units) is str and units in ("0", "0.0", "0.00", "0.000", "0.0000", "0.00000", "0.000000")


def _text(item: dict[str, Any], field: str, characters_max: int) -> str:
    value = item.get(field)
    if type(value) is str and 0 < len(value) <= characters_max and value.isprintable():
        return value
    raise Unprocessable(f"{field} must be a text of 1 to {characters_max} printable characters.", field=field)
