"""Bill an approved run: one line, which waits for the next closing invoice of a subscription."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from sqlmodel import Session

from models import GainShareRun, LineKind, Subscription, SubscriptionStatus
from services.closing.period_ends import awaits_last_close
from services.errors import SubscriptionConflict
from services.invoices.lines import Line
from services.invoices.pending_lines import add_pending_line, find_pending_lines
from services.receipts.reading import find_receipt
from services.rules.decimals import text_of
from services.rules.money import Money
from services.rules.periods import Period, day_bounds
from services.rules.receipts import written
from services.subscriptions.finding import list_subscriptions, plan_of
from services.tenants import read_tenant

_RESTING: Final = (SubscriptionStatus.PAUSED, SubscriptionStatus.SUSPENDED)


def check_billable(session: Session, *, run: GainShareRun) -> None:
    """That an invoice will follow which can take a run's fee. Raises SubscriptionConflict."""
    if run.fee_minor:
        billed_subscription(session, tenant_id=run.tenant_id)


def bill_run(session: Session, *, run: GainShareRun, approval: dict[str, Any], by: str, at: datetime) -> None:
    """Let a run's fee wait for an invoice, once whatever happens; nothing where the fee is nothing.

    `approval` names the receipt of the approval by `seq` and `hash`. The caller holds the lock on the tenant's head.
    """
    if not run.fee_minor:
        return
    subscription = billed_subscription(session, tenant_id=run.tenant_id)
    line = _line(session, run, approval)
    add_pending_line(session, subscription=subscription, line=line, at=at, key=line_key(run.id), by=by)


def line_key(run_id: str) -> str:
    """What causes a run's line, once for ever."""
    return f"gainshare:{run_id}"


def invoice_of_run(session: Session, *, run: GainShareRun) -> str | None:
    """The id of the invoice that took a run's line; None before that, and where there is none."""
    lines = find_pending_lines(session, tenant_id=run.tenant_id, key=line_key(run.id))
    return lines[0].invoice_id if lines else None


def billed_subscription(session: Session, *, tenant_id: str) -> Subscription:
    """The subscription whose invoice charges a run: one whose plan has gain-share, the main one first.

    Where none has, any other that is billed; then one that has ended and still waits for its last invoice; one that
    rests, which is billed again as it resumes, comes last. Raises SubscriptionConflict where no invoice follows.
    """
    found = [each for each in list_subscriptions(session, tenant_id=tenant_id) if _is_billed(session, each)]
    if not found:
        raise SubscriptionConflict(
            "No invoice follows that could charge this fee: every subscription has ended and had its last one. Start a "
            "subscription, then approve."
        )
    return min(found, key=lambda each: _rank(session, each))


def _is_billed(session: Session, subscription: Subscription) -> bool:
    return subscription.status != SubscriptionStatus.CANCELED or awaits_last_close(session, subscription)


def _rank(session: Session, subscription: Subscription) -> tuple[bool, bool, bool, str, str]:
    has_none = plan_of(session, subscription).gain_share is None
    is_over = subscription.status == SubscriptionStatus.CANCELED
    return subscription.status in _RESTING, is_over, has_none, subscription.name, subscription.id


def _line(session: Session, run: GainShareRun, approval: dict[str, Any]) -> Line:
    tenant = read_tenant(session, tenant_id=run.tenant_id)
    submission = find_receipt(session, tenant_id=run.tenant_id, seq=run.receipt_seq)
    savings, share = Money(run.savings_minor, run.currency).plain(), text_of(run.share_pct)
    starts_at, ends_at = (day_bounds(day, tenant.timezone)[0] for day in (run.period_start, run.period_end))
    last = run.period_end - timedelta(days=1)
    return Line(
        kind=LineKind.GAIN_SHARE,
        description=f"Gain-share, {run.period_start} to {last}: {share} % of documented savings",
        quantity=Decimal(1),
        unit="run",
        amount=Money(run.fee_minor, run.currency),
        period=Period(0, starts_at, ends_at),
        plan_version_id=run.plan_version_id,
        pricing={"model": "share", "percent": share, "of": savings},
        sources={
            "run": run.id,
            "savings": savings,
            "share_pct": share,
            "calculation": f"sha256:{run.calculation_sha256}",
            "submission": {"seq": run.receipt_seq, "hash": written(submission.hash)},
            "approval": approval,
        },
    )
