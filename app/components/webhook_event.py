"""One event of the inbox opened: what it said, without private data, and what became of it."""

from typing import Any

import reflex as rx

from app.components.badges import badge, status_badge
from app.components.cards import notice, section_card
from app.components.copyable import copyable
from app.components.forms import button
from app.components.layout import main_and_side, page_header, stack
from app.components.working import fact_list


def webhook_event(state: Any) -> rx.Component:
    """`state` is the inbox page's: the event that is opened, and the handlers that replay and close it."""
    event = state.opened
    replay = rx.cond(
        event.can_replay,
        button(
            rx.cond(state.is_replaying, "Replaying …", "Replay"),
            icon="rotate_cw",
            kind="primary",
            disabled=state.is_replaying,
            on_click=state.replay,
        ),
        badge("Nothing is done for this type", "plain"),
    )
    return rx.fragment(
        page_header(
            rx.el.span(event.type, style={"overflowWrap": "anywhere"}),
            rx.el.span(rx.el.code(event.id), style={"overflowWrap": "anywhere"}),
            button("All events", icon="arrow_left", on_click=state.close_event),
            replay,
        ),
        rx.cond(event.error != "", notice("bad", "The last try failed", event.error), rx.fragment()),
        main_and_side(
            section_card(
                "What it said",
                copyable(
                    "Payload",
                    event.payload,
                    hint="Names, addresses, cards and secrets are hidden. Replaying reads the object anew at Stripe.",
                ),
            ),
            stack(
                section_card(
                    "What became of it", fact_list(event.facts), action=status_badge(event.status, event.status_word)
                )
            ),
        ),
    )
