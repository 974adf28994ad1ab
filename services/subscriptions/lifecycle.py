"""What a customer may do with a subscription besides changing its plan: cancel, pause, resume, start it again."""

from datetime import datetime

from sqlmodel import Session

from models import ChangeKind, ChangeStatus, Subscription, SubscriptionStatus
from services.closing.fees_in_force import fee_in_force
from services.errors import SubscriptionConflict
from services.subscriptions.arrears import charged_plan, check_no_arrears, check_not_moved, is_dunned
from services.subscriptions.change_preview import When, check_changeable, term_ends_at
from services.subscriptions.ends import end_subscription
from services.subscriptions.finding import read_subscription
from services.subscriptions.scheduled_changes import put_aside, schedule, waiting_change, withdraw_change
from services.subscriptions.standing import RESTING, in_trial, set_status
from services.subscriptions.starting import create_subscription
from services.tenants import lock_head


def cancel_subscription(
    session: Session, *, tenant_id: str, subscription_id: str, when: When, by: str, at: datetime
) -> Subscription:
    """End a subscription as what is paid runs out, or now; what was paid stays paid, and use until then is billed.

    Raises NotFound, SubscriptionConflict and Conflict.
    """
    subscription = _locked(session, tenant_id, subscription_id)
    check_changeable(subscription, at)
    if when == When.NOW or subscription.status in RESTING:
        put_aside(session, subscription=subscription, status=ChangeStatus.REPLACED, at=at)
        return end_subscription(session, tenant_id=tenant_id, subscription_id=subscription.id, ended_at=at, at=at)
    charged = charged_plan(session, subscription=subscription)
    paid = fee_in_force(session, subscription=subscription, plan=charged, at=at)
    ends_at = term_ends_at(subscription, paid)
    schedule(session, subscription=subscription, kind=ChangeKind.CANCEL, effective_at=ends_at, by=by, at=at)
    return subscription


def pause_subscription(
    session: Session, *, tenant_id: str, subscription_id: str, when: When, by: str, at: datetime
) -> Subscription:
    """Let a subscription rest, from now on or as its period ends. Nothing is metered or charged meanwhile.

    Raises NotFound, SubscriptionConflict and Conflict.
    """
    subscription = _locked(session, tenant_id, subscription_id)
    check_changeable(subscription, at)
    if subscription.status in RESTING:
        raise SubscriptionConflict(f"The subscription is {subscription.status} already.")
    check_not_moved(session, subscription=subscription)
    if when == When.NOW:
        return set_status(
            session, tenant_id=tenant_id, subscription_id=subscription.id, status=SubscriptionStatus.PAUSED, at=at
        )
    schedule(
        session, subscription=subscription, kind=ChangeKind.PAUSE, effective_at=subscription.current_period_end,
        by=by, at=at,
    )  # fmt: skip
    return subscription


def resume_subscription(session: Session, *, tenant_id: str, subscription_id: str, at: datetime) -> Subscription:
    """Let a paused subscription run again, or take a pause back that has not begun.

    The base fee of the period it comes back in is due, on the next closing invoice where it was not charged yet.
    Raises NotFound, and SubscriptionConflict where it does not rest, or was suspended, or would be if it ran.
    """
    subscription = _locked(session, tenant_id, subscription_id)
    waiting = waiting_change(session, subscription=subscription)
    if subscription.status not in RESTING and waiting is not None and waiting.kind == ChangeKind.PAUSE:
        withdraw_change(session, tenant_id=tenant_id, subscription_id=subscription.id, at=at)
        return subscription
    if subscription.status == SubscriptionStatus.SUSPENDED:
        raise SubscriptionConflict("The subscription is suspended; it runs again once its open invoices are paid.")
    if subscription.status != SubscriptionStatus.PAUSED:
        raise SubscriptionConflict(f"Only a paused subscription can be resumed; this one is {subscription.status}.")
    check_no_arrears(session, tenant_id=tenant_id, subscription_id=subscription.id)
    status = SubscriptionStatus.TRIALING if in_trial(subscription) else SubscriptionStatus.ACTIVE
    if is_dunned(session, subscription=subscription):
        status = SubscriptionStatus.PAST_DUE
    set_status(session, tenant_id=tenant_id, subscription_id=subscription.id, status=status, at=at)
    return subscription


def reactivate_subscription(session: Session, *, tenant_id: str, subscription_id: str, at: datetime) -> Subscription:
    """Take a cancellation back before it takes effect; or start one that has ended again, as a new one on its plan: the
    one that it was moved from, where it ended while it was on another because it was unpaid.

    Raises NotFound, UnknownPlan, Unprocessable, and SubscriptionConflict where it was not cancelled, or where it was
    suspended and is not paid.
    """
    subscription = _locked(session, tenant_id, subscription_id)
    if subscription.status == SubscriptionStatus.CANCELED:
        check_no_arrears(session, tenant_id=tenant_id)
        return create_subscription(
            session,
            tenant_id=tenant_id,
            plan_code=charged_plan(session, subscription=subscription).qualified_code,
            interval=subscription.interval,
            collection=subscription.collection,
            name=subscription.name,
            site=subscription.site,
            at=at,
        )
    waiting = waiting_change(session, subscription=subscription)
    if waiting is None or waiting.kind != ChangeKind.CANCEL:
        raise SubscriptionConflict("The subscription was not cancelled.")
    withdraw_change(session, tenant_id=tenant_id, subscription_id=subscription.id, at=at)
    return subscription


def _locked(session: Session, tenant_id: str, subscription_id: str) -> Subscription:
    lock_head(session, tenant_id=tenant_id)
    subscription = read_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id)
    session.refresh(subscription)
    return subscription
