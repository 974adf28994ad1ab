"""The outbox, for our own side: calls we owe Stripe, those that are held and why, and the way to try them again."""

from typing import Any

import reflex as rx

from app import payment_jobs, unit_of_work
from app.components.badges import status_badge
from app.components.cards import notice
from app.components.filters import counted_choices, filter_bar, search_box
from app.components.forms import button
from app.components.layout import page_header
from app.components.shell import ShellView
from app.components.states import empty_state, skeleton_card, skeleton_line
from app.components.tables import Column, data_table, pager
from app.components.working import SMALL
from app.pages.frame import open_operator_page, page_body
from app.pages.paged_list import ListByStatus
from app.session import answers_refusals, signed_in_operator
from models import StripeCallStatus
from services.payments import call_views, outbox, standing_views
from services.payments.call_views import EMPTY_OUTBOX, OutboxView


class CallsPage(ListByStatus, rx.State):
    """A page of calls of one status. `_cursors` are where the pages before this one ended."""

    shell: ShellView = ShellView()
    view: OutboxView = EMPTY_OUTBOX
    status: str = StripeCallStatus.HELD.value
    refusal: str = ""

    @rx.event
    @answers_refusals
    async def load(self) -> None:
        """What is held is shown first, where anything is."""
        await open_operator_page(self)
        await self._show()
        if not self.loaded and not self.view.held:
            self.status = StripeCallStatus.WAITING.value
            await self._show()
        self.loaded = True

    @rx.event
    @answers_refusals
    async def retry(self, tenant_id: str, key: str) -> Any:
        """Put a held call that is shown back in line."""
        await signed_in_operator(self)
        wanted = next((row for row in self.view.rows if (row.tenant_id, row.key) == (tenant_id, key)), None)
        if wanted is None or not wanted.can_retry:
            return None
        in_line_again = unit_of_work.by_our_time(
            outbox.retry_call,
            tenant_id=wanted.tenant_id,
            account=wanted.account,
            key=wanted.key,
            at=unit_of_work.now(),
        )
        await unit_of_work.run(in_line_again)
        payment_jobs.work_is_there()
        await self._show()
        return rx.toast.success("The call is in line again")

    async def _show(self) -> None:
        self.has_previous = bool(self._cursors)
        self.view = await unit_of_work.read(
            call_views.list_calls,
            at=unit_of_work.now(),
            account=standing_views.account_in_use(),
            status=self.status,
            text=self.search,
            after=self._cursors[-1] if self._cursors else "",
            seen=len(self._cursors) * call_views.CALLS_SHOWN,
        )


ON_LOAD = [CallsPage.load]


def page() -> rx.Component:
    """The list, and what to do where it is empty."""
    view: Any = CallsPage.view
    filters = filter_bar(
        counted_choices("Status", view.counts, CallsPage.status, CallsPage.choose_status),
        search_box("Find calls", "Key, subject or customer", CallsPage.search, CallsPage.find),
    )
    held = notice(
        "warn",
        "Some calls are held",
        "Stripe refused them, or its answer was not what we asked for. Those about the same thing wait behind them. "
        "Put right what the error names, then retry.",
    )
    content = rx.fragment(
        page_header(
            "Calls to Stripe", "Everything we owe Stripe is written down first, then told, each thing in order."
        ),
        rx.cond(view.held > 0, held, _waiting(view)),
        rx.el.section(
            filters,
            rx.el.div(rx.cond(view.rows, _table(view), _none()), class_name="section-flush"),
            class_name="card",
        ),
    )
    return page_body("calls", CallsPage, content, skeleton=_skeleton())


def _waiting(view: Any) -> rx.Component:
    words = rx.cond(
        view.oldest == "",
        "Nothing is waiting.",
        rx.fragment("The oldest waiting call was written ", view.oldest, " ago."),
    )
    return rx.el.p(words, class_name="muted", style=SMALL)


def _table(view: Any) -> rx.Component:
    columns = (
        Column("Call", _name, leads=True),
        Column("Customer", lambda call: rx.cond(call.customer != "", call.customer, "–")),
        Column("Status", _status),
        Column("Tries", lambda call: call.attempts, numeric=True),
        Column("Since (UTC)", lambda call: rx.el.span(call.since, style={"whiteSpace": "nowrap"}), numeric=True),
        Column("", _retry),
    )
    return rx.fragment(
        data_table("Calls, those due longest first", columns, view.rows),
        pager(
            view.shown,
            has_previous=CallsPage.has_previous,
            has_next=view.last != "",
            on_previous=CallsPage.previous_page,
            on_next=CallsPage.next_page,
        ),
    )


def _name(call: Any) -> rx.Component:
    return rx.el.div(
        rx.el.p(call.name),
        rx.el.p(
            rx.el.code(call.key),
            rx.cond(call.stripe_id != "", rx.fragment(" → ", rx.el.code(call.stripe_id)), rx.fragment()),
            class_name="muted",
            style={**SMALL, "overflowWrap": "anywhere", "fontWeight": "400"},
        ),
        style={"minWidth": "12rem"},
    )


def _status(call: Any) -> rx.Component:
    return rx.el.div(
        status_badge(call.status, call.status_word),
        rx.cond(
            call.note != "",
            rx.el.p(call.note, class_name="muted", style={**SMALL, "maxWidth": "22rem", "overflowWrap": "anywhere"}),
            rx.fragment(),
        ),
    )


def _retry(call: Any) -> rx.Component:
    again = button(
        "Retry",
        rx.el.span(" ", call.key, class_name="visually-hidden"),
        icon="rotate_cw",
        small=True,
        on_click=CallsPage.retry(call.tenant_id, call.key),
    )
    return rx.cond(call.can_retry, again, rx.fragment())


def _none() -> rx.Component:
    return rx.cond(
        CallsPage.search != "",
        empty_state("No call is like this", "Choose another status, or look for less.", icon="search_x"),
        rx.match(
            CallsPage.status,
            (
                "held",
                empty_state(
                    "No call is held", "Everything we owed Stripe was taken, or still waits.", icon="circle_check"
                ),
            ),
            ("done", empty_state("No call was made yet", "Calls are made with the first checkout.", icon="send")),
            empty_state("No call is waiting", "Stripe knows everything that we know.", icon="circle_check"),
        ),
    )


def _skeleton() -> rx.Component:
    return rx.fragment(
        rx.el.span("Loading", class_name="visually-hidden", role="status"),
        rx.el.div(skeleton_line("12rem", "1.75rem"), skeleton_line("24rem"), class_name="stack skeleton-head"),
        skeleton_card(14),
    )
