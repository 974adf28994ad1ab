"""What came of a purchase: still waited for, done, on its way, expired or failed."""

from typing import Any, Final

import reflex as rx

from app.components.cards import section_card
from app.components.forms import button, button_link
from app.components.layout import link, page_header, served_link
from app.components.states import empty_state
from app.routes import BY_NAME, invoice_href

SPIN: Final = {"animation": "spin 1.2s linear infinite", "@keyframes spin": {"to": {"transform": "rotate(360deg)"}}}


def checkout_outcome(state: Any) -> rx.Component:
    """One of the five, by the visit in `state.view`; `state` is the page's State."""
    view: Any = state.view
    return rx.match(
        view.state,
        ("done", _done(view)),
        ("paying", _paying(state)),
        ("expired", _expired(view)),
        ("failed", _failed(view)),
        _waiting(state),
    )


def _waiting(state: Any) -> rx.Component:
    view: Any = state.view
    looking = rx.fragment(
        rx.el.p(
            rx.icon("loader_circle", size=18, aria_hidden="true", style=SPIN),
            rx.el.span("We are waiting for our payment provider to confirm. This page changes by itself."),
            class_name="key-entry",
            role="status",
        ),
    )
    slow = rx.el.div(
        rx.el.p("This takes longer than usual", style={"fontWeight": "600"}),
        rx.el.p(
            "If you have paid, nothing is lost: the plan starts as soon as the payment is confirmed, and you may close "
            "this page. If you have not, go back to the payment page. You are never charged twice for it.",
            class_name="muted",
            style={"marginTop": "var(--space-1)"},
        ),
        rx.el.div(
            button("Look again", icon="refresh_cw", kind="primary", on_click=state.look_again),
            rx.cond(
                view.pay_url != "",
                served_link("Back to the payment page", href=view.pay_url, class_name="button button-secondary"),
                rx.fragment(),
            ),
            button_link("Go to overview", href=BY_NAME["overview"].href, kind="quiet"),
            class_name="row",
            style={"marginTop": "var(--space-4)"},
        ),
        role="status",
    )
    return rx.fragment(
        page_header(rx.fragment("Starting ", view.plan)),
        section_card("Confirming your payment", rx.cond(state.is_slow, slow, looking)),
    )


def _done(view: Any) -> rx.Component:
    bill = rx.cond(
        view.invoice_id != "",
        rx.el.div(
            rx.el.dt("Invoice"),
            rx.el.dd(link(view.invoice_number, href=invoice_href(view.invoice_id))),
            class_name="key-value",
        ),
        rx.fragment(),
    )
    facts = rx.el.dl(
        _fact("Plan", view.plan),
        _fact("Billed", view.billed),
        _fact(view.period_name, view.period),
        _fact("Paid", rx.el.span(view.paid, class_name="money", style={"whiteSpace": "normal"})),
        bill,
        class_name="key-values",
    )
    return rx.fragment(
        page_header(rx.fragment(view.plan, " has started")),
        section_card(
            rx.el.span(
                rx.icon("circle_check", size=20, aria_hidden="true", style={"color": "var(--c-good)"}),
                "All done",
                class_name="key-entry",
            ),
            facts,
            rx.el.div(
                button_link("Go to overview", href=BY_NAME["overview"].href, kind="primary"),
                style={"marginTop": "var(--space-5)"},
            ),
            description="Everything is ready to be used.",
        ),
    )


def _fact(name: Any, value: Any) -> rx.Component:
    return rx.el.div(rx.el.dt(name), rx.el.dd(value), class_name="key-value")


def _paying(state: Any) -> rx.Component:
    return _outcome(
        rx.fragment("Starting ", state.view.plan),
        "Your bank takes its time",
        "The payment is on its way, which takes some banks a few days. The plan starts once it has arrived; you need "
        "not do anything, and you may close this page.",
        "landmark",
        button("Look again", icon="refresh_cw", on_click=state.look_again),
        button_link("Go to overview", href=BY_NAME["overview"].href, kind="primary"),
    )


def _expired(view: Any) -> rx.Component:
    return _outcome(
        rx.fragment(view.plan, " was not started"),
        "The payment page has expired",
        "Nothing was charged. Choose the plan again, and a new page is opened.",
        "timer_off",
        button_link("Back to plans", href=BY_NAME["plans"].href, kind="primary"),
    )


def _failed(view: Any) -> rx.Component:
    return _outcome(
        rx.fragment(view.plan, " was not started"),
        "The payment did not go through",
        rx.cond(view.error != "", view.error, "The payment provider gave no reason."),
        "circle_x",
        button_link("Back to plans", href=BY_NAME["plans"].href, kind="primary"),
    )


def _outcome(heading: Any, title: str, reason: Any, icon: str, *actions: rx.Component) -> rx.Component:
    return rx.fragment(
        page_header(heading),
        rx.el.div(
            empty_state(
                title,
                reason,
                icon=icon,
                action=rx.el.div(*actions, class_name="row", style={"justifyContent": "center"}),
            ),
            class_name="card",
        ),
    )
