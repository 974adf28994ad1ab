"""Who was suspended, or moved to a plan without a fee, for an unpaid invoice pays it before anything new is started."""

from typing import Any

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, select

from models import Dunning, Invoice, Subscription
from services.errors import SubscriptionConflict
from services.invoices.numbers import invoice_number
from services.price_books.books import plan_version
from services.price_books.plans import Plan
from services.subscriptions.finding import plan_of


def has_run_out(tenant_id: Any, subscription_id: Any) -> tuple[ColumnElement[bool], ...]:
    """What is so of a dunning whose reminders are over and that is not settled; the ids may be columns of a query."""
    return (
        col(Dunning.tenant_id) == tenant_id,
        col(Dunning.subscription_id) == subscription_id,
        col(Dunning.ended_at).is_(None),
        col(Dunning.suspended_at).is_not(None),
    )


def former_plan(session: Session, *, subscription: Subscription) -> Plan | None:
    """The plan that it is put back on once what is unpaid is settled; None where it was not moved."""
    version_id = subscription.former_version_id
    return None if version_id is None else plan_version(session, version_id=version_id)


def charged_plan(session: Session, *, subscription: Subscription) -> Plan:
    """The plan whose fee is charged for the running term: its own, or the one that it was moved from."""
    return former_plan(session, subscription=subscription) or plan_of(session, subscription)


def unpaid_invoices(session: Session, *, subscription: Subscription) -> list[Invoice]:
    """The invoices for which it was suspended or moved, and that are not settled; the first one first."""
    statement = (
        select(Invoice)
        .join(Dunning, (col(Dunning.tenant_id) == Invoice.tenant_id) & (col(Dunning.invoice_id) == Invoice.id))
        .where(*has_run_out(subscription.tenant_id, subscription.id))
        .order_by(col(Invoice.number))
    )
    return list(session.exec(statement))


def why_plan_waits(session: Session, *, subscription: Subscription) -> str:
    """Why the plan of what was moved cannot be changed, to who reads above it that it was; "" where it was not."""
    former = former_plan(session, subscription=subscription)
    if former is None:
        return ""
    unpaid = unpaid_invoices(session, subscription=subscription)
    named = " and ".join(invoice_number(invoice) or "" for invoice in unpaid) or "what was open"
    verb = "are" if len(unpaid) > 1 else "is"
    return f"Your plan can be changed once {named} {verb} paid and you are back on {former.name}."


def check_not_moved(session: Session, *, subscription: Subscription) -> None:
    """Raises SubscriptionConflict where it was moved to a plan without a fee and is not settled."""
    former = former_plan(session, subscription=subscription)
    if former is None:
        return
    named = " and ".join(
        invoice_number(invoice) or "" for invoice in unpaid_invoices(session, subscription=subscription)
    )
    if not named:
        raise SubscriptionConflict(f"It goes back to {former.name} as soon as the next period runs; try again then.")
    name = plan_of(session, subscription).name
    raise SubscriptionConflict(
        f"It was moved to {name} because {named} is not paid; pay that, and {former.name} is back at once."
    )


def is_dunned(session: Session, *, subscription: Subscription) -> bool:
    """Whether payment of an invoice of the subscription failed that is still to be paid."""
    statement = select(Dunning.invoice_id).where(
        Dunning.tenant_id == subscription.tenant_id,
        Dunning.subscription_id == subscription.id,
        col(Dunning.ended_at).is_(None),
    )
    return session.exec(statement.limit(1)).first() is not None


def check_no_arrears(session: Session, *, tenant_id: str, subscription_id: str | None = None) -> None:
    """Raises SubscriptionConflict while an invoice is unpaid for which a subscription of the customer was suspended or
    moved, or would have been if it had not been paused; `subscription_id` where it is to be that one.

    Cancelling what was suspended or moved and starting anew would lift the suspension without paying.
    """
    statement = (
        select(Invoice)
        .join(Dunning, (col(Dunning.tenant_id) == Invoice.tenant_id) & (col(Dunning.invoice_id) == Invoice.id))
        .where(Invoice.tenant_id == tenant_id, col(Dunning.ended_at).is_(None), col(Dunning.suspended_at).is_not(None))
        .order_by(col(Invoice.number))
        .limit(1)
    )
    if subscription_id is not None:
        statement = statement.where(Dunning.subscription_id == subscription_id)
    unpaid = session.exec(statement).first()
    if unpaid is not None:
        raise SubscriptionConflict(
            f"Service was {_stopped(session, unpaid)} because {invoice_number(unpaid)} is not paid; pay it first, then "
            "start again."
        )


def _stopped(session: Session, unpaid: Invoice) -> str:
    subscription = session.get_one(Subscription, (unpaid.tenant_id, unpaid.subscription_id))
    if subscription.former_version_id is None:
        return "suspended"
    return f"moved to {plan_of(session, subscription).name}"
