"""What a subscription's next invoice comes to if its plan is changed. Nothing is stored."""

from datetime import datetime

from sqlmodel import Session

from models import BillingReason, Invoice, Subscription
from services.closing.lines import closing_lines, used_parts
from services.closing.period_ends import following_period, running_period
from services.invoices.issuing import draft_invoice
from services.subscriptions.change_preview import PlanChange, When
from services.subscriptions.finding import plan_of
from services.subscriptions.scheduled_changes import Terms
from services.tenants import read_tenant


def invoice_after(session: Session, *, change: PlanChange, at: datetime) -> Invoice:
    """The invoice that closes the running period with the change made, taxes included, as it stands at that moment."""
    subscription = _with(change) if change.when == When.NOW else change.subscription
    period = running_period(subscription)
    following = following_period(subscription, read_tenant(session, tenant_id=subscription.tenant_id), period)
    terms = Terms(change.then, change.interval)
    if following is None or change.effective_at > following.starts_at:  # the paid year goes on
        terms = Terms(plan_of(session, subscription), subscription.interval)
    lines = closing_lines(
        session,
        subscription=subscription,
        period=period,
        following=following,
        parts=used_parts(session, subscription=subscription, period=period),
        terms=terms,
        added=change.lines,
        changed_at=change.effective_at if change.when == When.NOW else None,
    )
    return draft_invoice(
        session,
        subscription=subscription,
        reason=BillingReason.PERIOD_CLOSE,
        period=period,
        lines=lines,
        currency=change.then.currency,
        at=at,
    ).invoice


def _with(change: PlanChange) -> Subscription:
    """The subscription as the change would leave it: a copy that no session knows."""
    changed = Subscription(**change.subscription.model_dump())
    changed.plan_version_id, changed.interval = change.then.version_id, change.interval
    if change.fee is not None and change.then.base_price:
        changed.base_paid_from, changed.base_paid_until = change.fee.term.starts_at, change.fee.term.ends_at
    return changed
