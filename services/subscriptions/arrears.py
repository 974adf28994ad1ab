"""Who was suspended for an unpaid invoice pays it before anything new is started."""

from sqlmodel import Session, col, select

from models import Dunning, Invoice, Subscription
from services.errors import SubscriptionConflict
from services.invoices.numbers import invoice_number


def is_dunned(session: Session, *, subscription: Subscription) -> bool:
    """Whether payment of an invoice of the subscription failed that is still to be paid."""
    statement = select(Dunning.invoice_id).where(
        Dunning.tenant_id == subscription.tenant_id,
        Dunning.subscription_id == subscription.id,
        col(Dunning.ended_at).is_(None),
    )
    return session.exec(statement.limit(1)).first() is not None


def check_no_arrears(session: Session, *, tenant_id: str, subscription_id: str | None = None) -> None:
    """Raises SubscriptionConflict while an invoice is unpaid for which a subscription of the customer was suspended,
    or would have been if it had not been paused; `subscription_id` where it is to be that one.

    Cancelling what was suspended and starting anew would lift the suspension without paying.
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
            f"Service was suspended because {invoice_number(unpaid)} is not paid; pay it first, then start again."
        )
