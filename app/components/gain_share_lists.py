"""What the gain-share page lists: runs with their states, baselines with what is to be decided, and measurements."""

from typing import Any

import reflex as rx

from app.components.badges import status_badge
from app.components.forms import button
from app.components.layout import link, money, muted
from app.components.tables import Column, data_table
from app.components.working import EDGES, SMALL
from app.routes import run_href

PADDED = {"paddingBlock": "var(--space-3)", **EDGES}
TINY = {"fontSize": "var(--text-xs)"}


def runs_list(view: Any, state: Any) -> rx.Component:
    """`view` is a Var of GainShareView; `state` is an OlderRuns."""
    columns = (
        Column("Period", _run_name, leads=True),
        Column("Where it stands", _run_standing),
        Column("Savings", lambda run: money(run.savings), numeric=True),
        Column("Share", lambda run: run.share, numeric=True),
        Column("Fee", lambda run: money(run.fee), numeric=True),
    )
    return rx.fragment(
        data_table("Gain-share runs", columns, view.runs),
        rx.cond(view.older_runs != "", older_runs(view, state), rx.fragment()),
    )


def older_runs(view: Any, state: Any) -> rx.Component:
    """That there are more runs than are listed, and listing them."""
    more = button("Show older runs", small=True, on_click=state.show_older)
    return rx.el.div(
        rx.el.p(view.older_runs, class_name="muted", style=SMALL),
        rx.cond(view.has_more_runs, more, rx.fragment()),
        class_name="row row-spread",
        style=PADDED,
    )


def run_tone(status: Any) -> Any:
    """Waiting is drawn like anything pending; the other codes have their tones."""
    return rx.cond(status == "pending_approval", "pending", status)


def _run_name(run: Any) -> rx.Component:
    return rx.el.div(
        link(run.period, href=run_href(run.id)),
        rx.el.p(
            run.method, " · submitted on ", run.submitted_on, class_name="muted", style={"fontWeight": "400", **SMALL}
        ),
    )


def _run_standing(run: Any) -> rx.Component:
    until = rx.cond(run.is_late, "the deadline was ", "decide by ")
    return rx.el.div(
        status_badge(run_tone(run.status), run.status_word),
        rx.cond(run.waits, rx.el.p(until, run.deadline, class_name="muted", style=SMALL), rx.fragment()),
    )


def measured_table(measured: Any) -> rx.Component:
    """`measured` is a Var of MeasuredView: a row for each stretch of days, a column for each KPI."""
    head = rx.el.tr(
        rx.el.th("Days", scope="col", role="columnheader", class_name="leads"),
        rx.foreach(measured.names, lambda name: rx.el.th(name, scope="col", role="columnheader", class_name="numeric")),
        role="row",
    )
    body = rx.foreach(
        measured.rows,
        lambda each: rx.el.tr(
            rx.el.th(each.days, scope="row", role="rowheader", class_name="leads"),
            rx.foreach(each.cells, _cell),
            role="row",
        ),
    )
    table = rx.el.table(
        rx.el.caption("What was measured", class_name="visually-hidden"),
        rx.el.thead(head, role="rowgroup"),
        rx.el.tbody(body, role="rowgroup"),
        role="table",
        class_name="table",
    )
    sites = rx.el.p(measured.sites, class_name="muted", style={**PADDED, **SMALL})
    return rx.fragment(
        rx.el.div(table, class_name="table-frame"),
        rx.cond(measured.sites != "", sites, rx.fragment()),
    )


def _cell(cell: Any) -> rx.Component:
    shown = rx.el.div(rx.el.p(cell.value, class_name="money"), rx.el.p(cell.source, class_name="faint", style=TINY))
    return rx.el.td(
        rx.cond(cell.value != "", shown, muted("not measured")),
        role="cell",
        class_name="numeric",
        custom_attrs={"data-label": cell.kpi},
    )
