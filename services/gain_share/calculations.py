"""Work out a run from what both sides accepted and what was measured. Nothing is stored here.

The calculation is one canonical document without the run's id or the time it was made: the same inputs give the same
bytes, and its hash is what every receipt of the run names.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from sqlmodel import Session

from services.errors import FeatureNotIncluded, NotFound, Unprocessable
from services.gain_share.baseline_lists import baselines_in_force
from services.gain_share.calculation_documents import baseline_document, calculation_document, own_document
from services.gain_share.comparing import agreed_terms, measured_of, not_agreed, refusing, side_of, wanted_kpis
from services.gain_share.kpis import gain_share_plan, kpis_of
from services.price_books.plans import Plan
from services.rules import decimals
from services.rules.canonical import content_hash
from services.rules.gain_share import DOWNTIME_COST, METHODS, fee, savings_by
from services.rules.money import Money
from services.rules.periods import business_date, day_bounds
from services.rules.savings import Savings
from services.rules.sensitivity import Comparison
from services.rules.year_shares import year_share
from services.tenants import read_tenant

SHARE_DECIMALS_MAX: Final = 4
_HASH_PREFIX: Final = "sha256:"


@dataclass(frozen=True, slots=True)
class Calculation:
    """A run worked out: the document, its SHA-256 in hexadecimal, what comes of it and what it was worked out from."""

    document: dict[str, Any]
    sha256: str
    savings: Savings
    fee: Money
    comparison: Comparison
    plan: Plan


def calculate_run(
    session: Session,
    *,
    tenant_id: str,
    period_start: date,
    period_end: date,
    share_pct: Decimal,
    at: datetime,
    method: str = DOWNTIME_COST,
) -> Calculation:
    """The savings of [period_start, period_end) against the accepted baselines in force at its start, and the fee.

    Raises FeatureNotIncluded where the plan has no gain-share, and Unprocessable for a period that is not over, a
    share outside the plan's bounds, or numbers that are missing, all of which it names.
    """
    tenant = read_tenant(session, tenant_id=tenant_id)
    plan = bounding_plan(session, tenant_id=tenant_id)
    assert plan.gain_share is not None
    share = _period_share(period_start, period_end, timezone=tenant.timezone, at=at)
    _check_method_and_share(method, share_pct)
    kpis = kpis_of(session, tenant_id=tenant_id)
    baselines = [each for each in baselines_in_force(session, tenant_id=tenant_id, on=period_start) if each.kpi in kpis]
    terms = agreed_terms(baselines, kpis, tenant.currency, share)
    before = side_of({each.kpi: each.value for each in baselines})
    wanted = wanted_kpis(method, before, terms)
    missing = not_agreed(wanted, before, terms)
    found = measured_of(session, wanted, tenant_id=tenant_id, days=(period_start, period_end), unagreed=missing)
    with refusing("period_start"):
        after = side_of({code: figure.value for code, figure in found.figures.items()})
    bounds = plan.gain_share
    comparison = Comparison(method, before, after, terms, share_pct, bounds.min_pct, bounds.max_pct)
    with refusing("period_start"):
        savings = savings_by(method, before, after, terms)
    with refusing("share_pct"):
        due = fee(savings.total, share_pct, min_pct=bounds.min_pct, max_pct=bounds.max_pct)
    document = calculation_document(comparison, savings, found) | {
        "plan": plan.version_id,
        "own": own_document(terms, kpis),
        "baselines": [baseline_document(session, each) for each in baselines],
        "fee": due.plain(),
    }
    sha256 = content_hash(document).removeprefix(_HASH_PREFIX)
    return Calculation(document, sha256, savings, due, comparison, plan)


def bounding_plan(session: Session, *, tenant_id: str) -> Plan:
    """The plan whose bounds a share has. Raises NotFound without any, FeatureNotIncluded where it has no gain-share."""
    plan = gain_share_plan(session, tenant_id=tenant_id)
    if plan is None:
        raise NotFound("There is no subscription yet; choose a plan.", field="subscription_id")
    if plan.gain_share is None:
        raise FeatureNotIncluded(f"{plan.name} has no gain-share; it comes with a plan that names its share.")
    return plan


def _period_share(starts: date, ends: date, *, timezone: str, at: datetime) -> Fraction:
    today = business_date(at, timezone)
    if ends <= starts:
        raise Unprocessable("period_end must be after period_start; it is not part of the period.", field="period_end")
    with refusing("period_start"):
        day_bounds(starts, timezone)
    with refusing("period_end"):
        share = year_share(starts, ends)
    if ends > today:
        raise Unprocessable(f"The period has not ended by today ({today}); run it then.", field="period_end")
    return share


def _check_method_and_share(method: str, share_pct: Decimal) -> None:
    if method not in METHODS:
        raise Unprocessable(f"{method!r} is not one of {', '.join(METHODS)}.", field="method")
    if share_pct.is_finite() and decimals.decimals_of(share_pct.normalize()) > SHARE_DECIMALS_MAX:
        raise Unprocessable(f"A share has at most {SHARE_DECIMALS_MAX} decimals.", field="share_pct")
