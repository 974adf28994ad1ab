"""What Stripe says of a subscription, put into ours."""

from datetime import datetime

from sqlmodel import Session

from models import Checkout, StripeSubscription, Subscription
from services.gateways.stripe.facts import CheckoutFacts, SubscriptionFacts
from services.payments import marks, paid_checkouts
from services.payments.customers import tenant_of_customer
from services.payments.links import find_link, link_subscription
from services.payments.promotions import keep_promotions
from services.payments.standing import PAUSED, settle_standing
from services.payments.subjects import NotOurs, Readings, SubjectKind
from services.tenants import lock_head


def apply_subscription(
    session: Session, readings: Readings, facts: SubscriptionFacts, *, account: str, ticket: int, at: datetime
) -> str:
    """Keep what was read of a subscription, and let ours follow; answers whose it is.

    One that a checkout made starts ours once it is paid. Raises Unread and NotOurs.
    """
    link = find_link(session, account=account, stripe_id=facts.id)
    kept_for = None if link is None else link.tenant_id
    tenant_id = kept_for or tenant_of_customer(session, readings, account=account, customer_id=facts.customer_id)
    lock_head(session, tenant_id=tenant_id)
    link = find_link(session, account=account, stripe_id=facts.id)
    if link is None and marks.CHECKOUT in facts.metadata:
        visit = _visit_of(session, readings, facts, tenant_id)
        paid_checkouts.apply_checkout(session, readings, visit, account=account, ticket=ticket, at=at)
        link = find_link(session, account=account, stripe_id=facts.id)
        if link is None:
            return tenant_id  # its first payment is still to come
    if link is None:
        ours = session.get(Subscription, (tenant_id, facts.metadata.get(marks.SUBSCRIPTION, "")))
        if ours is None:
            raise NotOurs("The subscription was not made by us.")
        link = link_subscription(session, subscription=ours, facts=facts, account=account, at=at)
    if link.ticket <= ticket:
        keep_subscription(session, link, facts, ticket=ticket, at=at)
        if link.replaced_at is None:
            settle_standing(session, tenant_id=tenant_id, subscription_id=link.subscription_id, at=at)
    return tenant_id


def keep_subscription(
    session: Session, link: StripeSubscription, facts: SubscriptionFacts, *, ticket: int, at: datetime
) -> None:
    """Keep what was read of a subscription beside ours. Of one that was replaced, nothing follows for ours."""
    link.status = PAUSED if facts.has_pause and facts.ended_at is None else facts.status
    link.cancel_at_period_end = facts.cancel_at_period_end
    link.current_period_start = facts.current_period_start
    link.current_period_end = facts.current_period_end
    link.trial_ends_at = facts.trial_ends_at
    link.ended_at = facts.ended_at
    if (link.price_minor, link.price_interval) != (facts.price_minor, facts.price_interval):
        link.price_minor, link.price_interval = facts.price_minor, facts.price_interval
        link.version_id = link.interval = None
    link.ends_for = facts.metadata.get(marks.ENDS) if facts.cancel_at_period_end else None
    link.ticket, link.read_at = ticket, at
    session.add(link)
    session.flush()
    if link.replaced_at is None:
        keep_promotions(session, link=link, facts=facts)


def _visit_of(session: Session, readings: Readings, facts: SubscriptionFacts, tenant_id: str) -> CheckoutFacts:
    asked = session.get(Checkout, (tenant_id, facts.metadata[marks.CHECKOUT]))
    if asked is None or asked.stripe_id is None:
        raise NotOurs("The checkout that made the subscription is not known here.")
    visit: CheckoutFacts = readings.of(SubjectKind.CHECKOUT, asked.stripe_id)
    return visit
