"""Telling Stripe what was settled or ended here: paid by transfer, given up, cancelled."""

from datetime import datetime
from typing import Final

from sqlmodel import Session

from models import Invoice, InvoiceStatus, StripeCallKind, StripeInvoice, StripeSubscription
from services.invoices.credit_notes import amount_left
from services.payments.links import standing_link
from services.payments.mirror import OPEN, parts_of
from services.payments.outbox import Owed, owe_calls
from services.tenants import lock_head

_KINDS: Final = {
    InvoiceStatus.PAID: StripeCallKind.PAID_ELSEWHERE,
    InvoiceStatus.VOID: StripeCallKind.VOID,
    InvoiceStatus.UNCOLLECTIBLE: StripeCallKind.MARK_UNCOLLECTIBLE,
}


def owe_settlement(session: Session, tenant_id: str, invoice_id: str, *, at: datetime) -> None:
    """Owe Stripe the end of an invoice that was settled here; one that credit notes settled settles itself there."""
    lock_head(session, tenant_id=tenant_id)
    invoice = session.get_one(Invoice, (tenant_id, invoice_id), populate_existing=True)
    is_credited = invoice.status == InvoiceStatus.PAID and amount_left(session, invoice=invoice) <= 0
    if invoice.status not in _KINDS or is_credited:
        return
    kind = _KINDS[invoice.status]
    for part in parts_of(session, tenant_id=tenant_id, invoice_id=invoice_id):
        if part.status == OPEN:
            call = Owed(kind, f"invoice:{invoice_id}:{part.stripe_id}:{kind}", {"stripe_invoice_id": part.stripe_id})
            owe_calls(session, tenant_id=tenant_id, account=part.account, subject=invoice_id, calls=[call], at=at)


def owe_end(session: Session, tenant_id: str, subscription_id: str, *, at: datetime) -> None:
    """Owe Stripe the end of a subscription that ended here."""
    lock_head(session, tenant_id=tenant_id)
    link = standing_link(session, tenant_id=tenant_id, subscription_id=subscription_id)
    if link is not None:
        _owe_cancel(session, link, subject=subscription_id, at=at)


def owe_end_of_replaced(session: Session, tenant_id: str, stripe_id: str, *, account: str, at: datetime) -> None:
    """Owe Stripe the end of a subscription there that another has taken the place of."""
    lock_head(session, tenant_id=tenant_id)
    link = session.get_one(StripeSubscription, (tenant_id, account, stripe_id), populate_existing=True)
    _owe_cancel(session, link, subject=stripe_id, at=at)


def _owe_cancel(session: Session, link: StripeSubscription, *, subject: str, at: datetime) -> None:
    call = Owed(
        StripeCallKind.CANCEL_SUBSCRIPTION,
        f"subscription:{link.subscription_id}:cancel:{link.stripe_id}",
        {"stripe_subscription_id": link.stripe_id},
    )
    owe_calls(session, tenant_id=link.tenant_id, account=link.account, subject=subject, calls=[call], at=at)


def owe_discarding(session: Session, tenant_id: str, stripe_invoice_id: str, *, account: str, at: datetime) -> None:
    """Owe the voiding of a renewal's draft that no invoice of ours will ever meet, without anybody being charged.

    A draft of a subscription cannot be deleted: it is finalised without being collected, then made void.
    """
    lock_head(session, tenant_id=tenant_id)
    if session.get_one(StripeInvoice, (tenant_id, account, stripe_invoice_id), populate_existing=True).invoice_id:
        return
    name, about = f"draft:{stripe_invoice_id}", {"stripe_invoice_id": stripe_invoice_id}
    calls = [Owed(kind, f"{name}:{kind}", about) for kind in (StripeCallKind.FINALIZE_UNCOLLECTED, StripeCallKind.VOID)]
    owe_calls(session, tenant_id=tenant_id, account=account, subject=stripe_invoice_id, calls=calls, at=at)
