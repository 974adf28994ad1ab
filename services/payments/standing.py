"""How a subscription stands, from what Stripe says of it and from payments that failed."""

from datetime import datetime

from sqlmodel import Session, col, select

from models import Dunning, StripeSubscription, Subscription, SubscriptionStatus
from services.subscription_ends import end_subscription
from services.subscription_standing import set_status

PAUSED = "paused"
_ENDED = frozenset({"canceled", "incomplete_expired"})


def settle_standing(session: Session, *, tenant_id: str, subscription_id: str, at: datetime) -> SubscriptionStatus:
    """Give a subscription the status that follows from the facts; the same facts give the same status.

    Ended at Stripe: it ends. A failed payment: past due, or suspended once the reminders are over. Paused
    there: paused. The caller holds the lock on the tenant's head.
    """
    subscription = session.get_one(Subscription, (tenant_id, subscription_id), populate_existing=True)
    link = session.get(StripeSubscription, (tenant_id, subscription_id))
    if subscription.status == SubscriptionStatus.CANCELED:
        return subscription.status
    if link is not None and link.status in _ENDED:
        ended_at = min(link.ended_at or at, at)
        end_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id, ended_at=ended_at, at=at)
        return SubscriptionStatus.CANCELED
    wanted = _wanted(session, subscription, link)
    if wanted != subscription.status:
        set_status(session, tenant_id=tenant_id, subscription_id=subscription_id, status=wanted, at=at)
    return wanted


def _wanted(session: Session, subscription: Subscription, link: StripeSubscription | None) -> SubscriptionStatus:
    running = session.exec(
        select(Dunning).where(
            Dunning.tenant_id == subscription.tenant_id,
            Dunning.subscription_id == subscription.id,
            col(Dunning.ended_at).is_(None),
        )
    ).all()
    if any(each.suspended_at for each in running):
        return SubscriptionStatus.SUSPENDED
    if running:
        return SubscriptionStatus.PAST_DUE
    if link is not None and link.status == PAUSED:
        return SubscriptionStatus.PAUSED
    in_trial = subscription.trial_ends_at is not None and subscription.current_period_end <= subscription.trial_ends_at
    return SubscriptionStatus.TRIALING if in_trial else SubscriptionStatus.ACTIVE
