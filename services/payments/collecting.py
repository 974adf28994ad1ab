"""What we owe Stripe so that an invoice of ours is collected, each line once.

Lines go on the renewal's draft where the invoice brings a base fee that Stripe renews, else on a draft of their own.
Where Stripe finalised the renewal before our close, only the base fee is on it: the rest goes on a draft of its own.
"""

from datetime import datetime
from typing import Final

from sqlmodel import Session

from models import (
    Invoice,
    InvoiceStatus,
    StripeCallKind,
    StripeCallStatus,
    StripeInvoice,
    StripeInvoicePart,
    Subscription,
)
from services.invoices.finding import InvoiceDocument, read_invoice
from services.payments.links import standing_link
from services.payments.mirror import DRAFT, carry, parts_of
from services.payments.outbox import Owed, calls_of, owe_calls
from services.payments.parts import FEE_MARK, base_minor, brings_other_fee, carried_base, is_sent, positions_to_add
from services.payments.renewals import (
    COLLECTED,
    invoice_for_renewal,
    is_awaited,
    is_renewed,
    renewal_for,
    renewed_from,
)
from services.payments.settling import settle_invoice
from services.tenants import lock_head

LINES_A_CALL: Final = 100


def owe_subscription(session: Session, tenant_id: str, subscription_id: str, *, account: str, at: datetime) -> None:
    """Owe the subscription at Stripe that brings the base fee from our next renewal on, where one falls due."""
    lock_head(session, tenant_id=tenant_id)
    subscription = session.get_one(Subscription, (tenant_id, subscription_id), populate_existing=True)
    standing = standing_link(session, tenant_id=tenant_id, subscription_id=subscription_id)
    made = calls_of(session, tenant_id=tenant_id, subject=subscription_id, kind=StripeCallKind.CREATE_SUBSCRIPTION)
    if standing is not None or any(call.status != StripeCallStatus.DONE for call in made):
        return
    calls = [Owed(StripeCallKind.CREATE_CUSTOMER, f"subscription:{subscription_id}:customer", {})]
    if is_renewed(session, subscription, at=at):
        turn = f":{len(made) + 1}" if made else ""
        calls.append(Owed(StripeCallKind.CREATE_SUBSCRIPTION, f"subscription:{subscription_id}{turn}", {}))
    owe_calls(session, tenant_id=tenant_id, account=account, subject=subscription_id, calls=calls, at=at)


def owe_invoice(session: Session, tenant_id: str, invoice_id: str, *, account: str, at: datetime) -> bool:
    """Owe what collects an invoice. False where it waits for its renewal's draft.

    One that brings the fee of an interval that begins, or of the first plan with a fee, has no renewal: it is collected
    whole by itself, and the subscription at Stripe brings the fee of the terms after it.
    """
    lock_head(session, tenant_id=tenant_id)
    invoice = session.get_one(Invoice, (tenant_id, invoice_id), populate_existing=True)
    if invoice.status not in COLLECTED or parts_of(session, tenant_id=tenant_id, invoice_id=invoice_id):
        return True
    subscription = session.get_one(Subscription, (tenant_id, invoice.subscription_id))
    starts_at = renewed_from(session, invoice)
    if starts_at is not None:
        row = renewal_for(session, invoice, starts_at, account=account)
        if row is not None:
            return meet_renewal(session, row=row, subscription_id=subscription.id, at=at)
        if is_awaited(session, subscription, starts_at):
            return False
    if invoice.status == InvoiceStatus.OPEN:
        _owe_own_draft(session, invoice, StripeInvoicePart.WHOLE, account=account, at=at)
    return True


def hold_renewal(session: Session, *, row: StripeInvoice, auto_advance: bool, at: datetime) -> None:
    """Owe that a renewal's draft waits for our lines, where it would finalise itself."""
    if row.status == DRAFT and auto_advance:
        call = Owed(StripeCallKind.HOLD_DRAFT, f"draft:{row.stripe_id}:hold", {"stripe_invoice_id": row.stripe_id})
        owe_calls(session, tenant_id=row.tenant_id, account=row.account, subject=row.stripe_id, calls=[call], at=at)


def meet_renewal(session: Session, *, row: StripeInvoice, subscription_id: str, at: datetime) -> bool:
    """Bring a renewal at Stripe and our invoice for the same base fee together, once both are there.

    Answers whether they are. The caller holds the lock on the tenant's head.
    """
    invoice = invoice_for_renewal(session, row, subscription_id)
    if invoice is None:
        return False
    if row.status == DRAFT:
        carry(session, row, invoice_id=invoice.id, part=StripeInvoicePart.WHOLE)
        owe_lines_on_renewal(session, invoice, row, at=at)
    else:
        carry(session, row, invoice_id=invoice.id, part=StripeInvoicePart.BASE)
        owe_rest(session, invoice, row, at=at)
        settle_invoice(session, tenant_id=row.tenant_id, invoice_id=invoice.id, at=at)
    return True


def owe_lines_on_renewal(session: Session, invoice: Invoice, row: StripeInvoice, *, at: datetime) -> None:
    """Owe our lines on the draft that carries the base fee, then that it is finalised.

    Where that is the fee of the plan of before, for Stripe had not heard of a change, a line makes up for it.
    """
    part = StripeInvoicePart.WHOLE
    calls = [
        *([_difference(invoice, part)] if brings_other_fee(_document(session, invoice), row) else []),
        *_adding(session, invoice, part, with_base=False),
        _call(StripeCallKind.SET_TERMS, invoice, part),
        *_closing(invoice, part),
    ]
    owe_calls(session, tenant_id=invoice.tenant_id, account=row.account, subject=invoice.id, calls=calls, at=at)


def owe_rest(session: Session, invoice: Invoice, row: StripeInvoice, *, at: datetime) -> None:
    """Owe what an invoice at Stripe with the base fee, final already, does not carry, on a draft of its own.

    Nothing where it carries all, taxes among it.
    """
    document = _document(session, invoice)
    is_other = brings_other_fee(document, row)
    if is_other or positions_to_add(document, with_base=False) or invoice.tax_minor != row.tax_minor:
        _owe_own_draft(session, invoice, StripeInvoicePart.REST, account=row.account, at=at)
    else:
        carry(session, row, invoice_id=invoice.id, part=StripeInvoicePart.WHOLE)


def _owe_own_draft(session: Session, invoice: Invoice, part: StripeInvoicePart, *, account: str, at: datetime) -> None:
    calls = [
        Owed(StripeCallKind.CREATE_CUSTOMER, f"invoice:{invoice.id}:customer", {}),
        _call(StripeCallKind.OPEN_DRAFT, invoice, part),
        *([_difference(invoice, part)] if _is_made_up_for(session, invoice, part) else []),
        *_adding(session, invoice, part, with_base=part == StripeInvoicePart.WHOLE),
        *_closing(invoice, part),
    ]
    owe_calls(session, tenant_id=invoice.tenant_id, account=account, subject=invoice.id, calls=calls, at=at)


def _adding(session: Session, invoice: Invoice, part: StripeInvoicePart, *, with_base: bool) -> list[Owed]:
    """Calls that put lines on a draft, as many lines in each as one call takes."""
    lines = positions_to_add(_document(session, invoice), with_base=with_base)
    chunks = [lines[first : first + LINES_A_CALL] for first in range(0, len(lines), LINES_A_CALL)]
    adding = [
        Owed(
            StripeCallKind.ADD_LINES,
            f"invoice:{invoice.id}:{part}:lines:{chunk[0]}",
            {"invoice_id": invoice.id, "part": part.value, "lines": chunk},
        )
        for chunk in chunks
    ]
    return [*adding, *([_call(StripeCallKind.ADD_TAXES, invoice, part)] if _has_taxes(session, invoice) else [])]


def _difference(invoice: Invoice, part: StripeInvoicePart) -> Owed:
    given = {"invoice_id": invoice.id, "part": part.value, "lines": [FEE_MARK]}
    return Owed(StripeCallKind.ADD_DIFFERENCE, f"invoice:{invoice.id}:{part}:difference", given)


def _is_made_up_for(session: Session, invoice: Invoice, part: StripeInvoicePart) -> bool:
    """Whether the rest makes up for a base fee that is carried apart and is another plan's."""
    document = _document(session, invoice)
    parts = parts_of(session, tenant_id=invoice.tenant_id, invoice_id=invoice.id)
    return part == StripeInvoicePart.REST and carried_base(document, parts) != base_minor(document)


def _has_taxes(session: Session, invoice: Invoice) -> bool:
    """Whether a tax of ours is to be charged, or one of Stripe's is to be made up for."""
    rows = parts_of(session, tenant_id=invoice.tenant_id, invoice_id=invoice.id)
    return bool(invoice.tax_minor) or any(row.tax_minor for row in rows)


def _closing(invoice: Invoice, part: StripeInvoicePart) -> list[Owed]:
    kinds = [StripeCallKind.FINALIZE, *([StripeCallKind.SEND] if is_sent(invoice) else [])]
    return [_call(kind, invoice, part) for kind in kinds]


def _call(kind: StripeCallKind, invoice: Invoice, part: StripeInvoicePart) -> Owed:
    return Owed(kind, f"invoice:{invoice.id}:{part}:{kind}", {"invoice_id": invoice.id, "part": part.value})


def _document(session: Session, invoice: Invoice) -> InvoiceDocument:
    return read_invoice(session, tenant_id=invoice.tenant_id, invoice_id=invoice.id)
