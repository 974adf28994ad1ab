"""What a member is told by mail about the customer they look at, and in which language."""

from typing import Any

import reflex as rx

from app import unit_of_work
from app.components.cards import section_card
from app.components.forms import select_field
from app.components.layout import page_header, stack
from app.components.shell import ShellView
from app.components.states import skeleton_card, skeleton_line
from app.components.working import SMALL
from app.pages.frame import open_page, page_body
from app.session import answers_refusals
from services.errors import Unprocessable
from services.mails import preferences
from services.mails.preferences import NO_PREFERENCES, PreferencesView

KIND_MAX = 32
LANGUAGES = (("en", "English"), ("fr", "Français"))
LINE = {
    "display": "flex",
    "alignItems": "flex-start",
    "gap": "var(--space-3)",
    "paddingBlock": "var(--space-3)",
    "borderBottom": "1px solid var(--c-line)",
    "cursor": "pointer",
}
BOX = {"marginTop": "0.2rem", "width": "1.125rem", "height": "1.125rem", "flex": "none"}


class NotificationsPage(rx.State):
    """The choices as they are kept: each change is kept at once."""

    shell: ShellView = ShellView()
    view: PreferencesView = NO_PREFERENCES
    loaded: bool = False
    refusal: str = ""

    @rx.event
    @answers_refusals
    async def load(self) -> None:
        member = await open_page(self)
        self.view = await unit_of_work.read(
            preferences.read_preferences, tenant_id=str(member.tenant_id), user_id=member.user_id
        )
        self.loaded = True

    @rx.event
    @answers_refusals
    async def choose(self, kind: str, is_wanted: bool) -> Any:
        """Want letters of a kind, or not."""
        member = await open_page(self)
        try:
            self.view = await unit_of_work.run(
                preferences.set_preference,
                tenant_id=str(member.tenant_id),
                user_id=member.user_id,
                kind=str(kind)[:KIND_MAX],
                is_wanted=bool(is_wanted),
                at=unit_of_work.now(),
            )
        except Unprocessable as refusal:
            return rx.toast.error(refusal.detail)
        return rx.toast.success("Kept")

    @rx.event
    @answers_refusals
    async def speak(self, language: str) -> Any:
        """Be written to in a language."""
        member = await open_page(self)
        try:
            self.view = await unit_of_work.run(
                preferences.set_language,
                tenant_id=str(member.tenant_id),
                user_id=member.user_id,
                language=str(language)[:KIND_MAX],
            )
        except Unprocessable as refusal:
            return rx.toast.error(refusal.detail)
        return rx.toast.success("Kept")


ON_LOAD = [NotificationsPage.load]


def page() -> rx.Component:
    view: Any = NotificationsPage.view
    letters = section_card(
        "Letters",
        rx.foreach(view.kinds, _kind),
        description=rx.fragment("What is sent to ", view.address, " about this account."),
    )
    language = section_card(
        "Language",
        select_field(
            "Letters are written in",
            name="language",
            options=LANGUAGES,
            value=view.language,
            on_change=NotificationsPage.speak,
            hint="For all your letters. Where you choose none, they follow the account's billing details.",
        ),
    )
    content = rx.fragment(
        page_header("Notifications", "Choose what you are told by mail. Changes are kept at once."),
        stack(letters, language),
    )
    return page_body("notifications", NotificationsPage, content, skeleton=_skeleton())


def _kind(kind: Any) -> rx.Component:
    always = rx.el.span(" Always sent to those who answer for the bills.", class_name="muted", style=SMALL)
    return rx.el.label(
        rx.el.input(
            type="checkbox",
            checked=kind.is_wanted,
            disabled=kind.is_fixed,
            on_change=lambda _checked: NotificationsPage.choose(kind.kind, ~kind.is_wanted),
            style=BOX,
        ),
        rx.el.span(
            rx.el.span(kind.title, style={"display": "block", "fontWeight": "500"}),
            rx.el.span(kind.explanation, class_name="muted", style=SMALL),
            rx.cond(kind.is_fixed, always, rx.fragment()),
        ),
        style=LINE,
    )


def _skeleton() -> rx.Component:
    return rx.fragment(
        rx.el.span("Loading", class_name="visually-hidden", role="status"),
        rx.el.div(skeleton_line("12rem", "1.75rem"), skeleton_line("24rem"), class_name="stack skeleton-head"),
        skeleton_card(9),
    )
