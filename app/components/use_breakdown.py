"""Use of one pool broken down: by month, event type, site and day. `view` is a Var of UsageView."""

from typing import Any

import reflex as rx

from app.components.cards import section_card
from app.components.charts import chart, chart_legend
from app.components.states import empty_state
from app.components.tables import Column, data_table
from app.components.working import numbers_behind

TREND_HEIGHT, DAYS_HEIGHT = 264, 200
SITES = {
    "listStyle": "none",
    "display": "flex",
    "flexDirection": "column",
    "gap": "var(--space-3)",
    "maxHeight": "26rem",
    "overflowY": "auto",
    "fontSize": "var(--text-sm)",
}


def trend_section(view: Any, figure: Any) -> rx.Component:
    """Six months stacked by event type."""
    columns = (
        Column("Month", lambda month: month.name, leads=True),
        Column("Used", lambda month: month.credits, numeric=True),
        Column("Beyond the allowance", lambda month: month.beyond, numeric=True),
        Column("Events", lambda month: month.events, numeric=True),
    )
    return section_card(
        "Six months",
        chart_legend(view.month_bars.map(lambda bars: bars.name)),
        chart(
            figure,
            described=f"Use in each of the last six months, stacked by event type, in {view.unit}",
            height=TREND_HEIGHT,
        ),
        numbers_behind("The numbers by month", data_table("Use by month", columns, view.month_rows)),
        description=rx.fragment("Calendar months by event type, in ", view.unit),
    )


def types_section(view: Any) -> rx.Component:
    """How much of each event type, what it burned, and its share."""
    columns = (
        Column("Event type", lambda kind: kind.name, leads=True),
        Column("Used", lambda kind: kind.units, numeric=True),
        Column("Burned", lambda kind: kind.credits, numeric=True),
        Column("Events", lambda kind: kind.events, numeric=True),
        Column("Share", _share, numeric=True),
    )
    nothing = empty_state(
        "Nothing was used in this period", "Choose another period above, or come back later.", icon="chart_column"
    )
    table = data_table(
        "Use by event type", columns, view.types, footer=("Total", "", view.total_credits, view.total_events, "")
    )
    return section_card(
        "By event type",
        rx.cond(view.types, table, nothing),
        description=rx.fragment(view.period, ", burned in ", view.unit),
        flush=True,
    )


def _share(each: Any) -> rx.Component:
    """The share in words over a bar of its width."""
    bar = rx.el.div(
        rx.el.div(class_name="progress-used", style={"width": each.share_width}),
        class_name="progress-track",
        style={"height": "0.25rem", "width": "4.5rem", "marginLeft": "auto"},
        aria_hidden="true",
    )
    return rx.el.div(rx.el.span(each.share), bar, style={"display": "inline-block"})


def sites_section(view: Any) -> rx.Component:
    """What each site burned."""
    return section_card(
        "By site",
        rx.el.ul(rx.foreach(view.sites, _site), style=SITES),
        description=rx.fragment(view.period, ", burned in ", view.unit),
    )


def _site(site: Any) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.el.span(site.name, style={"overflowWrap": "anywhere", "minWidth": 0}),
            rx.el.span(site.credits, class_name="money"),
            style={"display": "flex", "justifyContent": "space-between", "gap": "var(--space-3)"},
        ),
        rx.el.div(
            rx.el.div(class_name="progress-used", style={"width": site.share_width}),
            class_name="progress-track",
            style={"height": "0.375rem"},
            role="img",
            aria_label=site.share,
        ),
    )


def days_section(view: Any, figure: Any) -> rx.Component:
    """Every day of the period."""
    columns = (
        Column("Day", lambda day: day.name, leads=True),
        Column("Used", lambda day: day.credits, numeric=True),
        Column("Beyond the allowance", lambda day: day.beyond, numeric=True),
        Column("Events", lambda day: day.events, numeric=True),
    )
    return section_card(
        "Day by day",
        chart(figure, described=f"Use on each day of {view.period}, in {view.unit}", height=DAYS_HEIGHT),
        numbers_behind("The numbers by day", data_table("Use by day", columns, view.day_rows)),
        description=rx.fragment(view.period, ", in ", view.unit),
    )
