"""What a member is told by mail about the customer they look at, and in which language."""

from typing import Any

import reflex as rx

from app import unit_of_work
from app.components.layout import page_header, stack
from app.components.notification_choices import language_card, letters_card
from app.components.shell import ShellView
from app.components.states import skeleton_card, skeleton_line
from app.pages.frame import open_page, page_body
from app.session import answers_refusals
from services.errors import Unprocessable
from services.mails import preferences
from services.mails.preferences import NO_PREFERENCES, PreferencesView

KIND_MAX = 32


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
    letters = letters_card(NotificationsPage, about=" about this account.")
    otherwise = "For all your letters. Where you choose none, they follow the account's billing details."
    language = language_card(NotificationsPage, otherwise=otherwise)
    content = rx.fragment(
        page_header("Notifications", "Choose what you are told by mail. Changes are kept at once."),
        stack(letters, language),
    )
    return page_body("notifications", NotificationsPage, content, skeleton=_skeleton())


def _skeleton() -> rx.Component:
    return rx.fragment(
        rx.el.span("Loading", class_name="visually-hidden", role="status"),
        rx.el.div(skeleton_line("12rem", "1.75rem"), skeleton_line("24rem"), class_name="stack skeleton-head"),
        skeleton_card(9),
    )
