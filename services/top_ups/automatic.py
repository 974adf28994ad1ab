"""The customer's orders to have credits bought by themselves: set, stopped and listed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlmodel import Session, select

from models import AutoTopUp, Subscription
from models.credit_purchase import PACKS_MAX
from services.credits.pool_balances import Holder, read_balances
from services.errors import NotFound, Unprocessable
from services.price_books.plans import TopUp
from services.rules.decimals import is_plain
from services.rules.money import Money
from services.rules.quantities import CREDITS_MAX, MICRO, to_micro
from services.rules.violations import RuleViolation
from services.subscriptions.finding import plan_of, read_subscription
from services.tenants import lock_head, read_tenant

MONTH_COUNT_MAX = 100
MONTH_MINOR_MAX = 10**12


@dataclass(frozen=True, slots=True)
class AutoTopUpTerms:
    """An order as a customer writes it: credits and major units of its currency as plain decimals."""

    pack: str
    threshold: str
    month_count_max: int
    month_amount_max: str
    quantity: int = 1


def set_auto_top_up(
    session: Session,
    *,
    tenant_id: str,
    pool: str,
    terms: AutoTopUpTerms,
    by: str,
    at: datetime,
    subscription_id: str | None = None,
) -> AutoTopUp:
    """Have a pack bought whenever less than the threshold is left of a pool, within limits of each calendar month.

    It is due at once where less is left already. Raises NotFound without a subscription, and Unprocessable for a pack
    that the plan does not sell of that pool, or a threshold or limit that is none.
    """
    lock_head(session, tenant_id=tenant_id)
    subscription = read_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id)
    pack = _pack_of(session, subscription, pool, terms.pack)
    if not 1 <= terms.quantity <= PACKS_MAX or pack.credits * terms.quantity > CREDITS_MAX:
        raise Unprocessable(f"Buy 1 to {PACKS_MAX:,} packs at once.", field="quantity")
    if not 1 <= terms.month_count_max <= MONTH_COUNT_MAX:
        raise Unprocessable(f"Buy 1 to {MONTH_COUNT_MAX} times a month.", field="month_count_max")
    key = (tenant_id, subscription.id, pool)
    threshold_micro = _threshold_micro(terms.threshold)
    is_low = left_micro(session, subscription, pool, at) < threshold_micro
    order = session.get(AutoTopUp, key, populate_existing=True)
    due_at = None if order is None else order.due_at
    values: dict[str, Any] = {
        "pack": pack.code,
        "quantity": terms.quantity,
        "threshold_micro": threshold_micro,
        "month_count_max": terms.month_count_max,
        "month_minor_max": _minor(terms.month_amount_max, read_tenant(session, tenant_id=tenant_id).currency),
        "is_on": True,
        "off_reason": None,
        "due_at": (due_at or at) if is_low else None,
        "rests_until": None,
        "updated_at": at,
        "updated_by": by,
    }
    if order is None:
        order = AutoTopUp(tenant_id=tenant_id, subscription_id=subscription.id, pool=pool, **values)
    else:
        order.sqlmodel_update(values)
    session.add(order)
    session.flush()
    return order


def stop_auto_top_up(
    session: Session, *, tenant_id: str, pool: str, by: str, at: datetime, subscription_id: str | None = None
) -> AutoTopUp:
    """Buy nothing more by itself. Stopping it again changes nothing. Raises NotFound where none was ordered."""
    lock_head(session, tenant_id=tenant_id)
    subscription = read_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id)
    order = session.get(AutoTopUp, (tenant_id, subscription.id, pool), populate_existing=True)
    if order is None:
        raise NotFound("Nothing is bought by itself for this pool.", field="pool")
    if order.is_on:
        order.is_on, order.due_at, order.rests_until = False, None, None
        order.updated_at, order.updated_by = at, by
        session.add(order)
        session.flush()
    return order


def list_auto_top_ups(session: Session, *, tenant_id: str, subscription_id: str) -> Sequence[AutoTopUp]:
    """The orders of a subscription, by pool."""
    statement = select(AutoTopUp).where(AutoTopUp.tenant_id == tenant_id, AutoTopUp.subscription_id == subscription_id)
    return session.exec(statement.order_by(AutoTopUp.pool)).all()


def left_micro(session: Session, subscription: Subscription, pool: str, at: datetime) -> int:
    """What can be spent of a pool now; all of it where nothing was used of it and nothing is included."""
    plan = plan_of(session, subscription)
    holder = Holder(subscription, plan, read_tenant(session, tenant_id=subscription.tenant_id).timezone)
    balances = read_balances(session, holders=[holder], at=at)[subscription.id]
    return next((balance.remaining_micro for balance in balances if balance.pool.code == pool), 0)


def _pack_of(session: Session, subscription: Subscription, pool: str, code: str) -> TopUp:
    plan = plan_of(session, subscription)
    pack = plan.top_ups.get(code)
    if pack is None or pack.pool != pool:
        known = ", ".join(each.code for each in plan.top_ups.values() if each.pool == pool) or "none"
        raise Unprocessable(f"{plan.name} sells no pack {code!r} of this pool; it sells {known}.", field="pack")
    return pack


def _threshold_micro(text: str) -> int:
    try:
        micro = to_micro(Decimal(text)) if is_plain(text) else 0
    except RuleViolation as violation:
        raise Unprocessable(violation.message, field="threshold") from violation
    if not 0 < micro <= CREDITS_MAX * MICRO:
        raise Unprocessable("Give the credits below which more is bought, such as 50000.", field="threshold")
    return micro


def _minor(text: str, currency: str) -> int:
    try:
        amount = Money.parse(text, currency)
    except RuleViolation as violation:
        raise Unprocessable(violation.message, field="month_amount_max") from violation
    if not 0 < amount.amount_minor <= MONTH_MINOR_MAX:
        raise Unprocessable("The most to be spent in a month is an amount above zero.", field="month_amount_max")
    return amount.amount_minor
