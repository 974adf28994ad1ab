"""Take the measurements of a period together into one figure for each KPI, or say which days nobody measured."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from sqlmodel import Session

from models import KpiMeasurement
from services.errors import Unprocessable
from services.gain_share.kpi_measurement_lists import standing_measurements
from services.gain_share.kpis import Kpi, find_kpi, kpis_of
from services.rules.kpi_periods import Blend, Stretch, blend, days_named, gaps, months_of, rounded
from services.rules.violations import MissingMeasurement, RuleViolation

MISSING_NAMED_MAX: Final = 60


@dataclass(frozen=True, slots=True)
class MeasuredKpi:
    """One KPI over a whole period, rounded once to a millionth; `value` is None where nothing failed at all.

    `failures` is how many there were, where that was counted. `measurement_ids` are those it was made of, in time.
    """

    kpi: str
    unit: str
    value: Decimal | None
    failures: Decimal | None
    measurement_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of the days [starts, ends), by KPI."""

    starts: date
    ends: date
    figures: Mapping[str, MeasuredKpi]

    @property
    def measurement_ids(self) -> tuple[str, ...]:
        return tuple(id_ for figure in self.figures.values() for id_ in figure.measurement_ids)


def measured(
    session: Session, *, tenant_id: str, starts: date, ends: date, kpis: Iterable[str] | None = None
) -> Measured:
    """Each of `kpis` over the days [starts, ends) of the customer as a whole; all that were measured at all if None.

    Raises Unprocessable whose `missing` names every month and day of every KPI that no measurement covers. One that
    reaches beyond the period covers nothing of it, for nobody can say what fell into which part.
    """
    known = kpis_of(session, tenant_id=tenant_id)
    found: dict[str, list[KpiMeasurement]] = {}
    for each in standing_measurements(session, tenant_id=tenant_id, starts=starts, ends=ends):
        found.setdefault(each.kpi, []).append(each)
    wanted = [find_kpi(known, code) for code in (found if kpis is None else kpis)]
    wanted.sort(key=lambda kpi: list(known).index(kpi.code))
    within = {kpi.code: _within(found.get(kpi.code, ()), starts, ends) for kpi in wanted}
    missing = [
        named for kpi in wanted for named in _missing(kpi, within[kpi.code], found.get(kpi.code, ()), starts, ends)
    ]
    if missing:
        said = MissingMeasurement(tuple(missing[:MISSING_NAMED_MAX])).message
        raise Unprocessable(said, field="period_start", missing=missing)
    beside = [_stretch(each) for each in _within(found.get("mtbf_hours", ()), starts, ends)]
    figures = {kpi.code: _figure(kpi, within[kpi.code], beside) for kpi in wanted}
    return Measured(starts, ends, figures)


def _figure(kpi: Kpi, measurements: Sequence[KpiMeasurement], mtbf: Sequence[Stretch]) -> MeasuredKpi:
    for each in measurements:
        if each.unit != kpi.unit:
            named = f"{kpi.code} {days_named(each.period_start, each.period_end)}"
            raise Unprocessable(
                f"{named} was measured in {each.unit}, before it came to be in {kpi.unit}; measure it again.",
                field="period_start",
            )
    taken: Blend = blend(kpi.combining, [_stretch(each) for each in measurements], mtbf=mtbf)
    try:
        figure = rounded(taken.figure)
    except RuleViolation as violation:
        still = [days_named(each.period_start, each.period_end) for each in measurements if each.total == 0]
        named = f"{kpi.code} {', '.join(still[:MISSING_NAMED_MAX])}"
        raise Unprocessable(f"{named}: {violation.message}", field="period_start") from violation
    failures = rounded(taken.failures)
    return MeasuredKpi(kpi.code, kpi.unit, figure, failures, tuple(each.id for each in measurements))


def _stretch(measurement: KpiMeasurement) -> Stretch:
    return Stretch(
        measurement.period_start, measurement.period_end, measurement.value, measurement.total, measurement.weight
    )


def _within(found: Iterable[KpiMeasurement], starts: date, ends: date) -> list[KpiMeasurement]:
    return [each for each in found if starts <= each.period_start and each.period_end <= ends]


def _missing(
    kpi: Kpi, within: Sequence[KpiMeasurement], touching: Sequence[KpiMeasurement], starts: date, ends: date
) -> Iterable[str]:
    cut = [each for each in touching if each not in within]
    for gap in gaps([_stretch(each) for each in within], starts, ends):
        for first, end in months_of(*gap):
            beyond = next((each for each in cut if each.period_start < end and each.period_end > first), None)
            named = f"{kpi.code} {days_named(first, end)}"
            if beyond is not None:
                named += f" (measured only as part of {days_named(beyond.period_start, beyond.period_end)})"
            yield named
