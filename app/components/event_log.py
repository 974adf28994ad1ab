"""Metered events, page by page."""

from typing import Any

import reflex as rx

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


def event_log(events: Any, *, on_newer: Any, on_older: Any) -> rx.Component:
    """`events` is a Var of EventsView."""
    columns = (
        Column("When", lambda event: rx.el.span(event.time, class_name="tabular"), leads=True),
        Column("Event type", lambda event: event.kind),
        Column("Used", lambda event: event.units, numeric=True),
        Column("Burned", lambda event: event.credits, numeric=True),
        Column("Event id", lambda event: rx.el.code(event.event_id, title=event.event_id, style=EVENT_ID)),
        Column("Site", lambda event: event.site),
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
        data_table("Events, the newest first", columns, events.rows),
        pages,
        description="Each one as it was metered, in the order received, the newest first.",
        flush=True,
    )
