"""The base fee: which month or year of it falls due as a period begins, and its lines on the invoice.

Terms follow each other without gap or overlap, however periods are cut: a year ends twelve months after it began. Only
a month is the period it pays for, and ends where that is cut short. Whole periods in which the subscription did not
run belong to no term.
"""

from sqlmodel import Session

from models import Interval, Subscription
from services.invoices.lines import Line, base_line, discount_line
from services.price_books.plans import MONTHS_IN_YEAR, Plan
from services.rules.discounts import take_off
from services.rules.periods import Period, period_at, term_end
from services.subscriptions.discounts import discounts_due


def first_term(*, interval: Interval, timezone: str, first: Period) -> Period:
    """The month or year that is due with the first period of a subscription that begins without a trial."""
    if interval == Interval.MONTH:
        return first
    return Period(0, first.starts_at, term_end(first.starts_at, timezone, first.starts_at, MONTHS_IN_YEAR))


def term_due(
    subscription: Subscription, *, timezone: str, following: Period, interval: Interval | None = None
) -> Period | None:
    """The month or year whose base fee falls due as `following` begins; None where that is paid for already.

    `interval` is what it is charged by from then on, where that changes.

    None, too, where the subscription ended within `following`, which is not charged then.
    """
    paid_until = subscription.base_paid_until
    if subscription.canceled_at is not None:
        whole = period_at(subscription.anchor_at, timezone, following.starts_at)
        if whole.ends_at > subscription.canceled_at:
            return None
    yearly = (interval or subscription.interval) == Interval.YEAR
    is_cut_short = following.starts_at < subscription.current_period_end
    if paid_until is not None and following.starts_at < paid_until and (yearly or not is_cut_short):
        return None
    if not yearly:
        return following
    starts_at = paid_until or following.starts_at
    anchor = min(subscription.anchor_at, starts_at)
    return Period(0, starts_at, term_end(anchor, timezone, starts_at, MONTHS_IN_YEAR))


def base_fee_lines(
    session: Session, *, subscription: Subscription, plan: Plan, term: Period, interval: Interval | None = None
) -> list[Line]:
    """The base fee of a term and the promotions on it; no line where the plan has none."""
    base = base_line(plan, interval=interval or subscription.interval, term=term)
    if base is None:
        return []
    due = discounts_due(session, subscription=subscription, currency=plan.currency, due_at=term.starts_at)
    steps = take_off(base.amount, [discount for _, discount in due])
    taken = [(code, discount, of, off) for (code, discount), (of, off) in zip(due, steps, strict=True)]
    return [
        base,
        *(discount_line(base, code, discount, of=of, off=off) for code, discount, of, off in taken if off.amount_minor),
    ]


def note_paid(subscription: Subscription, lines: list[Line]) -> None:
    """Remember until when the base fee is charged, where these lines charge one."""
    terms = [line.period for line in lines if line.kind == "base"]
    if terms:
        last = max(terms, key=lambda term: term.ends_at)
        subscription.base_paid_from, subscription.base_paid_until = last.starts_at, last.ends_at
