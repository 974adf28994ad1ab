"""Which of a customer's subscriptions a page is about: what there is to choose, and what is chosen."""

from dataclasses import dataclass

from sqlmodel import Session

from models import Subscription, SubscriptionStatus
from services.price_books.books import plan_version
from services.subscriptions.finding import list_subscriptions

CHOICES_MAX = 100
"""Subscriptions to choose from; those that ended longest ago are left out first."""


@dataclass(frozen=True)
class SubscriptionChoice:
    """One subscription in words: Team A · Starter."""

    id: str
    label: str


def list_choices(session: Session, *, tenant_id: str) -> tuple[SubscriptionChoice, ...]:
    """The customer's subscriptions, the main one first and those that have ended last; none where there is only one."""
    found = list_subscriptions(session, tenant_id=tenant_id)[:CHOICES_MAX]
    if len(found) < 2:
        return ()
    return tuple(SubscriptionChoice(each.id, _label(session, each)) for each in found)


def picked(session: Session, *, tenant_id: str, wanted: str | None) -> str | None:
    """The subscription that is wanted where it is the customer's, else the first there is; None where there is none."""
    ids = [each.id for each in list_subscriptions(session, tenant_id=tenant_id)]
    return wanted if wanted in ids else next(iter(ids), None)


def name_of(subscription: Subscription) -> str:
    """What people call it, beside others."""
    if not subscription.name:
        return "Main"
    is_its_site = subscription.site is None or subscription.site == subscription.name
    return subscription.name if is_its_site else f"{subscription.name} ({subscription.site})"


def _label(session: Session, subscription: Subscription) -> str:
    plan = plan_version(session, version_id=subscription.plan_version_id)
    ended = f", ended {subscription.canceled_at:%Y-%m-%d}" if subscription.canceled_at is not None else ""
    has_ended = subscription.status == SubscriptionStatus.CANCELED
    return f"{name_of(subscription)} · {plan.name}{ended if has_ended else ''}"
