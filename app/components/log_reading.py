"""The last steps of importing a maintenance log: what a dry run came to, keeping it, and what was kept before.

`state` is the page's State, whose handlers the controls call.
"""

from typing import Any

import reflex as rx

from app.components.cards import notice, section_card
from app.components.forms import button
from app.components.layout import row, served_link, stack
from app.components.states import empty_state
from app.components.tables import Column, data_table
from app.components.working import ANYWHERE, DIVIDED, EDGES, SMALL

SCROLLED = {"maxHeight": "26rem", "overflowY": "auto"}


def reading_section(state: Any) -> rx.Component:
    """What the dry run came to, and the way to keep it."""
    reading = state.reading
    findings = rx.cond(
        reading.findings,
        notice(
            "warn",
            "Please look at this",
            rx.el.ul(
                rx.foreach(reading.findings, lambda said: rx.el.li(said, style=ANYWHERE)),
                style={"paddingLeft": "1.1rem"},
            ),
        ),
        rx.fragment(),
    )
    return section_card(
        rx.fragment("3. What it says: ", reading.title),
        rx.el.div(
            stack(rx.el.p(reading.counts, style={"fontWeight": 600}), findings),
            style={"paddingBlock": "var(--space-3)", **EDGES},
        ),
        _figures("In all, by site", reading.whole),
        _figures("By month and site", reading.months, reading.more_months),
        rx.cond(reading.refused, _refused(reading), rx.fragment()),
        rx.el.div(
            rx.cond(state.problem != "", notice("bad", state.problem), rx.fragment()),
            row(
                button(
                    rx.cond(state.is_keeping, "Keeping…", "Keep these figures"),
                    kind="primary",
                    on_click=state.keep,
                    disabled=state.is_keeping,
                ),
                rx.el.span("Figures of exactly the same months are replaced.", class_name="muted", style=SMALL),
            ),
            class_name="stack",
            style={"paddingBlock": "var(--space-4)", **EDGES},
        ),
        description="Nothing of it is kept yet.",
        flush=True,
    )


def _figures(title: str, rows: Any, more: Any = "") -> rx.Component:
    columns = (
        Column("Days", lambda each: rx.el.span(each.days, class_name="tabular"), leads=True),
        Column("Site", lambda each: rx.el.span(each.site, style=ANYWHERE)),
        Column("Machines", lambda each: each.machines, numeric=True),
        Column("Failures", lambda each: each.failures, numeric=True),
        Column("Availability", lambda each: each.availability, numeric=True),
        Column("MTBF, hours", lambda each: each.mtbf, numeric=True),
        Column("MTTR, hours", lambda each: each.mttr, numeric=True),
    )
    return _scrolled(title, data_table(title, columns, rows), more)


def _refused(reading: Any) -> rx.Component:
    columns = (
        Column("Row", lambda each: each.where, leads=True),
        Column("Machine", lambda each: rx.el.span(each.machine, style=ANYWHERE)),
        Column("What came of it", lambda each: each.outcome),
        Column("Why", lambda each: rx.el.span(each.reason, style=ANYWHERE)),
    )
    title = "Rows that are no failure of their own"
    return _scrolled(title, data_table(title, columns, reading.refused), reading.more_refused)


def _scrolled(title: str, table: rx.Component, more: Any) -> rx.Component:
    return rx.el.div(
        rx.el.h3(title, style={"fontSize": "var(--text-sm)", "paddingBlock": "var(--space-3) var(--space-2)", **EDGES}),
        rx.el.div(
            table, role="region", aria_label=title, tab_index=0, style={"maxHeight": "26rem", "overflowY": "auto"}
        ),
        rx.el.p(more, class_name="muted", style={**SMALL, **EDGES}),
    )


def kept_section(state: Any) -> rx.Component:
    """The logs that were kept."""

    def one(each: Any) -> rx.Component:
        return rx.el.div(
            rx.el.div(
                rx.el.p(served_link(each.name, href="/session/evidence/" + each.file_id), style=ANYWHERE),
                rx.el.p(each.period, " · ", each.counts, class_name="muted", style=SMALL),
                style={"minWidth": 0},
            ),
            rx.el.span(each.kept, class_name="muted tabular", style=SMALL),
            class_name="row row-spread",
            style={"paddingBlock": "var(--space-3)", **EDGES},
        )

    none = empty_state("No log was imported yet", "Choose the file of failures to begin.", icon="file_up")
    return section_card(
        "Imported before",
        rx.cond(state.kept, rx.el.div(rx.foreach(state.kept, one), style=DIVIDED), none),
        flush=True,
    )
