"""The overview, worded: the plan, what of it is used, the running bill, what happened and what happens next."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from models import Alert, AlertKind, ChangeKind, Interval, Invoice
from services import standing, wording
from services.closing.period_ends import rests_by
from services.credits.pool_views import PoolView, pool_view
from services.invoices.numbers import invoice_number
from services.overview_bill import BillLineView, bill_line_view
from services.price_books.plans import Plan, Pool
from services.rules import money
from services.rules.money import Money
from services.standing import AssetStanding, Standing
from services.taxes.views import TaxView, tax_views

STATUS_WORDS = {"past_due": "Past due", "trialing": "Trial", "canceled": "Cancelled"}
STOP_WORDS = {ChangeKind.CANCEL: "Ends", ChangeKind.PAUSE: "Pauses"}
BASIS_WORDS = {"latest": "Latest count", "peak": "Highest count", "average": "Average of counts"}


@dataclass(frozen=True)
class AlertView:
    """`tone` is warn or bad."""

    title: str
    detail: str
    when: str
    tone: str


@dataclass(frozen=True)
class InvoiceRowView:
    id: str
    number: str
    period: str
    total: str
    status: str
    status_word: str


@dataclass(frozen=True)
class CountView:
    """Assets or sites against what the plan covers. Not shown where the plan does not count them."""

    is_shown: bool = False
    counted: str = ""
    hint: str = ""
    how: str = ""
    is_over: bool = False


@dataclass(frozen=True)
class OverviewView:
    """One screenful. Without a subscription only `has_subscription` says something."""

    has_subscription: bool = False
    plan_name: str = ""
    status: str = ""
    status_word: str = ""
    price: str = ""
    period: str = ""
    renews_label: str = "Renews"
    renews: str = ""
    renews_on: str = ""
    late: str = ""
    has_usage: bool = False
    pools: tuple[PoolView, ...] = ()
    assets: CountView = CountView()
    sites: CountView = CountView()
    bill_total: str = ""
    bill_lines: tuple[BillLineView, ...] = ()
    bill_taxes: tuple[TaxView, ...] = ()
    next_step: str = ""
    alerts: tuple[AlertView, ...] = ()
    alerts_more: str = ""
    invoices: tuple[InvoiceRowView, ...] = ()
    latest_invoice_id: str = ""


EMPTY_OVERVIEW = OverviewView()


def read_overview(
    session: Session, *, tenant_id: str, at: datetime, subscription_id: str | None = None
) -> OverviewView:
    """The overview of one subscription at a moment, the main or only one where none is named. Raises NotFound."""
    facts = standing.read_standing(session, tenant_id=tenant_id, subscription_id=subscription_id, at=at)
    if facts is None:
        return EMPTY_OVERVIEW
    subscription, timezone = facts.subscription, facts.tenant.timezone
    running = facts.running.invoice
    label, renews, renews_on = _what_follows(facts)
    return OverviewView(
        has_subscription=True,
        plan_name=facts.plan.name,
        status=subscription.status.value,
        status_word=_status_word(subscription.status),
        price=base_price(facts.plan, subscription.interval),
        period=wording.span(subscription.current_period_start, subscription.current_period_end, timezone),
        renews_label=label,
        renews=renews,
        renews_on=renews_on,
        late=_late(facts, at),
        has_usage=subscription.former_version_id is not None
        or any(balance.used_micro or balance.period_overage_micro for balance in facts.balances),
        pools=tuple(pool_view(balance, facts.plan) for balance in facts.balances),
        assets=_assets_view(facts.assets, timezone),
        sites=_sites_view(facts),
        bill_total=wording.amount(running.total_minor, running.currency),
        bill_lines=tuple(bill_line_view(line, running.currency, timezone) for line in facts.running.lines),
        bill_taxes=tax_views(facts.running.taxes, running.currency),
        next_step=_next_step(facts, at),
        alerts=tuple(_alert_view(alert, facts) for alert in facts.alerts),
        alerts_more=_more(facts.alerts_count - len(facts.alerts)),
        invoices=tuple(_invoice_row(invoice, timezone, at) for invoice in facts.invoices),
        latest_invoice_id=facts.invoices[0].id if facts.invoices else "",
    )


def base_price(plan: Plan, interval: Interval) -> str:
    """$9,000.00 a month; by contract where the plan names no price."""
    if plan.base_price is None:
        return "By contract"
    if not plan.base_price:
        return "No base fee"
    if interval == Interval.YEAR:
        return f"{wording.money(plan.annual_base())} a year"
    return f"{wording.money(plan.monthly_base())} a month"


def _assets_view(assets: AssetStanding | None, timezone: str) -> CountView:
    if assets is None:
        return CountView()
    included = f"of {wording.number(assets.included)} included"
    if assets.counted is None or assets.counted_at is None:
        return CountView(True, "–", included, "Not counted this period")
    hint = f"{included}, {wording.number(assets.over)} beyond" if assets.over else included
    how = f"{BASIS_WORDS[assets.basis]}, {wording.moment_day(assets.counted_at, timezone)}"
    return CountView(True, wording.number(assets.counted), hint, how, bool(assets.over))


def _sites_view(facts: Standing) -> CountView:
    if facts.subscription.site is not None:
        return CountView(True, "For site", facts.subscription.site)
    used, included = facts.sites.used, facts.sites.included
    if included is None:
        return CountView()
    hint = f"of {wording.number(included)} {'site' if included == 1 else 'sites'}"
    return CountView(True, wording.number(used), hint, is_over=used > included)


def _next_step(facts: Standing, at: datetime) -> str:
    subscription, running = facts.subscription, facts.running.invoice
    if subscription.canceled_at is not None:
        ended_on = wording.moment_day(subscription.canceled_at, facts.tenant.timezone)
        return f"Your subscription ended on {ended_on}. What was used until then is invoiced once, soon after."
    word = _status_word(subscription.status).lower()
    if rests_by(subscription, subscription.current_period_start):
        return f"Your subscription is {word}; no period is billed while it is."
    if at >= subscription.current_period_end:
        return "This period has ended. Its invoice is issued as soon as late events are in."
    ends_on = wording.moment_day(subscription.current_period_end, facts.tenant.timezone)
    if subscription.rests_since is not None:
        return f"Your subscription is {word}. What was used before is invoiced on {ends_on}, and no later period is."
    if not running.total_minor:
        return f"On {ends_on} this period closes. As it stands, there is nothing to pay."
    total = wording.amount(running.total_minor, running.currency)
    return f"On {ends_on} we invoice {total}, as it stands now. What is used until then is added."


def _what_follows(facts: Standing) -> tuple[str, str, str]:
    """What happens as the running period ends, in how many days, and on which: it renews, unless something stops it."""
    subscription, waiting, timezone = facts.subscription, facts.waiting, facts.tenant.timezone
    if subscription.canceled_at is not None:
        return "Ended", wording.moment_day(subscription.canceled_at, timezone), ""
    ends_at = subscription.current_period_end
    is_due = waiting is not None and waiting.effective_at <= ends_at
    label = STOP_WORDS.get(waiting.kind, "Renews") if waiting is not None and is_due else "Renews"
    return label, _in_days(facts.days_to_renewal), wording.moment_day(ends_at, timezone)


def _late(facts: Standing, at: datetime) -> str:
    """What is past due, "" where nothing is."""
    late = [invoice for invoice in facts.open_invoices if standing.is_late(invoice, at)]
    if not late:
        return ""
    owed = money.total((Money(facts.left_minor[invoice.id], invoice.currency) for invoice in late), late[0].currency)
    return f"{'One invoice is' if len(late) == 1 else f'{len(late)} invoices are'} past due: {wording.money(owed)}."


def _alert_view(alert: Alert, facts: Standing) -> AlertView:
    when = wording.moment(alert.raised_at, facts.tenant.timezone)
    if alert.kind == AlertKind.CAP_REACHED:
        return AlertView("Spending limit reached", "Use that would pass the limit you set is refused.", when, "bad")
    pool = facts.plan.pools.get(alert.pool)
    name = pool.name if pool is not None else alert.pool
    if pool is not None and pool.resets_daily:
        name = f"{name}, {wording.moment_day(alert.window_start, facts.tenant.timezone)}"
    if alert.kind == AlertKind.LOW_CREDITS:
        return AlertView(f"{name}: {alert.threshold_pct} % used", _of_included(facts.plan, pool), when, "warn")
    charge = facts.plan.overage.get(alert.pool)
    if charge is None or pool is None:
        return AlertView(f"{name}: all used", "The plan sells none beyond; more use is refused.", when, "bad")
    price = wording.price_of(charge, facts.plan.currency, pool.unit)
    return AlertView(f"{name}: all used", f"Use beyond the allowance is charged, {price}.", when, "bad")


def _of_included(plan: Plan, pool: Pool | None) -> str:
    if pool is None or not plan.allowances.get(pool.code):
        return "Running low."
    return f"Of {wording.allowance(plan, pool)}."


def _invoice_row(invoice: Invoice, timezone: str, at: datetime) -> InvoiceRowView:
    status = "past_due" if standing.is_late(invoice, at) else invoice.status.value
    return InvoiceRowView(
        id=invoice.id,
        number=invoice_number(invoice) or "Draft",
        period=wording.span(invoice.period_start, invoice.period_end, timezone),
        total=wording.amount(invoice.total_minor, invoice.currency),
        status=status,
        status_word=_status_word(status),
    )


def _status_word(status: str) -> str:
    return STATUS_WORDS.get(status, status.replace("_", " ").capitalize())


def _in_days(days: int) -> str:
    return {0: "Today", 1: "Tomorrow"}.get(days, f"In {days:,} days")


def _more(hidden: int) -> str:
    return f"and {hidden:,} earlier this period" if hidden > 0 else ""
