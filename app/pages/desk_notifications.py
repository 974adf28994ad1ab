"""What an operator is told by mail about all customers, and in which language."""

from typing import Any

import reflex as rx

from app import unit_of_work
from app.components.layout import page_header, stack
from app.components.notification_choices import language_card, letters_card
from app.components.shell import ShellView
from app.components.states import skeleton_card, skeleton_line
from app.pages.frame import open_operator_page, page_body
from app.session import answers_refusals
from services.errors import Unprocessable
from services.mails import preferences
from services.mails.preferences import NO_PREFERENCES, PreferencesView

TYPED_MAX = 32


class DeskNotificationsPage(rx.State):
    """The choices as they are kept: each change is kept at once."""

    shell: ShellView = ShellView()
    view: PreferencesView = NO_PREFERENCES
    loaded: bool = False
    refusal: str = ""

    @rx.event
    @answers_refusals
    async def load(self) -> None:
        member = await open_operator_page(self)
        self.view = await unit_of_work.read(preferences.read_desk_preferences, user_id=member.user_id)
        self.loaded = True

    @rx.event
    @answers_refusals
    async def choose(self, kind: str, is_wanted: bool) -> Any:
        """Want these letters, or not; there is one kind of them."""
        member = await open_operator_page(self)
        if kind not in [each.kind for each in self.view.kinds]:
            return rx.toast.error("There is no such kind of letter.")
        self.view = await unit_of_work.run(
            preferences.set_desk_preference, user_id=member.user_id, is_wanted=bool(is_wanted)
        )
        return rx.toast.success("Kept")

    @rx.event
    @answers_refusals
    async def speak(self, language: str) -> Any:
        """Be written to in a language."""
        member = await open_operator_page(self)
        try:
            self.view = await unit_of_work.run(
                preferences.set_desk_language, user_id=member.user_id, language=str(language)[:TYPED_MAX]
            )
        except Unprocessable as refusal:
            return rx.toast.error(refusal.detail)
        return rx.toast.success("Kept")


ON_LOAD = [DeskNotificationsPage.load]


def page() -> rx.Component:
    content = rx.fragment(
        page_header("Notifications", "Choose what you are told by mail about customers. Changes are kept at once."),
        stack(
            letters_card(DeskNotificationsPage, about=" about all customers."),
            language_card(DeskNotificationsPage, otherwise="For all your letters; English where you choose none."),
        ),
    )
    return page_body("desk_notifications", DeskNotificationsPage, content, skeleton=_skeleton())


def _skeleton() -> rx.Component:
    return rx.fragment(
        rx.el.span("Loading", class_name="visually-hidden", role="status"),
        rx.el.div(skeleton_line("12rem", "1.75rem"), skeleton_line("24rem"), class_name="stack skeleton-head"),
        skeleton_card(4),
    )
