"""Keys of a customer: those there are and who made them, the form to make one, and a new one shown once."""

from typing import Any, Final

import reflex as rx

from app.components.badges import status_badge
from app.components.cards import notice, section_card
from app.components.copyable import copyable
from app.components.forms import button, text_field
from app.components.layout import page_header, row, stack
from app.components.states import empty_state
from app.components.tables import Column, data_table
from app.components.working import ANYWHERE, SMALL
from models.base import NAME_MAX
from services.key_views import SCOPE_WORDS

SCOPE_PREFIX: Final = "scope:"
CHECK: Final = {"display": "flex", "alignItems": "flex-start", "gap": "var(--space-3)", **SMALL}
BOX: Final = {"marginTop": "0.2rem", "flex": "none"}


def key_list(state: Any) -> rx.Component:
    """`state` is the page's State."""
    make = button("Make a key", icon="plus", kind="primary", on_click=state.begin_adding)
    header = page_header(
        "API keys",
        "What your own programs sign in with. Each says who made it and what it may do.",
        rx.cond(state.may_change & ~state.adding & (state.made == ""), make, rx.fragment()),
    )
    return rx.fragment(
        header,
        rx.cond(state.made != "", _made(state), rx.fragment()),
        rx.cond(state.adding & state.may_change, _form(state), rx.fragment()),
        rx.cond(state.revoking.id != "", _question(state), rx.fragment()),
        rx.cond(
            state.view.rows,
            section_card("Keys", _table(state), flush=True),
            rx.cond(state.adding, rx.fragment(), rx.el.div(_nothing(), class_name="card")),
        ),
        rx.cond(
            state.may_change,
            rx.fragment(),
            rx.el.p("Keys are made and revoked by an owner of the account.", class_name="muted", style=SMALL),
        ),
    )


def _nothing() -> rx.Component:
    return empty_state(
        "There is no key yet",
        "A program that sends use or reads invoices signs in with one. An owner of the account makes it here.",
        icon="key_round",
    )


def _made(state: Any) -> rx.Component:
    return section_card(
        "Your new key",
        stack(
            notice("warn", "It is shown once.", "Put it where your program reads it; only its digest is kept here."),
            copyable(state.made_name, state.made),
            row(button("I have it", kind="primary", on_click=state.put_away)),
            gap=4,
        ),
    )


def _form(state: Any) -> rx.Component:
    scopes = rx.el.fieldset(
        rx.el.legend("What it may do", class_name="field-label", style={"marginBottom": "var(--space-2)"}),
        *[_scope(state, scope, words) for scope, words in SCOPE_WORDS.items()],
        class_name="stack",
        style={"gap": "var(--space-2)", "border": "0", "padding": "0"},
    )
    form = rx.el.form(
        stack(
            text_field(
                "Name",
                name="name",
                hint="What it is for, such as the program that uses it.",
                auto_complete="off",
                required=True,
                max_length=NAME_MAX,
                style={"maxWidth": "28rem"},
            ),
            scopes,
            rx.cond(state.problem != "", notice("bad", state.problem), rx.fragment()),
            row(
                button("Make the key", kind="primary", type="submit"),
                button("Back", on_click=state.stop_adding),
            ),
            gap=4,
        ),
        on_submit=state.add,
        reset_on_submit=False,
    )
    return section_card("New key", form)


def _scope(state: Any, scope: str, words: str) -> rx.Component:
    said: Any = words
    if scope == "gainshare:write":
        said = rx.cond(state.shell.is_operator, "Send measurements; a key you make signs nothing for them", words)
    return rx.el.label(
        rx.el.input(type="checkbox", name=SCOPE_PREFIX + scope, style=BOX),
        rx.el.span(
            rx.el.code(scope), rx.el.span(said, class_name="muted", style={"display": "block"}), style={"minWidth": 0}
        ),
        style=CHECK,
    )


def _question(state: Any) -> rx.Component:
    return notice(
        "bad",
        rx.fragment("Revoke ", state.revoking.name, "?"),
        "Every program that uses it is refused from then on. A revoked key does not come back.",
        action=row(
            button("Revoke", kind="danger", small=True, on_click=state.revoke),
            button("Keep it", small=True, on_click=state.keep),
        ),
    )


def _table(state: Any) -> rx.Component:
    columns = (
        Column("Key", _name, leads=True),
        Column("May", lambda each: rx.el.span(each.scopes, style={**SMALL, **ANYWHERE})),
        Column("Made by", _made_by),
        Column("Last used", lambda each: rx.el.span(each.used, style=SMALL)),
        Column("Status", lambda each: status_badge(each.status, each.status_word)),
        Column("", lambda each: _revoke(state, each), numeric=True),
    )
    return data_table("API keys", columns, state.view.rows)


def _name(each: Any) -> rx.Component:
    return rx.el.div(
        rx.el.span(each.name, style=ANYWHERE),
        rx.el.p(rx.el.code(each.begins), class_name="muted", style={**SMALL, "fontWeight": "400"}),
    )


def _made_by(each: Any) -> rx.Component:
    return rx.el.div(
        rx.el.span(each.made, style={**SMALL, **ANYWHERE}),
        rx.cond(each.note != "", rx.el.p(each.note, class_name="muted", style=SMALL), rx.fragment()),
    )


def _revoke(state: Any, each: Any) -> rx.Component:
    return rx.cond(
        state.may_change & each.is_alive,
        button("Revoke", small=True, on_click=state.ask_revoke(each.id), aria_label="Revoke " + each.name.to(str)),
        rx.fragment(),
    )
