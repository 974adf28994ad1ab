"""Which of ours stands for which at Stripe."""

from datetime import datetime

from sqlmodel import Session, col, select

from models import StripeSubscription, Subscription
from services.gateways.stripe.facts import SubscriptionFacts


def find_link(session: Session, *, account: str, stripe_id: str) -> StripeSubscription | None:
    """Which of our subscriptions one at Stripe brings the base fee of, or brought it of until it was replaced."""
    statement = select(StripeSubscription).where(
        StripeSubscription.account == account, StripeSubscription.stripe_id == stripe_id
    )
    return session.exec(statement.execution_options(populate_existing=True)).first()


def standing_link(session: Session, *, tenant_id: str, subscription_id: str) -> StripeSubscription | None:
    """What stands at Stripe for one of ours; None where nothing does, yet or any more."""
    statement = select(StripeSubscription).where(
        StripeSubscription.tenant_id == tenant_id,
        StripeSubscription.subscription_id == subscription_id,
        col(StripeSubscription.replaced_at).is_(None),
    )
    return session.exec(statement.execution_options(populate_existing=True)).first()


def links_of(session: Session, *, tenant_id: str, subscription_id: str) -> list[StripeSubscription]:
    """All that ever stood at Stripe for one of ours, the first one first."""
    statement = select(StripeSubscription).where(
        StripeSubscription.tenant_id == tenant_id, StripeSubscription.subscription_id == subscription_id
    )
    return list(session.exec(statement.order_by(col(StripeSubscription.began_at), StripeSubscription.stripe_id)))


def link_subscription(
    session: Session,
    *,
    subscription: Subscription,
    facts: SubscriptionFacts,
    account: str,
    at: datetime,
) -> StripeSubscription:
    """Note which subscription at Stripe stands for ours. Where another does already, this one is noted as replaced."""
    link = session.get(StripeSubscription, (subscription.tenant_id, account, facts.id))
    if link is None:
        standing = standing_link(session, tenant_id=subscription.tenant_id, subscription_id=subscription.id)
        link = StripeSubscription(
            tenant_id=subscription.tenant_id,
            subscription_id=subscription.id,
            account=account,
            stripe_id=facts.id,
            status=facts.status,
            began_at=facts.started_at,
            current_period_start=facts.current_period_start,
            current_period_end=facts.current_period_end,
            price_minor=facts.price_minor,
            price_interval=facts.price_interval,
            replaced_at=None if standing is None else at,
            read_at=at,
        )
        session.add(link)
        session.flush()
    return link
