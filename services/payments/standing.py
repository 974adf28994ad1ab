"""How a subscription stands, from what Stripe says of it and from payments that failed."""

from datetime import datetime

from sqlmodel import Session, col, select

from models import ChangeKind, Dunning, ScheduledChange, StripeSubscription, Subscription, SubscriptionStatus
from services.payments.links import standing_link
from services.subscriptions.arrears import unpaid_invoices
from services.subscriptions.arrears_moves import can_be_cut, restore_plan
from services.subscriptions.ends import end_subscription
from services.subscriptions.scheduled_changes import waiting_change
from services.subscriptions.standing import RESTING, set_status
from services.tenants import lock_head

PAUSED = "paused"
ENDED = frozenset({"canceled", "incomplete_expired"})


def settle_standing(session: Session, *, tenant_id: str, subscription_id: str, at: datetime) -> SubscriptionStatus:
    """Give a subscription the status that follows from the facts; the same facts give the same status.

    Ended at Stripe: it ends, unless that was told to end for a change to terms it could not renew by. A failed payment:
    past due, or suspended once the reminders are over; what was moved to a plan without a fee then stays past due, and
    goes back once nothing is unpaid for which it was. Paused there: paused. What was paused here rests until it is
    resumed here. The caller holds the lock on the tenant's head.
    """
    subscription = session.get_one(Subscription, (tenant_id, subscription_id), populate_existing=True)
    link = standing_link(session, tenant_id=tenant_id, subscription_id=subscription_id)
    if subscription.status == SubscriptionStatus.CANCELED:
        return subscription.status
    if link is not None and link.status in ENDED and not _made_room(session, link):
        if _is_about_to_end(session, subscription, link):
            return subscription.status  # Stripe counts periods in UTC: ours ends at its own moment
        if _is_renewed_there(subscription, link):
            return subscription.status  # the fee of the next period was charged there: this one closes first
        ended_at = min(link.ended_at or at, at)
        end_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id, ended_at=ended_at, at=at)
        return SubscriptionStatus.CANCELED
    if _rests_by_itself(subscription, link):
        return subscription.status
    go_back_if_settled(session, subscription=subscription, at=at)
    wanted = _wanted(session, subscription, link)
    if link is not None:
        link.pauses_ours = wanted == SubscriptionStatus.PAUSED
        session.add(link)
    if wanted != subscription.status:
        set_status(session, tenant_id=tenant_id, subscription_id=subscription_id, status=wanted, at=at)
    return wanted


def go_back_if_settled(session: Session, *, subscription: Subscription, at: datetime) -> None:
    """Put what was moved for an unpaid invoice back on its plan, where nothing of the kind is unpaid any more. It waits
    where the running period cannot be cut just now. The caller holds the lock on the tenant's head.
    """
    if subscription.former_version_id is None or subscription.status == SubscriptionStatus.CANCELED:
        return
    if unpaid_invoices(session, subscription=subscription):
        return
    if can_be_cut(session, subscription=subscription, at=at):
        restore_plan(session, subscription=subscription, at=at)


def go_back(session: Session, *, tenant_id: str, subscription_id: str, at: datetime) -> None:
    """Put back one of `restorings_due`."""
    lock_head(session, tenant_id=tenant_id)
    settle_standing(session, tenant_id=tenant_id, subscription_id=subscription_id, at=at)


def follow_end(session: Session, tenant_id: str, subscription_id: str, *, at: datetime) -> None:
    """Let a subscription end that ended at Stripe, once its periods are closed as far as Stripe renewed it."""
    lock_head(session, tenant_id=tenant_id)
    settle_standing(session, tenant_id=tenant_id, subscription_id=subscription_id, at=at)


def _is_renewed_there(subscription: Subscription, link: StripeSubscription) -> bool:
    """Whether Stripe began a period before the end that ours has yet to begin. While ours rests, no period closes."""
    if subscription.status in RESTING or link.current_period_start <= link.began_at:
        return False
    starts_at, ends_at = subscription.current_period_start, subscription.current_period_end
    return link.current_period_start > ends_at - (ends_at - starts_at) / 2


def _is_about_to_end(session: Session, subscription: Subscription, link: StripeSubscription) -> bool:
    """Whether it ended there because ours is to end, which still lies ahead."""
    waiting = waiting_change(session, subscription=subscription)
    return waiting is not None and waiting.kind == ChangeKind.CANCEL and waiting.id == link.ends_for


def _made_room(session: Session, link: StripeSubscription) -> bool:
    """Whether it ended there because ours goes on by another interval, or without a base fee."""
    told = session.get(ScheduledChange, (link.tenant_id, link.ends_for)) if link.ends_for else None
    return told is not None and told.kind == ChangeKind.PLAN


def _rests_by_itself(subscription: Subscription, link: StripeSubscription | None) -> bool:
    """Whether it was paused here, and so rests until it is resumed here."""
    return subscription.status == SubscriptionStatus.PAUSED and not (link is not None and link.pauses_ours)


def _wanted(session: Session, subscription: Subscription, link: StripeSubscription | None) -> SubscriptionStatus:
    running = session.exec(
        select(Dunning).where(
            Dunning.tenant_id == subscription.tenant_id,
            Dunning.subscription_id == subscription.id,
            col(Dunning.ended_at).is_(None),
        )
    ).all()
    if any(each.suspended_at for each in running) and subscription.former_version_id is None:
        return SubscriptionStatus.SUSPENDED
    if running:
        return SubscriptionStatus.PAST_DUE
    if link is not None and link.status == PAUSED and subscription.former_version_id is None:
        return SubscriptionStatus.PAUSED
    in_trial = subscription.trial_ends_at is not None and subscription.current_period_end <= subscription.trial_ends_at
    return SubscriptionStatus.TRIALING if in_trial else SubscriptionStatus.ACTIVE
