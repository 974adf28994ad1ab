"""Adjustments: an amount that a person adds to, or takes off, a subscription's next invoice, with the reason."""

from datetime import datetime
from decimal import Decimal

from sqlmodel import Session

from models import LineKind, PendingLine, Subscription, SubscriptionStatus
from services.closing.period_ends import awaits_last_close, running_period
from services.errors import Conflict, SubscriptionConflict, Unprocessable
from services.identifiers import new_id
from services.invoices.lines import Line
from services.invoices.pending_lines import add_pending_line, find_pending_lines
from services.rules.money import Money
from services.subscriptions.finding import plan_of, read_subscription
from services.tenants import lock_head

REASON_MAX = 200
AMOUNT_MINOR_MAX = 10**12
"""Either side of zero: what one person may decide on by one call."""


def adjust_subscription(
    session: Session,
    *,
    tenant_id: str,
    subscription_id: str,
    amount_minor: int,
    reason: str,
    by: str,
    at: datetime,
    adjustment_id: str | None = None,
) -> PendingLine:
    """Let an amount, above zero or below, wait for the subscription's next closing invoice.

    Asking again with the same `adjustment_id` answers with what was made. Raises NotFound, Unprocessable for an amount
    or a reason that is none, SubscriptionConflict where no invoice will follow, and Conflict for an id that was used
    for another adjustment.
    """
    reason = reason.strip()
    if not (0 < len(reason) <= REASON_MAX and reason.isprintable()):
        raise Unprocessable(f"Say why in 1 to {REASON_MAX} printable characters.", field="reason")
    if not 0 < abs(amount_minor) <= AMOUNT_MINOR_MAX:
        raise Unprocessable("Adjust by an amount above or below zero, of ordinary size.", field="amount")
    lock_head(session, tenant_id=tenant_id)
    subscription = read_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id)
    key = f"adjustment:{adjustment_id or new_id('adj')}"
    for known in find_pending_lines(session, tenant_id=tenant_id, key=key):
        if (known.subscription_id, known.amount_minor) != (subscription.id, amount_minor):
            raise Conflict("There is another adjustment with this id; choose a new one.", field="adjustment_id")
        return known
    if subscription.status == SubscriptionStatus.CANCELED and not awaits_last_close(session, subscription):
        raise SubscriptionConflict("The subscription has ended and no invoice follows; credit its last one instead.")
    line = _adjustment_line(session, subscription, amount_minor, reason)
    add_pending_line(session, subscription=subscription, line=line, at=at, key=key, by=by)
    return find_pending_lines(session, tenant_id=tenant_id, key=key)[0]


def _adjustment_line(session: Session, subscription: Subscription, amount_minor: int, reason: str) -> Line:
    plan = plan_of(session, subscription)
    amount = Money(amount_minor, plan.currency)
    return Line(
        kind=LineKind.ADJUSTMENT,
        description=f"Adjustment: {reason}",
        quantity=Decimal(1),
        unit="adjustment",
        amount=amount,
        period=running_period(subscription),
        plan_version_id=plan.version_id,
        pricing={"model": "flat", "amount": amount.plain()},
    )
