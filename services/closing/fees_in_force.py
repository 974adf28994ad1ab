"""The base fee that is paid for now, after its promotions, and the lines that a change of it brings."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, func, select

from models import Interval, Invoice, InvoiceLine, InvoiceStatus, LineKind, PendingLine, Subscription
from services.closing.period_ends import running_period
from services.closing.period_parts import period_document
from services.invoices.lines import Line
from services.price_books.plans import MONTHS_IN_YEAR, Plan
from services.rules import discounts
from services.rules.discounts import Discount
from services.rules.money import Money
from services.rules.periods import Period, period_at, term_end
from services.rules.proration import fee_left
from services.rules.receipts import written_time
from services.subscriptions.discounts import discounts_due

UNUSED, REST = "unused", "rest"


@dataclass(frozen=True, slots=True)
class Fee:
    """What a plan costs for a term, after promotions, by the month or the year."""

    plan: Plan
    interval: Interval
    term: Period
    promotions: tuple[Discount, ...]

    @property
    def net(self) -> Money:
        gross = self.plan.annual_base() if self.interval == Interval.YEAR else self.plan.monthly_base()
        for _, off in discounts.take_off(gross, self.promotions):
            gross -= off
        return gross


def fee_in_force(session: Session, *, subscription: Subscription, plan: Plan, at: datetime) -> Fee | None:
    """The fee that is charged for the time at that moment; None where there is none, or it was taken back."""
    starts_at, ends_at = subscription.base_paid_from, subscription.base_paid_until
    if starts_at is None or ends_at is None or not starts_at <= at < ends_at or not plan.base_price:
        return None
    documents = _changed_to(session, subscription, plan, starts_at)
    if documents is None:
        documents = _charged(session, subscription, starts_at)
    if documents is None:
        return None
    promotions = [discounts.from_document(document, plan.currency) for document in documents]
    return Fee(plan, subscription.interval, Period(0, starts_at, ends_at), tuple(promotions))


def fee_from(
    session: Session, *, subscription: Subscription, timezone: str, plan: Plan, interval: Interval, before: Fee | None,
    at: datetime,
) -> Fee:  # fmt: skip
    """The fee of a plan for the term that runs at that moment: that of the fee before it, with its promotions too.

    By another interval, or where no fee is paid, the term begins with the period; a year with the whole month that
    the period is of. A year that takes the place of a
    month has the promotions that are due as it does so: one that was for that month alone is used up.
    """
    running = running_period(subscription)
    if before is not None and before.interval == interval:
        return Fee(plan, interval, before.term, before.promotions)
    term = running
    if interval == Interval.YEAR:
        anchor = min(subscription.anchor_at, running.starts_at)
        starts_at = period_at(anchor, timezone, running.starts_at).starts_at
        term = Period(0, starts_at, term_end(anchor, timezone, starts_at, MONTHS_IN_YEAR))
    due_at = term.starts_at if before is None else at
    due = discounts_due(session, subscription=subscription, currency=plan.currency, due_at=due_at)
    return Fee(plan, interval, term, tuple(discount for _, discount in due))


def fee_changed_at(session: Session, *, subscription: Subscription) -> datetime | None:
    """When a change of the fee was last made; None where none was."""
    statement = select(func.max(col(PendingLine.added_at))).where(*_is_proration(subscription))
    return session.exec(statement).one()


def proration_line(fee: Fee, part: str, at: datetime) -> Line:
    """The rest of a fee from `at` on: credited where it is the `unused` part of what was paid, else charged."""
    left = fee_left(fee.net, fee.term.starts_at, fee.term.ends_at, at)
    amount = -left if part == UNUSED else left
    words = f"{fee.plan.name}, {'annual' if fee.interval == Interval.YEAR else 'monthly'} base fee"
    sources: dict[str, Any] = {
        "part": part,
        "term": period_document(fee.term),
        "at": written_time(at),
        "fee": fee.net.plain(),
        "discounts": [discounts.to_document(each) for each in fee.promotions],
    }
    return Line(
        kind=LineKind.PRORATION,
        description=f"{'Unused part of' if part == UNUSED else 'Rest of the term of'} {words}",
        quantity=Decimal(1),
        unit="year" if fee.interval == Interval.YEAR else "month",
        amount=amount,
        period=Period(0, at, fee.term.ends_at),
        plan_version_id=fee.plan.version_id,
        pricing={"model": "flat", "amount": amount.plain()},
        sources=sources,
    )


def _changed_to(
    session: Session, subscription: Subscription, plan: Plan, starts_at: datetime
) -> list[dict[str, Any]] | None:
    """The promotions on the fee that the last change within the term charged; None where none did."""
    statement = select(PendingLine).where(*_is_proration(subscription), PendingLine.plan_version_id == plan.version_id)
    newest_first = statement.order_by(col(PendingLine.added_at).desc(), col(PendingLine.key).desc())
    for row in session.exec(newest_first):
        if row.sources["part"] == REST and row.sources["term"]["start"] == written_time(starts_at):
            found: list[dict[str, Any]] = row.sources["discounts"]
            return found
    return None


def _is_proration(subscription: Subscription) -> tuple[ColumnElement[bool], ...]:
    return (
        col(PendingLine.tenant_id) == subscription.tenant_id,
        col(PendingLine.subscription_id) == subscription.id,
        col(PendingLine.kind) == LineKind.PRORATION,
    )


def _charged(session: Session, subscription: Subscription, starts_at: datetime) -> list[dict[str, Any]] | None:
    """The promotions on the base fee of the term, invoiced or waiting to be; None where its invoice was made void."""
    statement = (
        select(InvoiceLine, Invoice)
        .join(Invoice, (col(Invoice.tenant_id) == InvoiceLine.tenant_id) & (Invoice.id == InvoiceLine.invoice_id))
        .where(
            InvoiceLine.tenant_id == subscription.tenant_id,
            Invoice.subscription_id == subscription.id,
            col(InvoiceLine.kind).in_((LineKind.BASE, LineKind.DISCOUNT)),
            InvoiceLine.period_start == starts_at,
        )
        .order_by(col(Invoice.number), col(InvoiceLine.position))
    )
    found = list(session.exec(statement))
    if any(invoice.status == InvoiceStatus.VOID for _, invoice in found):
        return None
    if found:
        return [line.pricing for line, _ in found if line.kind == LineKind.DISCOUNT]
    waiting = select(PendingLine).where(
        PendingLine.tenant_id == subscription.tenant_id,
        PendingLine.subscription_id == subscription.id,
        PendingLine.kind == LineKind.DISCOUNT,
        PendingLine.period_start == starts_at,
    )
    in_order = waiting.order_by(col(PendingLine.key), col(PendingLine.position))
    return [row.pricing for row in session.exec(in_order)]
