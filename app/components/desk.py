"""What the pages of one customer's gain-share share on our own side: the way between them, and opening a customer."""

from typing import Any, Final

import reflex as rx

from app.components.forms import button
from app.components.layout import link
from app.components.posting_form import posting_form
from app.routes import BY_NAME

TABS: Final = (
    ("gain_share_desk", "Baselines and runs"),
    ("gain_share_months", "Measurements"),
    ("gain_share_log", "Maintenance log"),
    ("gain_share_new", "New run"),
)
HERE: Final = {"color": "var(--c-text)", "background": "var(--c-surface)", "boxShadow": "0 0 0 1px var(--c-line)"}


def desk_tabs(here: str) -> rx.Component:
    """Links to the pages about the customer that is looked at; `here` is the route this one has."""
    links = (
        link(
            name,
            href=BY_NAME[route].href,
            class_name="choice",
            style=HERE if route == here else {},
            **({"aria_current": "page"} if route == here else {}),
        )
        for route, name in TABS
    )
    return rx.el.nav(*links, aria_label="Gain-share", class_name="choices", style={"flexWrap": "wrap"})


def open_customer(*children: Any, tenant_id: Any, goal: Any, kind: str = "secondary") -> rx.Component:
    """A button that looks at a customer and leads on to `goal`: a plain form, the choice is kept with the session."""
    return posting_form(
        rx.el.input(type="hidden", name="tenant_id", value=tenant_id, read_only=True),
        rx.el.input(type="hidden", name="next", value=goal, read_only=True),
        button(*children, type="submit", small=True, kind=kind),
        action="/session/tenant",
        style={"display": "flex", "justifyContent": "flex-end"},
    )
