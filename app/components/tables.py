"""A table that is a table on wide screens and a list of cards on a phone, from the same rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import reflex as rx

from app.components.layout import Text


@dataclass(frozen=True)
class Column:
    """One column: its heading, and a function from a row to what the cell shows."""

    header: str
    cell: Callable[[Any], Any]
    numeric: bool = False
    leads: bool = False
    """The cell that names the row: a row header for screen readers, the title of the card on a phone."""


def data_table(
    caption: str,
    columns: Sequence[Column],
    rows: Any,
    *,
    footer: Sequence[Any] = (),
) -> rx.Component:
    """`rows` is a Var of a list of dataclasses (or a plain list). `footer` has one cell a column, "" for none."""
    heads = [rx.el.th(c.header, scope="col", role="columnheader", class_name=_cell_class(c)) for c in columns]
    body = (
        rx.foreach(rows, lambda row: _row(columns, row))
        if isinstance(rows, rx.Var)
        else rx.fragment(*[_row(columns, row) for row in rows])
    )
    return rx.el.div(
        rx.el.table(
            rx.el.caption(caption, class_name="visually-hidden"),
            rx.el.thead(rx.el.tr(*heads, role="row"), role="rowgroup"),
            rx.el.tbody(body, role="rowgroup"),
            _footer(columns, footer) if footer else rx.fragment(),
            role="table",
            class_name="table",
        ),
        class_name="table-frame",
    )


def _cell_class(column: Column) -> str:
    return " ".join(name for name, on in (("numeric", column.numeric), ("leads", column.leads)) if on)


def _row(columns: Sequence[Column], row: Any) -> rx.Component:
    return rx.el.tr(*[_cell(column, column.cell(row)) for column in columns], role="row")


def _cell(column: Column, content: Any) -> rx.Component:
    props = {"class_name": _cell_class(column), "custom_attrs": {"data-label": column.header}}
    if column.leads:
        return rx.el.th(content, scope="row", role="rowheader", **props)
    return rx.el.td(content, role="cell", **props)


def _footer(columns: Sequence[Column], cells: Sequence[Any]) -> rx.Component:
    pairs = zip(columns, cells, strict=True)
    return rx.el.tfoot(rx.el.tr(*[_cell(column, cell) for column, cell in pairs], role="row"), role="rowgroup")


def pager(
    shown: Text,
    *,
    has_previous: rx.Var | bool,
    has_next: rx.Var | bool,
    on_previous: Any,
    on_next: Any,
) -> rx.Component:
    """`shown` is worded by the service ("1–25 of 312"). The buttons stay in place and are disabled at the ends."""
    return rx.el.nav(
        rx.el.span(shown, class_name="muted tabular", aria_live="polite"),
        rx.el.div(
            _pager_button("Previous", "chevron_left", has_previous, on_previous),
            _pager_button("Next", "chevron_right", has_next, on_next),
            class_name="row",
        ),
        class_name="pager",
        aria_label="Pages",
    )


def _pager_button(name: str, icon: str, is_enabled: rx.Var | bool, on_click: Any) -> rx.Component:
    disabled = ~is_enabled if isinstance(is_enabled, rx.Var) else not is_enabled
    return rx.el.button(
        rx.icon(icon, size=16, aria_hidden="true"),
        name,
        type="button",
        disabled=disabled,
        on_click=on_click,
        class_name="button button-small",
    )
