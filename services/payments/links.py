"""Which of ours stands for which at Stripe."""

from datetime import datetime

from sqlmodel import Session, select

from models import StripeSubscription, Subscription
from services.gateways.stripe.facts import SubscriptionFacts


def find_link(session: Session, *, account: str, stripe_id: str) -> StripeSubscription | None:
    """Which of our subscriptions one at Stripe brings the base fee of."""
    statement = select(StripeSubscription).where(
        StripeSubscription.account == account, StripeSubscription.stripe_id == stripe_id
    )
    return session.exec(statement.execution_options(populate_existing=True)).first()


def link_subscription(
    session: Session, *, subscription: Subscription, facts: SubscriptionFacts, account: str, at: datetime
) -> StripeSubscription:
    """Note which subscription at Stripe stands for ours."""
    link = session.get(StripeSubscription, (subscription.tenant_id, subscription.id))
    if link is None:
        link = StripeSubscription(
            tenant_id=subscription.tenant_id,
            subscription_id=subscription.id,
            account=account,
            stripe_id=facts.id,
            status=facts.status,
            current_period_start=facts.current_period_start,
            current_period_end=facts.current_period_end,
            price_minor=facts.price_minor,
            price_interval=facts.price_interval,
            read_at=at,
        )
        session.add(link)
        session.flush()
    return link
