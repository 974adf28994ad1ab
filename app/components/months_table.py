"""What was measured month by month as a table: each KPI a column, each gap in sight."""

from typing import Any

import reflex as rx

from app.components.cards import section_card
from app.components.forms import button
from app.components.tables import pager
from app.components.working import SMALL


def months_section(view: Any, state: Any) -> rx.Component:
    """`view` is a Var of MonthsView; `state` has `site` and handlers: `earlier`, `later`, `choose_site`, `fill_in`."""
    head = rx.el.tr(
        rx.el.th("Month", scope="col", role="columnheader", class_name="leads"),
        rx.foreach(view.names, lambda name: rx.el.th(name, scope="col", role="columnheader", class_name="numeric")),
        rx.el.th("", scope="col", role="columnheader"),
        role="row",
    )
    table = rx.el.table(
        rx.el.caption("What was measured, by month", class_name="visually-hidden"),
        rx.el.thead(head, role="rowgroup"),
        rx.el.tbody(rx.foreach(view.rows, lambda each: _month(each, state)), role="rowgroup"),
        role="table",
        class_name="table",
    )
    pages = pager(
        view.title,
        has_previous=view.has_earlier,
        has_next=view.has_later,
        on_previous=state.earlier,
        on_next=state.later,
    )
    return section_card(
        view.title,
        rx.el.div(table, class_name="table-frame"),
        pages,
        description=rx.cond(
            view.gaps != "", view.gaps, "Nothing is measured in these months yet; enter it or import a log."
        ),
        action=_site_choice(view, state),
        flush=True,
    )


def _site_choice(view: Any, state: Any) -> rx.Component:
    chooser = rx.el.div(
        rx.el.select(
            rx.foreach(view.sites, lambda pair: rx.el.option(pair[1], value=pair[0])),
            value=state.site,
            on_change=state.choose_site,
            aria_label="Site",
            class_name="input",
        ),
        rx.icon("chevron_down", size=16, aria_hidden="true"),
        class_name="select",
        style={"width": "14rem", "maxWidth": "100%"},
    )
    return rx.cond(view.sites.length() > 1, chooser, rx.fragment())


def _month(each: Any, state: Any) -> rx.Component:
    fill = button(
        "Enter",
        rx.el.span(" figures of ", each.name, class_name="visually-hidden"),
        small=True,
        kind="quiet",
        on_click=state.fill_in(each.month),
    )
    return rx.el.tr(
        rx.el.th(each.name, scope="row", role="rowheader", class_name="leads"),
        rx.foreach(each.cells, _cell),
        rx.el.td(rx.cond(each.is_over, fill, rx.fragment()), role="cell", class_name="numeric"),
        role="row",
    )


def _cell(cell: Any) -> rx.Component:
    value = rx.fragment(rx.el.span(cell.value, class_name="money"), rx.el.p(cell.note, class_name="muted", style=SMALL))
    missing = rx.el.span("missing", style={"color": "var(--c-warn)", "fontWeight": "500"})
    partly = rx.el.div(value, rx.el.p("part of the month", style={"color": "var(--c-warn)", **SMALL}))
    shown = rx.match(
        cell.state,
        ("missing", missing),
        ("running", rx.el.span("not over", class_name="faint")),
        ("partly", partly),
        value,
    )
    return rx.el.td(shown, role="cell", class_name="numeric", custom_attrs={"data-label": cell.name})
