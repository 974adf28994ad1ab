"""Work out what a change of plan or interval comes to, and when it takes effect. Nothing is stored."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from sqlmodel import Session

from models import Collection, Interval, Subscription
from services.closing.fees_in_force import REST, UNUSED, Fee, fee_from, fee_in_force, proration_line
from services.closing.period_parts import parts_of
from services.errors import Conflict, SubscriptionConflict, Unprocessable
from services.invoices.lines import Line
from services.price_books.books import plan_in_force, plan_version
from services.price_books.plans import Plan
from services.rules import money
from services.rules.money import Money
from services.rules.proration import added_allowance
from services.subscriptions.arrears import check_not_moved
from services.subscriptions.cards import is_charged_to_card
from services.subscriptions.finding import LIVE, plan_of, read_subscription
from services.subscriptions.free_plans import check_free_once
from services.subscriptions.standing import RESTING, in_trial
from services.subscriptions.starting import check_terms
from services.tenants import read_tenant


class When(StrEnum):
    """When a change takes effect."""

    NOW = "now"
    PERIOD_END = "period_end"


@dataclass(frozen=True, slots=True)
class PlanChange:
    """A change as it is carried out. `lines` go on the next closing invoice and come to `total`; `added_micro` is what
    the allowance of each pool grows by, for the rest of the period. A change that waits has neither.
    """

    subscription: Subscription
    before: Plan
    then: Plan
    interval: Interval
    when: When
    effective_at: datetime
    lines: tuple[Line, ...] = ()
    fee: Fee | None = None
    added_micro: Mapping[str, int] | None = None

    @property
    def total(self) -> Money:
        return money.total((line.amount for line in self.lines), self.then.currency)


class Wanted(NamedTuple):
    """What is asked for; without `when`, whichever fits."""

    then: Plan
    interval: Interval
    when: When | None


def preview_change(
    session: Session,
    *,
    tenant_id: str,
    at: datetime,
    plan_code: str | None = None,
    version_id: str | None = None,
    subscription_id: str | None = None,
    interval: Interval | None = None,
    when: When | None = None,
) -> PlanChange:
    """What a change at that moment comes to. Nothing is stored. Raises what `change_plan` raises."""
    subscription = read_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id)
    then = plan_asked(session, subscription, plan_code, version_id)
    wanted = Wanted(then, interval or subscription.interval, when)
    return work_out_change(session, subscription, wanted, at)


def plan_asked(session: Session, subscription: Subscription, plan_code: str | None, version_id: str | None) -> Plan:
    """The plan of a version, or sold under a code today; who is on a contract of that code keeps its terms."""
    if version_id is not None:
        return plan_version(session, version_id=version_id)
    if plan_code is None:
        raise Unprocessable("Name the plan.", field="plan_code")
    own = plan_of(session, subscription)
    if own.only_for is not None and plan_code in (own.code, own.qualified_code):
        return own
    return plan_in_force(session, plan_code=plan_code)


def check_changeable(subscription: Subscription, at: datetime) -> None:
    """Raises SubscriptionConflict and Conflict where nothing about a subscription can be changed now."""
    if subscription.status not in LIVE:
        raise SubscriptionConflict("The subscription has ended; start a new one.")
    if at < subscription.current_period_start:
        raise Conflict(
            f"The period from {subscription.current_period_start:%Y-%m-%d %H:%M:%S} UTC on has been opened already; "
            "try again then."
        )
    if at >= subscription.current_period_end and subscription.status not in RESTING:
        raise Conflict(
            f"The period that ended at {subscription.current_period_end:%Y-%m-%d %H:%M} UTC is being closed; "
            "try again once the next one runs."
        )


def term_ends_at(subscription: Subscription, fee: Fee | None) -> datetime:
    """Where what is paid ends: the paid year, or the running period."""
    if fee is not None and fee.interval == Interval.YEAR:
        return fee.term.ends_at
    return subscription.current_period_end


def work_out_change(session: Session, subscription: Subscription, wanted: Wanted, at: datetime) -> PlanChange:
    """The change that is asked for, as it would be carried out at that moment. Raises what `change_plan` raises."""
    then, interval, when = wanted
    check_changeable(subscription, at)
    tenant = read_tenant(session, tenant_id=subscription.tenant_id)
    check_terms(then, tenant=tenant)
    if subscription.status in RESTING:
        raise SubscriptionConflict(f"The subscription is {subscription.status}; resume it first.")
    check_not_moved(session, subscription=subscription)
    before = plan_of(session, subscription)
    _check_collectable(session, subscription, before, then)
    if (then.version_id, interval) == (before.version_id, subscription.interval):
        raise Unprocessable(f"The subscription is on {then.name} already.", field="plan_code")
    begins_at = at if in_trial(subscription) else subscription.current_period_end
    check_free_once(session, plan=then, tenant=tenant, starts_at=begins_at, changed=subscription)
    paid = fee_in_force(session, subscription=subscription, plan=before, at=at)
    now = _now(session, subscription, wanted, paid, at)
    shortens = paid is not None and paid.interval == Interval.YEAR and interval == Interval.MONTH
    goes_back = _goes_back(session, subscription, before, then)
    may_be_now = not shortens and now.total.amount_minor >= 0 and not goes_back
    if when == When.NOW and goes_back:
        raise Unprocessable(
            f"The subscription was on {then.name} earlier in this period; it can go back as the period ends.",
            field="when",
        )
    if when == When.NOW and not may_be_now:
        raise Unprocessable("This would pay back what is paid already; it can take effect as that ends.", field="when")
    is_cheaper = then.base_exact(months=1) < before.base_exact(months=1)
    if when is None:
        when = When.NOW if may_be_now and (in_trial(subscription) or not is_cheaper) else When.PERIOD_END
    if when == When.NOW:
        return now
    return PlanChange(subscription, before, then, interval, when, term_ends_at(subscription, paid))


def _goes_back(session: Session, subscription: Subscription, before: Plan, then: Plan) -> bool:
    """Whether the running period has a part on that plan already: each plan gives its allowance once a period."""
    if then.version_id == before.version_id:
        return False
    parts = parts_of(session, subscription=subscription, starts_at=subscription.current_period_start)
    return then.version_id in {part.plan_version_id for part in parts}


def _check_collectable(session: Session, subscription: Subscription, before: Plan, then: Plan) -> None:
    """Raises SubscriptionConflict where a first base fee is to be charged to a card, and there is none."""
    is_first_fee = bool(then.base_price) and not before.base_price
    if subscription.collection != Collection.AUTOMATIC or not is_first_fee or is_charged_to_card(session, subscription):
        return
    how = "add one to your account first" if subscription.name else "buy it on the payment page, where one is given"
    raise SubscriptionConflict(f"There is no card to charge for {then.name}; {how}.")


def _now(session: Session, subscription: Subscription, wanted: Wanted, paid: Fee | None, at: datetime) -> PlanChange:
    before, then, interval = plan_of(session, subscription), wanted.then, wanted.interval
    timezone = read_tenant(session, tenant_id=subscription.tenant_id).timezone
    lines, fee = [], None
    if not in_trial(subscription):
        if paid is not None and paid.net.amount_minor:
            lines.append(proration_line(paid, UNUSED, at))
        fee = fee_from(
            session, subscription=subscription, timezone=timezone, plan=then, interval=interval, before=paid, at=at
        )
        if fee.net.amount_minor:
            lines.append(proration_line(fee, REST, at))
    starts_at, ends_at = subscription.current_period_start, subscription.current_period_end
    added = {
        pool.code: added_allowance(
            before.allowance_micro(pool.code), then.allowance_micro(pool.code), starts_at, ends_at, at
        )
        for pool in then.pools.values()
        if not pool.resets_daily
    }
    return PlanChange(subscription, before, then, interval, When.NOW, at, tuple(lines), fee, added)
