"""Promotions that Stripe holds, as our engine takes them off base fees."""

from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session, col, select

from models import StripeSubscription, SubscriptionDiscount
from services.gateways.stripe.facts import CouponFacts, InvoiceFacts, SubscriptionFacts
from services.subscriptions.discounts import Promotion

MOMENT: Final = timedelta(seconds=1)
"""Stripe counts in whole seconds: a promotion that covers one base fee alone lasts that long."""

CLEAR_OF_RENEWAL: Final = timedelta(days=4)
"""A promotion ends where a renewal begins, which by our calendar may be days earlier: it must not cover that one."""


def promotions_of_start(bought: SubscriptionFacts, bill: InvoiceFacts | None, *, due_at: datetime) -> list[Promotion]:
    """What is taken off the first base fee, and what stays on the subscription for later ones."""
    lasting = {coupon.id: _ends_at(coupon) for coupon in bought.discounts}
    every = {coupon.id: coupon for coupon in (*(bill.discounts if bill else ()), *bought.discounts)}
    return [
        Promotion(
            stripe_id=coupon.id,
            code=coupon.code[:128],
            starts_at=min(coupon.starts_at, due_at),
            ends_at=lasting[coupon.id] if coupon.id in lasting else due_at + MOMENT,
            percent_off=coupon.percent_off,
            off_minor=coupon.off_minor,
            is_once=coupon.is_once,
        )
        for coupon in every.values()
    ]


def keep_promotions(session: Session, *, link: StripeSubscription, facts: SubscriptionFacts) -> None:
    """Keep the promotions that are on a subscription. One that is gone covered this period's base fee as its last.

    Those of the subscription at Stripe that this one replaced are ours to keep: they were never on this one.
    """
    on_it = {coupon.id for coupon in facts.discounts}
    statement = select(SubscriptionDiscount).where(
        SubscriptionDiscount.tenant_id == link.tenant_id,
        SubscriptionDiscount.subscription_id == link.subscription_id,
    )
    for row in session.exec(statement):
        if row.stripe_id not in on_it and row.ends_at is None and not _came_before(session, link, row):
            row.ends_at = max(facts.current_period_start, row.starts_at) + MOMENT
            session.add(row)
    for coupon in facts.discounts:
        _keep(session, link, coupon, since=coupon.starts_at, until=_ends_at(coupon))
    session.flush()


def keep_promotions_of_fee(
    session: Session, *, link: StripeSubscription, discounts: tuple[CouponFacts, ...], due_at: datetime
) -> None:
    """Keep the promotions that Stripe took off one base fee, which fell due at `due_at`: some cover no other."""
    for coupon in discounts:
        known = session.get(SubscriptionDiscount, (link.tenant_id, link.subscription_id, coupon.id))
        since = min(due_at, coupon.starts_at)
        if known is not None and known.ends_at is None:
            until = None
        else:
            until = max(due_at + MOMENT, known.ends_at if known is not None and known.ends_at else due_at)
        _keep(session, link, coupon, since=since, until=until)
    session.flush()


def let_run_out(session: Session, *, link: StripeSubscription, due_at: datetime) -> None:
    """Let the promotions for one base fee alone cover the one that falls due then: Stripe takes them off none any more,
    for the subscription there is replaced.
    """
    statement = select(SubscriptionDiscount).where(
        SubscriptionDiscount.tenant_id == link.tenant_id,
        SubscriptionDiscount.subscription_id == link.subscription_id,
        col(SubscriptionDiscount.is_once),
        col(SubscriptionDiscount.ends_at).is_(None),
    )
    for row in session.exec(statement):
        row.ends_at = max(due_at, row.starts_at) + MOMENT
        session.add(row)
    session.flush()


def _came_before(session: Session, link: StripeSubscription, row: SubscriptionDiscount) -> bool:
    """Whether a promotion is that of a subscription at Stripe which this one took the place of."""
    earlier = select(StripeSubscription.stripe_id).where(
        StripeSubscription.tenant_id == link.tenant_id,
        StripeSubscription.subscription_id == link.subscription_id,
        StripeSubscription.stripe_id != link.stripe_id,
    )
    return row.starts_at < link.began_at and session.exec(earlier).first() is not None


def _keep(
    session: Session, link: StripeSubscription, coupon: CouponFacts, *, since: datetime, until: datetime | None
) -> None:
    key = (link.tenant_id, link.subscription_id, coupon.id)
    row = session.get(SubscriptionDiscount, key) or SubscriptionDiscount(
        tenant_id=link.tenant_id,
        subscription_id=link.subscription_id,
        stripe_id=coupon.id,
        code=coupon.code[:128],
        percent_off=coupon.percent_off,
        off_minor=coupon.off_minor,
        starts_at=since,
    )
    row.starts_at, row.ends_at, row.is_once = min(since, row.starts_at), until, coupon.is_once
    session.add(row)


def _ends_at(coupon: CouponFacts) -> datetime | None:
    if coupon.ends_at is None:
        return None
    return max(coupon.ends_at - CLEAR_OF_RENEWAL, coupon.starts_at + MOMENT)
