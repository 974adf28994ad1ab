"""Carry out the orders to have credits bought by themselves: one purchase at a time, within limits."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import and_, or_
from sqlmodel import Session, col, exists, func, select

from models import AutoTopUp, CreditPurchase, Invoice, PurchaseStatus, Subscription
from services.credits.notices import announce_no_purchase
from services.rules.periods import month_bounds
from services.subscriptions.finding import plan_of
from services.tenants import lock_head, read_tenant
from services.top_ups.automatic import left_micro
from services.top_ups.buying import SELLING, buy_top_up, quote_top_up

ITSELF = "automatic"
"""Who bought what was bought by itself."""

PACK_GONE = "The plan does not sell this pack any more. Choose another."
LIMIT_REACHED = "The limit for this month is reached; buying goes on with the next."


class Outcome(StrEnum):
    """What became of an order that was due."""

    BOUGHT = "bought"
    NOT_NEEDED = "not_needed"
    LIMITED = "limited"
    STOPPED = "stopped"
    WAITING = "waiting"


def due_orders(session: Session, *, at: datetime) -> list[tuple[str, str, str]]:
    """(tenant, subscription, pool) of the orders to be carried out, the longest due first.

    Those whose last purchase still waits to be paid are left out, and those that rest are due again after it.
    """
    waits = exists().where(
        col(CreditPurchase.tenant_id) == AutoTopUp.tenant_id,
        col(CreditPurchase.subscription_id) == AutoTopUp.subscription_id,
        col(CreditPurchase.pool) == AutoTopUp.pool,
        col(CreditPurchase.status) == PurchaseStatus.PENDING,
        col(CreditPurchase.is_automatic),
    )
    is_due = or_(col(AutoTopUp.due_at).is_not(None), and_(col(AutoTopUp.is_on), col(AutoTopUp.rests_until) <= at))
    statement = (
        select(AutoTopUp.tenant_id, AutoTopUp.subscription_id, AutoTopUp.pool)
        .where(is_due, ~waits)
        .order_by(col(AutoTopUp.due_at), AutoTopUp.tenant_id, AutoTopUp.subscription_id, AutoTopUp.pool)
    )
    return [(tenant_id, subscription_id, pool) for tenant_id, subscription_id, pool in session.exec(statement)]


def buy_if_due(session: Session, *, tenant_id: str, subscription_id: str, pool: str, at: datetime) -> Outcome:
    """Carry out one order, if it is still due: however many ask, one purchase is made at a time."""
    lock_head(session, tenant_id=tenant_id)
    order = session.get_one(AutoTopUp, (tenant_id, subscription_id, pool), populate_existing=True)
    subscription = session.get_one(Subscription, (tenant_id, subscription_id), populate_existing=True)
    if order.rests_until is not None and order.rests_until <= at:
        order.rests_until, order.due_at = None, order.due_at or at
    if not order.is_on or order.due_at is None or _waits(session, order):
        return Outcome.WAITING
    runs = subscription.status in SELLING and subscription.former_version_id is None
    if not runs or left_micro(session, subscription, pool, at) >= order.threshold_micro:
        return _leave(session, order, Outcome.NOT_NEEDED)
    if order.pack not in plan_of(session, subscription).top_ups:
        order.is_on, order.off_reason = False, PACK_GONE
        announce_no_purchase(session, order=order, reason=PACK_GONE, occurrence=at.isoformat(), at=at)
        return _leave(session, order, Outcome.STOPPED)
    wanted = {"tenant_id": tenant_id, "subscription_id": subscription_id}
    quote = quote_top_up(session, pack=order.pack, quantity=order.quantity, at=at, **wanted)
    month = month_bounds(at, read_tenant(session, tenant_id=tenant_id).timezone)
    count, spent_minor = bought_in(session, order=order, month=month)
    if count >= order.month_count_max or spent_minor + quote.document.invoice.total_minor > order.month_minor_max:
        order.rests_until = month[1]
        announce_no_purchase(session, order=order, reason=LIMIT_REACHED, occurrence=month[0].isoformat(), at=at)
        return _leave(session, order, Outcome.LIMITED)
    purchase = buy_top_up(
        session, pack=order.pack, quantity=order.quantity, by=ITSELF, is_automatic=True, at=at, **wanted
    )
    assert purchase.pool == pool, "an order buys a pack of its own pool"
    return Outcome.BOUGHT


def bought_in(session: Session, *, order: AutoTopUp, month: tuple[datetime, datetime]) -> tuple[int, int]:
    """(purchases, minor units) that an order has made in a month; what came to nothing does not count."""
    statement = (
        select(func.count(), func.coalesce(func.sum(Invoice.total_minor), 0))
        .select_from(CreditPurchase)
        .join(
            Invoice,
            (col(Invoice.tenant_id) == CreditPurchase.tenant_id) & (col(Invoice.id) == CreditPurchase.invoice_id),
        )
        .where(
            CreditPurchase.tenant_id == order.tenant_id,
            CreditPurchase.subscription_id == order.subscription_id,
            CreditPurchase.pool == order.pool,
            CreditPurchase.is_automatic,
            CreditPurchase.status != PurchaseStatus.CANCELED,
            col(CreditPurchase.bought_at) >= month[0],
            col(CreditPurchase.bought_at) < month[1],
        )
    )
    count, minor = session.exec(statement).one()
    return count, int(minor)


def _leave(session: Session, order: AutoTopUp, outcome: Outcome) -> Outcome:
    order.due_at = None
    session.add(order)
    session.flush()
    return outcome


def _waits(session: Session, order: AutoTopUp) -> bool:
    statement = select(CreditPurchase.id).where(
        CreditPurchase.tenant_id == order.tenant_id,
        CreditPurchase.subscription_id == order.subscription_id,
        CreditPurchase.pool == order.pool,
        CreditPurchase.status == PurchaseStatus.PENDING,
        CreditPurchase.is_automatic,
    )
    return session.exec(statement).first() is not None
