"""The bar that says that no real money moves, on every page while payments go to the sandbox."""

import reflex as rx

from app.components.layout import served_link
from services.payments import standing_views

BAR = {
    "color": "var(--c-note)",
    "background": "var(--c-note-soft)",
    "@media (max-width: 39.99rem)": {"paddingBlock": "var(--space-1)", "fontSize": "var(--text-xs)"},
}


class Sandbox(rx.State):
    """Where the sandbox's own pages are, "" where payments are real or off.

    Pages are built with "", whatever the settings are then: only a server that runs knows.
    """

    @rx.var(initial_value="", cache=True)
    def home(self) -> str:
        return standing_views.sandbox_home()


def sandbox_banner() -> rx.Component:
    """Nothing, unless this server takes payments in the sandbox."""
    return rx.cond(
        Sandbox.home != "",
        rx.el.div(
            rx.icon("flask_conical", size=16, aria_hidden="true"),
            rx.el.span(rx.el.strong("Sandbox: no real money."), " Test card 4242 4242 4242 4242."),
            served_link("Open the sandbox", href=Sandbox.home, target="_blank", rel="noopener"),
            class_name="operator-banner",
            style=BAR,
            role="status",
        ),
        rx.fragment(),
    )
