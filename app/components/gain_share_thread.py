"""The thread of a run: who did or said what, with files to download and the receipt of each step."""

from typing import Any, Final

import reflex as rx

from app.components.badges import badge
from app.components.cards import notice
from app.components.evidence_upload import file_field
from app.components.forms import button
from app.components.layout import link, row, served_link
from app.components.party_form import text_area
from app.components.working import ANYWHERE, SMALL
from app.routes import evidence_href, receipt_href
from models.gain_share_run import STEP_TEXT_MAX

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


def speaking_form(state: Any) -> rx.Component:
    """Say something on the thread."""
    return rx.el.form(
        rx.cond(state.said_problem != "", notice("bad", state.said_problem), rx.fragment()),
        text_area(
            "Say something to the other side",
            name="text",
            id="field-say",
            required=True,
            max_length=STEP_TEXT_MAX,
            key=state.said.to(str),
        ),
        row(button("Send", icon="send", type="submit")),
        on_submit=state.say,
        reset_on_submit=False,
        class_name="stack",
    )


def evidence_form(state: Any) -> rx.Component:
    """Show a file on the thread: it is sent as it is chosen, and shown once it is said so, with words if one likes."""
    words = text_area("What it shows, if you like to say", name="text", id="field-shown", max_length=STEP_TEXT_MAX)
    return rx.el.form(
        file_field(
            "Or show a file",
            which="evidence",
            choose=state.choose_file,
            name=state.file_name,
            problem=state.file_problem,
        ),
        rx.cond(
            state.file_name != "",
            rx.fragment(words, row(button("Show it on the thread", icon="paperclip", type="submit"))),
            rx.fragment(),
        ),
        on_submit=state.show_file,
        reset_on_submit=False,
        key="file" + state.said.to(str),
        class_name="stack",
        style={"marginTop": "var(--space-3)"},
    )
