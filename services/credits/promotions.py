"""Credits that we give: a lot for a reason, which can be taken away again while nothing of it is used."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from sqlmodel import Session, col, select

from models import CreditGrant, GrantKind, NoticeType
from models.base import ID_MAX
from models.credit import REASON_MAX
from services.credits.holds import held_of_lots, read_holds
from services.credits.lot_changes import PROMOTION_PRIORITY, find_lot, open_lot, revoke_from_lot
from services.credits.notices import announce_lot
from services.errors import Conflict, NotFound, Unprocessable
from services.identifiers import new_id
from services.rules.decimals import is_plain
from services.rules.quantities import CREDITS_MAX, MICRO, to_micro
from services.rules.violations import RuleViolation
from services.subscriptions.finding import LIVE, plan_of, read_subscription
from services.tenants import lock_head

PRIORITY_MIN, PRIORITY_MAX = 1, 99
LIFE_MAX = timedelta(days=3_660)
PAGE_MAX = 200


def give_credits(
    session: Session,
    *,
    tenant_id: str,
    pool: str,
    credits: str,
    reason: str,
    by: str,
    at: datetime,
    expires_at: datetime | None = None,
    priority: int = PROMOTION_PRIORITY,
    subscription_id: str | None = None,
    gift_id: str | None = None,
) -> CreditGrant:
    """Give credits of a pool, to be spent from now until just before `expires_at`.

    Lots with a lower `priority` are spent first; the allowance has 10. Giving again with the same `gift_id` answers
    with the lot already given. Raises NotFound without a subscription, and Unprocessable for a pool that the plan does
    not have or credits, a reason, a priority or an expiry that is none.
    """
    reason = reason.strip()
    if not (0 < len(reason) <= REASON_MAX and reason.isprintable()):
        raise Unprocessable(f"Say why in 1 to {REASON_MAX} printable characters.", field="reason")
    if not PRIORITY_MIN <= priority <= PRIORITY_MAX:
        raise Unprocessable(f"A priority is from {PRIORITY_MIN} to {PRIORITY_MAX}.", field="priority")
    if expires_at is not None and not at < expires_at <= at + LIFE_MAX:
        raise Unprocessable("They expire later than now, and within ten years.", field="expires_at")
    if gift_id is not None and not (0 < len(gift_id) <= ID_MAX and gift_id.isprintable()):
        raise Unprocessable(f"A gift's id has 1 to {ID_MAX} characters.", field="gift_id")
    credits_micro = _credits_micro(credits)
    lock_head(session, tenant_id=tenant_id)
    source_id = f"promotion:{gift_id or new_id('gift')}"
    known = find_lot(session, tenant_id=tenant_id, source_id=source_id)
    if known is not None:
        if (known.pool, known.granted_micro, known.reason) != (pool, credits_micro, reason):
            raise Conflict("Other credits were given under this id; choose a new one.", field="gift_id")
        return known
    subscription = read_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id)
    plan = plan_of(session, subscription)
    if pool not in plan.pools:
        raise Unprocessable(f"{plan.name} has no pool {pool!r}; it has {', '.join(plan.pools)}.", field="pool")
    if subscription.status not in LIVE:
        raise Unprocessable("The subscription has ended; give credits to one that runs.", field="subscription_id")
    lot = open_lot(
        session,
        subscription=subscription,
        pool=pool,
        kind=GrantKind.PROMOTION,
        source_id=source_id,
        priority=priority,
        credits_micro=credits_micro,
        expires_at=expires_at,
        reason=reason,
        granted_by=by,
        at=at,
    )
    announce_lot(session, lot=lot, type=NoticeType.CREDITS_GRANTED, at=at)
    return lot


def take_away(session: Session, *, tenant_id: str, lot_id: str, reason: str, at: datetime) -> CreditGrant:
    """Take given credits away again. Doing it again changes nothing.

    Raises NotFound for what is no gift of this customer's, Unprocessable without a reason, and Conflict where some are
    used, held, moved or expired already.
    """
    reason = reason.strip()
    if not (0 < len(reason) <= REASON_MAX and reason.isprintable()):
        raise Unprocessable(f"Say why in 1 to {REASON_MAX} printable characters.", field="reason")
    lock_head(session, tenant_id=tenant_id)
    lot = session.get(CreditGrant, (tenant_id, lot_id), populate_existing=True)
    if lot is None or lot.kind != GrantKind.PROMOTION:
        raise NotFound("There are no such credits.", field="grant_id")
    if lot.revoked_micro == lot.granted_micro:
        return lot
    is_held = held_of_lots(read_holds(session, tenant_ids=[tenant_id], at=at)[tenant_id]).get(lot.id, 0)
    if lot.remaining_micro < lot.granted_micro or is_held:
        raise Conflict("Some of these credits are used, held, moved or expired; what was used stays given.")
    revoke_from_lot(session, lot=lot, credits_micro=lot.remaining_micro, reason=reason, at=at)
    return lot


def list_gifts(
    session: Session, *, tenant_id: str, limit: int = PAGE_MAX, before: CreditGrant | None = None
) -> Sequence[CreditGrant]:
    """The credits given to a customer, newest first, wherever they were moved since; `before` is the last one seen."""
    statement = select(CreditGrant).where(
        CreditGrant.tenant_id == tenant_id,
        CreditGrant.kind == GrantKind.PROMOTION,
        col(CreditGrant.origin_id).is_(None),
    )
    if before is not None:
        same = (col(CreditGrant.granted_at) == before.granted_at) & (col(CreditGrant.id) < before.id)
        statement = statement.where((col(CreditGrant.granted_at) < before.granted_at) | same)
    newest_first = statement.order_by(col(CreditGrant.granted_at).desc(), col(CreditGrant.id).desc())
    return session.exec(newest_first.limit(min(limit, PAGE_MAX))).all()


def _credits_micro(text: str) -> int:
    try:
        micro = to_micro(Decimal(text)) if is_plain(text) else 0
    except RuleViolation as violation:
        raise Unprocessable(violation.message, field="credits") from violation
    if not 0 < micro <= CREDITS_MAX * MICRO:
        raise Unprocessable(f"Give above 0 and at most {CREDITS_MAX:,} credits, in plain digits.", field="credits")
    return micro
