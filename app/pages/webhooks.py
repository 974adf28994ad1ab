"""The inbox, for our own side: what Stripe delivered, what became of it, and the way to work on it again."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import reflex as rx

from app import payment_jobs, unit_of_work
from app.components.badges import status_badge
from app.components.cards import notice
from app.components.failing_endpoints import failing_endpoints
from app.components.filters import counted_choices, filter_bar, kind_choice, search_box
from app.components.layout import page_header
from app.components.shell import ShellView
from app.components.states import empty_state, skeleton_card, skeleton_line
from app.components.tables import Column, data_table, pager
from app.components.webhook_event import webhook_event
from app.components.working import SMALL
from app.pages.frame import page_body
from app.pages.paged_list import ListByStatus
from app.session import answers_refusals, signed_in_operator
from models.stripe_account import STRIPE_ID_MAX
from services.errors import NotFound
from services.payments import inbox, inbox_event, inbox_views, standing_views
from services.payments.inbox_event import NO_EVENT, EventView
from services.payments.inbox_views import EMPTY_INBOX, InboxView
from services.webhooks.endpoint_views import FailingRow, list_failing

SECONDS_FOR_WORK: Final = 0.8
"""How long what was replayed is given before it is looked at again."""

TYPED_MAX: Final = 64


class WebhooksPage(ListByStatus, rx.State):
    """A page of events, and the one that is opened. `_cursors` are where the pages before this one ended."""

    shell: ShellView = ShellView()
    view: InboxView = EMPTY_INBOX
    opened: EventView = NO_EVENT
    failing: tuple[FailingRow, ...] = ()
    family: str = ""
    is_replaying: bool = False
    refusal: str = ""

    @rx.event
    @answers_refusals
    async def choose_family(self, family: str) -> None:
        """Events whose type begins so."""
        await signed_in_operator(self)
        self.family, self._cursors = family[:TYPED_MAX], []
        await self._show()

    @rx.event
    @answers_refusals
    async def open_event(self, event_id: str) -> None:
        """Show all that is known of one event."""
        await signed_in_operator(self)
        await self._open(event_id[:STRIPE_ID_MAX])

    @rx.event
    @answers_refusals
    async def close_event(self) -> None:
        """Back to the list, as it is now."""
        await signed_in_operator(self)
        self.opened = NO_EVENT
        await self._show()

    @rx.event
    @answers_refusals
    async def replay(self) -> AsyncIterator[Any]:
        """Work on the opened event again, whatever became of it."""
        await signed_in_operator(self)
        if self.opened.id == "":
            return
        self.is_replaying = True
        yield
        await unit_of_work.run(inbox.replay_event, event_id=self.opened.id, at=unit_of_work.now())
        payment_jobs.work_is_there()
        await asyncio.sleep(SECONDS_FOR_WORK)
        await self._open(self.opened.id)
        self.is_replaying = False

    async def _open(self, event_id: str) -> None:
        try:
            self.opened = await unit_of_work.read(inbox_event.read_event, event_id=event_id)
        except NotFound:
            self.opened = NO_EVENT

    async def _show(self) -> None:
        self.has_previous = bool(self._cursors)
        self.failing = await unit_of_work.read(list_failing)
        self.view = await unit_of_work.read(
            inbox_views.list_events,
            at=unit_of_work.now(),
            account=standing_views.account_in_use(),
            status=self.status,
            family=self.family,
            text=self.search,
            after=self._cursors[-1] if self._cursors else "",
            seen=len(self._cursors) * inbox_views.EVENTS_SHOWN,
        )


ON_LOAD = [WebhooksPage.load]


def page() -> rx.Component:
    """The list, or the event that is opened."""
    view: Any = WebhooksPage.view
    shown = rx.cond(WebhooksPage.opened.id != "", webhook_event(WebhooksPage), _list(view))
    return page_body("webhooks", WebhooksPage, shown, skeleton=_skeleton())


def _list(view: Any) -> rx.Component:
    filters = filter_bar(
        counted_choices("Status", view.counts, WebhooksPage.status, WebhooksPage.choose_status),
        kind_choice(
            "Type", (("", "All types"), *inbox_views.FAMILIES), WebhooksPage.family, WebhooksPage.choose_family
        ),
        search_box("Find events", "Id, object or customer", WebhooksPage.search, WebhooksPage.find),
    )
    return rx.fragment(
        page_header(
            "Events from Stripe", "Everything Stripe has told us. Each event is kept first, and worked on afterwards."
        ),
        _waiting(view),
        failing_endpoints(WebhooksPage.failing),
        rx.el.section(
            filters,
            rx.el.div(rx.cond(view.rows, _table(view), _none()), class_name="section-flush"),
            class_name="card",
        ),
    )


def _waiting(view: Any) -> rx.Component:
    late = notice(
        "warn",
        rx.fragment("The oldest waiting event has waited for ", view.oldest),
        "Events are normally handled within seconds. See what it says, and whether the server can reach Stripe.",
    )
    calm = rx.el.p(
        rx.cond(
            view.oldest == "",
            "Nothing is waiting.",
            rx.fragment("The oldest waiting event has waited for ", view.oldest, "."),
        ),
        class_name="muted",
        style=SMALL,
    )
    return rx.cond(view.is_late, late, calm)


def _table(view: Any) -> rx.Component:
    columns = (
        Column("Event", _name, leads=True),
        Column("Customer", lambda each: rx.cond(each.customer != "", each.customer, "–")),
        Column("Status", _status),
        Column("Tries", lambda each: each.attempts, numeric=True),
        Column("Received (UTC)", lambda each: rx.el.span(each.received, style={"whiteSpace": "nowrap"}), numeric=True),
    )
    return rx.fragment(
        data_table("Events, the newest first", columns, view.rows),
        pager(
            view.shown,
            has_previous=WebhooksPage.has_previous,
            has_next=view.last != "",
            on_previous=WebhooksPage.previous_page,
            on_next=WebhooksPage.next_page,
        ),
    )


def _name(event: Any) -> rx.Component:
    return rx.el.div(
        rx.el.button(
            event.type,
            type="button",
            on_click=WebhooksPage.open_event(event.id),
            class_name="link",
            style={"textAlign": "left", "overflowWrap": "anywhere"},
        ),
        rx.el.p(
            rx.el.code(event.object_id),
            class_name="muted",
            style={**SMALL, "overflowWrap": "anywhere", "fontWeight": "400"},
        ),
    )


def _status(event: Any) -> rx.Component:
    return rx.el.div(
        status_badge(event.status, event.status_word),
        rx.cond(
            event.error != "",
            rx.el.p(event.error, class_name="muted", style={**SMALL, "maxWidth": "20rem", "overflowWrap": "anywhere"}),
            rx.fragment(),
        ),
    )


def _none() -> rx.Component:
    is_narrowed = (WebhooksPage.status != "") | (WebhooksPage.family != "") | (WebhooksPage.search != "")
    return rx.cond(
        is_narrowed,
        empty_state("No event is like this", "Choose another status or type, or look for less.", icon="search_x"),
        empty_state(
            "Nothing was delivered yet",
            "Events arrive here with the first checkout, whether they are delivered or found by the sweep.",
            icon="webhook",
        ),
    )


def _skeleton() -> rx.Component:
    return rx.fragment(
        rx.el.span("Loading", class_name="visually-hidden", role="status"),
        rx.el.div(skeleton_line("10rem", "1.75rem"), skeleton_line("24rem"), class_name="stack skeleton-head"),
        skeleton_card(14),
    )
