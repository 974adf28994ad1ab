"""The page for an address that leads nowhere."""

import reflex as rx

from app.components.brand import wordmark
from app.components.forms import button_link
from app.components.states import empty_state
from app.routes import BY_NAME


def page() -> rx.Component:
    """Says so, and leads back."""
    return rx.el.main(
        rx.el.div(wordmark(), class_name="centred-brand"),
        rx.el.div(
            empty_state(
                "There is no page at this address",
                "The link may be old, or the address mistyped. Nothing of yours was changed.",
                icon="map_pin_off",
                is_whole_page=True,
                action=button_link("Go to the overview", href=BY_NAME["overview"].href, kind="primary"),
            ),
            class_name="card centred-card",
        ),
        class_name="centred",
    )
