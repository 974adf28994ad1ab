"""The thread of a run: who did or said what, with files to download and the receipt of each step."""

from typing import Any, Final

import reflex as rx

from app.components.badges import badge
from app.components.layout import link, served_link
from app.components.working import ANYWHERE, SMALL
from app.routes import evidence_href, receipt_href

ICONS: Final = (
    ("submitted", "send", "c-note"),
    ("comment", "message_square", "c-muted"),
    ("evidence", "paperclip", "c-muted"),
    ("approved", "circle_check", "c-good"),
    ("rejected", "circle_x", "c-bad"),
    ("disputed", "triangle_alert", "c-warn"),
    ("replaced", "replace", "c-muted"),
)


def thread(steps: Any) -> rx.Component:
    """`steps` is a Var of ThreadStepView; receipts and files are those of the customer who is looked at."""
    return rx.el.ol(rx.foreach(steps, _step), class_name="thread")


def _step(step: Any) -> rx.Component:
    icon = rx.match(
        step.kind,
        *[(kind, rx.icon(name, size=16, style={"color": f"var(--{tone})"})) for kind, name, tone in ICONS],
        rx.icon("bell", size=16, style={"color": "var(--c-faint)"}),
    )
    return rx.el.li(
        rx.el.span(icon, class_name="thread-icon", aria_hidden="true"),
        rx.el.div(
            rx.el.p(
                rx.cond(step.who != "", rx.el.span(step.who, " ", style={"fontWeight": "600", **ANYWHERE}), ""),
                step.what,
                rx.cond(step.party != "", rx.fragment(" ", badge(step.party)), rx.fragment()),
            ),
            rx.cond(
                step.text != "",
                rx.el.p(step.text, class_name="thread-text", style={"whiteSpace": "pre-line", **ANYWHERE}),
                rx.fragment(),
            ),
            rx.cond(step.file_id != "", _file(step), rx.fragment()),
            rx.el.p(
                step.at,
                rx.cond(
                    step.receipt != "",
                    rx.fragment(" · ", link("Receipt ", step.receipt, href=receipt_href(step.receipt))),
                    rx.fragment(),
                ),
                class_name="faint",
                style={"fontSize": "var(--text-xs)"},
            ),
            style={"minWidth": 0, "flex": "1"},
        ),
        class_name="thread-step",
    )


def _file(step: Any) -> rx.Component:
    return rx.el.p(
        served_link(
            rx.icon("download", size=14, aria_hidden="true"),
            rx.el.span(step.file_name, style=ANYWHERE),
            href=evidence_href(step.file_id),
            class_name="link key-entry",
        ),
        rx.el.span(" ", step.file_size, class_name="muted"),
        style=SMALL,
    )
