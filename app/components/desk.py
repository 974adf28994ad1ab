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
PLAIN: Final = {"background": "none", "border": "0", "padding": "0", "font": "inherit", "cursor": "pointer"}
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


def open_customer(*children: Any, tenant_id: Any, goal: Any) -> rx.Component:
    """A button that looks at a customer and leads on to `goal`."""
    opens = button(*children, type="submit", small=True)
    return _opening(opens, tenant_id, goal, {"display": "flex", "justifyContent": "flex-end"})


def customer_link(*children: Any, tenant_id: Any, goal: Any) -> rx.Component:
    """The same among links, and drawn as one."""
    opens = rx.el.button(*children, type="submit", class_name="link", style=PLAIN)
    return _opening(opens, tenant_id, goal, {"display": "inline"})


def _opening(opens: rx.Component, tenant_id: Any, goal: Any, style: dict[str, str]) -> rx.Component:
    """A plain form: the choice of the customer is kept with the session, by the server."""
    return posting_form(
        rx.el.input(type="hidden", name="tenant_id", value=tenant_id, read_only=True),
        rx.el.input(type="hidden", name="next", value=goal, read_only=True),
        opens,
        action="/session/tenant",
        style=style,
    )
