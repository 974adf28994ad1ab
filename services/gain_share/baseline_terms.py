"""What a baseline says, and what is refused of it before anybody is asked to agree."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from models import Tenant
from services.errors import Unprocessable
from services.gain_share.kpis import Kpi
from services.rules.periods import business_date
from services.rules.price_models import check_rate
from services.rules.savings import RATE_NAMES, Measurements
from services.rules.violations import RuleViolation

RATES: Final = RATE_NAMES
VALUE_RATE: Final = "value_rate"
"""What one unit of a plan's own KPI is worth in a year, in major units of the currency."""

BASELINE_DAYS_MAX: Final = 3 * 366
WAITING_MAX: Final = 25
"""So many proposals of one party may wait at a time: the other one is written to about each."""


@dataclass(frozen=True, slots=True)
class BaselineTerms:
    """What is proposed: the KPI's value over the days [period_start, period_end), and what its change is worth.

    `rates` are those of RATES in major units of the customer's currency (`operating_hours` are a year's); a KPI of the
    plan's own has `value_rate` besides. `file_id` is the source document. `unit` may be left to the KPI.
    """

    kpi: str
    value: Decimal
    currency: str
    rates: Mapping[str, Decimal]
    period_start: date
    period_end: date
    file_id: str
    effective_from: date
    unit: str | None = None


def check_value(kpi: Kpi, value: Decimal) -> None:
    """That a KPI can have this value. Raises Unprocessable."""
    try:
        check_rate(value, "value")
        if not kpi.is_own:
            Measurements(**{kpi.code: value})  # type: ignore[arg-type]
    except RuleViolation as violation:
        raise Unprocessable(violation.message, field="value") from violation


def check_rates(kpi: Kpi, rates: Mapping[str, Decimal]) -> None:
    known = (*RATES, VALUE_RATE) if kpi.is_own else RATES
    for name, rate in rates.items():
        if name not in known:
            raise Unprocessable(f"{name!r} is not one of {', '.join(known)}.", field="rates")
        try:
            check_rate(rate, name)
        except RuleViolation as violation:
            raise Unprocessable(violation.message, field="rates") from violation
    if kpi.is_own and VALUE_RATE not in rates:
        raise Unprocessable(
            f"{kpi.name} is priced by {VALUE_RATE}: what one unit of it is worth in a year.", field="rates"
        )


def check_period(terms: BaselineTerms, tenant: Tenant, at: datetime) -> None:
    starts, ends, today = terms.period_start, terms.period_end, business_date(at, tenant.timezone)
    if not 0 < (ends - starts).days <= BASELINE_DAYS_MAX:
        raise Unprocessable(
            f"A baseline was measured over 1 to {BASELINE_DAYS_MAX} days; period_end is the day after the last.",
            field="period_end",
        )
    if ends > today:
        raise Unprocessable(
            f"The period has not ended by today ({today}); nothing was measured yet.", field="period_end"
        )
