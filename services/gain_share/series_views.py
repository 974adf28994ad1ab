"""The development of a run's KPIs in words: what a chart says, and the exact numbers of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from services import wording
from services.gain_share.series import KpiPoint, KpiSeries
from services.gain_share.words import KPI_WORDS, NOTHING_FAILED, kpi_value


@dataclass(frozen=True)
class PointView:
    """One measurement beside the baseline of its days."""

    days: str
    value: str
    baseline: str
    is_in_run: bool


@dataclass(frozen=True)
class SeriesView:
    """One KPI: its name, what its chart shows in one sentence, and its points."""

    name: str
    unit: str
    described: str
    points: tuple[PointView, ...]


def series_views(series: Sequence[KpiSeries], currency: str) -> tuple[SeriesView, ...]:
    return tuple(_view(each, currency) for each in series)


def days_words(starts: date, ends: date) -> str:
    """Nov 2026 for a calendar month, else the first and the last day."""
    following = date(starts.year + starts.month // 12, starts.month % 12 + 1, 1)
    if starts.day == 1 and ends == following:
        return wording.month(starts)
    last = ends - timedelta(days=1)
    return wording.day(starts) if last == starts else f"{wording.day(starts)} – {wording.day(last)}"


def _view(series: KpiSeries, currency: str) -> SeriesView:
    name = series.name or KPI_WORDS[series.kpi]
    points = tuple(_point(series, point, currency) for point in series.points)
    shown = [f"{point.days}: {point.value}" for point in points]
    return SeriesView(name, series.unit, f"{name} against its baseline. {'; '.join(shown)}.", points)


def _point(series: KpiSeries, point: KpiPoint, currency: str) -> PointView:
    def worded(value: object) -> str:
        return kpi_value(series.kpi, value, currency, series.unit)  # type: ignore[arg-type]

    return PointView(
        days=days_words(point.starts, point.ends),
        value=NOTHING_FAILED if point.value is None else worded(round(point.value, 6)),
        baseline=worded(point.baseline),
        is_in_run=point.is_in_run,
    )
