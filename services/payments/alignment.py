"""Keeping the subscription at Stripe in step with ours: the fee its next renewal is to bring, and whether one follows.

What differs is found by query, whatever led to it: a change, one that took its place, one that was withdrawn.

One at Stripe has one interval and a fee: another interval would charge at once, and begin its cycle anew. Where ours
goes on by another one, or without a fee, it is told to end as ours changes, and then replaced: by one that charges for
the first time when the fee falls due next, or by none.
"""

from datetime import datetime
from typing import Final

from sqlalchemy import String
from sqlalchemy.orm import aliased
from sqlmodel import Session, and_, case, cast, col, exists, false, func, not_, or_, select

from models import (
    ChangeKind,
    ChangeStatus,
    Collection,
    Interval,
    ScheduledChange,
    StripeCall,
    StripeCallKind,
    StripeCallStatus,
    StripeSubscription,
    Subscription,
    SubscriptionStatus,
)
from services.payments.collecting import owe_subscription
from services.payments.links import standing_link
from services.payments.outbox import Owed, let_go, owe_calls
from services.payments.promotions import let_run_out
from services.payments.renewals import renews_at
from services.payments.standing import ENDED
from services.payments.stripe_catalog import base_of
from services.price_books.books import plan_version
from services.price_books.plans import Plan
from services.subscriptions.finding import plan_of
from services.subscriptions.scheduled_changes import waiting_change
from services.tenants import lock_head

_KINDS: Final = (StripeCallKind.CHANGE_PRICE, StripeCallKind.PLAN_END)


def out_of_step(session: Session, *, account: str, limit: int = 200) -> list[tuple[str, str]]:
    """(tenant, subscription) of those whose terms at the next renewal, or whose end, are not those known at Stripe.

    One that a call waits for already, or is held for a person, is left out, unless it is to be replaced. One that was
    told to end for a change, and did, is out of step once that is not to come any more: it was made, or withdrawn.
    """
    told = aliased(ScheduledChange)
    of_link = (
        col(Subscription.tenant_id) == StripeSubscription.tenant_id,
        col(Subscription.id) == StripeSubscription.subscription_id,
    )
    waits = (
        col(ScheduledChange.tenant_id) == Subscription.tenant_id,
        col(ScheduledChange.subscription_id) == Subscription.id,
        col(ScheduledChange.status) == ChangeStatus.SCHEDULED,
    )
    called = exists().where(
        col(StripeCall.tenant_id) == Subscription.tenant_id,
        col(StripeCall.subject) == Subscription.id,
        col(StripeCall.kind).in_(_KINDS),
        col(StripeCall.status) != StripeCallStatus.DONE,
    )
    is_told = func.coalesce((col(told.kind) == ChangeKind.PLAN) & (col(told.id) == ScheduledChange.id), false())
    ends = case((col(ScheduledChange.kind) == ChangeKind.CANCEL, ScheduledChange.id))
    version = func.coalesce(ScheduledChange.plan_version_id, Subscription.plan_version_id)
    interval = func.coalesce(ScheduledChange.interval, Subscription.interval)
    differs = or_(
        col(StripeSubscription.version_id).is_distinct_from(version),
        col(StripeSubscription.interval).is_distinct_from(interval),
        col(StripeSubscription.ends_for).is_distinct_from(ends),
    )
    runs = col(StripeSubscription.status).not_in(ENDED)
    statement = (
        select(Subscription.tenant_id, Subscription.id)
        .join(StripeSubscription, of_link[0] & of_link[1])
        .join(ScheduledChange, waits[0] & waits[1] & waits[2], isouter=True)
        .join(
            told,
            (col(told.tenant_id) == StripeSubscription.tenant_id) & (col(told.id) == StripeSubscription.ends_for),
            isouter=True,
        )
        .where(
            StripeSubscription.account == account,
            col(StripeSubscription.replaced_at).is_(None),
            Subscription.collection == Collection.AUTOMATIC,
            Subscription.status != SubscriptionStatus.CANCELED,
            or_(
                and_(~runs, col(told.kind) == ChangeKind.PLAN, col(told.status) != ChangeStatus.SCHEDULED),
                and_(runs, cast(Subscription.interval, String) != StripeSubscription.price_interval),
                and_(runs, ~called, not_(is_told), differs),
            ),
        )
        .order_by(Subscription.tenant_id, Subscription.id)
        .limit(limit)
    )
    return [(tenant_id, subscription_id) for tenant_id, subscription_id in session.exec(statement)]


def owe_terms(session: Session, tenant_id: str, subscription_id: str, *, at: datetime) -> None:
    """Owe Stripe the fee of the terms that will be in force at the next renewal, and the end that is scheduled.

    Where it charges that fee already, only which terms it is of is noted. Where it cannot charge by the terms that are
    in force, it is replaced; where not by those that are scheduled, it is told to end as they begin.
    """
    lock_head(session, tenant_id=tenant_id)
    subscription = session.get_one(Subscription, (tenant_id, subscription_id), populate_existing=True)
    link = standing_link(session, tenant_id=tenant_id, subscription_id=subscription_id)
    if link is None:
        return
    if link.status in ENDED or not _can_charge(link, plan_of(session, subscription), subscription.interval):
        _replace(session, subscription, link, at=at)
        return
    plan, interval = _terms_at_renewal(session, subscription)
    is_last_term = not _can_charge(link, plan, interval)
    calls = []
    if is_last_term:
        pass  # what it charges until it ends is paid already
    elif _charges(link, plan, interval):
        link.version_id, link.interval = plan.version_id, interval
        session.add(link)
        session.flush()
    else:
        turn = _changes_of_price(session, subscription) + 1
        given = {"version_id": plan.version_id, "interval": interval.value}
        calls.append(_call(StripeCallKind.CHANGE_PRICE, link, f"price:{turn}", given))
    waiting = waiting_change(session, subscription=subscription)
    ends = waiting is not None and (waiting.kind == ChangeKind.CANCEL or is_last_term)
    ends_for = waiting.id if waiting is not None and ends else None
    if link.ends_for != ends_for:
        name = f"end:{ends_for}" if ends_for else f"end:{link.ends_for}:withdrawn"
        calls.append(_call(StripeCallKind.PLAN_END, link, name, {"change_id": ends_for or ""}))
    owe_calls(session, tenant_id=tenant_id, account=link.account, subject=subscription_id, calls=calls, at=at)


def _replace(session: Session, subscription: Subscription, link: StripeSubscription, *, at: datetime) -> None:
    """Let another stand for ours, or none where it has no fee; that the one of before ends there is found and owed."""
    tenant_id = subscription.tenant_id
    link.replaced_at = at
    session.add(link)
    session.flush()
    let_run_out(session, link=link, due_at=renews_at(subscription))
    let_go(session, tenant_id=tenant_id, subject=subscription.id, kinds=_KINDS, at=at)
    owe_subscription(session, tenant_id, subscription.id, account=link.account, at=at)


def _can_charge(link: StripeSubscription, plan: Plan, interval: Interval) -> bool:
    """Whether it can bring the fee of these terms, at its price or at another."""
    return bool(plan.base_price) and link.price_interval == interval.value


def _terms_at_renewal(session: Session, subscription: Subscription) -> tuple[Plan, Interval]:
    """What is scheduled takes effect as what is paid ends, which is when Stripe renews."""
    waiting = waiting_change(session, subscription=subscription)
    if waiting is None or waiting.plan_version_id is None or waiting.interval is None:
        return plan_of(session, subscription), subscription.interval
    return plan_version(session, version_id=waiting.plan_version_id), waiting.interval


def _charges(link: StripeSubscription, plan: Plan, interval: Interval) -> bool:
    return (link.price_minor, link.price_interval) == (base_of(plan, interval).amount_minor, interval.value)


def _changes_of_price(session: Session, subscription: Subscription) -> int:
    """How often its price was changed at Stripe."""
    statement = select(func.count()).where(
        StripeCall.tenant_id == subscription.tenant_id,
        StripeCall.subject == subscription.id,
        StripeCall.kind == StripeCallKind.CHANGE_PRICE,
    )
    return session.exec(statement).one()


def _call(kind: StripeCallKind, link: StripeSubscription, name: str, given: dict[str, str]) -> Owed:
    about = {"stripe_subscription_id": link.stripe_id, **given}
    return Owed(kind, f"subscription:{link.subscription_id}:{name}", about)
