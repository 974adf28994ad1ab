"""A change of plan as a question and an answer: what it comes to as of now, and carrying out exactly what was shown."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from models import Interval, Tenant
from services import wording
from services.errors import Conflict, Unprocessable
from services.invoices.lines import Line
from services.rules.periods import business_date
from services.subscriptions.change_outlook import invoice_after
from services.subscriptions.change_preview import PlanChange, When, preview_change
from services.subscriptions.change_wording import change_title, change_words, price_of, takes_effect
from services.subscriptions.finding import read_subscription
from services.subscriptions.offered_terms import OWN, check_still_offered, terms_to_change_to
from services.subscriptions.plan_changes import change_plan
from services.subscriptions.scheduled_changes import waiting_change
from services.tenants import read_tenant
from services.usage.wording import counted_micro

CHANGED_SINCE = "Something changed since you looked, so nothing was done. Check it again, then confirm it."


@dataclass(frozen=True)
class ChangeLine:
    """A line of the next invoice, with the days it is for."""

    description: str
    days: str
    amount: str


@dataclass(frozen=True)
class ChangeQuestion:
    """A change before it is made; "" in `plan_code` where nothing is asked. `terms` are as in `offered_terms`.

    `version_id`, `when`, `effective_at` and `since` are what the customer agrees to; the rest words it. The amounts are
    those of the moment `since`.
    """

    plan_code: str = ""
    terms: str = OWN
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
    terms: str = OWN,
) -> ChangeQuestion:
    """What the change means as of now; `when` is "" for whichever fits.

    The customer's own plan keeps its terms, whatever is sold under its code today, unless `terms` says otherwise.
    Raises what `preview_change` raises, and NotFound and Conflict for a contract that cannot be taken up then.
    """
    subscription = read_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id)
    change = preview_change(
        session,
        tenant_id=tenant_id,
        subscription_id=subscription.id,
        version_id=terms_to_change_to(session, subscription=subscription, plan_code=plan_code, terms=terms),
        interval=read_interval(interval),
        when=read_when(when) if when else None,
        at=at,
    )
    tenant = read_tenant(session, tenant_id=tenant_id)
    _check_offered(session, change, tenant, terms)
    invoice = invoice_after(session, change=change, at=at)
    is_now = change.when == When.NOW
    return ChangeQuestion(
        plan_code=change.then.qualified_code,
        terms=terms,
        version_id=change.then.version_id,
        interval=change.interval.value,
        when=change.when.value,
        since=at.isoformat() if is_now else "",
        effective_at="" if is_now else change.effective_at.isoformat(),
        title=change_title(session, change, terms),
        takes_effect=takes_effect(change, tenant.timezone),
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
    meant = terms_to_change_to(session, subscription=subscription, plan_code=asked.plan_code, terms=asked.terms)
    if meant != asked.version_id:
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
    _check_offered(session, done, read_tenant(session, tenant_id=tenant_id), asked.terms)
    is_later = done.when == When.PERIOD_END
    if wording.money(done.total) != asked.total or (is_later and done.effective_at.isoformat() != asked.effective_at):
        raise Conflict(CHANGED_SINCE)
    if is_later:
        timezone = read_tenant(session, tenant_id=tenant_id).timezone
        day = wording.moment_day(done.effective_at, timezone)
        return f"{done.then.name}, paid by the {done.interval.value}, from {day} on."
    charged = f" {asked.total} goes on your next invoice." if done.lines else ""
    return f"You are on {done.then.name} now.{charged}"


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


def _check_offered(session: Session, change: PlanChange, tenant: Tenant, terms: str) -> None:
    on = business_date(change.effective_at, tenant.timezone)
    check_still_offered(session, tenant_id=tenant.id, terms=terms, on=on)


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
