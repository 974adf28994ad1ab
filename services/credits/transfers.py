"""What was bought or given belongs to the customer: when a subscription has ended, it goes on with one that runs.

It stays until the last period is closed, for the use of before the end that is told late.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, exists, or_, select

from models import BillingPeriod, CreditGrant, GrantKind, PeriodStatus, Subscription, SubscriptionStatus
from services.credits.holds import held_of_lots, read_holds
from services.credits.lot_changes import move_lot
from services.price_books.books import plan_version
from services.tenants import lock_head

OWNED = (GrantKind.PURCHASE, GrantKind.PROMOTION)


def carry_over(session: Session, *, tenant_id: str, at: datetime) -> int:
    """Move what is left of the lots of subscriptions that are closed to ones that run; answers how many lots moved.

    A lot goes where a pool of the same code and unit is: to the subscription of the same name, else the main one, else
    the oldest. What is on hold stays until the hold ends, and what fits nowhere stays, to be seen and paid back by a
    person. Running it again changes nothing. The caller's transaction holds the lock on the tenant's head from here on.
    """
    lock_head(session, tenant_id=tenant_id)
    moves = _moves(session, tenant_id, at)
    for lot, credits_micro, subscription in moves:
        move_lot(session, lot=lot, credits_micro=credits_micro, subscription=subscription, at=at)
    return len(moves)


def tenants_to_carry_over(session: Session, *, at: datetime) -> list[str]:
    """The tenants with something left behind that fits a subscription that runs: nobody else's books are touched."""
    return [each for each in tenants_left_behind(session, at=at) if _moves(session, each, at)]


def tenants_left_behind(session: Session, *, at: datetime) -> list[str]:
    """The tenants with something left on a subscription that is closed for good while another runs."""
    running = select(Subscription.tenant_id).where(Subscription.status != SubscriptionStatus.CANCELED)
    is_open = exists().where(
        col(BillingPeriod.tenant_id) == Subscription.tenant_id,
        col(BillingPeriod.subscription_id) == Subscription.id,
        col(BillingPeriod.status) == PeriodStatus.OPEN,
    )
    statement = (
        select(CreditGrant.tenant_id)
        .join(
            Subscription,
            (col(Subscription.tenant_id) == CreditGrant.tenant_id)
            & (col(Subscription.id) == CreditGrant.subscription_id),
        )
        .where(
            Subscription.status == SubscriptionStatus.CANCELED,
            ~is_open,
            *_is_owned_and_left(at),
            col(CreditGrant.tenant_id).in_(running),
        )
        .distinct()
    )
    return sorted(session.exec(statement))


def _moves(session: Session, tenant_id: str, at: datetime) -> list[tuple[CreditGrant, int, Subscription]]:
    """Which lot goes where, and how much of it, in millionths."""
    subscriptions = session.exec(select(Subscription).where(Subscription.tenant_id == tenant_id)).all()
    unclosed = set(
        session.exec(
            select(BillingPeriod.subscription_id).where(
                BillingPeriod.tenant_id == tenant_id, BillingPeriod.status == PeriodStatus.OPEN
            )
        )
    )
    ended = {
        each.id: each
        for each in subscriptions
        if each.status == SubscriptionStatus.CANCELED and each.id not in unclosed
    }
    running = [each for each in subscriptions if each.status != SubscriptionStatus.CANCELED]
    if not ended or not running:
        return []
    held = held_of_lots(read_holds(session, tenant_ids=[tenant_id], at=at)[tenant_id])
    moves = []
    for lot in _left_behind(session, tenant_id, list(ended), at):
        target = _target(session, lot, ended, running)
        micro = lot.remaining_micro - held.get(lot.id, 0)
        if target is not None and micro > 0 and (lot.expires_at is None or lot.expires_at > target.started_at):
            moves.append((lot, micro, target))
    return moves


def _left_behind(session: Session, tenant_id: str, ended: Sequence[str], at: datetime) -> Sequence[CreditGrant]:
    statement = select(CreditGrant).where(
        CreditGrant.tenant_id == tenant_id, col(CreditGrant.subscription_id).in_(ended), *_is_owned_and_left(at)
    )
    oldest_first = statement.order_by(col(CreditGrant.granted_at), CreditGrant.id)
    return session.exec(oldest_first.execution_options(populate_existing=True)).all()


def _is_owned_and_left(at: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        col(CreditGrant.kind).in_(OWNED),
        col(CreditGrant.remaining_micro) > 0,
        or_(col(CreditGrant.expires_at).is_(None), col(CreditGrant.expires_at) > at),
    )


def _target(
    session: Session, lot: CreditGrant, ended: Mapping[str, Subscription], running: Sequence[Subscription]
) -> Subscription | None:
    old = ended[lot.subscription_id]
    old_pool = plan_version(session, version_id=old.plan_version_id).pools.get(lot.pool)

    def takes(subscription: Subscription) -> bool:
        pool = plan_version(session, version_id=subscription.plan_version_id).pools.get(lot.pool)
        return pool is not None and (old_pool is None or pool.unit == old_pool.unit)

    fitting = sorted(
        (each for each in running if takes(each)),
        key=lambda each: (each.name != old.name, each.name != "", each.created_at, each.id),
    )
    return fitting[0] if fitting else None
