"""A payment that failed, above every page: what it was for, what follows, and where it is paid."""

from typing import Any, Final

import reflex as rx

from app.components.cards import notice
from app.components.layout import link, served_link
from app.routes import invoice_href

PLACE: Final = {
    "width": "100%",
    "maxWidth": "var(--layout-content)",
    "margin": "0 auto",
    "padding": "var(--space-4) var(--space-4) 0",
    "@media (min-width: 60rem)": {"padding": "var(--space-5) var(--space-8) 0"},
    "& .notice-details": {"fontSize": "var(--text-sm)"},
}


def payment_notice(payment: Any) -> rx.Component:
    """`payment` is a Var of PaymentNotice; nothing is shown where all is well."""
    return rx.cond(
        payment.state == "",
        rx.fragment(),
        rx.el.div(
            rx.cond(payment.state == "past_due", _drawn("warn", payment), _drawn("bad", payment)),
            style=PLACE,
        ),
    )


def _drawn(tone: str, payment: Any) -> rx.Component:
    return notice(tone, payment.title, payment.detail, action=_actions(payment))


def _actions(payment: Any) -> rx.Component:
    pay = served_link(
        "Pay now",
        rx.icon("external_link", size=15, aria_hidden="true"),
        href=payment.pay_url,
        target="_blank",
        rel="noopener",
        class_name="button button-primary button-small",
        style={"textDecoration": "none", "color": "var(--c-on-accent)"},
    )
    return rx.el.div(
        link("Open the invoice", href=invoice_href(payment.invoice_id)),
        rx.cond(payment.pay_url != "", pay, rx.fragment()),
        class_name="row",
    )
