"""What was sent to a webhook endpoint: the messages, and one of them opened with each answer."""

from typing import Any

import reflex as rx

from app.components.badges import badge, status_badge
from app.components.cards import section_card
from app.components.copyable import copyable, verbatim
from app.components.forms import button
from app.components.layout import main_and_side, page_header, row, stack
from app.components.states import empty_state
from app.components.tables import Column, data_table, pager
from app.components.working import ANYWHERE, SMALL


def messages_sent(state: Any) -> rx.Component:
    """A page of messages, the newest first."""
    sent = state.sent
    columns = (
        Column("Message", lambda each: _message_name(state, each), leads=True),
        Column("Status", lambda each: status_badge(each.status, each.status_word)),
        Column("Last answer", lambda each: rx.el.span(each.answer, class_name="muted", style=SMALL)),
        Column("", lambda each: _again(state, each)),
    )
    table = rx.fragment(
        data_table("Messages, the newest first", columns, sent.rows),
        pager(
            sent.shown,
            has_previous=state.has_previous,
            has_next=sent.last != 0,
            on_previous=state.newer,
            on_next=state.older,
        ),
    )
    nothing = empty_state("Nothing was sent yet", "Send a test, or wait for something to happen.", icon="send")
    return section_card("Messages", rx.cond(sent.rows, table, nothing), flush=True)


def message_detail(state: Any) -> rx.Component:
    """One message: what is sent, and each answer."""
    message = state.message
    again = button("Send again", icon="rotate_cw", kind="primary", on_click=state.replay(message.notice_id))
    return rx.fragment(
        page_header(
            rx.el.span(message.type, style=ANYWHERE),
            rx.el.span("webhook-id: ", rx.el.code(message.message_id), style=ANYWHERE),
            button("Back to the endpoint", icon="arrow_left", on_click=state.close_message),
            rx.cond(state.may_change & message.can_replay & state.opened.is_enabled, again, rx.fragment()),
        ),
        main_and_side(
            section_card("Request", copyable("Body", message.body, hint="As it is signed, byte for byte.")),
            section_card(
                "Answers",
                rx.cond(
                    message.attempts,
                    stack(rx.foreach(message.attempts, _attempt), gap=4),
                    rx.el.p("It has not been sent yet.", class_name="muted"),
                ),
                action=status_badge(message.status, message.status_word),
            ),
        ),
    )


def _message_name(state: Any, each: Any) -> rx.Component:
    return rx.el.div(
        rx.el.button(
            each.type,
            type="button",
            on_click=state.open_message(each.id),
            class_name="link",
            style={"textAlign": "left", **ANYWHERE},
        ),
        rx.el.p(
            each.when,
            rx.cond(each.kind != "", rx.fragment(" · ", each.kind), rx.fragment()),
            class_name="muted",
            style={**SMALL, "fontWeight": "400"},
        ),
    )


def _again(state: Any, each: Any) -> rx.Component:
    word = rx.cond(each.status == "retrying", "Try now", "Send again")
    again = button(word, small=True, on_click=state.replay(each.notice_id))
    return rx.cond(state.may_change & state.opened.is_enabled & each.can_replay, again, rx.fragment())


def _attempt(each: Any) -> rx.Component:
    tone = rx.match(
        each.tone,
        ("good", badge(each.outcome, "good")),
        ("bad", badge(each.outcome, "bad")),
        badge(each.outcome),
    )
    return rx.el.div(
        row(rx.el.strong(each.name, style=SMALL), tone, spread=True),
        rx.el.p(each.when, class_name="muted", style=SMALL),
        rx.cond(each.response != "", verbatim(each.response), rx.fragment()),
        class_name="stack",
        style={"gap": "var(--space-2)"},
    )
