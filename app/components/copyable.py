"""Text that is to be taken along exactly: shown as it is, with a button that copies it."""

from typing import Any, Final

import reflex as rx

from app.components.forms import button
from app.components.layout import Text

VERBATIM: Final = {
    "margin": "0",
    "padding": "var(--space-3) var(--space-4)",
    "maxHeight": "22rem",
    "overflow": "auto",
    "whiteSpace": "pre-wrap",
    "overflowWrap": "anywhere",
    "fontFamily": "var(--font-mono)",
    "fontSize": "var(--text-xs)",
    "lineHeight": "1.6",
    "background": "var(--c-sunken)",
    "borderRadius": "var(--radius-md)",
}


def copyable(label: Text, text: Any, *, hint: Text = "") -> rx.Component:
    """`text` word for word under its name."""
    return rx.el.div(
        rx.el.div(
            rx.el.h3(label, style={"fontSize": "var(--text-sm)"}),
            copy_button(text, what=label, small=True),
            class_name="row row-spread",
        ),
        rx.el.p(hint, class_name="muted", style={"fontSize": "var(--text-sm)"}) if hint else rx.fragment(),
        verbatim(text),
        class_name="stack",
        style={"gap": "var(--space-2)"},
    )


def verbatim(text: Any) -> rx.Component:
    """Lines and spaces as they are; long lines wrap, long texts scroll, by keyboard too."""
    return rx.el.pre(text, style=VERBATIM, tab_index=0)


def copy_button(text: Any, *, what: Text, small: bool = False) -> rx.Component:
    """Puts `text` on the clipboard and says so."""
    return button(
        "Copy",
        icon="copy",
        small=small,
        on_click=[rx.set_clipboard(text), rx.toast.success("Copied")],
        aria_label=f"Copy: {what}",
    )
