"""Work out a run from what both sides accepted and what was measured. Nothing is stored here.

The calculation is one canonical document without the run's id or the time it was made: the same inputs give the same
bytes, and its hash is what every receipt of the run names.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from sqlmodel import Session

from models import KpiBaseline
from services.errors import FeatureNotIncluded, NotFound, Unprocessable
from services.gain_share.baselines import VALUE_RATE, baselines_in_force
from services.gain_share.kpi_measurements import Measured, measured
from services.gain_share.kpis import Kpi, gain_share_plan, kpis_of
from services.price_books.plans import Plan
from services.receipts.reading import find_receipt
from services.rules import decimals
from services.rules.canonical import content_hash
from services.rules.gain_share import DOWNTIME_COST, METHODS, fee, savings_by
from services.rules.money import Money
from services.rules.periods import business_date
from services.rules.receipts import written
from services.rules.savings import MEASURED, RATE_NAMES, Measurements, OwnRate, Savings, Terms
from services.rules.sensitivity import Comparison
from services.rules.violations import MissingMeasurement, RuleViolation
from services.rules.year_shares import days_of_year, year_share
from services.tenants import read_tenant

FORMAT: Final = "tallystick-gain-share/1"
SHARE_DECIMALS_MAX: Final = 4
NUMBER_DECIMALS: Final = 6
"""Intermediate numbers may have no end (hours divided by hours); they are shown to a millionth, and the exact fraction
stands beside those that are not exactly that."""

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
    share = _period_share(period_start, period_end, today=business_date(at, tenant.timezone))
    _check_method_and_share(method, share_pct)
    kpis = kpis_of(session, tenant_id=tenant_id)
    baselines = [each for each in baselines_in_force(session, tenant_id=tenant_id, on=period_start) if each.kpi in kpis]
    terms = _agreed_terms(baselines, kpis, tenant.currency, share)
    before = side_of({each.kpi: each.value for each in baselines})
    wanted = _wanted(method, before, terms)
    missing = _not_agreed(wanted, before, terms)
    found = _measured(session, wanted, tenant_id=tenant_id, days=(period_start, period_end), not_agreed=missing)
    after = side_of({code: figure.value for code, figure in found.figures.items()})
    bounds = plan.gain_share
    comparison = Comparison(method, before, after, terms, share_pct, bounds.min_pct, bounds.max_pct)
    with refusing("period_start"):
        savings = savings_by(method, before, after, terms)
    with refusing("share_pct"):
        due = fee(savings.total, share_pct, min_pct=bounds.min_pct, max_pct=bounds.max_pct)
    document = _document(comparison, savings, found) | {
        "plan": plan.version_id,
        "own": _own_document(terms, kpis),
        "baselines": [_baseline_document(session, each) for each in baselines],
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


@contextmanager
def refusing(field: str) -> Iterator[None]:
    """What a rule does not accept is refused naming the field it came in, and any numbers that are missing."""
    try:
        yield
    except MissingMeasurement as missing:
        raise Unprocessable(missing.message, field=field, missing=list(missing.names)) from missing
    except RuleViolation as violation:
        raise Unprocessable(violation.message, field=field) from violation


def _period_share(starts: date, ends: date, *, today: date) -> Fraction:
    if ends <= starts:
        raise Unprocessable("period_end must be after period_start; it is not part of the period.", field="period_end")
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


def _agreed_terms(baselines: Sequence[KpiBaseline], kpis: Mapping[str, Kpi], currency: str, share: Fraction) -> Terms:
    """The rates of all baselines together. Raises Unprocessable where there is none, or two disagree."""
    if not baselines:
        raise Unprocessable(
            "No baseline that both sides accepted is in force when this period starts; agree on one first.",
            field="period_start",
        )
    agreed: dict[str, Decimal] = {}
    own: dict[str, OwnRate] = {}
    for baseline in baselines:
        rates = {name: Decimal(text) for name, text in baseline.rates.items()}
        if kpis[baseline.kpi].is_own:
            own[baseline.kpi] = OwnRate(kpis[baseline.kpi].better, rates[VALUE_RATE])
        for name in RATE_NAMES:
            if name in rates and agreed.setdefault(name, rates[name]) != rates[name]:
                raise Unprocessable(f"The baselines name different rates for {name}; agree on one.", field="rates")
    if "operating_hours" not in agreed:
        raise Unprocessable("The baselines name no operating_hours; agree on them.", field="rates")
    return Terms(currency=currency, own=own, year_share=share, **agreed)


def _wanted(method: str, before: Measurements, terms: Terms) -> list[str]:
    """The KPIs that have to be measured: those the method and the terms use."""
    if method == DOWNTIME_COST:
        uses = {"mtbf_hours": True, "mttr_hours": True, "availability_pct": before.availability_pct is not None}
    else:
        uses = {
            "availability_pct": terms.availability_cost is not None,
            "mtbf_hours": terms.failure_cost is not None or terms.repair_cost is not None,
            "mttr_hours": terms.repair_cost is not None,
        }
    uses |= {
        "inventory_value": terms.carrying_rate_pct is not None,
        "overtime_hours": terms.overtime_rate is not None,
    }
    return [kpi for kpi in MEASURED if uses[kpi]] + list(terms.own)


def _measured(
    session: Session,
    wanted: Sequence[str],
    *,
    tenant_id: str,
    days: tuple[date, date],
    not_agreed: tuple[str, ...],
) -> Measured:
    """What was measured. Raises Unprocessable that names, all at once, what was not measured and what is not agreed."""
    try:
        found = measured(session, tenant_id=tenant_id, starts=days[0], ends=days[1], kpis=wanted)
    except Unprocessable as refused:
        missing = refused.members.get("missing")
        if not missing or not not_agreed:
            raise
        names = [*not_agreed, *missing]
        raise Unprocessable(MissingMeasurement(tuple(names)).message, field="period_start", missing=names) from refused
    if not_agreed:
        raise Unprocessable(MissingMeasurement(not_agreed).message, field="period_start", missing=list(not_agreed))
    return found


def _not_agreed(wanted: Sequence[str], before: Measurements, terms: Terms) -> tuple[str, ...]:
    """The baselines that are missing for what has to be measured, and the rates that every method needs."""
    missing = [f"baseline {kpi}" for kpi in wanted if kpi in MEASURED and getattr(before, kpi) is None]
    if "mtbf_hours" in wanted and terms.failure_cost is None and terms.repair_cost is None:
        missing += [name for name in ("downtime_rate", "labour_rate", "parts_cost") if getattr(terms, name) is None]
    return tuple(missing)


def side_of(values: Mapping[str, Decimal | None]) -> Measurements:
    """One side of a comparison from its KPIs. A time between failures that is None, though it was measured, says that
    nothing failed."""
    known = {kpi: value for kpi, value in values.items() if value is not None}
    nothing_failed = "mtbf_hours" in values and values["mtbf_hours"] is None
    named = {kpi: known[kpi] for kpi in MEASURED if kpi in known}
    if nothing_failed:
        named.pop("mttr_hours", None)
    own = {kpi: value for kpi, value in known.items() if kpi not in MEASURED}
    return Measurements(**named, own=own, nothing_failed=nothing_failed)


def _document(comparison: Comparison, savings: Savings, found: Measured) -> dict[str, Any]:
    """All that went in and came out, as text; the parts' amounts sum to the savings."""
    terms = comparison.terms
    rates = {name: getattr(terms, name) for name in RATE_NAMES}
    return {
        "format": FORMAT,
        "method": comparison.method,
        "period": {"start": found.starts.isoformat(), "end": found.ends.isoformat()},
        "year": {"days": (found.ends - found.starts).days, "of": days_of_year(found.starts)},
        "currency": terms.currency,
        "actual": [
            {
                "kpi": figure.kpi,
                "unit": figure.unit,
                "value": None if figure.value is None else decimals.text_of(figure.value),
                "failures": None if figure.failures is None else decimals.text_of(figure.failures),
                "measurements": list(figure.measurement_ids),
            }
            for figure in found.figures.values()
        ],
        "terms": {name: decimals.text_of(rate) for name, rate in rates.items() if rate is not None},
        "numbers": [{"name": n.name, "unit": n.unit} | _number(n.value) for n in savings.numbers],
        "parts": [{"name": part.name, "amount": part.money.plain()} | _exact(part.amount) for part in savings.parts],
        "overlapping": savings.overlapping,
        "savings": savings.total.plain(),
        "share_pct": decimals.text_of(comparison.share_pct),
        "bounds": {
            "min_pct": decimals.text_of(comparison.min_pct),
            "max_pct": decimals.text_of(comparison.max_pct),
        },
    }


def _own_document(terms: Terms, kpis: Mapping[str, Kpi]) -> dict[str, Any]:
    """The plan's own KPIs that are priced, as the plan names them."""
    return {
        code: {
            "name": kpis[code].name,
            "unit": kpis[code].unit,
            "better": rate.better,
            VALUE_RATE: decimals.text_of(rate.value_rate),
        }
        for code, rate in terms.own.items()
    }


def _baseline_document(session: Session, baseline: KpiBaseline) -> dict[str, Any]:
    """A baseline with the receipt that seals it."""
    assert baseline.receipt_seq is not None
    receipt = find_receipt(session, tenant_id=baseline.tenant_id, seq=baseline.receipt_seq)
    return {
        "id": baseline.id,
        "kpi": baseline.kpi,
        "value": decimals.text_of(baseline.value),
        "unit": baseline.unit,
        "effective_from": baseline.effective_from.isoformat(),
        "receipt": {"seq": baseline.receipt_seq, "hash": written(receipt.hash)},
    }


def _number(value: Fraction) -> dict[str, str]:
    scaled = decimals.round_half_away(value * 10**NUMBER_DECIMALS)
    shown = decimals.text_of(Decimal(scaled).scaleb(-NUMBER_DECIMALS, decimals.EXACT))
    return {"value": shown} | ({} if Fraction(shown) == value else _exact(value))


def _exact(value: Fraction) -> dict[str, str]:
    """The number itself, as a fraction in lowest terms."""
    return {"exact": f"{value.numerator}/{value.denominator}" if value.denominator != 1 else str(value.numerator)}
