"""What narrows a long list: a choice among statuses with how many have each, a kind, and a text."""

from collections.abc import Sequence
from typing import Any, Final

import reflex as rx

from app.components.layout import Text

SEARCH_MAX: Final = 120
BAR: Final = {
    "display": "flex",
    "flexWrap": "wrap",
    "alignItems": "center",
    "gap": "var(--space-3)",
    "padding": "var(--space-4) var(--space-5) var(--space-1)",
    "@media (max-width: 39.99rem)": {"paddingInline": "var(--space-4)"},
}


def filter_bar(*children: Any) -> rx.Component:
    """Filters side by side, wrapping where it is narrow."""
    return rx.el.div(*children, style=BAR)


def counted_choices(label: str, counts: Any, chosen: Any, choose: Any) -> rx.Component:
    """One button a status; `counts` is a Var of StatusCount."""

    def one(each: Any) -> rx.Component:
        return rx.el.button(
            each.word,
            rx.el.span(each.count, class_name="faint tabular"),
            type="button",
            on_click=choose(each.status),
            aria_pressed=rx.cond(chosen == each.status, "true", "false"),
            class_name="choice",
        )

    return rx.el.div(
        rx.foreach(counts, one),
        role="group",
        aria_label=label,
        class_name="choices",
        style={"flexWrap": "wrap", "alignSelf": "center"},
    )


def kind_choice(label: str, options: Sequence[tuple[str, str]], chosen: Any, choose: Any) -> rx.Component:
    """A list to choose from, without a visible label."""
    return rx.el.div(
        rx.el.select(
            *[rx.el.option(name, value=value) for value, name in options],
            value=chosen,
            on_change=choose,
            aria_label=label,
            class_name="input",
        ),
        rx.icon("chevron_down", size=16, aria_hidden="true"),
        class_name="select",
        style={"width": "12rem", "maxWidth": "100%"},
    )


def search_box(label: str, hint: Text, text: Any, find: Any) -> rx.Component:
    """A text to look for; it is looked for a moment after the typing stops."""
    return rx.el.input(
        type="search",
        default_value=text,
        on_change=find.debounce(250),
        placeholder=hint,
        aria_label=label,
        max_length=SEARCH_MAX,
        auto_complete="off",
        class_name="input",
        style={"width": "18rem", "maxWidth": "100%", "flex": "1 1 12rem"},
    )
