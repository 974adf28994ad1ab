"""Putting a reading into our books: one transaction, the same result however often and in whatever order."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlmodel import Session

from services.payments import customers, invoices, paid_checkouts, returns, subscriptions
from services.payments.customers import tenant_linked_to
from services.payments.mirror import owner_of
from services.payments.subjects import Readings, Subject, SubjectKind
from services.tenant_clocks import clocks_are_allowed, now_of


def apply_subject(
    session: Session, readings: Readings, subject: Subject, *, account: str, ticket: int, at: datetime
) -> str:
    """Apply what was read of an object; answers whose it is.

    Raises Unread where something else has to be read first, and NotOurs where it belongs to nobody here.
    """
    facts: Any = readings.of(*subject)
    at = _now_of_customer(session, facts, account=account, at=at)
    if subject.kind == SubjectKind.CUSTOMER:
        return customers.apply_customer(session, facts, account=account, ticket=ticket, at=at)
    appliers: dict[SubjectKind, Callable[..., str]] = {
        SubjectKind.SUBSCRIPTION: subscriptions.apply_subscription,
        SubjectKind.CHECKOUT: paid_checkouts.apply_checkout,
        SubjectKind.INVOICE: invoices.apply_invoice,
        SubjectKind.CREDIT_NOTE: returns.apply_credit_note,
        SubjectKind.REFUND: returns.apply_refund,
        SubjectKind.PAYMENT: returns.apply_payment,
    }
    return appliers[subject.kind](session, readings, facts, account=account, ticket=ticket, at=at)


def _now_of_customer(session: Session, facts: Any, *, account: str, at: datetime) -> datetime:
    """The time of the customer whom an object is about, where it has a test clock and is known already."""
    customer_id, invoice_id = getattr(facts, "customer_id", None), getattr(facts, "invoice_id", None)
    tenant_id = None
    if clocks_are_allowed() and customer_id:
        tenant_id = tenant_linked_to(session, account=account, customer_id=customer_id)
    elif clocks_are_allowed() and invoice_id:
        tenant_id = owner_of(session, account=account, stripe_id=invoice_id)
    return at if tenant_id is None else now_of(session, tenant_id=tenant_id, at=at)
