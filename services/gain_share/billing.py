"""Bill an approved run: one line, which waits for the next closing invoice of a subscription.

What an invoice charged is taken back with it: made void, or credited in full. The run is then charged not at all, and
only a revised run, which the customer approves anew, can charge its days again.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, func, or_, select

from models import (
    CreditNote,
    GainShareRun,
    Invoice,
    InvoiceStatus,
    LineKind,
    PendingLine,
    Subscription,
    SubscriptionStatus,
)
from services.closing.period_ends import awaits_last_close
from services.errors import SubscriptionConflict
from services.invoices.lines import Line
from services.invoices.pending_lines import add_pending_line
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


def is_taken_back(session: Session, *, run: GainShareRun) -> bool:
    """Whether a run was billed, and all of its invoice was taken back since."""
    return bool(_taken_back(session, PendingLine.tenant_id == run.tenant_id, PendingLine.key == line_key(run.id)))


def runs_taken_back(session: Session, *, tenant_ids: Collection[str]) -> set[str]:
    """The ids of the runs of these customers that were billed and taken back with their invoice."""
    prefix = line_key("")
    keys = _taken_back(session, col(PendingLine.tenant_id).in_(tenant_ids))
    return {key.removeprefix(prefix) for key in keys}


def _taken_back(session: Session, *conditions: ColumnElement[bool] | bool) -> list[str]:
    credited = (
        select(func.coalesce(func.sum(CreditNote.total_minor), 0))
        .where(CreditNote.tenant_id == Invoice.tenant_id, CreditNote.invoice_id == Invoice.id)
        .scalar_subquery()
    )
    in_full = (col(Invoice.total_minor) > 0) & (col(Invoice.total_minor) + credited <= 0)
    statement = (
        select(PendingLine.key)
        .join(Invoice, (col(Invoice.tenant_id) == PendingLine.tenant_id) & (col(Invoice.id) == PendingLine.invoice_id))
        .where(PendingLine.kind == LineKind.GAIN_SHARE, *conditions)
        .where(or_(col(Invoice.status) == InvoiceStatus.VOID, in_full))
    )
    return list(session.exec(statement))


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
