"""Letters to customers, for our own side: which wait, which failed, what each says, and the way to send one again."""

from typing import Any, Final

import reflex as rx

from app import mail_catching, unit_of_work
from app.components.badges import status_badge
from app.components.cards import notice
from app.components.filters import counted_choices, filter_bar, search_box
from app.components.layout import page_header
from app.components.mail_letter import mail_letter
from app.components.shell import ShellView
from app.components.states import empty_state, skeleton_card, skeleton_line
from app.components.tables import Column, data_table, pager
from app.components.working import SMALL
from app.pages.frame import open_operator_page, page_body
from app.pages.paged_list import ListByStatus
from app.session import answers_refusals, signed_in_operator
from models import MailStatus
from services.errors import NotFound
from services.mails import sending, views
from services.mails.views import EMPTY_MAILS, NO_MAIL, MailsView, MailView

CAUGHT_SHOWN_MAX: Final = 100_000
THREE_LINES: Final = {
    "minWidth": "13rem",
    "maxWidth": "22rem",
    "display": "-webkit-box",
    "WebkitBoxOrient": "vertical",
    "WebkitLineClamp": "3",
    "overflow": "hidden",
    "overflowWrap": "anywhere",
}
"""What a mail server says can be long; the opened letter shows all of it."""


class MailPage(ListByStatus, rx.State):
    """A page of letters of one status, or the one that is opened. `_cursors` are where the pages before ended."""

    shell: ShellView = ShellView()
    view: MailsView = EMPTY_MAILS
    opened: MailView = NO_MAIL
    caught: str = ""
    shows_text: bool = False
    status: str = MailStatus.FAILED.value
    refusal: str = ""

    @rx.event
    @answers_refusals
    async def load(self) -> None:
        """What failed is shown first, where anything has; else what was sent."""
        await open_operator_page(self)
        self.opened = NO_MAIL
        await self._show()
        if not self.loaded and not self.view.failed:
            waiting = next((each for each in self.view.counts if each.status == MailStatus.WAITING.value), None)
            is_waiting = waiting is not None and waiting.count != "0"
            self.status = (MailStatus.WAITING if is_waiting else MailStatus.SENT).value
            await self._show()
        self.loaded = True

    @rx.event
    @answers_refusals
    async def open_mail(self, tenant_id: str, mail_id: str) -> None:
        """Show one letter that is listed."""
        await signed_in_operator(self)
        if any((row.tenant_id, row.id) == (tenant_id, mail_id) for row in self.view.rows):
            self.shows_text = False
            await self._open(tenant_id, mail_id)

    @rx.event
    @answers_refusals
    async def close_mail(self) -> None:
        """Back to the list, as it is now."""
        await signed_in_operator(self)
        self.opened, self.caught = NO_MAIL, ""
        await self._show()

    @rx.event
    @answers_refusals
    async def show_text(self, is_shown: bool) -> None:
        """The plain text of the opened letter, or its HTML."""
        await signed_in_operator(self)
        self.shows_text = bool(is_shown)

    @rx.event
    @answers_refusals
    async def retry(self) -> Any:
        """Put the opened letter back in line."""
        await signed_in_operator(self)
        if not self.opened.can_retry:
            return None
        in_line_again = unit_of_work.by_our_time(
            sending.retry_mail,
            tenant_id=self.opened.tenant_id,
            mail_id=self.opened.id,
            at=unit_of_work.now(),
        )
        await unit_of_work.run(in_line_again)
        await self._open(self.opened.tenant_id, self.opened.id)
        return rx.toast.success("The letter is in line again")

    async def _open(self, tenant_id: str, mail_id: str) -> None:
        read = unit_of_work.by_our_time(views.read_mail, tenant_id=tenant_id, mail_id=mail_id, at=unit_of_work.now())
        try:
            self.opened = await unit_of_work.read(read)
        except NotFound:
            self.opened, self.caught = NO_MAIL, ""
            return
        arrived = await unit_of_work.work(mail_catching.caught_letters, self.opened.message_id)
        self.caught = "\n\n".join(arrived)[:CAUGHT_SHOWN_MAX]

    async def _show(self) -> None:
        self.has_previous = bool(self._cursors)
        self.view = await unit_of_work.read(
            views.list_mails,
            at=unit_of_work.now(),
            status=self.status,
            text=self.search,
            after=self._cursors[-1] if self._cursors else "",
            seen=len(self._cursors) * views.MAILS_SHOWN,
        )


ON_LOAD = [MailPage.load]


def page() -> rx.Component:
    """The list, or the letter that is opened."""
    shown = rx.cond(MailPage.opened.id != "", mail_letter(MailPage), _list(MailPage.view))
    return page_body("mail", MailPage, shown, skeleton=_skeleton())


def _list(view: Any) -> rx.Component:
    filters = filter_bar(
        counted_choices("Status", view.counts, MailPage.status, MailPage.choose_status),
        search_box("Find letters", "Address or customer", MailPage.search, MailPage.find),
    )
    return rx.fragment(
        page_header("Mail", "Every letter is written down first, then handed over once."),
        _route(view.route),
        rx.el.section(
            filters,
            rx.el.div(rx.cond(view.rows, _table(view), _none()), class_name="section-flush"),
            class_name="card",
        ),
    )


def _route(route: Any) -> rx.Component:
    where = rx.match(
        route.tone,
        ("note", notice("note", route.title, route.detail)),
        ("warn", notice("warn", route.title, route.detail)),
        ("bad", notice("bad", route.title, route.detail)),
        rx.el.p(route.detail, class_name="muted", style=SMALL),
    )
    held_up = notice(
        "warn",
        rx.fragment("No letters are written for ", route.held_up, " customers"),
        "Something they were to be told of could not be put in words, or no job looks for it. The log says why.",
    )
    return rx.fragment(where, rx.cond(route.held_up > 0, held_up, rx.fragment()))


def _table(view: Any) -> rx.Component:
    columns = (
        Column("Letter", _name, leads=True),
        Column("To", _to),
        Column("Status", _status),
        Column("Tries", lambda mail: mail.attempts, numeric=True),
        Column("Since (UTC)", lambda mail: rx.el.span(mail.since, style={"whiteSpace": "nowrap"}), numeric=True),
    )
    return rx.fragment(
        data_table("Letters", columns, view.rows),
        pager(
            view.shown,
            has_previous=MailPage.has_previous,
            has_next=view.last != "",
            on_previous=MailPage.previous_page,
            on_next=MailPage.next_page,
        ),
    )


def _name(mail: Any) -> rx.Component:
    return rx.el.div(
        rx.el.button(
            mail.subject,
            type="button",
            on_click=MailPage.open_mail(mail.tenant_id, mail.id),
            class_name="link",
            style={"textAlign": "left", "overflowWrap": "anywhere"},
        ),
        rx.el.p(mail.kind, class_name="muted", style={**SMALL, "fontWeight": "400"}),
        style={"minWidth": "14rem"},
    )


def _to(mail: Any) -> rx.Component:
    return rx.el.div(
        rx.el.p(mail.address, style={"overflowWrap": "anywhere"}),
        rx.el.p(mail.customer, class_name="muted", style=SMALL),
    )


def _status(mail: Any) -> rx.Component:
    return rx.el.div(
        status_badge(mail.status, mail.status_word),
        rx.cond(
            mail.note != "",
            rx.el.p(mail.note, title=mail.note, class_name="muted", style={**SMALL, **THREE_LINES}),
            rx.fragment(),
        ),
    )


def _none() -> rx.Component:
    return rx.cond(
        MailPage.search != "",
        empty_state("No letter is like this", "Choose another status, or look for less.", icon="search_x"),
        rx.match(
            MailPage.status,
            ("failed", empty_state("No letter failed", "Every server took what it was given.", icon="circle_check")),
            ("sent", empty_state("No letter was sent yet", "They begin with the first invoice.", icon="mail")),
            ("given_up", empty_state("No letter was given up", "None came to be too late.", icon="circle_check")),
            empty_state("No letter is waiting", "Everybody was told.", icon="circle_check"),
        ),
    )


def _skeleton() -> rx.Component:
    return rx.fragment(
        rx.el.span("Loading", class_name="visually-hidden", role="status"),
        rx.el.div(skeleton_line("8rem", "1.75rem"), skeleton_line("24rem"), class_name="stack skeleton-head"),
        skeleton_card(14),
    )
