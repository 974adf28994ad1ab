"""The working behind a number: lists of facts, sections that open, and the lines of a bill."""

from collections.abc import Callable
from typing import Any, Final

import reflex as rx

from app.components.layout import Text
from app.components.tables import Column, data_table

SMALL: Final = {"fontSize": "var(--text-sm)"}
ANYWHERE: Final = {"overflowWrap": "anywhere"}
"""Breaks what has no spaces, such as an address, rather than widen the page."""

EDGES: Final = {
    "paddingInline": "var(--space-5)",
    "@media (max-width: 39.99rem)": {"paddingInline": "var(--space-4)"},
}
"""The space between a card's edge and what is in it, where the card itself leaves none."""

SUMMARY: Final = {
    **EDGES,
    "display": "flex",
    "alignItems": "flex-start",
    "gap": "var(--space-2)",
    "paddingBlock": "var(--space-3)",
}
OPENS: Final = {
    "& > summary:hover": {"background": "color-mix(in srgb, var(--c-hover) 55%, transparent)"},
    "& > summary .opener": {"transition": "transform 0.15s", "marginTop": "3px", "color": "var(--c-muted)"},
    "&[open] > summary .opener": {"transform": "rotate(90deg)"},
}
WORKING: Final = {
    "display": "flex",
    "flexDirection": "column",
    "gap": "var(--space-4)",
    "padding": "var(--space-1) var(--space-5) var(--space-5) calc(var(--space-5) + 1.5rem)",
    "fontSize": "var(--text-sm)",
    "@media (max-width: 39.99rem)": {"padding": "var(--space-1) var(--space-4) var(--space-4)"},
}
INSET: Final = {"background": "var(--c-sunken)", "borderRadius": "var(--radius-md)", "overflow": "hidden"}
DIVIDED: Final = {"& > * + *": {"borderTop": "1px solid var(--c-line)"}}


def fact_list(facts: Any) -> rx.Component:
    """Names on the left, values on the right, from a Var of facts."""
    return rx.el.dl(
        rx.foreach(facts, lambda fact: rx.el.div(rx.el.dt(fact.name), rx.el.dd(fact.value), class_name="key-value")),
        class_name="key-values",
        style=SMALL,
    )


def opened_by(summary: Any, *children: Any) -> rx.Component:
    """A section that the browser itself opens and closes; `summary` stays in sight."""
    chevron = rx.icon("chevron_right", size=16, aria_hidden="true", class_name="opener")
    return rx.el.details(
        rx.el.summary(chevron, rx.el.div(summary, style={"flex": "1", "minWidth": 0}), style=SUMMARY),
        rx.el.div(*children, style=WORKING),
        style=OPENS,
    )


def numbers_behind(name: Text, table: rx.Component) -> rx.Component:
    """The exact numbers of a chart, under it."""
    return rx.el.details(
        rx.el.summary(
            rx.icon("chevron_right", size=16, aria_hidden="true", class_name="opener"),
            name,
            class_name="link",
            style={"display": "inline-flex", "gap": "var(--space-1)", **SMALL},
        ),
        rx.el.div(table, style={"maxHeight": "26rem", "overflowY": "auto", "marginTop": "var(--space-3)"}),
        style=OPENS | {"marginTop": "var(--space-3)", "& > summary:hover": {"background": "none"}},
    )


def bill_lines(lines: Any, behind: Callable[[Any], rx.Component] | None = None) -> rx.Component:
    """The lines of an invoice or of the running bill; those with a working open to show it.

    `behind` gives what stands below the working of a line that is about use.
    """
    return rx.el.div(rx.foreach(lines, lambda line: _line(line, behind)), style=DIVIDED)


def _line(line: Any, behind: Callable[[Any], rx.Component] | None) -> rx.Component:
    plain = rx.el.div(rx.el.span(style={"width": "16px", "flex": "none"}), _line_head(line), style=SUMMARY)
    records = rx.cond(line.events != "", behind(line), rx.fragment()) if behind else rx.fragment()
    working = opened_by(
        _line_head(line),
        rx.cond(line.sum != "", rx.el.p(line.sum, class_name="tabular"), rx.fragment()),
        rx.cond(line.steps, _steps(line), rx.fragment()),
        rx.cond(line.sources, _sources(line), rx.fragment()),
        rx.cond(line.facts, fact_list(line.facts), rx.fragment()),
        records,
    )
    return rx.cond(line.has_working, working, plain)


def _line_head(line: Any) -> rx.Component:
    return rx.el.div(
        rx.el.div(
            rx.el.p(line.description, style={"fontWeight": "500", "overflowWrap": "anywhere"}),
            rx.el.p(
                line.quantity,
                rx.cond(line.price != "", rx.fragment(" · ", line.price), rx.fragment()),
                class_name="muted tabular",
                style=SMALL,
            ),
            rx.el.p(line.period, class_name="faint", style={"fontSize": "var(--text-xs)"}),
            style={"minWidth": 0},
        ),
        rx.el.span(line.amount, class_name="money", style={"fontWeight": "600"}),
        style={
            "display": "flex",
            "justifyContent": "space-between",
            "gap": "var(--space-4)",
            "flex": "1",
            "minWidth": 0,
        },
    )


def _steps(line: Any) -> rx.Component:
    columns = (
        Column("Price applied to", lambda step: rx.el.span(step.stretch, class_name="money"), leads=True),
        Column("Quantity", lambda step: step.quantity, numeric=True),
        Column("Price", lambda step: step.price, numeric=True),
        Column("Exactly", lambda step: step.amount, numeric=True),
    )
    return rx.el.div(data_table("How the amount was worked out", columns, line.steps), style=INSET)


def _sources(line: Any) -> rx.Component:
    columns = (
        Column("Counted from", lambda source: source.name, leads=True),
        Column("Used", lambda source: source.units, numeric=True),
        Column("Burned", lambda source: source.credits, numeric=True),
        Column("Events", lambda source: source.events, numeric=True),
    )
    return rx.el.div(data_table("What was counted", columns, line.sources), style=INSET)
