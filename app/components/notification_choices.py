"""What a person is told by mail, as boxes to tick, and the language it is written in."""

from typing import Any

import reflex as rx

from app.components.cards import section_card
from app.components.forms import select_field
from app.components.layout import Text
from app.components.working import SMALL

LANGUAGES = (("en", "English"), ("fr", "Français"))
LINE = {
    "display": "flex",
    "alignItems": "flex-start",
    "gap": "var(--space-3)",
    "paddingBlock": "var(--space-3)",
    "borderBottom": "1px solid var(--c-line)",
    "cursor": "pointer",
}
BOX = {"marginTop": "0.2rem", "width": "1.125rem", "height": "1.125rem", "flex": "none"}


def letters_card(state: Any, *, about: Text) -> rx.Component:
    """`state` has `view` (PreferencesView) and the handler `choose`; `about` says about whom letters are."""
    return section_card(
        "Letters",
        rx.foreach(state.view.kinds, lambda kind: _kind(kind, state)),
        description=rx.fragment("What is sent to ", state.view.address, about),
    )


def language_card(state: Any, *, otherwise: Text) -> rx.Component:
    """`state` has the handler `speak` too; `otherwise` says what holds where nothing was chosen."""
    return section_card(
        "Language",
        select_field(
            "Letters are written in",
            name="language",
            options=LANGUAGES,
            value=state.view.language,
            on_change=state.speak,
            hint=otherwise,
        ),
    )


def _kind(kind: Any, state: Any) -> rx.Component:
    always = rx.el.span(" Always sent to those who answer for the bills.", class_name="muted", style=SMALL)
    return rx.el.label(
        rx.el.input(
            type="checkbox",
            checked=kind.is_wanted,
            disabled=kind.is_fixed,
            on_change=lambda _checked: state.choose(kind.kind, ~kind.is_wanted),
            style=BOX,
        ),
        rx.el.span(
            rx.el.span(kind.title, style={"display": "block", "fontWeight": "500"}),
            rx.el.span(kind.explanation, class_name="muted", style=SMALL),
            rx.cond(kind.is_fixed, always, rx.fragment()),
        ),
        style=LINE,
    )
