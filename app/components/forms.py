"""Controls with a visible label, and buttons. Native elements: they work with a keyboard and without scripts."""

from collections.abc import Sequence
from typing import Any

import reflex as rx

from app.components.layout import Text, link


def field(label: Text, control: rx.Component, *, for_id: str, hint: Text = "", error: Text = "") -> rx.Component:
    """A control under its label, with a hint and, when `error` is not empty, the reason it was refused."""
    refusal = rx.el.p(error, class_name="field-error", role="alert")
    return rx.el.div(
        rx.el.label(label, html_for=for_id, class_name="field-label"),
        control,
        rx.el.p(hint, class_name="field-hint") if not _is_blank(hint) else rx.fragment(),
        rx.cond(error != "", refusal, rx.fragment()) if not _is_blank(error) else rx.fragment(),
        class_name="field",
    )


def _is_blank(text: Text) -> bool:
    return isinstance(text, str) and text == ""


def text_field(label: Text, *, name: str, hint: Text = "", error: Text = "", **props: Any) -> rx.Component:
    """One line of text; `props` go to the input (type, auto_complete, required, on_change, default_value …)."""
    control = rx.el.input(id=f"field-{name}", name=name, class_name="input", **props)
    return field(label, control, for_id=f"field-{name}", hint=hint, error=error)


def select_field(
    label: Text,
    *,
    name: str,
    options: Sequence[tuple[str, str]] | rx.Var,
    hint: Text = "",
    error: Text = "",
    **props: Any,
) -> rx.Component:
    """A choice. `options` are (value, name) pairs, or a Var of such a list."""
    if isinstance(options, rx.Var):
        entries: Any = rx.foreach(options, lambda pair: rx.el.option(pair[1], value=pair[0]))
    else:
        entries = rx.fragment(*[rx.el.option(text, value=value) for value, text in options])
    control = rx.el.div(
        rx.el.select(entries, id=f"field-{name}", name=name, class_name="input", **props),
        rx.icon("chevron_down", size=16, aria_hidden="true"),
        class_name="select",
    )
    return field(label, control, for_id=f"field-{name}", hint=hint, error=error)


def button(*children: Any, kind: str = "secondary", icon: str = "", small: bool = False, **props: Any) -> rx.Component:
    """A button. `kind`: primary (one a view), secondary, quiet or danger."""
    props.setdefault("type", "button")
    return rx.el.button(*_with_icon(icon, children), class_name=_button_class(kind, small), **props)


def button_link(
    *children: Any, href: Text, kind: str = "secondary", icon: str = "", small: bool = False, **props: Any
) -> rx.Component:
    """A link drawn as a button, to another page of the portal."""
    return link(*_with_icon(icon, children), href=href, class_name=_button_class(kind, small), **props)


def _with_icon(icon: str, children: Sequence[Any]) -> list[Any]:
    return [*([rx.icon(icon, size=16, aria_hidden="true")] if icon else []), *children]


def _button_class(kind: str, small: bool) -> str:
    return f"button button-{kind}" + (" button-small" if small else "")


def choices(label: str, options: Sequence[tuple[Any, Text, Any]]) -> rx.Component:
    """A row of buttons of which one is pressed. `options` are (is it pressed, name, handler)."""
    return rx.el.div(
        *[
            rx.el.button(text, type="button", on_click=handler, aria_pressed=_pressed(chosen), class_name="choice")
            for chosen, text, handler in options
        ],
        role="group",
        aria_label=label,
        class_name="choices",
    )


def _pressed(chosen: Any) -> Any:
    return rx.cond(chosen, "true", "false") if isinstance(chosen, rx.Var) else str(bool(chosen)).lower()
