"""How each KPI of a run developed against its baseline: the measurements it used, and the months before them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from sqlmodel import Session, col, select

from models import KpiMeasurement
from services.gain_share.kpi_measurement_lists import standing_measurements
from services.rules.savings import MEASURED
from services.rules.year_shares import days_of_year

MONTHS_SHOWN: Final = 12
"""Before a run's end, so that a quarter is seen within its year."""

OF_A_YEAR: Final = frozenset({"overtime_hours"})
"""KPIs whose baseline is a whole year's, and of which a measurement is held to its own share."""


@dataclass(frozen=True, slots=True)
class KpiPoint:
    """What was measured of the days [starts, ends), None where nothing failed, and the baseline of those days."""

    starts: date
    ends: date
    value: Decimal | None
    baseline: Decimal
    is_in_run: bool


@dataclass(frozen=True, slots=True)
class KpiSeries:
    """One KPI in time. `name` is "" where it is one of the built-in ones."""

    kpi: str
    name: str
    unit: str
    points: tuple[KpiPoint, ...]


def read_series(session: Session, *, tenant_id: str, calculation: Mapping[str, Any]) -> tuple[KpiSeries, ...]:
    """Each KPI that a calculation compares, over the twelve months that end with its period.

    Within the period they are those measurements the calculation was made of, also where others took their place.
    """
    starts, ends = (date.fromisoformat(calculation["period"][end]) for end in ("start", "end"))
    used = {id_ for each in calculation["actual"] for id_ in each["measurements"]}
    of_run = select(KpiMeasurement).where(KpiMeasurement.tenant_id == tenant_id, col(KpiMeasurement.id).in_(used))
    earlier = standing_measurements(session, tenant_id=tenant_id, starts=_months_before(ends), ends=starts)
    before = [each for each in earlier if each.period_end <= starts]
    found = sorted([*before, *session.exec(of_run)], key=lambda each: (each.period_start, each.id))
    baselines = {each["kpi"]: Decimal(each["value"]) for each in calculation["baselines"]}
    units = {each["kpi"]: each["unit"] for each in calculation["actual"]}
    own = calculation["own"]
    return tuple(
        KpiSeries(
            kpi,
            own[kpi]["name"] if kpi in own else "",
            units[kpi],
            tuple(_points(kpi, baselines[kpi], (each for each in found if each.kpi == kpi), used)),
        )
        for kpi in (*MEASURED, *sorted(own))
        if kpi in baselines and kpi in units
    )


def _points(kpi: str, baseline: Decimal, measurements: Iterable[KpiMeasurement], used: set[str]) -> Iterable[KpiPoint]:
    for each in measurements:
        level = baseline
        if kpi in OF_A_YEAR:
            days = (each.period_end - each.period_start).days
            level = round(baseline * days / days_of_year(each.period_start), 2)
        yield KpiPoint(each.period_start, each.period_end, each.value, level, each.id in used)


def _months_before(ends: date) -> date:
    """The first of the month that is MONTHS_SHOWN before a day."""
    month = ends.year * 12 + ends.month - 1 - MONTHS_SHOWN
    return date(month // 12, month % 12 + 1, 1)
