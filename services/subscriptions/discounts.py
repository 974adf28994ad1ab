"""The promotions on a subscription, and which of them a base fee gets."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlmodel import Session, col, or_, select

from models import Subscription, SubscriptionDiscount
from services.closing.questions import Question
from services.rules.discounts import Discount
from services.rules.money import Money


@dataclass(frozen=True, slots=True)
class Promotion:
    """So many per cent, or minor units, off every base fee that falls due from `starts_at` until before `ends_at`.

    `stripe_id` names it, once on a subscription; `code` is what the customer knows it by.
    """

    stripe_id: str
    code: str
    starts_at: datetime
    ends_at: datetime | None = None
    percent_off: Decimal | None = None
    off_minor: int | None = None
    is_once: bool = False


def add_promotions(
    session: Session, *, subscription: Subscription, promotions: Sequence[Promotion], currency: str
) -> None:
    """Put promotions on a subscription. Raises InvalidRate where one takes off nothing, or more than all."""
    for promotion in promotions:
        row = SubscriptionDiscount(
            tenant_id=subscription.tenant_id,
            subscription_id=subscription.id,
            stripe_id=promotion.stripe_id,
            code=promotion.code,
            percent_off=promotion.percent_off,
            off_minor=promotion.off_minor,
            is_once=promotion.is_once,
            starts_at=promotion.starts_at,
            ends_at=promotion.ends_at,
        )
        _discount(row, currency)
        session.add(row)
    session.flush()


def discounts_due(
    session: Session, *, subscription: Subscription, currency: str, due_at: datetime
) -> list[tuple[str, Discount]]:
    """(code, promotion) of those on a base fee that falls due then, in the order they apply: oldest first, then by
    their names."""
    rows = PROMOTIONS_DUE.ask(session, subscription.tenant_id, subscription.id, due_at)
    return [(row.code, _discount(row, currency)) for row in rows]


def _discount(row: SubscriptionDiscount, currency: str) -> Discount:
    amount = None if row.off_minor is None else Money(row.off_minor, currency)
    return Discount(percent_off=row.percent_off, amount_off=amount)


PROMOTIONS_DUE = Question(
    lambda tenant, subscription, due_at: (
        select(SubscriptionDiscount)
        .where(
            SubscriptionDiscount.tenant_id == tenant,
            SubscriptionDiscount.subscription_id == subscription,
            SubscriptionDiscount.starts_at <= due_at,
            or_(col(SubscriptionDiscount.ends_at).is_(None), col(SubscriptionDiscount.ends_at) > due_at),
        )
        .order_by(col(SubscriptionDiscount.starts_at), col(SubscriptionDiscount.stripe_id))
    ),
    Subscription.tenant_id,
    Subscription.id,
    Subscription.current_period_end,
)
