"""Start a subscription: its first period opens with its allowance, and its base fee is invoiced at once."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from sqlmodel import Session, select

from models import (
    BillingPeriod,
    BillingReason,
    Collection,
    Interval,
    PeriodStatus,
    Subscription,
    SubscriptionStatus,
    Tenant,
    TenantHead,
)
from services.bulk_rows import write_held
from services.closing.base_fees import base_fee_lines, first_term, note_paid
from services.closing.questions import Question
from services.credits import lots as credit_lots
from services.credits.transfers import carry_over
from services.errors import SubscriptionConflict, UnknownPlan, Unprocessable
from services.identifiers import new_id
from services.invoices.carried_credit import settle_waiting, with_credit
from services.invoices.issuing import Order, issue_invoice
from services.price_books.books import plan_in_force, plan_version
from services.price_books.plans import TRIAL_DAYS_MAX, Plan
from services.rules.periods import Period, business_date, day_bounds, period_number
from services.subscriptions.choice import check_free_to_take, register_site
from services.subscriptions.discounts import Promotion, add_promotions
from services.subscriptions.finding import is_had_for_free
from services.subscriptions.free_plans import check_free_once
from services.subscriptions.notices import announce_start
from services.tenants import lock_head, read_tenant

BACKDATED_DAYS_MAX = 5 * 366
START_AHEAD_MAX = timedelta(minutes=5)
"""Another clock may say when it started, and run ahead of ours."""


def create_subscription(
    session: Session,
    *,
    tenant_id: str,
    at: datetime,
    plan_code: str | None = None,
    version_id: str | None = None,
    start_date: date | None = None,
    started_at: datetime | None = None,
    trial_ends_at: datetime | None = None,
    interval: Interval = Interval.MONTH,
    collection: Collection = Collection.MANUAL,
    discounts: Sequence[Promotion] = (),
    name: str = "",
    site: str | None = None,
) -> Subscription:
    """Put a tenant on the plan sold under `plan_code` today, or on the very version that was agreed.

    It starts at the exact moment `started_at`, else at midnight of `start_date` (today where none is given) in the
    tenant's own time zone. The first period opens with its allowance, and its base fee is invoiced at once, for it is
    due in advance; a trial is a first period of its own with nothing to invoice yet. `name` is what it is called beside
    the customer's main subscription, and `site` the one site it is for.
    Raises UnknownPlan, SubscriptionConflict where one of that name is live already, and Unprocessable for a start in
    the future or too long ago, a trial that does not fit, a plan in another currency, or one only sold by contract.
    """
    head = lock_head(session, tenant_id=tenant_id)
    tenant = read_tenant(session, tenant_id=tenant_id)
    plan = _plan_asked(session, plan_code=plan_code, version_id=version_id)
    check_sellable(session, plan=plan, tenant=tenant, name=name, site=site)
    if site is not None:
        register_site(session, tenant_id=tenant_id, code=site, at=at)
    start = _start_of(start_date, tenant, at) if started_at is None else _exact_start(started_at, at)
    check_free_once(session, plan=plan, tenant=tenant, starts_at=start)
    first = period_number(start, tenant.timezone, 0) if trial_ends_at is None else _trial(start, trial_ends_at)
    subscription = Subscription(
        tenant_id=tenant_id,
        id=new_id("sub"),
        name=name,
        site=site,
        plan_version_id=plan.version_id,
        status=SubscriptionStatus.ACTIVE if trial_ends_at is None else SubscriptionStatus.TRIALING,
        interval=interval,
        collection=collection,
        started_at=start,
        anchor_at=start if trial_ends_at is None else first.ends_at,
        current_period_start=first.starts_at,
        current_period_end=first.ends_at,
        trial_ends_at=None if trial_ends_at is None else first.ends_at,
        created_at=at,
    )
    session.add(subscription)
    session.flush()
    add_promotions(session, subscription=subscription, promotions=discounts, currency=plan.currency)
    open_period(session, subscription=subscription, plan=plan, period=first, at=at)
    carry_over(session, tenant_id=tenant_id, at=at)
    announce_start(session, subscription=subscription, at=at)
    if trial_ends_at is None:
        _invoice_start(session, head=head, subscription=subscription, plan=plan, tenant=tenant, first=first, at=at)
    return subscription


def check_sellable(
    session: Session,
    *,
    plan: Plan,
    tenant: Tenant,
    free_gives_way: bool = False,
    name: str = "",
    site: str | None = None,
) -> None:
    """Whether the tenant could start on the plan now, under that name and for that site.

    `free_gives_way` where a live subscription that is free would end for it. Raises Unprocessable for a plan sold only
    by contract or in another currency, UnknownPlan for one that was agreed with another customer, and
    SubscriptionConflict where a subscription of that name is live already.
    """
    check_terms(plan, tenant=tenant)
    existing = check_free_to_take(session, tenant_id=tenant.id, name=name, site=site)
    if existing is not None and not (free_gives_way and is_had_for_free(session, existing)):
        raise SubscriptionConflict(
            f"Subscription {existing.id} is live already; change its plan instead of starting another, or give the new "
            "one a name of its own.",
            subscription_id=existing.id,
        )


def check_terms(plan: Plan, *, tenant: Tenant) -> None:
    """Whether the tenant may be on the plan at all. Raises Unprocessable, and UnknownPlan for somebody else's."""
    if plan.only_for not in (None, tenant.id):
        raise UnknownPlan("There is no such version of a plan.", field="plan_code")
    if plan.base_price is None or plan.contact_sales:
        raise Unprocessable(f"{plan.name} is agreed by contract; ask us for an offer.", field="plan_code")
    if plan.currency != tenant.currency:
        raise Unprocessable(
            f"{plan.name} is priced in {plan.currency}, but this account is billed in {tenant.currency}.",
            field="plan_code",
        )


def open_period(
    session: Session, *, subscription: Subscription, plan: Plan, period: Period, at: datetime,
    head: TenantHead | None = None,
) -> None:  # fmt: skip
    """Record a period and grant its allowances. Opening it again changes nothing.

    `head` where the caller has just locked it.
    """
    if not OPENED.ask(session, subscription.tenant_id, subscription.id, period.starts_at):
        session.add(
            BillingPeriod(
                tenant_id=subscription.tenant_id,
                subscription_id=subscription.id,
                starts_at=period.starts_at,
                ends_at=period.ends_at,
                plan_version_id=plan.version_id,
                status=PeriodStatus.OPEN,
            )
        )
    write_held(session)
    for pool in plan.pools.values():
        if not pool.resets_daily:
            credit_lots.grant_allowance(
                session,
                subscription=subscription,
                plan=plan,
                pool=pool.code,
                window=(period.starts_at, period.ends_at),
                at=at,
                head=head,
            )


def _plan_asked(session: Session, *, plan_code: str | None, version_id: str | None) -> Plan:
    if (plan_code is None) == (version_id is None):
        raise Unprocessable("Name the plan by its code or by its version, one of both.", field="plan_code")
    if plan_code is not None:
        return plan_in_force(session, plan_code=plan_code)
    assert version_id is not None
    try:
        return plan_version(session, version_id=version_id)
    except KeyError as error:
        raise UnknownPlan("There is no such version of a plan.", field="version_id") from error


def _invoice_start(
    session: Session, *, head: TenantHead, subscription: Subscription, plan: Plan, tenant: Tenant, first: Period,
    at: datetime,
) -> None:  # fmt: skip
    term = first_term(interval=subscription.interval, timezone=tenant.timezone, first=first)
    lines = base_fee_lines(session, subscription=subscription, plan=plan, term=term)
    if not lines:
        return
    note_paid(subscription, lines)
    if subscription.collection == Collection.MANUAL:  # what is bought by card was paid for as its page showed it
        lines = with_credit(session, tenant_id=tenant.id, plan=plan, period=first, lines=lines)
    order = Order(
        head=head,
        subscription=subscription,
        reason=BillingReason.SUBSCRIPTION_START,
        period=first,
        lines=lines,
        currency=plan.currency,
    )
    invoice = issue_invoice(session, order, at=at)
    settle_waiting(session, subscription=subscription, invoice=invoice, lines=lines, at=at, with_own=False)


def _exact_start(started_at: datetime, at: datetime) -> datetime:
    if started_at > at + START_AHEAD_MAX:
        raise Unprocessable("started_at is in the future; start it when it begins.", field="started_at")
    if started_at < at - timedelta(days=BACKDATED_DAYS_MAX):
        raise Unprocessable(f"started_at is more than {BACKDATED_DAYS_MAX} days ago.", field="started_at")
    return started_at.astimezone(UTC)


def _trial(start: datetime, ends_at: datetime) -> Period:
    if not start < ends_at <= start + timedelta(days=TRIAL_DAYS_MAX + 1):
        raise Unprocessable(f"A trial ends after it starts, within {TRIAL_DAYS_MAX} days.", field="trial_ends_at")
    return Period(0, start, ends_at.astimezone(UTC))


def _start_of(start_date: date | None, tenant: Tenant, at: datetime) -> datetime:
    today = business_date(at, tenant.timezone)
    chosen = start_date or today
    if chosen > today:
        raise Unprocessable(f"start_date is after today ({today}); start it when it begins.", field="start_date")
    if chosen < today - timedelta(days=BACKDATED_DAYS_MAX):
        raise Unprocessable(f"start_date is more than {BACKDATED_DAYS_MAX} days ago.", field="start_date")
    return day_bounds(chosen, tenant.timezone)[0].astimezone(UTC)


OPENED = Question(
    lambda tenant, subscription, starts_at: select(BillingPeriod.starts_at).where(
        BillingPeriod.tenant_id == tenant,
        BillingPeriod.subscription_id == subscription,
        BillingPeriod.starts_at == starts_at,
    ),
    Subscription.tenant_id,
    Subscription.id,
    Subscription.current_period_end,
)
