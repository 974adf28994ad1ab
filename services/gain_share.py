"""Work out a run against the baselines both sides accepted: the savings, and the share of them that is the fee.

A run is stored with all that went into it, so that it can be worked out again by hand; it has a receipt.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sqlmodel import Session, select

from models import GainShareRun, GainShareStatus, KpiBaseline
from services.agreement_receipts import write_run_receipt
from services.baselines import RATES, baselines_in_force
from services.errors import Conflict, FeatureNotIncluded, NotFound, Unprocessable
from services.identifiers import new_id
from services.kpis import gain_share_plan
from services.plans import GainShareTerms
from services.rules import decimals, gain_share
from services.rules.gain_share import DOWNTIME_COST, KPI_DELTA, METHODS, Measurements, Savings, Terms
from services.rules.periods import business_date
from services.rules.savings import MEASURED
from services.rules.violations import MissingMeasurement, RuleViolation
from services.tenants import lock_head, read_tenant

KPIS = MEASURED
RUN_DAYS_MAX = 366
NUMBER_DECIMALS = 6
"""Intermediate numbers may have no end (hours divided by hours); they are shown to a millionth, amounts exactly."""

_METHODS = {DOWNTIME_COST: gain_share.downtime_cost, KPI_DELTA: gain_share.kpi_delta}


def record_run(
    session: Session,
    *,
    tenant_id: str,
    period_start: date,
    period_end: date,
    actual: Mapping[str, Decimal],
    share_pct: Decimal,
    at: datetime,
    method: str = DOWNTIME_COST,
) -> GainShareRun:
    """Work out the savings of [period_start, period_end) against the baselines in force at its start.

    `actual` holds what was measured, by the names of KPIS. The run waits for approval and charges nothing by itself.
    Raises FeatureNotIncluded where the plan has no gain-share, Conflict where a run covers some of these days
    already, and Unprocessable for a share outside the plan's bounds or missing numbers, all of which it names.
    """
    lock_head(session, tenant_id=tenant_id)
    tenant = read_tenant(session, tenant_id=tenant_id)
    bounds = _plan_terms(session, tenant_id)
    _check_period(period_start, period_end, today=business_date(at, tenant.timezone))
    _check_not_covered(session, tenant_id, period_start, period_end)
    _check_named(method, METHODS, "method")
    for name in actual:
        _check_named(name, KPIS, "actual")
    with _refusing("actual"):
        measured = Measurements(**actual)  # type: ignore[arg-type]
    baselines = [b for b in baselines_in_force(session, tenant_id=tenant_id, on=period_start) if b.kpi in KPIS]
    terms = _agreed_terms(baselines, tenant.currency)
    with _refusing("actual"):
        before = Measurements(**{b.kpi: b.value for b in baselines})  # type: ignore[arg-type]
        savings = _METHODS[method](before, measured, terms)
    with _refusing("share_pct"):
        fee = gain_share.fee(savings.total, share_pct, min_pct=bounds.min_pct, max_pct=bounds.max_pct)
    run = GainShareRun(
        tenant_id=tenant_id,
        id=new_id("run"),
        method=method,
        period_start=period_start,
        period_end=period_end,
        share_pct=share_pct,
        currency=tenant.currency,
        savings_minor=savings.total.amount_minor,
        fee_minor=fee.amount_minor,
        status=GainShareStatus.PENDING_APPROVAL,
        breakdown=_breakdown(savings, terms=terms, baselines=baselines, actual=actual),
        created_at=at,
    )
    receipt = write_run_receipt(session, run=run, timezone=tenant.timezone, at=at)
    run.receipt_seq, run.salt = receipt
    session.add(run)
    session.flush()
    return run


def _plan_terms(session: Session, tenant_id: str) -> GainShareTerms:
    plan = gain_share_plan(session, tenant_id=tenant_id)
    if plan is None:
        raise NotFound("There is no subscription yet; choose a plan.", field="subscription_id")
    if plan.gain_share is None:
        raise FeatureNotIncluded(f"{plan.name} has no gain-share; it comes with a plan that names its share.")
    return plan.gain_share


def _check_period(starts: date, ends: date, *, today: date) -> None:
    if ends <= starts:
        raise Unprocessable("period_end must be after period_start; it is not part of the period.", field="period_end")
    if ends - starts > timedelta(days=RUN_DAYS_MAX):
        raise Unprocessable(f"A run covers at most {RUN_DAYS_MAX} days.", field="period_end")
    if ends > today:
        raise Unprocessable(f"The period has not ended by today ({today}); run it then.", field="period_end")


def _check_not_covered(session: Session, tenant_id: str, starts: date, ends: date) -> None:
    overlapping = select(GainShareRun).where(
        GainShareRun.tenant_id == tenant_id,
        GainShareRun.status != GainShareStatus.REJECTED,
        GainShareRun.period_start < ends,
        GainShareRun.period_end > starts,
    )
    earlier = session.exec(overlapping).first()
    if earlier is not None:
        covered = f"{earlier.period_start} up to {earlier.period_end}"
        raise Conflict(f"The run of {covered} covers some of these days; a saving is charged once.", run_id=earlier.id)


def _agreed_terms(baselines: list[KpiBaseline], currency: str) -> Terms:
    """The rates of all baselines together. Raises Unprocessable where there is none, or two disagree."""
    if not baselines:
        raise Unprocessable(
            "No baseline is in force when this period starts; agree on one first.", field="period_start"
        )
    agreed: dict[str, Decimal] = {}
    for baseline in baselines:
        for name, text in baseline.rates.items():
            rate = Decimal(text)
            if agreed.setdefault(name, rate) != rate:
                raise Unprocessable(f"The baselines name different rates for {name}; record them alike.", field="rates")
    if "operating_hours" not in agreed:
        raise Unprocessable("The baselines name no operating_hours; record them with one.", field="rates")
    return Terms(currency=currency, **agreed)  # type: ignore[arg-type]


def _breakdown(
    savings: Savings, *, terms: Terms, baselines: list[KpiBaseline], actual: Mapping[str, Decimal]
) -> dict[str, Any]:
    """All that went in and came out, as text; the parts' amounts sum to the run's savings."""
    rates = {name: getattr(terms, name) for name in RATES}
    return {
        "parts": [{"name": part.name, "amount": part.money.plain()} for part in savings.parts],
        "numbers": [{"name": n.name, "value": _to_a_millionth(n.value), "unit": n.unit} for n in savings.numbers],
        "overlapping": savings.overlapping,
        "baselines": [
            {"id": b.id, "kpi": b.kpi, "value": decimals.text_of(b.value), "unit": b.unit} for b in baselines
        ],
        "actual": {name: decimals.text_of(value) for name, value in actual.items()},
        "terms": {name: decimals.text_of(rate) for name, rate in rates.items() if rate is not None},
    }


def _to_a_millionth(value: Fraction) -> str:
    scaled = decimals.round_half_away(value * 10**NUMBER_DECIMALS)
    return decimals.text_of(Decimal(scaled).scaleb(-NUMBER_DECIMALS, decimals.EXACT))


def _check_named(name: str, known: tuple[str, ...], field: str) -> None:
    if name not in known:
        raise Unprocessable(f"{name!r} is not one of {', '.join(known)}.", field=field)


@contextmanager
def _refusing(field: str) -> Iterator[None]:
    """What a rule does not accept is refused naming the field it came in, and any numbers that are missing."""
    try:
        yield
    except MissingMeasurement as missing:
        raise Unprocessable(missing.message, field=field, missing=list(missing.names)) from missing
    except RuleViolation as violation:
        raise Unprocessable(violation.message, field=field) from violation
