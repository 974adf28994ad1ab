"""Webhooks of a customer: the endpoints there are, the form to add one, and how to verify what comes."""

from typing import Any, Final

import reflex as rx

from app.components.badges import status_badge
from app.components.cards import section_card
from app.components.copyable import copyable
from app.components.forms import button, text_field
from app.components.layout import page_header, row, stack
from app.components.states import empty_state
from app.components.tables import Column, data_table
from app.components.working import ANYWHERE, SMALL
from services.webhooks.endpoints import TYPES

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
