"""Credits: what is left in which lots, buying more, and the ledger that explains every change."""

from typing import Any, Final

import reflex as rx

from app import unit_of_work
from app.components.cards import section_card
from app.components.credit_pool import credit_pool
from app.components.filters import filter_bar, kind_choice
from app.components.forms import button_link
from app.components.layout import link, page_header, served_link
from app.components.shell import ShellView
from app.components.states import empty_state, skeleton_card, skeleton_line
from app.components.tables import Column, data_table, pager
from app.pages.frame import open_page, page_body
from app.pages.top_up_desk import TopUpDesk
from app.routes import BY_NAME, CREDITS_CSV_HREF, invoice_href, receipt_href
from app.session import answers_refusals, signed_in_member
from services.credits import page_views as credit_page_views
from services.credits.page_views import EMPTY_CREDITS, ENTRIES_SHOWN, KINDS, CreditsView

PAGES_BACK_MAX: Final = 10_000
SMALL: Final = {"fontSize": "var(--text-sm)"}
CODE_MAX: Final = 64


class CreditsPage(rx.State):
    """The pools as they stand, and the page of the ledger that is shown."""

    shell: ShellView = ShellView()
    view: CreditsView = EMPTY_CREDITS
    pool: str = ""
    kind: str = ""
    has_previous: bool = False
    loaded: bool = False
    refusal: str = ""
    _cursors: list[int] = []

    @rx.event
    @answers_refusals
    async def load(self) -> None:
        member = await open_page(self)
        self.pool, self.kind, self._cursors = "", "", []
        await self._show(str(member.tenant_id))
        self.loaded = True

    @rx.event
    @answers_refusals
    async def show_again(self) -> None:
        """The same with what has changed, the newest first."""
        member = await open_page(self)
        self._cursors = []
        await self._show(str(member.tenant_id))

    @rx.event
    @answers_refusals
    async def choose_pool(self, pool: str) -> None:
        member = await signed_in_member(self)
        self.pool, self._cursors = pool[:CODE_MAX], []
        await self._show(str(member.tenant_id))

    @rx.event
    @answers_refusals
    async def choose_kind(self, kind: str) -> None:
        member = await signed_in_member(self)
        self.kind, self._cursors = kind[:CODE_MAX], []
        await self._show(str(member.tenant_id))

    @rx.event
    @answers_refusals
    async def next_page(self) -> None:
        member = await signed_in_member(self)
        if self.view.last and len(self._cursors) < PAGES_BACK_MAX:
            self._cursors.append(self.view.last)
        await self._show(str(member.tenant_id))

    @rx.event
    @answers_refusals
    async def previous_page(self) -> None:
        member = await signed_in_member(self)
        self._cursors = self._cursors[:-1]
        await self._show(str(member.tenant_id))

    async def _show(self, tenant_id: str) -> None:
        self.has_previous = bool(self._cursors)
        self.view = await unit_of_work.read(
            credit_page_views.read_credits_page,
            tenant_id=tenant_id,
            at=unit_of_work.now(),
            pool=self.pool,
            kind=self.kind,
            before_seq=self._cursors[-1] if self._cursors else 0,
            seen=len(self._cursors) * ENTRIES_SHOWN,
        )


ON_LOAD = [CreditsPage.load, TopUpDesk.load]

HANDLERS: Final[dict[str, Any]] = {
    "open_purchase": TopUpDesk.open_purchase,
    "open_order": TopUpDesk.open_order,
    "put_back": TopUpDesk.put_back,
    "ask": TopUpDesk.ask,
    "buy": TopUpDesk.buy,
    "order": TopUpDesk.order,
    "stop": TopUpDesk.stop,
}


def page() -> rx.Component:
    """Pools above, the ledger below."""
    view: Any = CreditsPage.view
    download = served_link(
        rx.icon("download", size=16, aria_hidden="true"),
        "CSV of every change",
        href=CREDITS_CSV_HREF,
        class_name="button button-secondary",
    )
    header = page_header("Credits", "What is left, which of it is spent next, and why it changed.", download)
    content = rx.fragment(
        header,
        rx.foreach(view.pools, lambda pool: credit_pool(pool, TopUpDesk, HANDLERS)),
        _ledger(view),
    )
    return page_body("credits", CreditsPage, rx.cond(view.pools, content, _without_plan()), skeleton=_skeleton())


def _ledger(view: Any) -> rx.Component:
    filters = filter_bar(
        rx.el.div(
            rx.el.select(
                rx.el.option("All pools", value=""),
                rx.foreach(view.pool_choices, lambda pair: rx.el.option(pair[1], value=pair[0])),
                value=CreditsPage.pool,
                on_change=CreditsPage.choose_pool,
                aria_label="Which pool",
                class_name="input",
            ),
            rx.icon("chevron_down", size=16, aria_hidden="true"),
            class_name="select",
            style={"width": "12rem", "maxWidth": "100%"},
        ),
        kind_choice("Which changes", [("", "All changes"), *KINDS], CreditsPage.kind, CreditsPage.choose_kind),
    )
    columns = (
        Column("When", lambda each: rx.el.span(each.when, class_name="tabular"), leads=True),
        Column("Change", lambda each: each.kind),
        Column("Why", _why),
        Column("Pool", lambda each: each.pool),
        Column("Credits", _credits, numeric=True),
        Column("Balance", lambda each: each.balance, numeric=True),
    )
    listed = rx.fragment(
        data_table("Changes of your credits, the newest first", columns, view.changes),
        pager(
            view.shown,
            has_previous=CreditsPage.has_previous,
            has_next=view.last > 0,
            on_previous=CreditsPage.previous_page,
            on_next=CreditsPage.next_page,
        ),
    )
    none = empty_state("No change is like this", "Choose another pool or another kind of change.", icon="search_x")
    return section_card(
        "Every change",
        filters,
        rx.cond(view.changes, listed, none),
        description="Each balance is what the pool held from then on, lot by lot, until the next change.",
        flush=True,
    )


def _why(each: Any) -> rx.Component:
    receipt = link("Receipt ", each.receipt, href=receipt_href(each.receipt))
    bill = link("Invoice", href=invoice_href(each.invoice_id))
    return rx.el.div(
        rx.el.p(each.why, style={"overflowWrap": "anywhere"}),
        rx.cond(each.receipt != "", rx.el.p(receipt, style=SMALL), rx.fragment()),
        rx.cond(each.invoice_id != "", rx.el.p(bill, style=SMALL), rx.fragment()),
        style={"minWidth": "12rem", "maxWidth": "30rem"},
    )


def _credits(each: Any) -> rx.Component:
    gain = rx.el.span(each.credits, class_name="money", style={"color": "var(--c-good)"})
    return rx.cond(each.is_gain, gain, rx.el.span(each.credits, class_name="money"))


def _without_plan() -> rx.Component:
    return rx.fragment(
        page_header("Credits"),
        rx.el.div(
            empty_state(
                "No credits yet",
                "Your account is not on a plan. Credits are granted from the day one starts.",
                icon="coins",
                action=button_link("Compare plans", href=BY_NAME["plans"].href, kind="primary"),
            ),
            class_name="card",
        ),
    )


def _skeleton() -> rx.Component:
    return rx.fragment(
        rx.el.span("Loading", class_name="visually-hidden", role="status"),
        rx.el.div(skeleton_line("9rem", "1.75rem"), skeleton_line("18rem"), class_name="stack skeleton-head"),
        skeleton_card(6),
        skeleton_card(10),
    )
