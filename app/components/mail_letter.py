"""One letter opened: what the person sees, in a frame that can run and fetch nothing, and what is known of it."""

from typing import Any

import reflex as rx

from app.components.badges import status_badge
from app.components.cards import key_values, notice, section_card
from app.components.copyable import copyable
from app.components.forms import button, choices
from app.components.layout import main_and_side, page_header, stack
from app.components.working import ANYWHERE, SMALL

FRAME = {"width": "100%", "height": "46rem", "border": "0", "display": "block", "background": "var(--c-canvas)"}
PLAIN = {
    "margin": "0",
    "padding": "var(--space-5)",
    "whiteSpace": "pre-wrap",
    "overflowWrap": "anywhere",
    "fontFamily": "var(--font-mono)",
    "fontSize": "var(--text-sm)",
}


def mail_letter(state: Any) -> rx.Component:
    """`state` is the mail page's: the letter that is opened, and the handlers that send it again and close it."""
    mail = state.opened
    again = button("Send again", icon="rotate_cw", kind="primary", on_click=state.retry)
    return rx.fragment(
        page_header(
            rx.el.span(mail.subject, style=ANYWHERE),
            rx.el.span("To ", mail.address, style=ANYWHERE),
            button("All letters", icon="arrow_left", on_click=state.close_mail),
            rx.cond(mail.can_retry, again, rx.fragment()),
        ),
        rx.cond(mail.can_retry & (mail.note != ""), notice("bad", mail.status_word, mail.note), rx.fragment()),
        main_and_side(_pages(state), stack(_facts(mail), _arrived(state))),
    )


def _pages(state: Any) -> rx.Component:
    mail = state.opened
    shown = choices(
        "Page",
        (
            (~state.shows_text, "HTML", state.show_text(False)),
            (state.shows_text, "Plain text", state.show_text(True)),
        ),
    )
    page = rx.el.iframe(src_doc=mail.html, sandbox="", title="The letter as HTML", style=FRAME)
    return section_card(
        "As it is read",
        rx.cond(state.shows_text, rx.el.pre(mail.text, style=PLAIN, tab_index=0), page),
        action=shown,
        flush=True,
    )


def _facts(mail: Any) -> rx.Component:
    facts = [
        ("Customer", mail.customer),
        ("Kind", mail.kind),
        ("Language", mail.language),
        ("Written (UTC)", mail.written),
        ("Sent (UTC)", rx.cond(mail.sent != "", mail.sent, "–")),
        ("About", rx.el.code(mail.notice, style=ANYWHERE)),
        ("Message-ID", rx.el.code(mail.message_id, style=ANYWHERE)),
    ]
    waits = rx.el.p(mail.note, class_name="muted", style=SMALL)
    return section_card(
        "What became of it",
        key_values(facts),
        rx.cond((mail.note != "") & ~mail.can_retry, waits, rx.fragment()),
        action=status_badge(mail.status, mail.status_word),
    )


def _arrived(state: Any) -> rx.Component:
    return rx.cond(
        state.caught != "",
        section_card(
            "As the catcher took it", copyable("Source", state.caught, hint="The letter as it went over SMTP.")
        ),
        rx.fragment(),
    )
