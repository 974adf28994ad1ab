"""A change of plan as a question and an answer: what it comes to as of now, and carrying out exactly what was shown."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from models import Interval, Subscription
from services import wording
from services.change_outlook import invoice_after
from services.errors import Conflict, Unprocessable
from services.invoice_lines import Line
from services.plan_changes import PlanChange, When, change_plan, preview_change
from services.plans import Plan
from services.price_books import plan_in_force
from services.scheduled_changes import waiting_change
from services.subscriptions import plan_of, read_subscription
from services.tenants import read_tenant
from services.usage_wording import counted_micro

LATER_WORDS = {Interval.MONTH: "as the period ends", Interval.YEAR: "as the paid year ends"}
CHANGED_SINCE = "Something changed since you looked, so nothing was done. Check it again, then confirm it."


@dataclass(frozen=True)
class ChangeLine:
    """A line of the next invoice, with the days it is for."""

    description: str
    days: str
    amount: str


@dataclass(frozen=True)
class ChangeQuestion:
    """A change before it is made; "" in `plan_code` where nothing is asked.

    `version_id`, `when`, `effective_at` and `since` are what the customer agrees to; the rest words it. The amounts are
    those of the moment `since`.
    """

    plan_code: str = ""
    version_id: str = ""
    interval: str = Interval.MONTH.value
    when: str = When.NOW.value
    since: str = ""
    effective_at: str = ""
    title: str = ""
    takes_effect: str = ""
    lines: tuple[ChangeLine, ...] = ()
    total: str = ""
    as_of: str = ""
    allowances: tuple[str, ...] = ()
    price: str = ""
    next_invoice: str = ""
    next_invoice_on: str = ""
    instead_of: str = ""
    may_be_now: bool = False
    has_intervals: bool = False
    confirm: str = ""


NOTHING_TO_CHANGE = ChangeQuestion()


def ask_change(
    session: Session,
    *,
    tenant_id: str,
    plan_code: str,
    interval: str,
    at: datetime,
    subscription_id: str | None = None,
    when: str = "",
) -> ChangeQuestion:
    """What the change means as of now; `when` is "" for whichever fits. Raises what `preview_change` raises.

    The customer's own plan keeps its terms, whatever is sold under its code today.
    """
    subscription = read_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id)
    change = preview_change(
        session,
        tenant_id=tenant_id,
        subscription_id=subscription.id,
        version_id=_version_meant(session, subscription, plan_code),
        interval=read_interval(interval),
        when=read_when(when) if when else None,
        at=at,
    )
    tenant = read_tenant(session, tenant_id=tenant_id)
    invoice = invoice_after(session, change=change, at=at)
    is_now = change.when == When.NOW
    return ChangeQuestion(
        plan_code=change.then.qualified_code,
        version_id=change.then.version_id,
        interval=change.interval.value,
        when=change.when.value,
        since=at.isoformat() if is_now else "",
        effective_at="" if is_now else change.effective_at.isoformat(),
        title=_title(change),
        takes_effect=_takes_effect(change, tenant.timezone),
        lines=tuple(_line(line, tenant.timezone) for line in change.lines),
        total=wording.money(change.total),
        as_of=wording.moment(at, tenant.timezone),
        allowances=tuple(_allowances(change)),
        price=price_of(change.then, change.interval),
        next_invoice=wording.amount(invoice.total_minor, invoice.currency),
        next_invoice_on=wording.moment_day(invoice.period_end, tenant.timezone),
        instead_of=_instead_of(session, change),
        may_be_now=is_now or _may_be_now(session, change, at),
        has_intervals=bool(change.then.base_price) and change.then.version_id != change.before.version_id,
        confirm=change_words(change),
    )


def make_change(
    session: Session,
    *,
    tenant_id: str,
    asked: ChangeQuestion,
    by: str,
    at: datetime,
    subscription_id: str | None = None,
) -> str:
    """Carry out what was shown, by the amounts that were shown, and answer in a sentence.

    Raises Conflict where the plan's terms or the moment it takes effect are others by now, Unprocessable where what was
    shown is too old, and what `change_plan` raises.
    """
    subscription = read_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id)
    if _version_meant(session, subscription, asked.plan_code) != asked.version_id:
        raise Conflict("The terms of this plan have changed since you looked. Check them again, then change to it.")
    done = change_plan(
        session,
        tenant_id=tenant_id,
        subscription_id=subscription.id,
        version_id=asked.version_id,
        interval=read_interval(asked.interval),
        when=read_when(asked.when),
        since=datetime.fromisoformat(asked.since) if asked.since else None,
        by=by,
        at=at,
    )
    is_later = done.when == When.PERIOD_END
    if wording.money(done.total) != asked.total or (is_later and done.effective_at.isoformat() != asked.effective_at):
        raise Conflict(CHANGED_SINCE)
    if is_later:
        timezone = read_tenant(session, tenant_id=tenant_id).timezone
        day = wording.moment_day(done.effective_at, timezone)
        return f"{done.then.name}, paid by the {done.interval.value}, from {day} on."
    charged = f" {asked.total} goes on your next invoice." if done.lines else ""
    return f"You are on {done.then.name} now.{charged}"


def change_words(change: PlanChange) -> str:
    """What a button that makes the change says."""
    later = "" if change.when == When.NOW else f" {_later(change)}"
    if change.then.version_id == change.before.version_id:
        return f"Pay by the {change.interval.value}{later}"
    if later:
        return f"Switch{later}"
    is_dearer = change.then.base_exact(months=1) > change.before.base_exact(months=1)
    return "Upgrade now" if is_dearer else "Switch now"


def price_of(plan: Plan, interval: Interval) -> str:
    """$9,000.00 a month."""
    if not plan.base_price:
        return "No base fee"
    fee = plan.annual_base() if interval == Interval.YEAR else plan.monthly_base()
    return f"{wording.money(fee)} a {interval.value}"


def read_interval(interval: str) -> Interval:
    """The interval of that name. Raises Unprocessable."""
    try:
        return Interval(interval)
    except ValueError as error:
        raise Unprocessable("Choose to be billed by month or by year.", field="interval") from error


def read_when(when: str) -> When:
    """The time of that name. Raises Unprocessable."""
    try:
        return When(when)
    except ValueError as error:
        raise Unprocessable("Choose now, or as the period ends.", field="when") from error


def _version_meant(session: Session, subscription: Subscription, plan_code: str) -> str:
    own = plan_of(session, subscription)
    return own.version_id if plan_code == own.qualified_code else plan_in_force(session, plan_code=plan_code).version_id


def _may_be_now(session: Session, change: PlanChange, at: datetime) -> bool:
    """Whether a change that waits could be made now as well."""
    try:
        preview_change(
            session,
            tenant_id=change.subscription.tenant_id,
            subscription_id=change.subscription.id,
            version_id=change.then.version_id,
            interval=change.interval,
            when=When.NOW,
            at=at,
        )
    except Unprocessable:
        return False
    return True


def _later(change: PlanChange) -> str:
    waits_for_year = change.effective_at > change.subscription.current_period_end
    return LATER_WORDS[Interval.YEAR if waits_for_year else Interval.MONTH]


def _title(change: PlanChange) -> str:
    if change.then.version_id == change.before.version_id:
        return f"Pay for {change.then.name} by the {change.interval.value}?"
    yearly = ", paid by the year" if change.interval == Interval.YEAR else ""
    return f"Change from {change.before.name} to {change.then.name}{yearly}?"


def _takes_effect(change: PlanChange, timezone: str) -> str:
    if change.when == When.NOW:
        return "As soon as you confirm"
    return f"On {wording.moment_day(change.effective_at, timezone)}, {_later(change)}"


def _line(line: Line, timezone: str) -> ChangeLine:
    days = f"{wording.moment(line.period.starts_at, timezone)} – {wording.moment(line.period.ends_at, timezone)}"
    return ChangeLine(line.description, days, wording.money(line.amount))


def _allowances(change: PlanChange) -> Iterator[str]:
    for pool, micro in (change.added_micro or {}).items():
        if micro:
            yield f"{counted_micro(micro, change.then.pools[pool].unit)} more until the period ends"


def _instead_of(session: Session, change: PlanChange) -> str:
    """That something is scheduled which this takes the place of, "" where nothing is."""
    waiting = waiting_change(session, subscription=change.subscription)
    return "" if waiting is None else "It takes the place of what is scheduled for this subscription."
