"""Gain-share of all customers, for our own side: what waits for whom, what is disputed, and the way to each."""

from typing import Any

import reflex as rx

from app import unit_of_work
from app.components.badges import status_badge
from app.components.cards import notice, section_card
from app.components.desk import open_customer
from app.components.filters import SEARCH_MAX, counted_choices, filter_bar, search_box
from app.components.layout import money, page_header, row
from app.components.shell import ShellView
from app.components.states import empty_state, skeleton_card, skeleton_line
from app.components.tables import Column, data_table, pager
from app.components.working import ANYWHERE, SMALL
from app.pages.frame import page_body
from app.pages.paged_list import ListByStatus
from app.routes import BY_NAME, run_answer_href
from app.session import answers_refusals, signed_in_operator
from services import customers
from services.customers import EMPTY_CUSTOMERS, CustomersView
from services.gain_share import queue as gain_share_queue
from services.gain_share.queue import EMPTY_QUEUE, QueueView

CUSTOMERS_SHOWN = 8


class GainShareQueuePage(ListByStatus, rx.State):
    """A page of runs, and the customers that were looked for. `_cursors` are where the pages before this one ended."""

    shell: ShellView = ShellView()
    view: QueueView = EMPTY_QUEUE
    found: CustomersView = EMPTY_CUSTOMERS
    wanted: str = ""
    refusal: str = ""

    @rx.event
    @answers_refusals
    async def find_customer(self, text: str) -> None:
        """Customers to open, by name, with or without runs."""
        await signed_in_operator(self)
        self.wanted, self.found = str(text)[:SEARCH_MAX].strip(), EMPTY_CUSTOMERS
        if self.wanted:
            self.found = await unit_of_work.read(
                customers.list_customers, at=unit_of_work.now(), search=self.wanted, limit=CUSTOMERS_SHOWN
            )

    async def _show(self) -> None:
        self.has_previous = bool(self._cursors)
        self.view = await unit_of_work.read(
            gain_share_queue.list_queue,
            at=unit_of_work.now(),
            state=self.status,
            text=self.search,
            after=self._cursors[-1] if self._cursors else "",
            seen=len(self._cursors) * gain_share_queue.RUNS_SHOWN,
        )


ON_LOAD = [GainShareQueuePage.load]


def page() -> rx.Component:
    """What customers proposed, the runs, and any customer to begin with."""
    view: Any = GainShareQueuePage.view
    content = rx.fragment(
        page_header("Gain-share queue", "Runs of all customers: which wait for an answer, and for whose."),
        rx.cond(view.proposals, _proposals(view), rx.fragment()),
        _runs(view),
        _customers(),
    )
    return page_body("gain_share_queue", GainShareQueuePage, content, skeleton=_skeleton())


def _proposals(view: Any) -> rx.Component:
    def one(each: Any) -> rx.Component:
        return rx.el.li(
            rx.el.span(
                rx.el.strong(each.customer, style=ANYWHERE),
                " proposed ",
                each.what,
                ", the first on ",
                each.since,
            ),
            open_customer(
                "Decide",
                rx.el.span(" for ", each.customer, class_name="visually-hidden"),
                tenant_id=each.tenant_id,
                goal=BY_NAME["gain_share_desk"].href,
            ),
            class_name="row row-spread",
            style={"flexWrap": "nowrap"},
        )

    listed = rx.el.ul(
        rx.foreach(view.proposals, one),
        class_name="stack",
        style={"listStyle": "none", "gap": "var(--space-2)", "marginTop": "var(--space-2)"},
    )
    return notice("note", "Baselines wait for us", listed, rx.el.p(view.more_proposals, class_name="muted"))


def _runs(view: Any) -> rx.Component:
    filters = filter_bar(
        counted_choices("State", view.counts, GainShareQueuePage.status, GainShareQueuePage.choose_status),
        search_box("Find runs", "Customer", GainShareQueuePage.search, GainShareQueuePage.find),
    )
    return rx.el.section(
        filters,
        rx.el.div(rx.cond(view.rows, _table(view), _none()), class_name="section-flush"),
        class_name="card",
    )


def _table(view: Any) -> rx.Component:
    columns = (
        Column("Customer", _named, leads=True),
        Column("State", _state),
        Column("Savings", lambda each: money(each.savings), numeric=True),
        Column("Share", lambda each: rx.el.span(each.share, class_name="tabular"), numeric=True),
        Column("Fee", lambda each: money(each.fee), numeric=True),
        Column("", _open),
    )
    return rx.fragment(
        data_table("Gain-share runs, the newest first", columns, view.rows),
        pager(
            view.shown,
            has_previous=GainShareQueuePage.has_previous,
            has_next=view.last != "",
            on_previous=GainShareQueuePage.previous_page,
            on_next=GainShareQueuePage.next_page,
        ),
    )


def _named(each: Any) -> rx.Component:
    return rx.el.div(
        rx.el.p(each.customer, style=ANYWHERE),
        rx.el.p(each.period, " · ", each.method, class_name="muted", style={**SMALL, "fontWeight": "400"}),
    )


def _state(each: Any) -> rx.Component:
    tone = rx.cond(each.status == "pending_approval", "pending", each.status)
    return rx.el.div(
        status_badge(tone, each.status_word),
        rx.el.p(each.when, class_name="muted", style={**SMALL, "marginTop": "var(--space-1)"}),
    )


def _open(each: Any) -> rx.Component:
    return open_customer(
        "Open",
        rx.el.span(" the run of ", each.customer, ", ", each.period, class_name="visually-hidden"),
        tenant_id=each.tenant_id,
        goal=run_answer_href(each.run_id),
    )


def _none() -> rx.Component:
    return rx.cond(
        (GainShareQueuePage.search != "") | (GainShareQueuePage.status != ""),
        empty_state("No run is like this", "Choose another state, or a part of the customer's name.", icon="search_x"),
        empty_state(
            "No runs yet",
            "Agree on baselines with a customer, measure, and submit the first run: find the customer below.",
            icon="handshake",
        ),
    )


def _customers() -> rx.Component:
    found: Any = GainShareQueuePage.found

    def one(each: Any) -> rx.Component:
        return rx.el.li(
            rx.el.span(each.name, " ", rx.el.span(each.plan, class_name="muted", style=SMALL), style=ANYWHERE),
            open_customer(
                "Open",
                rx.el.span(" ", each.name, class_name="visually-hidden"),
                tenant_id=each.id,
                goal=BY_NAME["gain_share_desk"].href,
            ),
            class_name="row row-spread",
        )

    more = rx.el.p(found.shown, ". Type more of the name to see the others.", class_name="muted", style=SMALL)
    listed = rx.fragment(
        rx.el.ul(
            rx.foreach(found.rows, one),
            class_name="stack",
            style={"listStyle": "none", "marginBlock": "var(--space-3)"},
        ),
        rx.cond(found.has_next, more, rx.fragment()),
    )
    nobody = rx.el.p("Nobody by that name.", class_name="muted", style={"marginTop": "var(--space-3)"})
    return section_card(
        "Begin with a customer",
        row(search_box("Find a customer", "Customer", GainShareQueuePage.wanted, GainShareQueuePage.find_customer)),
        rx.cond(found.rows, listed, rx.cond(GainShareQueuePage.wanted != "", nobody, rx.fragment())),
        description="Propose baselines, enter what was measured, import a maintenance log, work out a run.",
    )


def _skeleton() -> rx.Component:
    return rx.fragment(
        rx.el.span("Loading", class_name="visually-hidden", role="status"),
        rx.el.div(skeleton_line("12rem", "1.75rem"), skeleton_line("20rem"), class_name="stack skeleton-head"),
        skeleton_card(12),
    )
