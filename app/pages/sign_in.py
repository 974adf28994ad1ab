"""Signing in: a plain form that posts to the server, which answers with the session cookie and a redirect."""

import reflex as rx

from app.components.address import query_value
from app.components.brand import stick, wordmark
from app.components.cards import notice
from app.components.forms import button, text_field
from app.components.posting_form import posting_form
from app.components.shell import colour_mode_choice
from app.pages.sandbox import sandbox_banner

WHOLE_SCREEN = {"display": "flex", "flexDirection": "column", "minHeight": "100dvh"}
PROMISES = (
    (
        "Every charge shows its working",
        "Each invoice line states the quantity, the price and how one became the other.",
    ),
    ("Usage is counted once", "An event that is sent again, however often, is recorded and charged a single time."),
    ("No surprises", "See credits burn as they are spent, and the running bill before it is final."),
)


def page() -> rx.Component:
    """The form on one side; on wide screens, what the portal is on the other."""
    return rx.el.div(sandbox_banner(), _two_halves(), style=WHOLE_SCREEN)


def _two_halves() -> rx.Component:
    return rx.el.div(
        rx.el.main(
            rx.el.div(wordmark(), colour_mode_choice(), class_name="sign-in-top"),
            _form(),
            rx.el.p(
                "Trouble signing in? Ask the owner of your account to check your access.", class_name="sign-in-help"
            ),
            class_name="sign-in-form",
        ),
        rx.el.aside(_about(), class_name="sign-in-about"),
        class_name="sign-in",
        style={"flex": "1", "minHeight": "auto"},
    )


def _form() -> rx.Component:
    return posting_form(
        rx.el.h1("Sign in to your billing"),
        rx.el.p("Use the e-mail address your account was set up with.", class_name="muted"),
        _outcome(),
        text_field(
            "E-mail",
            name="email",
            type="email",
            auto_complete="username",
            required=True,
            max_length=254,
            auto_focus=True,
        ),
        text_field(
            "Password",
            name="password",
            type="password",
            auto_complete="current-password",
            required=True,
            max_length=256,
        ),
        rx.el.input(type="hidden", name="next", value=query_value("next"), read_only=True),
        button("Sign in", kind="primary", type="submit"),
        action="/session",
        class_name="sign-in-fields",
    )


def _outcome() -> rx.Component:
    """Why the visitor is here again, read from the address that the server redirected to."""
    refused, ended = query_value("refused"), query_value("ended")
    return rx.fragment(
        rx.match(
            refused,
            ("", rx.fragment()),
            (
                "slow",
                notice("bad", "Too many attempts", "Wait fifteen minutes, then try again. Your account is not locked."),
            ),
            notice("bad", "That e-mail and password don't match", "Check both and try again."),
        ),
        rx.match(
            ended,
            ("", rx.fragment()),
            ("expired", notice("note", "Your session has ended", "Sign in again to go on where you were.")),
            notice("good", "You have signed out"),
        ),
    )


def _about() -> rx.Component:
    return rx.el.div(
        stick(),
        rx.el.p("A bill you can check, line by line.", class_name="sign-in-claim"),
        rx.el.ul(
            *[
                rx.el.li(rx.el.p(title, class_name="promise-title"), rx.el.p(text, class_name="promise-text"))
                for title, text in PROMISES
            ],
            class_name="promises",
        ),
        class_name="sign-in-about-inner",
    )
