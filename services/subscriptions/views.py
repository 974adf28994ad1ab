"""The customer's subscription in words: what it is on, how it stands, what is scheduled, and what can be done."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from models import ChangeKind, Collection, Interval, ScheduledChange, Subscription, SubscriptionStatus, Tenant
from services import wording
from services.closing.fees_in_force import fee_in_force
from services.errors import NotFound, SubscriptionConflict, UnknownPlan, UnknownPriceBook, Unprocessable
from services.invoices.carried_credit import account_credit
from services.price_books.books import plan_in_force, plan_version
from services.price_books.plans import Plan
from services.rules.periods import business_date, day_bounds
from services.subscriptions.arrears import charged_plan, check_no_arrears, former_plan
from services.subscriptions.change_wording import price_of
from services.subscriptions.finding import LIVE, list_subscriptions, plan_of, read_subscription
from services.subscriptions.free_plans import check_free_once
from services.subscriptions.offer_changes import why_not_changed
from services.subscriptions.picker import name_of
from services.subscriptions.scheduled_changes import waiting_change
from services.subscriptions.standing import RESTING
from services.subscriptions.starting import check_sellable
from services.tenants import read_tenant

STATUS_WORDS = {
    SubscriptionStatus.TRIALING: "Trial",
    SubscriptionStatus.ACTIVE: "Active",
    SubscriptionStatus.PAST_DUE: "Past due",
    SubscriptionStatus.PAUSED: "Paused",
    SubscriptionStatus.SUSPENDED: "Suspended",
    SubscriptionStatus.CANCELED: "Ended",
}


@dataclass(frozen=True)
class SubscriptionFact:
    """A name and its value."""

    name: str
    value: str


@dataclass(frozen=True)
class SubscriptionCard:
    """One subscription. `scheduled` is "" where nothing waits; `refused` is why nothing can be done here, "" where
    something can. What may be done is what the subscription allows: who may do it is the page's affair."""

    id: str = ""
    title: str = ""
    status: str = ""
    status_word: str = ""
    facts: tuple[SubscriptionFact, ...] = ()
    scheduled: str = ""
    refused: str = ""
    may_withdraw: bool = False
    may_cancel: bool = False
    may_pause: bool = False
    may_resume: bool = False
    may_start_again: bool = False


NO_CARD = SubscriptionCard()


def read_card(
    session: Session, *, tenant_id: str, at: datetime, subscription_id: str | None = None
) -> SubscriptionCard:
    """One subscription, the main or only one where none is named; NO_CARD where the customer never had one."""
    try:
        subscription = read_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id)
    except NotFound:
        return NO_CARD
    tenant, plan = read_tenant(session, tenant_id=tenant_id), plan_of(session, subscription)
    waiting = waiting_change(session, subscription=subscription)
    is_live, is_paused = subscription.status in LIVE, subscription.status == SubscriptionStatus.PAUSED
    refused = why_not_changed(subscription, at) if is_live else ""
    is_free = is_live and not refused
    stops = None if waiting is None else waiting.kind
    return SubscriptionCard(
        id=subscription.id,
        title=_title(session, subscription, plan),
        status=subscription.status.value,
        status_word=STATUS_WORDS[subscription.status],
        facts=tuple(SubscriptionFact(*fact) for fact in _facts(session, subscription, plan, tenant, at)),
        scheduled="" if waiting is None else scheduled_words(session, waiting, plan, tenant.timezone),
        refused=refused,
        may_withdraw=is_free and waiting is not None and waiting.effective_at > at,
        may_cancel=is_free and stops != ChangeKind.CANCEL,
        may_pause=_may_pause(subscription, stops) and is_free,
        may_resume=is_free and is_paused,
        may_start_again=_may_start_again(session, subscription, at),
    )


def _may_pause(subscription: Subscription, stops: ChangeKind | None) -> bool:
    """Whether it runs, on the plan that it is paid for, and no end or pause of it is scheduled."""
    runs = subscription.status not in RESTING and subscription.former_version_id is None
    return runs and stops in (None, ChangeKind.PLAN)


def scheduled_words(session: Session, change: ScheduledChange, plan: Plan, timezone: str) -> str:
    """What waits, in a sentence; `plan` is the one the subscription is on."""
    day = wording.moment_day(change.effective_at, timezone)
    if change.kind == ChangeKind.CANCEL:
        return f"{plan.name} ends on {day}. What is used until then is invoiced once, soon after."
    if change.kind == ChangeKind.PAUSE:
        return f"{plan.name} pauses on {day}. Nothing is metered or charged from then on."
    assert change.plan_version_id is not None
    assert change.interval is not None
    then = plan_version(session, version_id=change.plan_version_id)
    return f"From {day} on: {then.name}, {price_of(then, change.interval)}."


def _title(session: Session, subscription: Subscription, plan: Plan) -> str:
    several = len(list_subscriptions(session, tenant_id=subscription.tenant_id)) > 1
    return f"{name_of(subscription)} · {plan.name}" if several else plan.name


def _facts(
    session: Session, subscription: Subscription, plan: Plan, tenant: Tenant, at: datetime
) -> list[tuple[str, str]]:
    zone = tenant.timezone
    facts = [("Base fee", price_of(plan, subscription.interval)), ("Paid", _collected(subscription))]
    if subscription.canceled_at is not None:
        return [*facts, ("Ended", wording.moment(subscription.canceled_at, zone))]
    former = former_plan(session, subscription=subscription)
    if former is not None:
        facts.append(("Once it is paid", f"{former.name}, {price_of(former, subscription.interval)}"))
    if subscription.status not in RESTING:
        name = "Trial" if subscription.status == SubscriptionStatus.TRIALING else "Running period"
        starts_at, ends_at = subscription.current_period_start, subscription.current_period_end
        facts.append((name, wording.span(starts_at, ends_at, zone)))
    paid = fee_in_force(session, subscription=subscription, plan=former or plan, at=at)
    if paid is not None and paid.interval == Interval.YEAR:
        facts.append(("Year charged until", wording.moment_day(paid.term.ends_at, zone)))
    credit = account_credit(session, tenant_id=tenant.id)
    if credit.amount_minor:
        facts.append(("Credit of your account", f"{wording.money(credit)}, taken off your next invoice"))
    return facts


def _collected(subscription: Subscription) -> str:
    return "By card" if subscription.collection == Collection.AUTOMATIC else "By transfer, on invoices"


def _may_start_again(session: Session, subscription: Subscription, at: datetime) -> bool:
    """Whether one that has ended can be started as it was: what is paid by card is bought on the payment page."""
    if subscription.status != SubscriptionStatus.CANCELED or subscription.collection == Collection.AUTOMATIC:
        return False
    tenant = read_tenant(session, tenant_id=subscription.tenant_id)
    try:
        was_on = charged_plan(session, subscription=subscription)
        plan = plan_in_force(session, plan_code=was_on.qualified_code)
        check_no_arrears(session, tenant_id=subscription.tenant_id)
        check_sellable(session, plan=plan, tenant=tenant, name=subscription.name, site=subscription.site)
        today, _ = day_bounds(business_date(at, tenant.timezone), tenant.timezone)
        check_free_once(session, plan=plan, tenant=tenant, starts_at=today)
    except (UnknownPlan, UnknownPriceBook, Unprocessable, SubscriptionConflict):
        return False
    return True
