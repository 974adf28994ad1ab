"""A change of plan in words: what is asked, what the button says, and when it takes effect."""

from sqlmodel import Session

from models import Interval
from services import wording
from services.price_books.plans import Plan
from services.subscriptions.change_preview import PlanChange, When
from services.subscriptions.offered_terms import OWN, TODAY, contract_of

LATER_WORDS = {Interval.MONTH: "as the period ends", Interval.YEAR: "as the paid year ends"}


def change_words(change: PlanChange) -> str:
    """What a button that makes the change says."""
    later = "" if change.when == When.NOW else f" {_later(change)}"
    if change.then.version_id == change.before.version_id:
        return f"Pay by the {change.interval.value}{later}"
    if later:
        return f"Switch{later}"
    is_dearer = change.then.base_exact(months=1) > change.before.base_exact(months=1)
    return "Upgrade now" if is_dearer and change.then.code != change.before.code else "Switch now"


def price_of(plan: Plan, interval: Interval) -> str:
    """$9,000.00 a month."""
    if not plan.base_price:
        return "No base fee"
    fee = plan.annual_base() if interval == Interval.YEAR else plan.monthly_base()
    return f"{wording.money(fee)} a {interval.value}"


def change_title(session: Session, change: PlanChange, terms: str) -> str:
    """What is asked before a change; `terms` as in `offered_terms`."""
    before, then = change.before, change.then
    if then.version_id == before.version_id:
        return f"Pay for {then.name} by the {change.interval.value}?"
    yearly = ", paid by the year" if change.interval == Interval.YEAR else ""
    if terms == TODAY and then.code == before.code:
        return f"Move {then.name} to today's terms{yearly}?"
    if terms not in (OWN, TODAY):
        contract = contract_of(session, tenant_id=change.subscription.tenant_id, terms=terms)
        return f"Move {before.name} to your contract “{contract.title}”{yearly}?"
    return f"Change from {before.name} to {then.name}{yearly}?"


def takes_effect(change: PlanChange, timezone: str) -> str:
    """As soon as you confirm, or on which day."""
    if change.when == When.NOW:
        return "As soon as you confirm"
    return f"On {wording.moment_day(change.effective_at, timezone)}, {_later(change)}"


def _later(change: PlanChange) -> str:
    waits_for_year = change.effective_at > change.subscription.current_period_end
    return LATER_WORDS[Interval.YEAR if waits_for_year else Interval.MONTH]
