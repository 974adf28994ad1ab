"""What a run compares: the terms that both sides agreed on, the KPIs these need, and what was measured of them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from fractions import Fraction

from sqlmodel import Session

from models import KpiBaseline
from services.errors import Unprocessable
from services.gain_share.baseline_terms import VALUE_RATE
from services.gain_share.kpi_figures import Measured, measured
from services.gain_share.kpis import Kpi
from services.rules.gain_share import DOWNTIME_COST
from services.rules.savings import MEASURED, RATE_NAMES, Measurements, OwnRate, Terms
from services.rules.violations import MissingMeasurement, RuleViolation


@contextmanager
def refusing(field: str) -> Iterator[None]:
    """What a rule does not accept is refused naming the field it came in, and any numbers that are missing."""
    try:
        yield
    except MissingMeasurement as missing:
        raise Unprocessable(missing.message, field=field, missing=list(missing.names)) from missing
    except RuleViolation as violation:
        raise Unprocessable(violation.message, field=field) from violation


def agreed_terms(baselines: Sequence[KpiBaseline], kpis: Mapping[str, Kpi], currency: str, share: Fraction) -> Terms:
    """The rates of all baselines together. Raises Unprocessable where there is none, two disagree, or one is in a
    unit that its KPI is not measured in any more."""
    if not baselines:
        raise Unprocessable(
            "No baseline that both sides accepted is in force when this period starts; agree on one first.",
            field="period_start",
        )
    agreed: dict[str, Decimal] = {}
    own: dict[str, OwnRate] = {}
    for baseline in baselines:
        _check_unit(baseline, kpis[baseline.kpi])
        rates = {name: Decimal(text) for name, text in baseline.rates.items()}
        if kpis[baseline.kpi].is_own:
            own[baseline.kpi] = OwnRate(kpis[baseline.kpi].better, rates[VALUE_RATE])
        for name in RATE_NAMES:
            if name in rates and agreed.setdefault(name, rates[name]) != rates[name]:
                raise Unprocessable(f"The baselines name different rates for {name}; agree on one.", field="rates")
    if "operating_hours" not in agreed:
        raise Unprocessable("The baselines name no operating_hours; agree on them.", field="rates")
    return Terms(currency=currency, own=own, year_share=share, **agreed)


def _check_unit(baseline: KpiBaseline, kpi: Kpi) -> None:
    if baseline.unit != kpi.unit:
        raise Unprocessable(
            f"The baseline of {kpi.name} is in {baseline.unit}, and the plan measures it in {kpi.unit} now; agree on "
            f"one in {kpi.unit}.",
            field="period_start",
        )


def wanted_kpis(method: str, before: Measurements, terms: Terms) -> list[str]:
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


def measured_of(
    session: Session,
    wanted: Sequence[str],
    *,
    tenant_id: str,
    days: tuple[date, date],
    unagreed: tuple[str, ...],
) -> Measured:
    """What was measured. Raises Unprocessable that names, all at once, what was not measured and what is not agreed."""
    try:
        found = measured(session, tenant_id=tenant_id, starts=days[0], ends=days[1], kpis=wanted)
    except Unprocessable as refused:
        missing = refused.members.get("missing")
        if not missing or not unagreed:
            raise
        names = [*unagreed, *missing]
        raise Unprocessable(MissingMeasurement(tuple(names)).message, field="period_start", missing=names) from refused
    if unagreed:
        raise Unprocessable(MissingMeasurement(unagreed).message, field="period_start", missing=list(unagreed))
    return found


def not_agreed(wanted: Sequence[str], before: Measurements, terms: Terms) -> tuple[str, ...]:
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
