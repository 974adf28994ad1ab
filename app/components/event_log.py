"""Metered events, page by page."""

from typing import Any

import reflex as rx

from app.components.badges import badge
from app.components.cards import section_card
from app.components.tables import Column, data_table, pager

EVENT_ID = {
    "display": "inline-block",
    "maxWidth": "14rem",
    "overflow": "hidden",
    "textOverflow": "ellipsis",
    "whiteSpace": "nowrap",
    "verticalAlign": "bottom",
}


def event_log(events: Any, *, has_sites: Any, on_newer: Any, on_older: Any) -> rx.Component:
    """`events` is a Var of EventsView."""
    columns = (
        Column("When", lambda event: rx.el.span(event.time, class_name="tabular"), leads=True),
        Column("Event type", _kind),
        Column("Used", lambda event: event.units, numeric=True),
        Column("Burned", lambda event: event.credits, numeric=True),
        Column("Event id", lambda event: rx.el.code(event.event_id, title=event.event_id, style=EVENT_ID)),
    )
    site = Column("Site", lambda event: event.site)
    caption = "Events, the newest first"
    table = rx.cond(
        has_sites,
        data_table(caption, (*columns, site), events.rows),
        data_table(caption, columns, events.rows),
    )
    pages = pager(
        events.shown,
        has_previous=events.newer > 0,
        has_next=events.older > 0,
        on_previous=on_newer,
        on_next=on_older,
    )
    return section_card(
        "Events",
        table,
        pages,
        description="Each one as it was metered, in the order received, the newest first.",
        flush=True,
    )


def _kind(event: Any) -> rx.Component:
    beyond = rx.fragment(" ", badge("Beyond the allowance", "warn"))
    return rx.el.span(event.kind, rx.cond(event.is_beyond, beyond, rx.fragment()))
