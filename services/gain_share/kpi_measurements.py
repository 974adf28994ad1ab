"""Record what was measured: by hand, by a program, or read from a log."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from sqlmodel import Session

from models import KpiMeasurement, MeasurementSource, Tenant
from models.base import plain_decimal
from models.kpi import SITE_MAX
from services.errors import Conflict, Unprocessable
from services.gain_share.baseline_terms import check_value
from services.gain_share.evidence import find_evidence
from services.gain_share.kpi_counts import NOT_COUNTED, Counts, totals_of
from services.gain_share.kpi_measurement_lists import ALL_SITES, standing_measurements
from services.gain_share.kpis import Kpi, check_unit, find_kpi, kpis_of
from services.gain_share.parties import Signer
from services.identifiers import new_id
from services.rules.kpi_periods import Combining, counted_value, days_named
from services.rules.periods import business_date
from services.tenants import lock_head, read_tenant

MEASUREMENT_DAYS_MAX: Final = 366


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
