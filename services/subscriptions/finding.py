"""A customer's subscriptions found again: one or all of them, whose one is, and the plan it is on."""

from sqlmodel import Session, col, select

from models import Subscription, SubscriptionStatus
from services.errors import NotFound
from services.price_books.books import plan_version
from services.price_books.plans import Plan
from services.subscriptions.choice import choose_subscription, live_subscriptions

LIVE = (
    SubscriptionStatus.TRIALING,
    SubscriptionStatus.ACTIVE,
    SubscriptionStatus.PAST_DUE,
    SubscriptionStatus.PAUSED,
    SubscriptionStatus.SUSPENDED,
)


def read_subscription(
    session: Session, *, tenant_id: str, subscription_id: str | None = None, site: str | None = None
) -> Subscription:
    """One of the tenant's subscriptions. Where no id is given, the live one bound to the site, else the main or only
    live one, else the newest.

    Raises NotFound, and SubscriptionUnclear where several are live and none is the main one.
    """
    if subscription_id is None:
        chosen = choose_subscription(session, tenant_id=tenant_id, site=site)
        if chosen is not None:
            return chosen
    statement = select(Subscription).where(Subscription.tenant_id == tenant_id)
    if subscription_id is not None:
        statement = statement.where(Subscription.id == subscription_id)
    found = session.exec(statement.order_by(col(Subscription.created_at).desc())).first()
    if found is None:
        raise NotFound(
            "There is no such subscription." if subscription_id else "There is no subscription yet; choose a plan.",
            field="subscription_id",
        )
    return found


def list_subscriptions(session: Session, *, tenant_id: str) -> list[Subscription]:
    """All the tenant's subscriptions: those that have not ended first, the main one in front, then by name."""
    statement = select(Subscription).where(Subscription.tenant_id == tenant_id)
    has_ended = col(Subscription.status) == SubscriptionStatus.CANCELED
    newest_first = col(Subscription.created_at).desc()
    return list(session.exec(statement.order_by(has_ended, Subscription.name, newest_first, Subscription.id)))


def find_subscription_tenant(session: Session, *, subscription_id: str) -> str:
    """Whose subscription it is, for an operator who names only the subscription. Raises NotFound."""
    statement = select(Subscription.tenant_id).where(Subscription.id == subscription_id)
    tenant_id = session.exec(statement).first()
    if tenant_id is None:
        raise NotFound("There is no such subscription.", field="subscription_id")
    return tenant_id


def live_subscription(session: Session, *, tenant_id: str, name: str = "") -> Subscription | None:
    """The subscription of that name that has not ended, the main one's if none is given; None where there is none."""
    live = live_subscriptions(session, tenant_id=tenant_id)
    return next((each for each in live if each.name == name), None)


def plan_of(session: Session, subscription: Subscription) -> Plan:
    """The plan version the subscription is on."""
    return plan_version(session, version_id=subscription.plan_version_id)


def is_had_for_free(session: Session, subscription: Subscription) -> bool:
    """Whether its plan has no fee, and it was not moved to it because another one is unpaid."""
    return subscription.former_version_id is None and plan_of(session, subscription).is_free
