"""/v1/admin/invoices/{id}/…: give money back, give an invoice up. For operators' keys."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Path
from starlette.responses import Response

from app.api.commands import Command, command
from app.api.documentation import WRITE, problems
from app.api.exact_route import api_router
from app.api.schemas.invoices import InvoiceShown
from app.api.schemas.returns import GiveBackBody, GivenBackShown
from app.api.schemas.values import ID_PATTERN
from app.payment_jobs import work_is_there
from models import Invoice
from services.api_keys import OPERATOR_SCOPE
from services.database import Session
from services.errors import Unprocessable
from services.invoices import transitions as invoice_transitions
from services.invoices.credit_notes import amount_left
from services.invoices.finding import read_invoice
from services.payments import crediting
from services.rules.money import Money
from services.rules.violations import RuleViolation

router = api_router("/v1/admin/invoices/{invoice_id}", "Invoices")
InvoiceId = Annotated[str, Path(pattern=ID_PATTERN)]


@router.post("/credit-notes", status_code=201, response_model=GivenBackShown, responses=problems(WRITE))
async def give_back(invoice_id: InvoiceId, body: GiveBackBody, asked: Command = command(OPERATOR_SCOPE)) -> Response:
    """Take an amount back of an invoice with a credit note, and give the money back the way it says."""
    tenant_id = await asked.tenant(named=None, invoice_id=invoice_id)

    def act(session: Session) -> GivenBackShown:
        currency = read_invoice(session, tenant_id=tenant_id, invoice_id=invoice_id).invoice.currency
        made = crediting.give_back(
            session,
            tenant_id=tenant_id,
            invoice_id=invoice_id,
            amount_minor=_minor(body.amount, currency),
            reason=body.reason,
            way=body.way,
            at=asked.at,
        )
        return GivenBackShown.of_document(made)

    answer = await asked.carry_out(tenant_id, act, status=201)
    work_is_there()
    return answer


@router.post("/void", response_model=InvoiceShown, responses=problems(WRITE))
async def void(invoice_id: InvoiceId, asked: Command = command(OPERATOR_SCOPE)) -> Response:
    """Declare an open invoice void: it was a mistake. Its number stays taken."""
    return await _give_up(asked, invoice_id, invoice_transitions.void_invoice)


@router.post("/mark-uncollectible", response_model=InvoiceShown, responses=problems(WRITE))
async def mark_uncollectible(invoice_id: InvoiceId, asked: Command = command(OPERATOR_SCOPE)) -> Response:
    """Give an open invoice up. It can still be paid."""
    return await _give_up(asked, invoice_id, invoice_transitions.mark_uncollectible)


async def _give_up(asked: Command, invoice_id: str, change: Callable[..., Invoice]) -> Response:
    tenant_id = await asked.tenant(named=None, invoice_id=invoice_id)

    def act(session: Session) -> InvoiceShown:
        changed = change(session, tenant_id=tenant_id, invoice_id=invoice_id, at=asked.at)
        return InvoiceShown.of(changed, left_minor=amount_left(session, invoice=changed))

    answer = await asked.carry_out(tenant_id, act)
    work_is_there()
    return answer


def _minor(text: str, currency: str) -> int:
    try:
        return Money.parse(text, currency).amount_minor
    except RuleViolation as violation:
        raise Unprocessable(violation.message, field="amount") from violation
