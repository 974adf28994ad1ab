"""Metered events, page by page, each with the receipt that attests it."""

from typing import Any

import reflex as rx

from app.components.badges import badge
from app.components.cards import section_card
from app.components.forms import choices
from app.components.layout import link
from app.components.tables import Column, data_table, pager
from app.components.working import INSET
from app.routes import receipt_href

CUT_OFF = {
    "display": "inline-block",
    "maxWidth": "11rem",
    "overflow": "hidden",
    "textOverflow": "ellipsis",
    "whiteSpace": "nowrap",
    "verticalAlign": "bottom",
}


def event_log(events: Any, *, has_sites: Any, on_newer: Any, on_older: Any) -> rx.Component:
    """`events` is a Var of EventsView."""
    pages = pager(
        events.shown,
        has_previous=events.newer > 0,
        has_next=events.older > 0,
        on_previous=on_newer,
        on_next=on_older,
    )
    return section_card(
        "Events",
        _event_table("Events, the newest first", events, has_sites),
        pages,
        description="Each one as it was metered, in the order received, the newest first, with its receipt.",
        flush=True,
    )


def line_events(events: Any, *, on_previous: Any, on_next: Any, on_order: Any) -> rx.Component:
    """The records behind a line. `events` is a Var of LineEventsView; `on_order` takes True for oldest first."""
    order = choices(
        "Order",
        [
            (~events.is_oldest_first, "Newest first", on_order(False)),
            (events.is_oldest_first, "Oldest first", on_order(True)),
        ],
    )
    pages = pager(
        events.shown,
        has_previous=events.previous > 0,
        has_next=events.following > 0,
        on_previous=on_previous,
        on_next=on_next,
    )
    columns = (
        Column("When", _when, leads=True),
        Column("What", lambda event: rx.el.div(_kind(event), _place(event))),
        Column("Used", lambda event: event.units, numeric=True),
        Column("Burned", lambda event: event.credits, numeric=True),
    )
    table = rx.el.div(data_table("The records of use behind this", columns, events.rows), class_name="table-window")
    return rx.el.div(order, rx.el.div(table, pages, style=INSET), class_name="stack", style={"gap": "var(--space-2)"})


def _when(event: Any) -> rx.Component:
    """The time over the receipt: in a narrow card there is no room for a column of its own."""
    return rx.el.div(
        rx.el.div(event.time, class_name="money"),
        link("Receipt ", event.receipt, href=receipt_href(event.seq)),
    )


def _place(event: Any) -> rx.Component:
    """The event's site, where it names one, and its id."""
    site = rx.cond(event.site != "", rx.fragment(event.site, " · "), rx.fragment())
    words = rx.fragment(site, rx.el.code(event.event_id))
    return rx.el.div(words, title=event.event_id, class_name="faint", style=CUT_OFF | {"maxWidth": "12rem"})


def _event_table(caption: str, events: Any, has_sites: Any) -> rx.Component:
    columns = (
        Column("When", lambda event: rx.el.span(event.time, class_name="tabular"), leads=True),
        Column("Event type", _kind),
        Column("Used", lambda event: event.units, numeric=True),
        Column("Burned", lambda event: event.credits, numeric=True),
        Column("Event id", lambda event: rx.el.code(event.event_id, title=event.event_id, style=CUT_OFF)),
    )
    site = Column("Site", lambda event: rx.el.span(event.site, title=event.site, style=CUT_OFF))
    receipt = Column("Receipt", _receipt, numeric=True)
    return rx.cond(
        has_sites,
        data_table(caption, (*columns, site, receipt), events.rows),
        data_table(caption, (*columns, receipt), events.rows),
    )


def _kind(event: Any) -> rx.Component:
    beyond = rx.fragment(" ", badge("Beyond allowance", "warn"))
    corrects = rx.fragment(" ", badge("Correction", "note"))
    return rx.el.span(
        event.kind,
        rx.cond(event.corrects != "", corrects, rx.fragment()),
        rx.cond(event.is_beyond, beyond, rx.fragment()),
    )


def _receipt(event: Any) -> rx.Component:
    return link(event.receipt, href=receipt_href(event.seq), aria_label=f"Receipt {event.receipt}")
