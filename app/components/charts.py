"""Plotly figures from plain data, and the component that shows them in the page's own colours.

A figure carries data only. Colours of axes, text and hover labels come from the template that the component passes,
and that follows the colour mode in the browser: switching it needs no round trip.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import plotly.graph_objects as go
import reflex as rx
from plotly.graph_objs.layout import Template

from app.theme import CHART_PALETTE, DARK, FONT_SANS, LIGHT

PLOT_CONFIG: Final = {"displayModeBar": False, "responsive": True, "scrollZoom": False, "doubleClick": False}
BAR_GAP: Final = 0.38


@dataclass(frozen=True)
class Series:
    """One row of bars: its name, its heights, and the words shown when a bar is pointed at."""

    name: str
    values: Sequence[float]
    worded: Sequence[str]


EMPTY_FIGURE: Final = go.Figure(layout={"template": Template()})


def series_colour(place: int) -> str:
    """The colour of the series at `place`, the same in every chart."""
    return CHART_PALETTE[place % len(CHART_PALETTE)]


def stacked_bars(labels: Sequence[str], series: Sequence[Series]) -> go.Figure:
    """One bar for each label (a month; "Nov 2026" is set on two lines), stacked by series (an event type).

    Put `chart_legend` with the names of the series above it.
    """
    on_axis = [label.replace(" ", "<br>") for label in labels]
    bars = [
        _bar(x=on_axis, y=list(one.values), said=labels, worded=one.worded, name=one.name, colour=series_colour(place))
        for place, one in enumerate(series)
    ]
    return _figure(bars, barmode="stack").update_xaxes(tickangle=0)


def daily_bars(days: Sequence[str], values: Sequence[float], worded: Sequence[str], *, name: str) -> go.Figure:
    """One slim bar a day. `days` are ISO dates; the axis names as many of them as fit."""
    bar = _bar(x=list(days), y=list(values), said=days, worded=worded, name=name, colour=series_colour(0))
    bar.update(hovertext=list(worded), hovertemplate="%{x|%-d %b %Y}<br>" + name + ": %{hovertext}<extra></extra>")
    return _figure([bar], bargap=0.25)


def ranked_bars(labels: Sequence[str], values: Sequence[float], worded: Sequence[str]) -> go.Figure:
    """Horizontal bars, the first label on top, each in its series colour with its words beside it."""
    bar = go.Bar(
        x=list(values),
        y=list(labels),
        orientation="h",
        text=list(worded),
        textposition="outside",
        cliponaxis=False,
        marker={"color": [series_colour(place) for place in range(len(values))], "line": {"width": 0}},
        hovertemplate="%{y}: %{text}<extra></extra>",
    )
    figure = _figure([bar])
    figure.update_xaxes(visible=False, range=[0, max([*values, 0]) * 1.35 or 1])
    return figure.update_yaxes(autorange="reversed", showgrid=False, ticklabelstandoff=8)


def line_figure(lines: Sequence[go.Scatter]) -> go.Figure:
    """Lines over named stretches of time. The axis need not begin at zero: what is looked at is the change."""
    figure = go.Figure(data=list(lines), layout={"template": Template(), "showlegend": False, "hovermode": "x"})
    figure.update_xaxes(type="category", tickangle=0, nticks=6)
    return figure.update_yaxes(rangemode="normal")


def _bar(*, x: list[str], y: list[float], said: Sequence[str], worded: Sequence[str], name: str, colour: str) -> go.Bar:
    return go.Bar(
        x=x,
        y=y,
        name=name,
        hovertext=[f"{label}<br>{name}: {words}" for label, words in zip(said, worded, strict=True)],
        marker={"color": colour, "line": {"width": 0}},
        hovertemplate="%{hovertext}<extra></extra>",
    )


def _figure(bars: Sequence[go.Bar], **layout: Any) -> go.Figure:
    return go.Figure(data=list(bars), layout={"template": Template(), "bargap": BAR_GAP, "showlegend": False, **layout})


def _template(colours: dict[str, str]) -> Template:
    axis = {
        "gridcolor": colours["line"],
        "linecolor": colours["line"],
        "zerolinecolor": colours["line"],
        "tickfont": {"color": colours["muted"], "size": 12},
        "automargin": True,
        "fixedrange": True,
    }
    return Template(
        layout={
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"family": FONT_SANS, "color": colours["text"], "size": 12},
            "colorway": list(CHART_PALETTE),
            "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
            "xaxis": {**axis, "showgrid": False, "tickformat": "%-d %b"},
            "yaxis": {**axis, "showline": False, "rangemode": "tozero", "nticks": 5},
            "hoverlabel": {
                "bgcolor": colours["surface"],
                "bordercolor": colours["line-strong"],
                "font": {"family": FONT_SANS, "color": colours["text"], "size": 12},
                "align": "left",
            },
        }
    )


def chart_legend(names: Any) -> rx.Component:
    """The series' names in their colours; `names` is a Var of a list of names, or a plain list."""
    if isinstance(names, rx.Var):
        return rx.el.ul(rx.foreach(names, _legend_entry), class_name="legend")
    return rx.el.ul(*[_legend_entry(name, place) for place, name in enumerate(names)], class_name="legend")


def _legend_entry(name: Any, place: Any) -> rx.Component:
    colour = f"var(--chart-{place % len(CHART_PALETTE) + 1})"
    swatch = rx.el.i(class_name="dot", style={"background": colour}, aria_hidden="true")
    return rx.el.li(swatch, name, class_name="key-entry")


def chart(figure: Any, *, described: str | rx.Var, height: int = 280) -> rx.Component:
    """Show a figure (a Var of go.Figure) as wide as its container and `height` pixels high.

    `described` says what the chart shows; the exact numbers belong in a table on the same page.
    """
    template = rx.color_mode_cond(
        light=rx.Var.create(_template(LIGHT)),
        dark=rx.Var.create(_template(DARK)),
    )
    return rx.el.div(
        rx.plotly.basic(
            data=figure,
            template=template.to(Template),
            config=PLOT_CONFIG,
            use_resize_handler=True,
            style={"width": "100%", "height": "100%"},
        ),
        role="img",
        aria_label=described,
        class_name="chart",
        style={"height": f"{height}px"},
    )
