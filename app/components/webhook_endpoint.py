"""One webhook endpoint opened: how it stands, what was sent, its secret, and what can be done with it."""

from typing import Any

import reflex as rx

from app.components.badges import status_badge
from app.components.cards import notice, section_card
from app.components.copyable import copyable
from app.components.forms import button
from app.components.layout import main_and_side, page_header, row, stack
from app.components.webhook_messages import messages_sent
from app.components.working import ANYWHERE, SMALL


def endpoint_detail(state: Any) -> rx.Component:
    """One endpoint: what was sent, its secret, and what can be done with it."""
    opened = state.opened
    return rx.fragment(
        page_header(
            rx.el.span(opened.url, style={**ANYWHERE, "fontSize": "var(--text-lg)"}),
            rx.cond(opened.description != "", opened.description, opened.types),
            button("All endpoints", icon="arrow_left", on_click=state.close_endpoint),
            rx.cond(
                state.may_change,
                button(
                    rx.cond(state.testing, "Sending …", "Send a test"),
                    icon="send",
                    kind="primary",
                    disabled=state.testing,
                    on_click=state.send_test,
                ),
                rx.fragment(),
            ),
        ),
        _standing(state),
        main_and_side(messages_sent(state), stack(_secret(state), _settings(state))),
    )


def _standing(state: Any) -> rx.Component:
    opened = state.opened
    enable = row(
        button(
            rx.cond(opened.has_waiting, "Enable, send what waits", "Enable"),
            small=True,
            on_click=state.enable(False),
        ),
        rx.cond(
            opened.has_waiting,
            button("Enable, go on from now", small=True, on_click=state.enable(True)),
            rx.fragment(),
        ),
    )
    disabled = notice(
        "warn",
        opened.note,
        opened.waiting,
        ".",
        action=rx.cond(state.may_change, enable, rx.fragment()),
    )
    failing = rx.cond(opened.note != "", notice("warn", opened.note, opened.waiting, "."), rx.fragment())
    return rx.fragment(
        rx.cond(state.problem != "", notice("bad", state.problem), rx.fragment()),
        rx.cond(opened.is_enabled, failing, disabled),
    )


def _secret(state: Any) -> rx.Component:
    shown = rx.cond(
        state.secret != "",
        copyable("Signing secret", state.secret),
        row(button("Show the secret", icon="eye", on_click=state.reveal)),
    )
    rotating = rx.cond(
        state.opened.rotation != "", rx.el.p(state.opened.rotation, class_name="muted", style=SMALL), rx.fragment()
    )
    changing = stack(
        shown,
        rotating,
        row(button("Make a new secret", small=True, icon="rotate_cw", on_click=state.rotate)),
        rx.el.p(
            "For 24 hours both sign, so nothing breaks while you put it in place.", class_name="muted", style=SMALL
        ),
        gap=3,
    )
    nobody = rx.el.p("Billing admins and owners can see the secret.", class_name="muted")
    return section_card("Secret", rx.cond(state.may_change, changing, nobody))


def _settings(state: Any) -> rx.Component:
    sure = stack(
        rx.el.p("Nothing more is sent there, and its secret is forgotten. What waits is not sent."),
        row(
            button("Delete it", kind="danger", on_click=state.delete),
            button("Keep it", on_click=state.keep),
        ),
        gap=3,
    )
    ways = row(
        rx.cond(state.opened.is_enabled, button("Turn off", small=True, on_click=state.turn_off), rx.fragment()),
        button("Delete", small=True, kind="danger", on_click=state.ask_delete),
    )
    return section_card(
        "Endpoint",
        stack(
            rx.el.p(rx.el.span("Told of: ", class_name="muted"), state.opened.types, style={**SMALL, **ANYWHERE}),
            rx.cond(state.may_change, rx.cond(state.deleting, sure, ways), rx.fragment()),
            gap=3,
        ),
        action=status_badge(state.opened.status, state.opened.status_word),
    )
