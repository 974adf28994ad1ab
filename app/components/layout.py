"""How things sit on a page: its heading, grids, rows, stacks, and links that don't reload."""

from typing import Any

import reflex as rx
from reflex_components_core.react_router.dom import ReactRouterLink

Text = str | rx.Var


def link(*children: Any, href: Text, class_name: str = "link", **props: Any) -> rx.Component:
    """A link inside the portal; it changes page without reloading. Use `served_link` for all that is no page of it."""
    return ReactRouterLink.create(*children, to=href, class_name=class_name, **props)


def served_link(*children: Any, href: Text, class_name: str = "link", **props: Any) -> rx.Component:
    """A link to what the server itself answers: files to download, documents, a page to be loaded afresh.

    `rx.el.a` with an address of this site becomes a link between pages, and would look for a page of that name.
    """
    return ReactRouterLink.create(*children, to=href, class_name=class_name, reload_document=True, **props)


def page_header(title: Text, subtitle: Text | rx.Component = "", *actions: rx.Component) -> rx.Component:
    """The page's one h1, a line under it, and the actions that belong to the whole page."""
    return rx.el.header(
        rx.el.div(
            rx.el.h1(title),
            rx.fragment() if isinstance(subtitle, str) and not subtitle else _subtitle(subtitle),
            class_name="page-heading",
        ),
        rx.el.div(*actions, class_name="row") if actions else rx.fragment(),
        class_name="page-header",
    )


def _subtitle(subtitle: Text | rx.Component) -> rx.Component:
    return rx.el.p(subtitle, class_name="page-subtitle")


def grid(*children: rx.Component, columns: int = 3, **props: Any) -> rx.Component:
    """`columns` (2, 3 or 4) equal columns on a wide screen, fewer as it narrows, one on a phone."""
    return rx.el.div(*children, class_name=f"grid grid-{columns}", **props)


def main_and_side(main: rx.Component, side: rx.Component) -> rx.Component:
    """Two thirds and one third; the side goes under the main part on narrow screens."""
    return rx.el.div(main, side, class_name="main-side")


def stack(*children: Any, gap: int = 4) -> rx.Component:
    """Children one under another. `gap` is a step of theme.SPACING."""
    return rx.el.div(*children, class_name="stack", style={"gap": f"var(--space-{gap})"})


def row(*children: Any, spread: bool = False) -> rx.Component:
    """Children side by side, wrapping when they don't fit; `spread` pushes them to both ends."""
    return rx.el.div(*children, class_name="row row-spread" if spread else "row")


def muted(*children: Any) -> rx.Component:
    """Secondary text."""
    return rx.el.span(*children, class_name="muted")


def money(amount: Text, *, large: bool = False) -> rx.Component:
    """An amount already worded by a service, in digits of equal width."""
    return rx.el.span(amount, class_name="money money-large" if large else "money")
