"""What was measured month by month, for who enters it: every KPI that counts, and each gap between."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from sqlmodel import Session, col, select

from models import BaselineStatus, KpiBaseline, KpiMeasurement, MeasurementSource, Tenant
from services import wording
from services.gain_share.kpi_measurement_lists import ALL_SITES, standing_measurements
from services.gain_share.kpis import Kpi, kpis_of
from services.gain_share.words import NOTHING_FAILED, NOTHING_RAN, kpi_value
from services.rules.kpi_periods import Combining, days_named, months_of
from services.rules.periods import business_date
from services.tenants import read_tenant

MONTHS_SHOWN: Final = 12
YEARS_BACK_MAX: Final = 30
SITES_LISTED: Final = 200
FIGURE_DECIMALS: Final = 3
MISSING, RUNNING, MEASURED, PARTLY = "missing", "running", "measured", "partly"
SOURCE_WORDS: Final = {
    MeasurementSource.ENTERED: "entered",
    MeasurementSource.API: "by API",
    MeasurementSource.LOG: "from a log",
}


@dataclass(frozen=True)
class MonthCell:
    """One KPI in one month. `state` is measured, partly (some days only), running (not over yet) or missing."""

    name: str
    value: str
    note: str
    state: str


@dataclass(frozen=True)
class MonthRow:
    """One month; `month` is written as a form takes it."""

    month: str
    name: str
    is_over: bool
    cells: tuple[MonthCell, ...]


@dataclass(frozen=True)
class MonthsView:
    """Twelve months, the newest first. `kpis` are (code, name with its unit) of all that can be entered, `sites`
    (site, name) of all that were measured. `gaps` says how many figures are missing."""

    title: str = ""
    kpis: tuple[tuple[str, str], ...] = ()
    names: tuple[str, ...] = ()
    rows: tuple[MonthRow, ...] = ()
    sites: tuple[tuple[str, str], ...] = ()
    gaps: str = ""
    years_back: int = 0
    has_later: bool = False
    has_earlier: bool = False


NO_MONTHS = MonthsView()


def read_months(
    session: Session, *, tenant_id: str, at: datetime, years_back: int = 0, site: str = ALL_SITES
) -> MonthsView:
    """The last twelve months, or those so many years before, of one site or the customer as a whole."""
    tenant = read_tenant(session, tenant_id=tenant_id)
    years_back = min(max(years_back, 0), YEARS_BACK_MAX)
    today = business_date(at, tenant.timezone)
    months = _months(today, years_back)
    starts, ends = months[-1][0], months[0][1]
    found = standing_measurements(session, tenant_id=tenant_id, starts=starts, ends=ends, site=site)
    kpis = kpis_of(session, tenant_id=tenant_id)
    shown = _shown(session, tenant_id, kpis, found)
    rows = tuple(_row(days, shown, found, tenant, today) for days in months)
    missing = sum(cell.state == MISSING for row in rows for cell in row.cells)
    return MonthsView(
        title=f"{wording.month(starts)} – {wording.month(months[0][0])}",
        kpis=tuple((kpi.code, f"{kpi.name}, {kpi.unit}") for kpi in kpis.values()),
        names=tuple(kpi.name for kpi in shown),
        rows=rows,
        sites=_sites(session, tenant_id),
        gaps=_gaps(missing) if found else "",
        years_back=years_back,
        has_later=years_back > 0,
        has_earlier=years_back < YEARS_BACK_MAX,
    )


def _gaps(missing: int) -> str:
    if not missing:
        return "Nothing is missing."
    return f"{missing} figure{' is' if missing == 1 else 's are'} missing; a run of these months is refused until then."


def _months(today: date, years_back: int) -> list[tuple[date, date]]:
    """The running month and the eleven before it, so many years ago; the newest first."""
    number = today.year * 12 + today.month - years_back * 12
    firsts = [_first(number - MONTHS_SHOWN + count) for count in range(MONTHS_SHOWN + 1)]
    return list(reversed(months_of(firsts[0], firsts[-1])))


def _first(number: int) -> date:
    """The first day of the month after so many whole months."""
    return date(number // 12, number % 12 + 1, 1)


def _shown(
    session: Session, tenant_id: str, kpis: Mapping[str, Kpi], found: Sequence[KpiMeasurement]
) -> tuple[Kpi, ...]:
    """Those that a baseline is agreed on for or that were measured; the built-in ones of a plant where none is."""
    agreed = select(KpiBaseline.kpi).where(
        KpiBaseline.tenant_id == tenant_id, KpiBaseline.status == BaselineStatus.ACCEPTED
    )
    codes = {*session.exec(agreed), *(each.kpi for each in found)}
    wanted = codes & set(kpis) or {"availability_pct", "mtbf_hours", "mttr_hours"}
    return tuple(kpi for code, kpi in kpis.items() if code in wanted)


def _row(
    days: tuple[date, date], kpis: Sequence[Kpi], found: Sequence[KpiMeasurement], tenant: Tenant, today: date
) -> MonthRow:
    cells = tuple(_cell(kpi, days, [each for each in found if each.kpi == kpi.code], tenant, today) for kpi in kpis)
    return MonthRow(f"{days[0]:%Y-%m}", wording.month(days[0]), days[1] <= today, cells)


def _cell(kpi: Kpi, days: tuple[date, date], found: Sequence[KpiMeasurement], tenant: Tenant, today: date) -> MonthCell:
    touching = [each for each in found if each.period_start < days[1] and each.period_end > days[0]]
    if not touching:
        return MonthCell(kpi.name, "", "", RUNNING if days[1] > today else MISSING)
    (first, *others) = touching
    value = _nothing(kpi, first) if first.value is None else _value(kpi, first, tenant)
    if (first.period_start, first.period_end) == days:
        return MonthCell(kpi.name, value, SOURCE_WORDS[first.source], MEASURED)
    covered = sum(_shared(each, days) for each in touching)
    state = MEASURED if covered == (days[1] - days[0]).days else PARTLY
    if others:
        return MonthCell(kpi.name, f"{len(touching)} parts", _uncovered(days, covered), state)
    return MonthCell(kpi.name, value, days_named(first.period_start, first.period_end), state)


def _nothing(kpi: Kpi, measured: KpiMeasurement) -> str:
    """Why there is no figure: nothing failed, or nothing ran that could have."""
    return NOTHING_RAN if kpi.combining is Combining.BETWEEN_FAILURES and measured.total == 0 else NOTHING_FAILED


def _value(kpi: Kpi, measured: KpiMeasurement, tenant: Tenant) -> str:
    assert measured.value is not None
    return kpi_value(kpi.code, round(measured.value, FIGURE_DECIMALS), tenant.currency, measured.unit)


def _shared(measured: KpiMeasurement, days: tuple[date, date]) -> int:
    return (min(measured.period_end, days[1]) - max(measured.period_start, days[0])) // timedelta(days=1)


def _uncovered(days: tuple[date, date], covered: int) -> str:
    left = (days[1] - days[0]).days - covered
    return f"{left} days missing" if left else ""


def _sites(session: Session, tenant_id: str) -> tuple[tuple[str, str], ...]:
    statement = (
        select(KpiMeasurement.site)
        .where(
            KpiMeasurement.tenant_id == tenant_id,
            KpiMeasurement.site != ALL_SITES,
            col(KpiMeasurement.replaced_at).is_(None),
        )
        .distinct()
        .order_by(KpiMeasurement.site)
        .limit(SITES_LISTED)
    )
    found: Iterable[str] = session.exec(statement)
    return ((ALL_SITES, "All sites together"), *((site, site) for site in found))
