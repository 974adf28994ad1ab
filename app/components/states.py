"""What a page shows when it has nothing to show yet, nothing at all, or was refused."""

from typing import Any

import reflex as rx

from app.components.layout import Text


def skeleton_line(width: str = "100%", height: str = "1rem") -> rx.Component:
    """A grey bar where text will be."""
    return rx.el.span(class_name="skeleton", style={"width": width, "height": height}, aria_hidden="true")


def skeleton_card(lines: int = 3) -> rx.Component:
    """A card of the size its content will have."""
    return rx.el.div(
        skeleton_line("40%", "0.875rem"),
        skeleton_line("60%", "1.75rem"),
        *[skeleton_line("90%") for _ in range(max(0, lines - 2))],
        class_name="card skeleton-card",
    )


def skeleton_page(cards: int = 4, rows: int = 6) -> rx.Component:
    """A whole page loading: a heading, a row of figures and a long section."""
    return rx.el.div(
        rx.el.span("Loading", class_name="visually-hidden"),
        rx.el.div(skeleton_line("12rem", "1.75rem"), skeleton_line("20rem"), class_name="stack skeleton-head"),
        rx.el.div(*[skeleton_card() for _ in range(cards)], class_name=f"grid grid-{min(4, max(2, cards))}"),
        skeleton_card(rows),
        class_name="page-body",
        role="status",
        aria_busy="true",
    )


def _centred(
    icon: str, title: Text, reason: Text | rx.Component, action: Any, kind: str, *, is_whole_page: bool
) -> rx.Component:
    heading = rx.el.h1 if is_whole_page else rx.el.p
    return rx.el.div(
        rx.el.span(rx.icon(icon, size=22, aria_hidden="true"), class_name=f"state-icon state-icon-{kind}"),
        heading(title, class_name="state-title"),
        rx.el.p(reason, class_name="state-reason"),
        rx.el.div(action, class_name="state-action") if action is not None else rx.fragment(),
        class_name="state",
        role="alert" if kind == "bad" else "group",
    )


def empty_state(
    title: Text, reason: Text, *, icon: str = "inbox", action: Any = None, is_whole_page: bool = False
) -> rx.Component:
    """Nothing here yet: say why, and what would put something here."""
    return _centred(icon, title, reason, action, "calm", is_whole_page=is_whole_page)


def refused_state(reason: Text, *, title: Text = "This can't be shown", action: Any = None) -> rx.Component:
    """The page could not be shown: the service's own sentence, and what to do about it."""
    return _centred("shield_alert", title, reason, action, "bad", is_whole_page=True)


def page_states(
    content: rx.Component,
    *,
    is_loading: rx.Var,
    refused: rx.Var | str = "",
    skeleton: rx.Component | None = None,
    action: Any = None,
) -> rx.Component:
    """The one switch each page needs: skeleton while loading, the refusal when there is one, else the content."""
    shown = content
    if isinstance(refused, rx.Var):
        refusal = rx.el.div(refused_state(refused, action=action), class_name="card")
        shown = rx.cond(refused != "", refusal, content)
    return rx.cond(is_loading, skeleton or skeleton_page(), shown)
