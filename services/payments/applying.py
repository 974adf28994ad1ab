"""Putting a reading into our books: one transaction, the same result however often and in whatever order."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlmodel import Session

from services.payments import checkouts, customers, invoices, returns, subscriptions
from services.payments.subjects import Readings, Subject, SubjectKind


def apply_subject(
    session: Session, readings: Readings, subject: Subject, *, account: str, ticket: int, at: datetime
) -> str:
    """Apply what was read of an object; answers whose it is.

    Raises Unread where something else has to be read first, and NotOurs where it belongs to nobody here.
    """
    facts: Any = readings.of(*subject)
    if subject.kind == SubjectKind.CUSTOMER:
        return customers.apply_customer(session, facts, account=account, ticket=ticket, at=at)
    appliers: dict[SubjectKind, Callable[..., str]] = {
        SubjectKind.SUBSCRIPTION: subscriptions.apply_subscription,
        SubjectKind.CHECKOUT: checkouts.apply_checkout,
        SubjectKind.INVOICE: invoices.apply_invoice,
        SubjectKind.CREDIT_NOTE: returns.apply_credit_note,
        SubjectKind.REFUND: returns.apply_refund,
        SubjectKind.PAYMENT: returns.apply_payment,
    }
    return appliers[subject.kind](session, readings, facts, account=account, ticket=ticket, at=at)
