"""What a visitor sees when something breaks: the connection, a page's script, or a handler on the server."""

import logging
from datetime import UTC, datetime

import reflex as rx
from reflex.event import EventSpec
from reflex_base.vars.function import ArgsFunctionOperation
from reflex_components_core.base.error_boundary import ErrorBoundary
from reflex_components_core.core.banner import has_too_many_connection_errors

from app.components.brand import wordmark
from app.components.layout import served_link
from app.components.states import refused_state
from app.routes import BY_NAME

logger = logging.getLogger("tallystick.pages")


def connection_notice() -> rx.Component:
    """A bar at the bottom while the server cannot be reached; it leaves when the connection is back."""
    return rx.cond(
        has_too_many_connection_errors,
        rx.el.div(
            rx.icon("wifi_off", size=16, aria_hidden="true"),
            "The connection was lost. What you see may be out of date; we keep trying to reconnect.",
            class_name="connection-notice",
            role="status",
        ),
        rx.fragment(),
    )


def broken_page() -> rx.Component:
    """Instead of a page whose script failed. The error itself goes to the server's log, not to the visitor."""
    home = served_link("Load the overview again", href=BY_NAME["overview"].href, class_name="button button-primary")
    reason = "A part of this page failed in your browser. Your data is safe; the failure has been reported to us."
    return rx.el.main(
        rx.el.div(wordmark(), class_name="centred-brand"),
        rx.el.div(
            refused_state(reason, title="This page could not be shown", action=home), class_name="card centred-card"
        ),
        class_name="centred",
    )


def error_boundary() -> rx.Component:
    """Reports a failing script to the server and shows `broken_page`."""
    return ErrorBoundary.create(
        fallback_render=ArgsFunctionOperation.create(("event_args",), rx.Var.create(broken_page()))
    )


def tell_of_failure(exception: Exception) -> EventSpec:
    """Log what a handler raised; the visitor gets the time to quote instead of the details."""
    at = datetime.now(UTC)
    logger.error("A page's event handler failed", exc_info=exception)
    return rx.toast.error(
        "That did not work",
        description=f"Something failed on our side and was logged at {at:%H:%M:%S} UTC. Please try again.",
    )


APP_WRAPS = {
    (55, "ErrorBoundary"): lambda _stateful: error_boundary(),
    (5, "ConnectionNotice"): lambda _stateful: rx.fragment(connection_notice()),
}
"""Replaces Reflex's own, which show stack traces and addresses."""
