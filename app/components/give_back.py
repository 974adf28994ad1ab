"""The steps of giving money back of an invoice: the form, the question before it happens, and what came of it."""

from typing import Any

import reflex as rx

from app.components.badges import status_badge
from app.components.cards import notice
from app.components.forms import button, text_field
from app.components.layout import row, stack
from models.credit_note import REASON_MAX

TYPED_MAX = 40
SMALL = {"fontSize": "var(--text-sm)"}


def give_back_steps(state: Any) -> rx.Component:
    """The button that begins, then the step it is at; `state` is the form's State."""
    return rx.cond(
        state.outcome.number != "",
        _outcome(state),
        rx.cond(
            state.form.note_id == "",
            button("Give money back", icon="undo_2", on_click=state.open_form),
            rx.cond(state.form.none_because != "", _nothing(state), _steps(state)),
        ),
    )


def _nothing(state: Any) -> rx.Component:
    return stack(
        rx.el.p(state.form.none_because, class_name="muted"),
        row(button("Close", on_click=state.put_back)),
        gap=3,
    )


def _steps(state: Any) -> rx.Component:
    """Both steps stay on the page, so that what was typed is there still when one goes back."""
    asks = state.question.sentence != ""
    return rx.fragment(
        rx.el.div(_form(state), hidden=asks),
        rx.cond(asks, _question(state), rx.fragment()),
    )


def _form(state: Any) -> rx.Component:
    return rx.el.form(
        stack(
            text_field(
                rx.fragment("Amount in ", state.form.currency),
                name="amount",
                default_value=state.form.left_typed,
                hint=rx.fragment(state.form.left, " is left of this invoice."),
                input_mode="decimal",
                auto_complete="off",
                max_length=TYPED_MAX,
                required=True,
                style={"maxWidth": "14rem"},
            ),
            text_field(
                "Reason",
                name="reason",
                hint="The customer reads it on the credit note.",
                max_length=REASON_MAX,
                auto_complete="off",
                required=True,
            ),
            rx.el.fieldset(
                rx.el.legend(
                    "What becomes of the money", class_name="field-label", style={"marginBottom": "var(--space-2)"}
                ),
                rx.foreach(state.form.ways, _way),
                class_name="stack",
                style={"gap": "var(--space-2)", "border": "0", "padding": "0"},
            ),
            rx.cond(state.problem != "", notice("bad", state.problem), rx.fragment()),
            row(
                button("Go on", kind="primary", type="submit"),
                button("Close", on_click=state.put_back),
            ),
            gap=4,
        ),
        on_submit=state.ask,
    )


def _way(way: Any, place: Any) -> rx.Component:
    return rx.el.label(
        rx.el.input(
            type="radio",
            name="way",
            value=way.code,
            default_checked=place == 0,
            required=True,
            style={"marginTop": "3px", "flex": "none"},
        ),
        rx.el.span(
            rx.el.span(way.name, style={"fontWeight": "500"}),
            rx.el.br(),
            rx.el.span(way.meaning, class_name="muted", style=SMALL),
        ),
        style={"display": "flex", "alignItems": "flex-start", "gap": "var(--space-3)", "cursor": "pointer"},
    )


def _question(state: Any) -> rx.Component:
    return stack(
        notice("warn", "This is what happens", state.question.sentence),
        row(
            button(state.question.confirm, kind="danger", on_click=state.confirm),
            button("Back", on_click=state.change),
        ),
        gap=3,
    )


def _outcome(state: Any) -> rx.Component:
    outcome = state.outcome
    told = rx.el.p(
        status_badge(outcome.status, outcome.status_word),
        rx.cond(outcome.error != "", rx.el.span(" ", outcome.error, class_name="muted"), rx.fragment()),
        style={"marginTop": "var(--space-2)"},
    )
    return stack(
        notice("good", outcome.sentence, rx.cond(outcome.status != "", told, rx.fragment())),
        row(
            rx.cond(outcome.status != "", button("Look again", icon="refresh_cw", on_click=state.look), rx.fragment()),
            button("Give more back", on_click=state.open_form),
        ),
        gap=3,
    )
