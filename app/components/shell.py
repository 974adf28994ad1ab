"""The frame around every signed-in page: who you are, where you can go, and how the portal looks."""

from dataclasses import dataclass, field
from typing import Any

import reflex as rx
from reflex.style import color_mode, set_color_mode

from app.components.brand import mark, wordmark
from app.components.layout import link
from app.components.posting_form import posting_form
from app.components.states import skeleton_line
from app.routes import BY_NAME, Audience, Route, navigation
from services.payments.standing_views import PaymentNotice
from services.subscriptions.picker import SubscriptionChoice

MENU_ID = "account-menu"
COLOUR_MODES = (("light", "Light", "sun"), ("dark", "Dark", "moon"), ("system", "System", "monitor"))


@dataclass(frozen=True)
class ShellView:
    """What the frame says about the signed-in person, already worded. All empty until it has been loaded."""

    tenant_name: str = ""
    member_email: str = ""
    role: str = ""
    is_operator: bool = False
    acting_as: str = ""
    """The customer an operator is looking at; "" when nobody is."""
    payment: PaymentNotice = field(default_factory=PaymentNotice)
    subscription_id: str = ""
    subscriptions: tuple[SubscriptionChoice, ...] = ()
    """What there is to choose from; empty where there are not several."""


def shell(route_name: str, view: Any, *children: Any, banner: rx.Component | None = None) -> rx.Component:
    """The page `route_name` in the frame. `view` is a Var of ShellView; `banner` sits above the content."""
    route = BY_NAME[route_name]
    return rx.el.div(
        rx.el.a("Skip to content", href="#content", class_name="skip-link"),
        _sidebar(route, view),
        _topbar(route, view),
        rx.el.div(
            _operator_banner(view),
            banner or rx.fragment(),
            rx.el.main(*children, id="content", tab_index=-1, class_name="page-body"),
            class_name="shell-main",
        ),
        _tabbar(route, view),
        class_name="shell",
    )


def _sidebar(route: Route, view: Any) -> rx.Component:
    return rx.el.aside(
        link(wordmark(), href=BY_NAME["overview"].href, class_name="sidebar-brand", aria_label="Tallystick, overview"),
        rx.el.nav(
            rx.el.div(_links(Audience.OPERATOR, route, view, "nav-link"), class_name="sidebar-operator"),
            rx.el.div(_or_skeleton(view.tenant_name, "8rem"), class_name="sidebar-tenant"),
            _links(Audience.MEMBER, route, view, "nav-link"),
            aria_label="Main",
            class_name="sidebar-nav",
        ),
        rx.el.div(
            _person(view), colour_mode_choice(), _own_settings(route, view), _sign_out(), class_name="sidebar-foot"
        ),
        class_name="sidebar",
    )


def _topbar(route: Route, view: Any) -> rx.Component:
    """Narrow screens: the name of the customer, and a menu the browser itself opens and closes."""
    opener = rx.el.button(
        rx.icon("menu", size=20, aria_hidden="true"),
        type="button",
        aria_label="Menu",
        custom_attrs={"popoverTarget": MENU_ID},
        class_name="icon-button",
    )
    menu = rx.el.div(
        _person(view),
        _links(Audience.OPERATOR, route, view, "nav-link"),
        _links(Audience.MEMBER, route, view, "nav-link", tabs=False),
        colour_mode_choice(),
        _own_settings(route, view),
        _sign_out(),
        id=MENU_ID,
        custom_attrs={"popover": "auto"},
        class_name="menu-panel",
    )
    home = link(mark(22), href=BY_NAME["overview"].href, class_name="topbar-brand", aria_label="Tallystick, overview")
    tenant = rx.el.span(_or_skeleton(view.tenant_name, "7rem"), class_name="topbar-tenant")
    return rx.el.header(home, tenant, opener, menu, class_name="topbar")


def _tabbar(route: Route, view: Any) -> rx.Component:
    return rx.el.nav(
        _links(Audience.MEMBER, route, view, "tab-link", tabs=True),
        aria_label="Main",
        class_name="tabbar",
    )


def _links(audience: Audience, current: Route, view: Any, class_name: str, *, tabs: bool | None = None) -> rx.Component:
    """The navigation entries of one audience; an operator sees a customer's pages while acting for one.

    `tabs` narrows them to those at the bottom of a phone, or to the others.
    """
    routes = [route for route in navigation(audience) if tabs is None or route.is_tab is tabs]
    entries = rx.fragment(*[_nav_link(route, current, class_name) for route in routes])
    if audience is Audience.OPERATOR:
        return rx.cond(view.is_operator, entries, rx.fragment())
    return rx.cond(view.is_operator & (view.acting_as == ""), rx.fragment(), entries)


def _nav_link(route: Route, current: Route, class_name: str) -> rx.Component:
    is_here = route.name in (current.name, current.parent)
    props = {"aria_current": "page" if current.name == route.name else "true"} if is_here else {}
    return link(
        rx.icon(route.icon, size=18, aria_hidden="true"),
        rx.el.span(route.label),
        href=route.href,
        class_name=class_name,
        **props,
    )


def _person(view: Any) -> rx.Component:
    return rx.el.div(
        rx.el.span(_or_skeleton(view.member_email, "9rem"), class_name="person-email", title=view.member_email),
        rx.el.span(view.role, class_name="person-role"),
        class_name="person",
    )


def _or_skeleton(text: Any, width: str) -> rx.Component:
    return rx.cond(text == "", skeleton_line(width), text)


def colour_mode_choice() -> rx.Component:
    """Light, dark, or whatever the device says; remembered in this browser."""
    return rx.el.div(
        *[
            rx.el.button(
                rx.icon(icon, size=15, aria_hidden="true"),
                rx.el.span(name, class_name="visually-hidden"),
                type="button",
                title=name,
                aria_pressed=rx.cond(color_mode == mode, "true", "false"),
                on_click=set_color_mode(mode),  # type: ignore[arg-type]
                class_name="choice",
            )
            for mode, name, icon in COLOUR_MODES
        ],
        role="group",
        aria_label="Colours",
        class_name="choices",
    )


def _own_settings(current: Route, view: Any) -> rx.Component:
    """What a person sets for themselves: a member for a customer, an operator for all."""

    def entry(name: str) -> rx.Component:
        route = BY_NAME[name]
        props = {"aria_current": "page"} if current.name == route.name else {}
        icon = rx.icon(route.icon, size=16, aria_hidden="true")
        return link(icon, route.title, href=route.href, class_name="nav-link", **props)

    return rx.cond(view.is_operator, entry("desk_notifications"), entry("notifications"))


def _sign_out() -> rx.Component:
    """A plain form: the cookie is cleared by the server's own answer."""
    return posting_form(
        rx.el.button(rx.icon("log_out", size=16, aria_hidden="true"), "Sign out", type="submit", class_name="nav-link"),
        action="/session/end",
        class_name="sign-out",
    )


def _operator_banner(view: Any) -> rx.Component:
    return rx.cond(
        view.acting_as != "",
        rx.el.div(
            rx.icon("eye", size=16, aria_hidden="true"),
            rx.el.span("You are viewing ", rx.el.strong(view.acting_as), " as an operator."),
            link("Back to customers", href=BY_NAME["admin"].href),
            class_name="operator-banner",
            role="status",
        ),
        rx.fragment(),
    )
