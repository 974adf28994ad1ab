"""For our own side: customers' webhook endpoints that do not take what they are sent."""

from typing import Any

import reflex as rx

from app.components.badges import status_badge
from app.components.cards import section_card
from app.components.tables import Column, data_table


def failing_endpoints(rows: Any) -> rx.Component:
    """A card with them, or nothing where all are served. `rows` is a Var of FailingRow."""
    columns = (
        Column("Customer", lambda each: each.customer, leads=True),
        Column("Host", lambda each: rx.el.code(each.host, style={"overflowWrap": "anywhere"})),
        Column("Status", lambda each: status_badge(each.status, each.status_word)),
        Column("Waiting", lambda each: each.waiting, numeric=True),
        Column("Failing since (UTC)", lambda each: each.since, numeric=True),
    )
    card = section_card(
        "Customers' endpoints that fail",
        data_table("Failing webhook endpoints, the longest failing first", columns, rows),
        description="What we tell customers. Each was told by mail when it was disabled; nothing is lost meanwhile.",
        flush=True,
    )
    return rx.cond(rows, card, rx.fragment())
