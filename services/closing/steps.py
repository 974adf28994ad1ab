"""The steps of closing periods: work out what each leaves to bill, then bill them, end them and begin the next."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import structlog
from sqlmodel import Session

from models import BillingReason, Invoice, PeriodStatus, Subscription, SubscriptionStatus, TenantHead
from services.bulk_rows import written_together
from services.closing.base_fees import note_paid
from services.closing.lines import UsedPart, closing_lines, use_of_period, used_parts
from services.closing.period_ends import following_period, year_goes_on
from services.credits import lots as credit_lots
from services.credits.transfers import carry_over
from services.database import after_commit
from services.invoices.carried_credit import settle_waiting
from services.invoices.issuing import Order, issue_invoices
from services.invoices.lines import Line
from services.rules.periods import Period
from services.subscriptions.finding import plan_of
from services.subscriptions.notices import announce_status
from services.subscriptions.scheduled_changes import Terms, terms_from
from services.subscriptions.scheduled_ends import take_change
from services.subscriptions.starting import open_period
from services.tenants import read_tenant
from services.usage import lines as usage_lines

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Close:
    """A period that is to be closed, with all that is read for it: nobody else can change it, for `head` is locked.

    `following` is the period after it and `terms` are those it has, None where the subscription has ended.
    """

    head: TenantHead
    subscription: Subscription
    period: Period
    following: Period | None
    terms: Terms | None
    parts: Sequence[UsedPart]
    lines: list[Line]
    currency: str
    forced: bool

    @property
    def makes_invoice(self) -> bool:
        """The last one of a subscription makes none where there is nothing to put on it."""
        return bool(self.lines) or self.following is not None

    def order(self) -> Order:
        return Order(
            head=self.head,
            subscription=self.subscription,
            reason=BillingReason.PERIOD_CLOSE,
            period=self.period,
            lines=self.lines,
            currency=self.currency,
            **use_of_period(self.parts),
        )


def work_out(
    session: Session, *, head: TenantHead, subscription: Subscription, period: Period, forced: bool = False
) -> Close:
    """What closing a period comes to. `head` is locked by the caller. Nothing is written."""
    tenant = read_tenant(session, tenant_id=subscription.tenant_id)
    following = following_period(subscription, tenant, period)
    plan = plan_of(session, subscription)
    terms = None if following is None else terms_from(session, subscription=subscription, starts_at=following.starts_at)
    parts = used_parts(session, subscription=subscription, period=period)
    lines = closing_lines(
        session, subscription=subscription, period=period, following=following, parts=parts, terms=terms
    )
    return Close(head, subscription, period, following, terms, parts, lines, plan.currency, forced)


def carry_out(session: Session, closes: Sequence[Close], *, at: datetime) -> list[Invoice | None]:
    """Close the periods, no two of one customer, with what is written of all of them written together.

    Answers their invoices, in their order; None where a last period makes none.
    """
    billed = [close for close in closes if close.makes_invoice]
    issued = issue_invoices(session, [close.order() for close in billed], at=at)
    invoices: dict[int, Invoice] = {id(close): invoice for close, invoice in zip(billed, issued, strict=True)}
    for close, invoice in zip(billed, issued, strict=True):
        settle_waiting(session, subscription=close.subscription, invoice=invoice, lines=close.lines, at=at)
        facts = {"tenant_id": invoice.tenant_id, "invoice_id": invoice.id, "total_minor": invoice.total_minor}
        after_commit(session, partial(log.info, "period_closed", **facts))
    with written_together(session):
        for close in closes:
            _end(session, close, invoices.get(id(close)), at)
            _move_on(session, close, at)
    for close in closes:
        if close.following is None:
            carry_over(session, tenant_id=close.subscription.tenant_id, at=at)
    return [invoices.get(id(close)) for close in closes]


def _end(session: Session, close: Close, invoice: Invoice | None, at: datetime) -> None:
    """Mark the period closed and its overage billed, and let what is left of its allowances expire."""
    subscription, window = close.subscription, (close.period.starts_at, close.period.ends_at)
    credit_lots.expire_window(session, head=close.head, subscription=subscription, window=window, at=at)
    for part in close.parts:
        row = part.row
        row.status, row.ends_at, row.closed_at = PeriodStatus.CLOSED, part.period.ends_at, at
        row.invoice_id = None if invoice is None else invoice.id
    late = {line.period.starts_at for line in close.lines if line.kind == "late_usage"}
    uses = [part.use for part in close.parts]
    usage_lines.mark_overage_billed(session, subscription=subscription, uses=uses, late=late)


def _move_on(session: Session, close: Close, at: datetime) -> None:
    """Begin the following period, where there is one, by its terms."""
    subscription, following, terms = close.subscription, close.following, close.terms
    if following is None or terms is None:
        return
    is_cut = close.forced and following.starts_at < subscription.current_period_end
    if is_cut and not year_goes_on(subscription, following.starts_at):
        subscription.anchor_at = following.starts_at
    was_trial = subscription.status == SubscriptionStatus.TRIALING
    if was_trial:
        subscription.status, subscription.trial_ends_at = SubscriptionStatus.ACTIVE, following.starts_at
    note_paid(subscription, close.lines)
    plan = take_change(session, subscription, following, terms, at)
    subscription.period_index = following.index
    subscription.current_period_start = following.starts_at
    subscription.current_period_end = following.ends_at
    open_period(session, head=close.head, subscription=subscription, plan=plan, period=following, at=at)
    if was_trial and subscription.status == SubscriptionStatus.ACTIVE:
        before, trial = SubscriptionStatus.TRIALING, f"trial:{following.starts_at.isoformat()}"
        announce_status(session, subscription=subscription, before=before, occurrence=trial, at=at)
