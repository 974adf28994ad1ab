"""Which subscriptions of ours and at Stripe do not stand for each other as they should: found by looking."""

from datetime import datetime

from sqlmodel import Session, and_, col, exists, or_, select

from models import (
    Collection,
    StripeCall,
    StripeCallKind,
    StripeCallStatus,
    StripeSubscription,
    Subscription,
    SubscriptionStatus,
)
from services.payments.standing import ENDED
from services.subscriptions.finding import LIVE


def unlinked_subscriptions(session: Session, *, at: datetime, limit: int = 200) -> list[tuple[str, str]]:
    """(tenant, subscription) of those to be collected automatically that nothing at Stripe stands for, yet or any more,
    and for which it is to be seen whether anything should.
    """
    linked = exists().where(
        col(StripeSubscription.tenant_id) == Subscription.tenant_id,
        col(StripeSubscription.subscription_id) == Subscription.id,
        col(StripeSubscription.replaced_at).is_(None),
    )
    called = exists().where(
        col(StripeCall.tenant_id) == Subscription.tenant_id, col(StripeCall.subject) == Subscription.id
    )
    called_for = called.where(
        col(StripeCall.kind) == StripeCallKind.CREATE_SUBSCRIPTION, col(StripeCall.status) != StripeCallStatus.DONE
    )
    statement = (
        select(Subscription.tenant_id, Subscription.id)
        .where(
            Subscription.collection == Collection.AUTOMATIC,
            col(Subscription.status).in_(LIVE),
            ~linked,
            or_(
                ~called,
                and_(
                    or_(
                        col(Subscription.base_paid_until) > at,
                        Subscription.status == SubscriptionStatus.TRIALING,
                    ),
                    ~called_for,
                ),
            ),
        )
        .order_by(Subscription.tenant_id, Subscription.id)
        .limit(limit)
    )
    return [(tenant_id, subscription_id) for tenant_id, subscription_id in session.exec(statement)]


def ended_there_only(session: Session, *, limit: int = 200) -> list[tuple[str, str]]:
    """(tenant, subscription) of subscriptions that ended at Stripe and go on here, until their periods are closed."""
    statement = (
        select(StripeSubscription.tenant_id, StripeSubscription.subscription_id)
        .join(
            Subscription,
            (col(Subscription.tenant_id) == StripeSubscription.tenant_id)
            & (col(Subscription.id) == StripeSubscription.subscription_id),
        )
        .where(
            col(StripeSubscription.status).in_(ENDED),
            col(StripeSubscription.replaced_at).is_(None),
            Subscription.status != SubscriptionStatus.CANCELED,
        )
        .limit(limit)
    )
    return [(tenant_id, subscription_id) for tenant_id, subscription_id in session.exec(statement)]


def ended_here_only(session: Session, *, limit: int = 200) -> list[tuple[str, str]]:
    """(tenant, subscription) of subscriptions that ended here and go on at Stripe, unless a call was owed for that."""
    called = exists().where(
        col(StripeCall.tenant_id) == StripeSubscription.tenant_id,
        col(StripeCall.subject) == StripeSubscription.subscription_id,
        col(StripeCall.kind) == StripeCallKind.CANCEL_SUBSCRIPTION,
    )
    statement = (
        select(StripeSubscription.tenant_id, StripeSubscription.subscription_id)
        .join(
            Subscription,
            (col(Subscription.tenant_id) == StripeSubscription.tenant_id)
            & (col(Subscription.id) == StripeSubscription.subscription_id),
        )
        .where(
            Subscription.status == SubscriptionStatus.CANCELED,
            col(StripeSubscription.replaced_at).is_(None),
            col(StripeSubscription.status).not_in(ENDED),
            ~called,
        )
        .limit(limit)
    )
    return [(tenant_id, subscription_id) for tenant_id, subscription_id in session.exec(statement)]


def replaced_only_here(session: Session, *, account: str, limit: int = 200) -> list[tuple[str, str]]:
    """(tenant, id at Stripe) of subscriptions there that were replaced and go on, unless a call was owed for that."""
    called = exists().where(
        col(StripeCall.tenant_id) == StripeSubscription.tenant_id,
        col(StripeCall.subject) == StripeSubscription.stripe_id,
        col(StripeCall.kind) == StripeCallKind.CANCEL_SUBSCRIPTION,
    )
    statement = (
        select(StripeSubscription.tenant_id, StripeSubscription.stripe_id)
        .where(
            StripeSubscription.account == account,
            col(StripeSubscription.replaced_at).is_not(None),
            col(StripeSubscription.status).not_in(ENDED),
            ~called,
        )
        .order_by(StripeSubscription.tenant_id, StripeSubscription.stripe_id)
        .limit(limit)
    )
    return [(tenant_id, stripe_id) for tenant_id, stripe_id in session.exec(statement)]
