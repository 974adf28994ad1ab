"""Record what was measured, and take the measurements of a period together into one figure for each KPI."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from sqlmodel import Session, col, select

from models import KpiMeasurement, MeasurementSource, Tenant
from models.base import plain_decimal
from models.kpi import SITE_MAX
from services.errors import Conflict, Unprocessable
from services.gain_share.baselines import check_value
from services.gain_share.evidence import find_evidence
from services.gain_share.kpi_counts import NOT_COUNTED, Counts, totals_of
from services.gain_share.kpis import Kpi, check_unit, find_kpi, kpis_of
from services.gain_share.parties import Signer
from services.identifiers import new_id
from services.rules.kpi_periods import (
    Blend,
    Combining,
    Stretch,
    blend,
    counted_value,
    days_named,
    gaps,
    months_of,
    rounded,
)
from services.rules.periods import business_date
from services.rules.violations import MissingMeasurement, RuleViolation
from services.tenants import lock_head, read_tenant

MEASUREMENT_DAYS_MAX: Final = 366
ALL_SITES: Final = ""
MISSING_NAMED_MAX: Final = 60


@dataclass(frozen=True, slots=True)
class Reading:
    """What one measurement says: the KPI over the days [period_start, period_end), as a value or as what was counted.

    `site` is ALL_SITES for the customer as a whole, which is what a run is worked out from. `unit` may be left to the
    KPI. Without `value` and counts it is refused, and with both. `totals` are counts as they are kept.
    """

    kpi: str
    period_start: date
    period_end: date
    value: Decimal | None = None
    counts: Counts = NOT_COUNTED
    unit: str | None = None
    site: str = ALL_SITES
    file_id: str | None = None
    totals: tuple[Decimal, Decimal] | None = None


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


def record_measurement(
    session: Session, *, tenant_id: str, reading: Reading, source: MeasurementSource, signer: Signer, at: datetime
) -> KpiMeasurement:
    """Record one measurement, as `record_measurements` does."""
    (recorded,) = record_measurements(
        session, tenant_id=tenant_id, readings=[reading], source=source, signer=signer, at=at
    )
    return recorded


def record_measurements(
    session: Session,
    *,
    tenant_id: str,
    readings: Sequence[Reading],
    source: MeasurementSource,
    signer: Signer,
    at: datetime,
    import_id: str | None = None,
) -> list[KpiMeasurement]:
    """Record measurements. One of exactly the same KPI, site and days takes the place of the one before.

    Raises Conflict where one covers some of the days of another, naming it, and Unprocessable naming the field.
    """
    lock_head(session, tenant_id=tenant_id)
    kpis = kpis_of(session, tenant_id=tenant_id)
    tenant = read_tenant(session, tenant_id=tenant_id)
    recorded = []
    for reading in readings:
        kpi = find_kpi(kpis, reading.kpi)
        _check_days(reading.period_start, reading.period_end)
        check_ended(reading.period_end, tenant, at)
        _check_site(reading.site)
        if reading.file_id is not None:
            find_evidence(session, tenant_id=tenant_id, file_id=reading.file_id)
        value, totals = _figures_of(kpi, reading)
        measurement = KpiMeasurement(
            tenant_id=tenant_id,
            id=new_id("kms"),
            kpi=kpi.code,
            site=reading.site,
            period_start=reading.period_start,
            period_end=reading.period_end,
            value=value,
            unit=check_unit(kpi, reading.unit),
            total=None if totals is None else plain_decimal(totals[0]),
            weight=None if totals is None else plain_decimal(totals[1]),
            source=source,
            import_id=import_id,
            file_id=reading.file_id,
            recorded_by=signer.by,
            recorded_party=signer.party,
            recorded_at=at,
        )
        recorded.append(measurement)
    _make_room(session, tenant_id, readings, at)
    session.add_all(recorded)
    session.flush()
    return recorded


def standing_measurements(
    session: Session, *, tenant_id: str, starts: date, ends: date, site: str | None = ALL_SITES
) -> list[KpiMeasurement]:
    """What stands of the measurements that touch the days [starts, ends), in time; of every site where it is None."""
    touching = select(KpiMeasurement).where(
        KpiMeasurement.tenant_id == tenant_id,
        col(KpiMeasurement.replaced_at).is_(None),
        KpiMeasurement.period_start < ends,
        KpiMeasurement.period_end > starts,
    )
    if site is not None:
        touching = touching.where(KpiMeasurement.site == site)
    return list(session.exec(touching.order_by(col(KpiMeasurement.period_start), col(KpiMeasurement.id))))


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


def _figures_of(kpi: Kpi, reading: Reading) -> tuple[Decimal | None, tuple[Decimal, Decimal] | None]:
    totals = reading.totals or totals_of(kpi, reading.counts)
    if totals is not None:
        if reading.value is not None:
            raise Unprocessable("Send the value or what was counted, not both: one gives the other.", field="value")
        return counted_value(kpi.combining, *totals), totals
    if reading.value is None:
        raise Unprocessable(f"Send the value of {kpi.name} in {kpi.unit}.", field="value")
    check_value(kpi, reading.value)
    if kpi.combining is Combining.BETWEEN_FAILURES and reading.value == 0:
        raise Unprocessable(
            "The time between failures is above zero; where nothing ran, send up_hours of 0 and the failures.",
            field="value",
        )
    return reading.value, None


def _make_room(session: Session, tenant_id: str, readings: Sequence[Reading], at: datetime) -> None:
    """Note on what stands that it is replaced. Raises Conflict where it, or another reading, covers only some days."""
    starts, ends = min(each.period_start for each in readings), max(each.period_end for each in readings)
    taken: dict[tuple[str, str], list[KpiMeasurement | Reading]] = {}
    for standing in standing_measurements(session, tenant_id=tenant_id, starts=starts, ends=ends, site=None):
        taken.setdefault((standing.kpi, standing.site), []).append(standing)
    for reading in readings:
        others = taken.setdefault((reading.kpi, reading.site), [])
        for other in others:
            if other.period_start < reading.period_end and reading.period_start < other.period_end:
                _check_same_days(reading, other)
                if isinstance(other, KpiMeasurement):
                    other.replaced_at = at
        others.append(reading)
    session.flush()


def _check_same_days(reading: Reading, other: KpiMeasurement | Reading) -> None:
    days = days_named(other.period_start, other.period_end)
    if isinstance(other, Reading):
        raise Unprocessable(f"{reading.kpi} of {days} is sent twice; send it once.", field="period_start")
    if (other.period_start, other.period_end) != (reading.period_start, reading.period_end):
        raise Conflict(
            f"{reading.kpi} of {days} is measured already and covers some of these days; measure exactly {days}, or "
            "days outside it.",
            field="period_start",
            measurement_id=other.id,
        )


def check_ended(ends: date, tenant: Tenant, at: datetime) -> None:
    """That the customer's day before `ends` is over. Raises Unprocessable."""
    today = business_date(at, tenant.timezone)
    if ends > today:
        raise Unprocessable(f"The period has not ended by today ({today}); measure it then.", field="period_end")


def _check_days(starts: date, ends: date) -> None:
    if not 0 < (ends - starts).days <= MEASUREMENT_DAYS_MAX:
        raise Unprocessable(
            f"A measurement covers 1 to {MEASUREMENT_DAYS_MAX} days; period_end is the day after the last.",
            field="period_end",
        )


def _check_site(site: str) -> None:
    if len(site) > SITE_MAX or not site.isprintable() or site != site.strip():
        raise Unprocessable(f"A site has at most {SITE_MAX} printable characters.", field="site")
