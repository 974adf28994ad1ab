"""Whether there is a card that a subscription's invoices are charged to by themselves."""

from sqlmodel import Session, col, select

from models import Collection, StripeCustomer, Subscription
from services.errors import PaymentsUnavailable
from services.gateways.stripe.connection import connection


def is_charged_to_card(session: Session, subscription: Subscription) -> bool:
    """Whether it is collected by the payment provider in use, which has a card of the customer, as far as we know."""
    if subscription.collection != Collection.AUTOMATIC:
        return False
    try:
        account = connection().account
    except PaymentsUnavailable:
        return False
    statement = select(StripeCustomer.stripe_id).where(
        StripeCustomer.tenant_id == subscription.tenant_id,
        StripeCustomer.account == account,
        col(StripeCustomer.card).is_not(None),
        ~col(StripeCustomer.is_deleted),
    )
    return session.exec(statement).first() is not None
