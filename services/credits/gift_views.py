"""Credits given to a customer, in words, for our own side."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from models import CreditGrant
from services import wording
from services.credits.lot_changes import PROMOTION_PRIORITY
from services.credits.promotions import PAGE_MAX, give_credits, list_gifts
from services.errors import Unprocessable
from services.rules.periods import business_date, day_bounds
from services.subscriptions.finding import LIVE, list_subscriptions, plan_of
from services.tenants import read_tenant
from services.usage.wording import counted_micro


@dataclass(frozen=True)
class GiftView:
    """`state` is unused, used, moved, expired or taken_away; only what is unused can be taken away."""

    id: str
    given: str
    credits: str
    left: str
    pool: str
    reason: str
    until: str
    priority: str
    state: str
    state_word: str


@dataclass(frozen=True)
class GiftsView:
    """`targets` are (subscription and pool, words) of what can be given to; empty where nothing runs."""

    customer: str = ""
    targets: tuple[tuple[str, str], ...] = ()
    gifts: tuple[GiftView, ...] = ()


NO_GIFTS = GiftsView()
STATE_WORDS = {
    "unused": "Unused",
    "used": "Used",
    "moved": "Moved",
    "expired": "Expired",
    "taken_away": "Taken away",
}


def read_gifts(session: Session, *, tenant_id: str, at: datetime) -> GiftsView:
    """What can be given, and what was, the newest first."""
    tenant = read_tenant(session, tenant_id=tenant_id)
    subscriptions = list_subscriptions(session, tenant_id=tenant_id)
    plans = {each.id: plan_of(session, each) for each in subscriptions}
    targets = [
        (f"{each.id}:{pool.code}", f"{pool.name} · {plans[each.id].name}{f', {each.name}' if each.name else ''}")
        for each in subscriptions
        if each.status in LIVE
        for pool in plans[each.id].pools.values()
    ]

    def shown(lot: CreditGrant) -> GiftView:
        pool = plans[lot.subscription_id].pools.get(lot.pool)
        unit = "credit" if pool is None else pool.unit
        state = _state(lot, at)
        return GiftView(
            id=lot.id,
            given=wording.moment(lot.granted_at, tenant.timezone),
            credits=counted_micro(lot.granted_micro, unit),
            left=wording.micro(lot.remaining_micro),
            pool=lot.pool if pool is None else pool.name,
            reason=lot.reason or "",
            until="No end" if lot.expires_at is None else wording.moment(lot.expires_at, tenant.timezone),
            priority=str(lot.priority),
            state=state,
            state_word=STATE_WORDS[state],
        )

    gifts = list_gifts(session, tenant_id=tenant_id, limit=PAGE_MAX)
    return GiftsView(tenant.name, tuple(targets), tuple(shown(lot) for lot in gifts))


def give_typed(session: Session, *, tenant_id: str, gift_id: str, typed: dict[str, str], by: str, at: datetime) -> None:
    """Give what was typed into the form: target, credits, reason, days, priority. Raises what `give_credits` raises."""
    subscription_id, _, pool = typed["target"].partition(":")
    give_credits(
        session,
        tenant_id=tenant_id,
        subscription_id=subscription_id or None,
        pool=pool,
        credits=typed["credits"].replace(",", ""),
        reason=typed["reason"],
        priority=_whole(typed["priority"] or str(PROMOTION_PRIORITY), "priority"),
        expires_at=_expiry(session, tenant_id, typed["days"], at),
        gift_id=gift_id,
        by=by,
        at=at,
    )


def _expiry(session: Session, tenant_id: str, days: str, at: datetime) -> datetime | None:
    """The end of the day so many days from today on the customer's clock; None where nothing was typed."""
    if not days:
        return None
    timezone = read_tenant(session, tenant_id=tenant_id).timezone
    today = business_date(at, timezone)
    return day_bounds(today.fromordinal(today.toordinal() + _whole(days, "expires_at")), timezone)[1]


def _whole(text: str, field: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 4):
        raise Unprocessable("Give whole numbers for days and priority.", field=field)
    return int(text)


def _state(lot: CreditGrant, at: datetime) -> str:
    if lot.revoked_micro:
        return "taken_away"
    if lot.transferred_micro:
        return "moved"
    if lot.expired_micro or (lot.expires_at is not None and lot.expires_at <= at):
        return "expired"
    return "unused" if lot.remaining_micro == lot.granted_micro else "used"
