"""Whether events, our invoice, Stripe's invoice and the payment agree, for our own side and every invoice."""

from typing import Any, Final

import reflex as rx

from app import unit_of_work
from app.components.cards import notice, stat_card
from app.components.comparison import compared_name, unknown_section, verdict
from app.components.filters import filter_bar, search_box
from app.components.forms import button, choices
from app.components.layout import grid, money, page_header
from app.components.shell import ShellView
from app.components.states import empty_state, skeleton_card, skeleton_line
from app.components.tables import Column, data_table, pager
from app.components.working import SMALL
from app.pages.comparison_run import check_now, run_button, run_progress
from app.pages.frame import page_body
from app.pages.paged_list import PagedList
from app.session import answers_refusals, signed_in_operator
from services.errors import ProviderUnavailable
from services.payments import reconciliation_views, standing_views
from services.payments.reconciliation_views import EMPTY_RECONCILIATION, ReconciliationView

AGAIN: Final = rx.icon("refresh_cw", size=15, aria_hidden="true")


class ReconciliationPage(PagedList, rx.State):
    """A page of compared invoices, and the one that is being compared."""

    shell: ShellView = ShellView()
    view: ReconciliationView = EMPTY_RECONCILIATION
    only_differences: bool = False
    checking: str = ""
    problem: str = ""
    refusal: str = ""

    @rx.event
    @answers_refusals
    async def choose(self, only_differences: bool) -> None:
        await signed_in_operator(self)
        self.only_differences, self._cursors = bool(only_differences), []
        await self._show()

    @rx.event
    @answers_refusals
    async def check(self, tenant_id: str, invoice_id: str) -> Any:
        """Compare one invoice that is shown with what Stripe says now."""
        await signed_in_operator(self)
        shown = {(row.tenant_id, row.invoice_id) for row in self.view.rows}
        if (tenant_id, invoice_id) not in shown:
            return
        self.checking, self.problem = invoice_id, ""
        yield
        try:
            await check_now(tenant_id, invoice_id)
        except ProviderUnavailable as refusal:
            self.problem = refusal.detail
        self.checking = ""
        await self._show()

    async def _show(self) -> None:
        self.has_previous = bool(self._cursors)
        self.view = await unit_of_work.read(
            reconciliation_views.list_compared,
            at=unit_of_work.now(),
            account=standing_views.account_in_use(),
            only_differences=self.only_differences,
            text=self.search,
            after=self._cursors[-1] if self._cursors else "",
            seen=len(self._cursors) * reconciliation_views.INVOICES_SHOWN,
        )


ON_LOAD = [ReconciliationPage.load]


def page() -> rx.Component:
    """The numbers, the invoices, and what Stripe has that we have not."""
    view: Any = ReconciliationPage.view
    content = rx.fragment(
        page_header(
            "Reconciliation",
            "What the events come to, our invoice, Stripe's invoice and the payment: they must all say the same.",
            run_button(),
        ),
        rx.cond(ReconciliationPage.problem != "", notice("bad", ReconciliationPage.problem), rx.fragment()),
        run_progress(),
        grid(
            stat_card("Invoices", view.invoices, rx.fragment(view.unchecked, " not checked yet")),
            stat_card("With differences", view.differing, "in the last comparison"),
            stat_card("Oldest comparison", rx.cond(view.oldest_check != "", view.oldest_check, "None yet"), ""),
            columns=3,
        ),
        _compared(view),
        rx.cond(view.unknown, unknown_section(view), rx.fragment()),
    )
    return page_body("reconciliation", ReconciliationPage, content, skeleton=_skeleton())


def _compared(view: Any) -> rx.Component:
    only = ReconciliationPage.only_differences
    filters = filter_bar(
        rx.el.div(
            choices(
                "Which",
                [
                    (~only, "All", ReconciliationPage.choose(False)),
                    (only, "Only differences", ReconciliationPage.choose(True)),
                ],
            ),
            style={"display": "flex"},
        ),
        search_box("Find invoices", "Customer or number", ReconciliationPage.search, ReconciliationPage.find),
    )
    return rx.el.section(
        filters,
        rx.el.div(rx.cond(view.rows, _table(view), _none()), class_name="section-flush"),
        class_name="card",
    )


def _table(view: Any) -> rx.Component:
    columns = (
        Column("Invoice", compared_name, leads=True),
        Column("Amount", lambda row: money(row.amount), numeric=True),
        Column("Events", lambda row: verdict(row.events)),
        Column("Our invoice", lambda row: verdict(row.ours)),
        Column("Stripe invoice", lambda row: verdict(row.stripe)),
        Column("Payment", lambda row: verdict(row.payment)),
        Column("Checked", _again, numeric=True),
    )
    return rx.fragment(
        data_table("Invoices, the newest first, and whether all four agree", columns, view.rows),
        pager(
            view.shown,
            has_previous=ReconciliationPage.has_previous,
            has_next=view.last != "",
            on_previous=ReconciliationPage.previous_page,
            on_next=ReconciliationPage.next_page,
        ),
    )


def _again(row: Any) -> rx.Component:
    is_checking = ReconciliationPage.checking == row.invoice_id
    return rx.el.div(
        rx.el.span(row.checked, class_name="muted", style=SMALL),
        button(
            rx.cond(is_checking, rx.icon("ellipsis", size=15, aria_hidden="true"), AGAIN),
            rx.el.span("Check ", row.number, " again", class_name="visually-hidden"),
            small=True,
            title="Check again",
            disabled=is_checking,
            on_click=ReconciliationPage.check(row.tenant_id, row.invoice_id),
        ),
        class_name="row",
        style={"justifyContent": "flex-end", "flexWrap": "nowrap"},
    )


def _none() -> rx.Component:
    return rx.cond(
        ReconciliationPage.search != "",
        empty_state(
            "No invoice is like this", "Look for a part of the customer's name, or for a number.", icon="search_x"
        ),
        rx.cond(
            ReconciliationPage.only_differences,
            empty_state(
                "Everything agrees", "The last comparison of every invoice found no difference.", icon="circle_check"
            ),
            empty_state("No invoices yet", "The first one appears here with the first plan that starts.", icon="scale"),
        ),
    )


def _skeleton() -> rx.Component:
    return rx.fragment(
        rx.el.span("Loading", class_name="visually-hidden", role="status"),
        rx.el.div(skeleton_line("12rem", "1.75rem"), skeleton_line("28rem"), class_name="stack skeleton-head"),
        grid(skeleton_card(3), skeleton_card(3), skeleton_card(3), columns=3),
        skeleton_card(12),
    )
