"""Start a plan, the first one or another: what it costs is shown before, and only what was shown is bought."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlmodel import Session, select

from models import Collection, Interval, Subscription, Tenant
from services import wording
from services.closing.base_fees import first_term
from services.errors import Conflict
from services.invoices.carried_credit import sum_of, with_credit
from services.invoices.lines import Line, base_line
from services.invoices.taxes import taxes_of
from services.parties.of_invoices import read_parties
from services.price_books.plans import Plan
from services.rules.money import Money
from services.rules.periods import Period, business_date, day_bounds, period_number
from services.subscriptions.arrears import check_no_arrears
from services.subscriptions.change_views import read_interval
from services.subscriptions.choice import live_subscriptions
from services.subscriptions.finding import is_had_for_free, live_subscription, plan_of
from services.subscriptions.free_plans import check_free_once
from services.subscriptions.offered_terms import OWN, terms_to_start
from services.subscriptions.starting import check_sellable, create_subscription
from services.taxes.views import tax_words
from services.tenants import read_tenant


@dataclass(frozen=True)
class StartView:
    """What starting a plan today means. `version_id` names the very prices shown; "" where nothing is asked.

    `terms` are as in `offered_terms`; `name` and `site` are those of a subscription beside the main one. `has_fee`
    where a base fee is to be paid, today or once a trial is over, `is_by_card` where that is on the payment page.
    """

    plan_code: str = ""
    terms: str = OWN
    name: str = ""
    site: str = ""
    version_id: str = ""
    interval: str = Interval.MONTH.value
    title: str = ""
    today: str = ""
    today_detail: str = ""
    period: str = ""
    after: str = ""
    has_fee: bool = False
    is_by_card: bool = False


NOTHING_ASKED = StartView()


def preview_start(
    session: Session,
    *,
    tenant_id: str,
    plan_code: str,
    interval: str,
    at: datetime,
    by_card: bool = False,
    terms: str = OWN,
    name: str = "",
    site: str = "",
) -> StartView:
    """What is to be paid today and what follows. Raises UnknownPlan, NotFound, SubscriptionConflict, Conflict for a
    contract that is not offered today, and Unprocessable.

    `by_card` where there is a payment page: a plan with a fee then takes the place of a free one.
    """
    tenant = read_tenant(session, tenant_id=tenant_id)
    plan = terms_to_start(session, tenant=tenant, plan_code=plan_code, terms=terms, on=_today(tenant, at))
    pays = by_card and _is_by_card(session, tenant_id, plan, name)
    check_no_arrears(session, tenant_id=tenant_id)
    check_sellable(session, plan=plan, tenant=tenant, free_gives_way=pays and not name, name=name, site=site or None)
    chosen = read_interval(interval)
    trial = _trial(session, tenant, plan, at)
    period = trial or _first_period(tenant, at)
    check_free_once(session, plan=plan, tenant=tenant, starts_at=period.starts_at)
    base = base_line(plan, interval=chosen, term=first_term(interval=chosen, timezone=tenant.timezone, first=period))
    next_day = wording.moment_day(period.ends_at, tenant.timezone)
    today, today_detail = Money.zero(plan.currency), "Nothing is invoiced today"
    if trial is not None and base is not None:
        today_detail = f"Nothing is invoiced today; {base.description}, {wording.money(base.amount)}, on {next_day}"
    elif base is not None:
        lines = [base]
        if not pays:  # as the subscription that is started by invoice takes it
            lines = with_credit(session, tenant_id=tenant_id, plan=plan, period=period, lines=lines)
        today, today_detail = _due_today(session, tenant, plan, lines, at)
    return StartView(
        plan_code=plan.qualified_code,
        terms=terms,
        name=name,
        site=site,
        version_id=plan.version_id,
        interval=chosen.value,
        title=f"Start {plan.name}{_for_whom(name, site)}?",
        today=wording.money(today),
        today_detail=today_detail,
        period=wording.span(period.starts_at, period.ends_at, tenant.timezone),
        after=_after(chosen, next_day, in_trial=trial is not None) + ("" if name else _instead(session, tenant_id)),
        has_fee=bool(plan.base_price),
        is_by_card=pays,
    )


def _due_today(session: Session, tenant: Tenant, plan: Plan, lines: list[Line], at: datetime) -> tuple[Money, str]:
    """What the first invoice comes to and what it is made of: the base fee, the account's credit, taxes."""
    base, subtotal = lines[0], sum_of(lines, plan)
    words = f"{base.description}, due in advance"
    if subtotal != base.amount:
        words += f", {wording.money(base.amount)} less {wording.money(base.amount - subtotal)} of your credit"
    due = taxes_of(session, parties=read_parties(session, tenant=tenant), base_minor=subtotal.amount_minor, at=at)
    if due:
        words += f"; with {', '.join(tax_words(tax, plan.currency) for tax in due)}"
    return subtotal + Money(sum(tax.amount_minor for tax in due), plan.currency), words


def start_plan(
    session: Session,
    *,
    tenant_id: str,
    plan_code: str,
    interval: str,
    version_id: str,
    at: datetime,
    by_card: bool = False,
    terms: str = OWN,
    name: str = "",
    site: str = "",
) -> Subscription:
    """Put the customer on the plan that was shown.

    Raises Conflict where its terms have changed since or it is to be paid on the payment page, and what `preview_start`
    raises.
    """
    tenant = read_tenant(session, tenant_id=tenant_id)
    plan = terms_to_start(session, tenant=tenant, plan_code=plan_code, terms=terms, on=_today(tenant, at))
    if plan.version_id != version_id:
        raise Conflict("The terms of this plan have changed since you looked. Check them again, then start it.")
    if by_card and _is_by_card(session, tenant_id, plan, name):
        raise Conflict("This plan is paid for on the payment page; go on to it from the plan's question.")
    check_no_arrears(session, tenant_id=tenant_id)
    trial = _trial(session, tenant, plan, at)
    return create_subscription(
        session,
        tenant_id=tenant_id,
        version_id=version_id,
        interval=read_interval(interval),
        trial_ends_at=None if trial is None else trial.ends_at,
        name=name,
        site=site or None,
        at=at,
    )


def start_asked(session: Session, *, tenant_id: str, asked: StartView, at: datetime, by_card: bool = False) -> str:
    """Start what was shown; the id of the subscription. Raises what `start_plan` raises."""
    started = start_plan(
        session,
        tenant_id=tenant_id,
        plan_code=asked.plan_code,
        interval=asked.interval,
        version_id=asked.version_id,
        terms=asked.terms,
        name=asked.name,
        site=asked.site,
        by_card=by_card,
        at=at,
    )
    return started.id


def _is_by_card(session: Session, tenant_id: str, plan: Plan, name: str) -> bool:
    """Whether a plan is paid on the payment page where there is one: no contract, and another one as those before."""
    if plan.is_free or plan.only_for is not None:
        return False
    live = live_subscriptions(session, tenant_id=tenant_id) if name else []
    paid = [each.collection for each in live if not is_had_for_free(session, each)]
    return not paid or Collection.AUTOMATIC in paid


def offered_trial_days(session: Session, *, tenant_id: str, plan: Plan) -> int:
    """The days a customer may try the plan for: the plan's, for whoever has not paid for one yet; 0 for none."""
    had = session.exec(select(Subscription).where(Subscription.tenant_id == tenant_id)).all()
    return plan.trial_days if all(is_had_for_free(session, each) for each in had) else 0


def _after(interval: Interval, next_day: str, *, in_trial: bool) -> str:
    beyond = f"Use beyond what is included is invoiced every month, first on {next_day}."
    if in_trial:
        return f"The trial ends on {next_day}. {beyond}"
    return beyond + (
        " The base fee is due again in a year." if interval == Interval.YEAR else " The next base fee is due then."
    )


def _instead(session: Session, tenant_id: str) -> str:
    live = live_subscription(session, tenant_id=tenant_id)
    return "" if live is None else f" It takes the place of {plan_of(session, live).name}, which ends then."


def _first_period(tenant: Tenant, at: datetime) -> Period:
    """The period a subscription started now begins with: from midnight of today in the customer's time zone."""
    midnight, _ = day_bounds(_today(tenant, at), tenant.timezone)
    return period_number(midnight, tenant.timezone, 0)


def _trial(session: Session, tenant: Tenant, plan: Plan, at: datetime) -> Period | None:
    """So many days from midnight of today in the customer's time zone; None where it is none.

    A trial that was agreed by contract is given to whoever takes it up.
    """
    agreed = plan.only_for is not None
    days = plan.trial_days if agreed else offered_trial_days(session, tenant_id=tenant.id, plan=plan)
    if not days:
        return None
    today = _today(tenant, at)
    starts_at, ends_at = (day_bounds(day, tenant.timezone)[0] for day in (today, today + timedelta(days=days)))
    return Period(0, starts_at, ends_at)


def _today(tenant: Tenant, at: datetime) -> date:
    return business_date(at, tenant.timezone)


def _for_whom(name: str, site: str) -> str:
    if not name:
        return ""
    return f" for {name}" if site in ("", name) else f" for {name} ({site})"
