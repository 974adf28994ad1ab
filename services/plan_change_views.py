"""A change of plan in words: what is asked, what it costs and when, and what waits."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from models import ChangeKind, Interval, ScheduledChange, Subscription
from services import wording
from services.base_fees import base_fee_lines, term_due
from services.closing_periods import following_period, running_period
from services.plan_changes import PlanChange, When, preview_change
from services.price_books import plan_version
from services.rules import money
from services.scheduled_changes import waiting_change
from services.subscriptions import plan_of, read_subscription
from services.tenants import read_tenant


@dataclass(frozen=True)
class ChangeLine:
    """A line of the next closing invoice."""

    description: str
    amount: str


@dataclass(frozen=True)
class ChangeView:
    """A change before it is made. `since` is the moment it was reckoned for; send it along to be charged the same."""

    title: str = ""
    plan_code: str = ""
    interval: str = ""
    when: str = ""
    since: str = ""
    takes_effect: str = ""
    lines: tuple[ChangeLine, ...] = ()
    total: str = ""
    allowances: tuple[str, ...] = ()
    next_fee: str = ""


@dataclass(frozen=True)
class WaitingView:
    """What is scheduled for a subscription; `words` is "" where nothing is."""

    kind: str = ""
    words: str = ""


def preview_in_words(
    session: Session,
    *,
    tenant_id: str,
    plan_code: str,
    at: datetime,
    subscription_id: str | None = None,
    interval: Interval | None = None,
    when: When | None = None,
) -> ChangeView:
    """What a change would mean. Raises what `preview_change` raises."""
    change = preview_change(
        session,
        tenant_id=tenant_id,
        subscription_id=subscription_id,
        plan_code=plan_code,
        interval=interval,
        when=when,
        at=at,
    )
    timezone = read_tenant(session, tenant_id=tenant_id).timezone
    day = wording.moment_day(change.effective_at, timezone)
    yearly = " by the year" if change.interval == Interval.YEAR else ""
    return ChangeView(
        title=f"Change from {change.before.name} to {change.then.name}{yearly}?",
        plan_code=change.then.qualified_code,
        interval=change.interval.value,
        when=change.when.value,
        since=at.isoformat(),
        takes_effect="It takes effect at once." if change.when == When.NOW else f"It takes effect on {day}.",
        lines=tuple(ChangeLine(line.description, wording.money(line.amount)) for line in change.lines),
        total=wording.money(change.total),
        allowances=tuple(_allowances(change)),
        next_fee=_next_fee(session, change, timezone),
    )


def waiting_in_words(session: Session, *, tenant_id: str, subscription_id: str | None = None) -> WaitingView:
    """What waits for a subscription. Raises NotFound without one."""
    subscription = read_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id)
    change = waiting_change(session, subscription=subscription)
    if change is None:
        return WaitingView()
    timezone = read_tenant(session, tenant_id=tenant_id).timezone
    return WaitingView(change.kind.value, _waiting(session, subscription, change, timezone))


def _waiting(session: Session, subscription: Subscription, change: ScheduledChange, timezone: str) -> str:
    day = wording.moment_day(change.effective_at, timezone)
    if change.kind == ChangeKind.CANCEL:
        return f"{plan_of(session, subscription).name} ends on {day}."
    if change.kind == ChangeKind.PAUSE:
        return f"{plan_of(session, subscription).name} pauses on {day}."
    assert change.plan_version_id is not None
    yearly = ", paid by the year" if change.interval == Interval.YEAR else ""
    return f"{plan_version(session, version_id=change.plan_version_id).name}{yearly}, from {day} on."


def _allowances(change: PlanChange) -> list[str]:
    added = change.added_micro or {}
    return [
        f"{wording.micro(micro)} {wording.plural(change.then.pools[pool].unit)} more until the period ends"
        for pool, micro in added.items()
        if micro
    ]


def _next_fee(session: Session, change: PlanChange, timezone: str) -> str:
    """The base fee that falls due first once the change has taken effect, and when; "" where none does."""
    subscription, tenant = change.subscription, read_tenant(session, tenant_id=change.subscription.tenant_id)
    following = following_period(subscription, tenant, running_period(subscription))
    if following is None or (change.when == When.PERIOD_END and change.effective_at > following.starts_at):
        return ""
    if change.when == When.NOW and change.fee is not None and change.fee.term.ends_at > following.starts_at:
        return f"The next base fee is due on {wording.moment_day(change.fee.term.ends_at, timezone)}."
    term = term_due(subscription, timezone=timezone, following=following, interval=change.interval)
    if term is None:
        return ""
    lines = base_fee_lines(session, subscription=subscription, plan=change.then, term=term, interval=change.interval)
    fee = money.total((line.amount for line in lines), change.then.currency)
    return f"From {wording.moment_day(term.starts_at, timezone)} on: {wording.money(fee)} a {change.interval.value}."
