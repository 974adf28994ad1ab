"""Charts of a gain-share: each KPI in time against its baseline, and the way from the savings to the fee."""

from collections.abc import Sequence
from typing import Any, Final

import plotly.graph_objects as go
import reflex as rx

from app.components.charts import chart, line_figure, series_colour
from app.components.layout import money
from app.components.tables import Column, data_table
from app.components.working import SMALL, numbers_behind
from services.gain_share.series import KpiSeries
from services.gain_share.series_views import days_words

LABELS_MAX: Final = 13
"""More measurements than this are told apart by pointing at them."""


def kpi_figures(series: Sequence[KpiSeries]) -> list[go.Figure]:
    """A figure for each KPI, in their order; keep them in the State beside the views of the same series."""
    return [_kpi_figure(each) for each in series]


def _kpi_figure(series: KpiSeries) -> go.Figure:
    """What was measured as a line, dots filled where the run compares them; the baseline dashed. Heights are for the
    screen, what is said exactly stands in the table beside it."""
    days = [days_words(point.starts, point.ends) for point in series.points]
    on_axis = [label.replace(" ", "<br>", 1) if len(days) <= LABELS_MAX else label for label in days]
    values = [None if point.value is None else float(point.value) for point in series.points]
    colour = series_colour(0)
    measured = go.Scatter(
        x=on_axis,
        y=values,
        name="Measured",
        mode="lines+markers",
        line={"color": colour, "width": 2},
        marker={
            "color": [colour if point.is_in_run else "rgba(0,0,0,0)" for point in series.points],
            "size": 8,
            "line": {"color": colour, "width": 2},
        },
        hovertext=days,
        hovertemplate="%{hovertext}<br>Measured: %{y:,.6~f} " + series.unit + "<extra></extra>",
    )
    baseline = go.Scatter(
        x=on_axis,
        y=[float(point.baseline) for point in series.points],
        name="Baseline",
        mode="lines" if len(days) > 1 else "markers",
        line={"color": series_colour(2), "width": 2, "dash": "dash"},
        marker={"symbol": "line-ew", "size": 24, "line": {"color": series_colour(2), "width": 2}},
        hovertemplate="Baseline: %{y:,.6~f} " + series.unit + "<extra></extra>",
    )
    return line_figure([baseline, measured])


def kpi_charts(series: Any, figures: Any) -> rx.Component:
    """One chart a KPI with its numbers. `series` is a Var of SeriesView, `figures` of the figures of the same."""
    legend = rx.el.ul(
        _legend_entry("legend-measured", "Measured, in the period of the run"),
        _legend_entry("legend-before", "Measured before"),
        _legend_entry("legend-baseline", "Baseline"),
        class_name="legend",
    )
    return rx.el.div(
        legend,
        rx.el.div(
            rx.foreach(series, lambda one, place: _kpi_chart(one, figures[place].to(go.Figure))),
            class_name="savings-charts",
        ),
    )


def _legend_entry(class_name: str, words: str) -> rx.Component:
    return rx.el.li(rx.el.i(class_name=class_name, aria_hidden="true"), words, class_name="key-entry")


def _kpi_chart(one: Any, figure: Any) -> rx.Component:
    columns = (
        Column("Days", lambda point: point.days, leads=True),
        Column("Measured", lambda point: point.value, numeric=True),
        Column("Baseline", lambda point: point.baseline, numeric=True),
    )
    return rx.el.div(
        rx.el.h3(one.name, rx.el.span(" · ", one.unit, class_name="faint"), style={**SMALL, "fontWeight": "600"}),
        chart(figure, described=one.described, height=200),
        numbers_behind("The numbers", data_table("What was measured", columns, one.points)),
        style={"minWidth": 0},
    )


def waterfall(bars: Any) -> rx.Component:
    """From the parts to the savings and, by what the customer keeps, to the fee. `bars` is a Var of BarView."""
    return rx.el.ol(rx.foreach(bars, _bar), class_name="waterfall")


def _bar(bar: Any) -> rx.Component:
    return rx.el.li(
        rx.el.span(bar.name, class_name="waterfall-name"),
        rx.el.span(
            rx.el.i(class_name="waterfall-bar bar-" + bar.kind, style={"left": bar.left, "width": bar.width}),
            class_name="waterfall-room",
            aria_hidden="true",
        ),
        money(bar.amount),
        class_name=rx.cond((bar.kind == "savings") | (bar.kind == "fee"), "waterfall-row is-total", "waterfall-row"),
    )
