"""Rows as Stripe's messages leave them, written directly: for views, which only read them."""

from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, select

from models import (
    Dunning,
    EventSource,
    Invoice,
    StripeCall,
    StripeCallKind,
    StripeCallStatus,
    StripeCustomer,
    StripeEvent,
    StripeEventStatus,
    StripeInvoice,
    StripeInvoicePart,
    Subscription,
)
from tests.given import NOON

ACCOUNT = "sandbox"
HOSTED = "https://pay.example.com/i/1"


def first_invoice(session: Session, tenant_id: str) -> Invoice:
    """The invoice of the start."""
    statement = select(Invoice).where(Invoice.tenant_id == tenant_id).order_by(col(Invoice.number))
    return session.exec(statement).all()[0]


def collected_automatically(session: Session, tenant_id: str) -> None:
    """Let the customer's subscription be charged to a card."""
    subscription = session.exec(select(Subscription).where(Subscription.tenant_id == tenant_id)).one()
    subscription.collection = "automatic"  # type: ignore[assignment]
    session.add(subscription)
    session.flush()


def at_stripe(session: Session, invoice: Invoice, **values: Any) -> StripeInvoice:
    """An invoice at Stripe that carries ours: open, charged to a card, unless said otherwise."""
    total_minor = values.pop("total_minor", invoice.total_minor)
    given: dict[str, Any] = {
        "stripe_id": "in_1",
        "part": StripeInvoicePart.WHOLE,
        "status": "open",
        "collection_method": "charge_automatically",
        "hosted_url": HOSTED,
        "remaining_minor": total_minor,
        **values,
    }
    row = StripeInvoice(
        tenant_id=invoice.tenant_id,
        account=ACCOUNT,
        invoice_id=invoice.id,
        currency=invoice.currency,
        total_minor=total_minor,
        due_minor=total_minor,
        created_at=NOON,
        read_at=NOON,
        **given,
    )
    session.add(row)
    session.flush()
    return row


def customer_at_stripe(session: Session, tenant_id: str, **values: Any) -> StripeCustomer:
    """A customer's own customer at Stripe."""
    row = StripeCustomer(
        **{
            "tenant_id": tenant_id,
            "account": ACCOUNT,
            "stripe_id": "cus_1",
            "card": "Visa ending 4242, expires 12/2030",
        }
        | values
    )
    session.add(row)
    session.flush()
    return row


def dunned(session: Session, invoice: Invoice, *, failed_at: datetime, suspended_at: datetime | None = None) -> None:
    """A payment of the invoice failed."""
    session.add(
        Dunning(
            tenant_id=invoice.tenant_id,
            invoice_id=invoice.id,
            subscription_id=invoice.subscription_id,
            failed_at=failed_at,
            suspended_at=suspended_at,
        )
    )
    session.flush()


def event(session: Session, event_id: str, **values: Any) -> StripeEvent:
    """An event that was handled, unless said otherwise."""
    status = values.get("status", StripeEventStatus.HANDLED)
    is_done = status in (StripeEventStatus.HANDLED, StripeEventStatus.IGNORED)
    given = {
        "account": ACCOUNT,
        "type": "invoice.paid",
        "object_id": "in_1",
        "payload": {"id": event_id},
        "source": EventSource.WEBHOOK,
        "status": status,
        "attempts": 1,
        "created_at": NOON,
        "received_at": NOON,
        "next_attempt_at": NOON,
        "done_at": NOON if is_done else None,
        "error": "It failed." if status == StripeEventStatus.FAILED else None,
    }
    row = StripeEvent(id=event_id, **given | values)
    session.add(row)
    session.flush()
    return row


def call(session: Session, tenant_id: str, key: str, **values: Any) -> StripeCall:
    """A call that waits, unless said otherwise."""
    status = values.get("status", StripeCallStatus.WAITING)
    given = {
        "account": ACCOUNT,
        "kind": StripeCallKind.ADD_LINES,
        "subject": "inv_1",
        "position": 1,
        "arguments": {},
        "status": status,
        "created_at": NOON - timedelta(minutes=5),
        "next_attempt_at": NOON,
        "done_at": NOON if status == StripeCallStatus.DONE else None,
        "error": "Stripe refused." if status == StripeCallStatus.HELD else None,
    }
    row = StripeCall(tenant_id=tenant_id, key=key, **given | values)
    session.add(row)
    session.flush()
    return row
