"""Parts of the page of webhooks: the endpoints and the form to add one, one endpoint opened, one message opened."""

from typing import Any, Final

import reflex as rx

from app.components.badges import badge, status_badge
from app.components.cards import notice, section_card
from app.components.copyable import copyable, verbatim
from app.components.forms import button, text_field
from app.components.layout import main_and_side, page_header, row, stack
from app.components.states import empty_state
from app.components.tables import Column, data_table, pager
from app.components.working import SMALL
from services.webhooks.endpoints import TYPES

ANYWHERE: Final = {"overflowWrap": "anywhere"}
TYPE_PREFIX: Final = "type:"
TYPES_COLUMN: Final = {"display": "inline-block", "minWidth": "6rem", **ANYWHERE}
TYPES_GRID: Final = {
    "display": "grid",
    "gap": "var(--space-2) var(--space-4)",
    "gridTemplateColumns": "repeat(auto-fill, minmax(15rem, 1fr))",
}
CHECK: Final = {"display": "flex", "alignItems": "center", "gap": "var(--space-2)", **SMALL}
VERIFY: Final = """from standardwebhooks import Webhook, WebhookVerificationError

def receive(body: bytes, headers: dict[str, str]) -> int:
    try:
        message = Webhook(SECRET).verify(body, headers)
    except WebhookVerificationError:
        return 400
    if not seen_before(headers["webhook-id"]):  # it may come more than once
        put_in_a_queue(message)
    return 204  # within 15 seconds
"""


def endpoint_list(state: Any) -> rx.Component:
    """All endpoints, the form to add one, and how to verify."""
    view = state.view
    add = button("Add endpoint", icon="plus", kind="primary", on_click=state.begin_adding)
    header = page_header(
        "Webhooks",
        "Have your own systems told what happens: invoices, payments, plan changes, credits.",
        rx.cond(state.may_change & view.has_room & ~state.adding, add, rx.fragment()),
    )
    nothing = rx.el.div(
        empty_state(
            "Nothing is told yet",
            "Add an address that takes HTTPS POST requests. It is told what happens from then on, in order.",
            icon="webhook",
        ),
        class_name="card",
    )
    columns = (
        Column("Endpoint", lambda each: _endpoint_name(state, each), leads=True),
        Column("Told of", lambda each: rx.el.span(each.types, style={**SMALL, **TYPES_COLUMN})),
        Column("Status", _endpoint_status),
        Column("In line", lambda each: each.waiting, numeric=True),
    )
    table = section_card("Endpoints", data_table("Webhook endpoints", columns, view.rows), flush=True)
    return rx.fragment(
        header,
        rx.cond(state.adding & state.may_change, _form(state), rx.fragment()),
        rx.cond(view.rows, table, rx.cond(state.adding, rx.fragment(), nothing)),
        _how_to_verify(),
    )


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
        main_and_side(_deliveries(state), stack(_secret(state), _settings(state))),
    )


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


def _endpoint_name(state: Any, each: Any) -> rx.Component:
    return rx.el.div(
        rx.el.button(
            each.url,
            type="button",
            on_click=state.open_endpoint(each.id),
            class_name="link",
            style={"textAlign": "left", **ANYWHERE},
        ),
        rx.cond(
            each.description != "",
            rx.el.p(each.description, class_name="muted", style={**SMALL, "fontWeight": "400", **ANYWHERE}),
            rx.fragment(),
        ),
    )


def _endpoint_status(each: Any) -> rx.Component:
    return rx.el.div(
        status_badge(each.status, each.status_word),
        rx.cond(
            each.note != "",
            rx.el.p(each.note, class_name="muted", style={**SMALL, "maxWidth": "18rem"}),
            rx.fragment(),
        ),
    )


def _form(state: Any) -> rx.Component:
    chosen = rx.el.fieldset(
        rx.el.legend("Which types", class_name="visually-hidden"),
        rx.el.div(*[_check(TYPE_PREFIX + each, each) for each in TYPES], style=TYPES_GRID),
    )
    all_types = rx.el.label(
        rx.el.input(type="checkbox", checked=state.wants_all, on_change=state.choose_all),
        "Everything that happens, new types included",
        style=CHECK,
    )
    form = rx.el.form(
        stack(
            text_field(
                "Address",
                name="url",
                hint="https on the public internet. It answers 2xx within 15 seconds.",
                error=state.problem,
                placeholder="https://example.com/hooks/tallystick",
                auto_complete="off",
                required=True,
                max_length=500,
            ),
            text_field("Description", name="description", hint="For yourselves. May be left out.", max_length=200),
            all_types,
            rx.cond(state.wants_all, rx.fragment(), chosen),
            row(
                button("Add endpoint", kind="primary", type="submit"),
                button("Back", on_click=state.stop_adding),
            ),
            gap=4,
        ),
        on_submit=state.add,
    )
    return section_card("New endpoint", form)


def _check(name: str, text: str) -> rx.Component:
    return rx.el.label(rx.el.input(type="checkbox", name=name), rx.el.code(text), style=CHECK)


def _how_to_verify() -> rx.Component:
    return section_card(
        "How to verify a message",
        stack(
            copyable(
                "Python",
                VERIFY,
                hint="Messages follow Standard Webhooks: libraries verify them in a dozen languages. "
                "For Python, pip install standardwebhooks.",
            ),
            rx.el.p(
                "Messages come in order, one at a time. One that is not taken is tried again for three days and holds "
                "those behind it; then the endpoint is disabled, and nothing is lost.",
                class_name="muted",
                style=SMALL,
            ),
        ),
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


def _deliveries(state: Any) -> rx.Component:
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
