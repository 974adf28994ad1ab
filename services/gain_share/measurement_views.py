"""What was measured, by stretch of days and KPI, in words."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from sqlmodel import Session

from models import KpiMeasurement, MeasurementSource
from services.gain_share.kpi_measurement_lists import standing_measurements
from services.gain_share.kpis import kpis_of
from services.gain_share.series_views import days_words
from services.gain_share.words import NOTHING_FAILED, kpi_value
from services.tenants import read_tenant

DAYS_SHOWN: Final = 2 * 366
SOURCE_WORDS: Final = {
    MeasurementSource.ENTERED: "entered",
    MeasurementSource.API: "sent by a program",
    MeasurementSource.LOG: "from a maintenance log",
}


@dataclass(frozen=True)
class MeasuredCell:
    """One KPI of a stretch; `value` "" where it was not measured."""

    kpi: str
    value: str
    source: str


@dataclass(frozen=True)
class MeasuredRow:
    """One stretch of days with a cell for each KPI, in the order of the names."""

    days: str
    cells: tuple[MeasuredCell, ...]


@dataclass(frozen=True)
class MeasuredView:
    """The last two years, the newest in front. `sites` says that there are figures of single sites besides."""

    names: tuple[str, ...] = ()
    rows: tuple[MeasuredRow, ...] = ()
    sites: str = ""


NOTHING_MEASURED = MeasuredView()


def read_measured(session: Session, *, tenant_id: str, today: date) -> MeasuredView:
    currency = read_tenant(session, tenant_id=tenant_id).currency
    since = today - timedelta(days=DAYS_SHOWN)
    found = standing_measurements(session, tenant_id=tenant_id, starts=since, ends=today + timedelta(days=1), site=None)
    kpis = kpis_of(session, tenant_id=tenant_id)
    whole = [each for each in found if each.site == ""]
    measured = {each.kpi for each in whole}
    codes = [code for code in kpis if code in measured] + sorted(measured - set(kpis))
    names = tuple(kpis[code].name if code in kpis else code for code in codes)
    stretches: dict[tuple[date, date], dict[str, KpiMeasurement]] = {}
    for each in whole:
        stretches.setdefault((each.period_start, each.period_end), {})[each.kpi] = each
    rows = tuple(
        MeasuredRow(
            days_words(*days),
            tuple(_cell(name, of.get(code), currency) for code, name in zip(codes, names, strict=True)),
        )
        for days, of in sorted(stretches.items(), reverse=True)
    )
    sites = len({each.site for each in found} - {""})
    return MeasuredView(names, rows, _sites(sites))


def _sites(count: int) -> str:
    if not count:
        return ""
    return f"{count} site{'' if count == 1 else 's'} measured besides; runs are worked out from the whole."


def _cell(name: str, measured: KpiMeasurement | None, currency: str) -> MeasuredCell:
    if measured is None:
        return MeasuredCell(name, "", "")
    value = NOTHING_FAILED if measured.value is None else kpi_value(
        measured.kpi, round(measured.value, 2), currency, measured.unit
    )  # fmt: skip
    return MeasuredCell(name, value, SOURCE_WORDS[measured.source])
