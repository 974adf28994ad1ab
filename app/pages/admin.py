"""Customers, for our own side: find one, see how it stands, and look at the portal as it does."""

from typing import Any

import reflex as rx

from app import unit_of_work
from app.components.badges import badge, status_badge
from app.components.cards import section_card
from app.components.desk import customer_link
from app.components.filters import SEARCH_MAX
from app.components.forms import button
from app.components.layout import link, page_header, row
from app.components.posting_form import posting_form
from app.components.progress import credit_progress
from app.components.shell import ShellView
from app.components.states import empty_state, skeleton_card, skeleton_line
from app.components.tables import Column, data_table, pager
from app.pages.frame import page_body
from app.pages.paged_list import PagedList
from app.routes import BY_NAME, adjustments_href, contracts_href
from services import customers
from services.customers import EMPTY_CUSTOMERS, CustomersView
from services.payments import standing_views
from services.payments.standing_views import CustomerPayment

PAGE_SIZE = 25
SMALL = {"fontSize": "var(--text-sm)"}


class AdminPage(PagedList, rx.State):
    """A page of customers. `_cursors` are the names the pages before this one ended with."""

    shell: ShellView = ShellView()
    view: CustomersView = EMPTY_CUSTOMERS
    payments: dict[str, CustomerPayment] = {}
    refusal: str = ""

    async def _show(self) -> None:
        self.has_previous = bool(self._cursors)
        at = unit_of_work.now()
        view = await unit_of_work.read(
            customers.list_customers,
            at=at,
            search=self.search,
            limit=PAGE_SIZE,
            after=self._cursors[-1] if self._cursors else "",
        )
        self.payments = await unit_of_work.read(
            standing_views.read_customer_payments,
            tenant_ids=[row.id for row in view.rows],
            account=standing_views.account_in_use(),
            at=at,
        )
        self.view = view


ON_LOAD = [AdminPage.load]


def page() -> rx.Component:
    """The list, its search, and what to do where it is empty."""
    view: Any = AdminPage.view
    content = rx.fragment(
        page_header("Customers", "Open one to see the portal as its people do."),
        section_card(
            view.title,
            rx.cond(view.rows.length() > 0, _table(view), _nobody()),
            action=_search(),
            flush=True,
        ),
    )
    return page_body("admin", AdminPage, content, skeleton=_skeleton())


def _search() -> rx.Component:
    return rx.el.input(
        type="search",
        default_value=AdminPage.search,
        on_change=AdminPage.find.debounce(250),
        placeholder="Find by name",
        aria_label="Find customers by name",
        max_length=SEARCH_MAX,
        auto_complete="off",
        class_name="input",
        style={"width": "16rem", "maxWidth": "100%"},
    )


def _table(view: Any) -> rx.Component:
    columns = (
        Column("Customer", _name, leads=True),
        Column("Plan", _plan),
        Column("Pays", _pays),
        Column("Used", _used),
        Column("Last bill", _last_bill, numeric=True),
        Column("To be paid", _open_amount, numeric=True),
        Column("", _open),
    )
    return rx.fragment(
        data_table("Customers and how they stand", columns, view.rows),
        pager(
            view.shown,
            has_previous=AdminPage.has_previous,
            has_next=view.has_next,
            on_previous=AdminPage.previous_page,
            on_next=AdminPage.next_page,
        ),
    )


def _name(customer: Any) -> rx.Component:
    """Its name, and three pages of ours about it."""
    whose = rx.el.span(" of ", customer.name, class_name="visually-hidden")
    return rx.el.div(
        rx.el.p(customer.name, style={"overflowWrap": "anywhere"}),
        rx.el.div(
            link("Adjustments", whose, href=adjustments_href(customer.id)),
            " · ",
            link("Contracts", whose, href=contracts_href(customer.id)),
            " · ",
            customer_link("Gain-share", whose, tenant_id=customer.id, goal=BY_NAME["gain_share_desk"].href),
            class_name="muted",
            style={**SMALL, "fontWeight": "400", "whiteSpace": "nowrap"},
        ),
    )


def _plan(customer: Any) -> rx.Component:
    no_plan = rx.el.span("No plan", class_name="muted")
    plan = row(rx.el.span(customer.plan), status_badge(customer.status, customer.status_word))
    more = rx.cond(customer.more != "", rx.el.p(customer.more, class_name="muted", style=SMALL), rx.fragment())
    return rx.cond(customer.status == "none", no_plan, rx.fragment(plan, more))


def _pays(customer: Any) -> rx.Component:
    payment: Any = AdminPage.payments[customer.id]
    return rx.el.div(
        rx.cond(payment.way == "", rx.el.span("–", class_name="muted"), rx.el.span(payment.way)),
        rx.cond(
            payment.trouble != "",
            rx.el.div(
                rx.cond(payment.tone == "bad", badge(payment.trouble, "bad"), badge(payment.trouble, "warn")),
            ),
            rx.fragment(),
        ),
        style=SMALL,
    )


def _used(customer: Any) -> rx.Component:
    bar = rx.el.div(
        rx.el.p(customer.credits, class_name="tabular", style={**SMALL, "marginBottom": "var(--space-1)"}),
        credit_progress(
            label="Used",
            worded=customer.credits,
            used_pct=rx.cond(customer.credits_state == "over", 0, customer.used_bar),
            overage_pct=rx.cond(customer.credits_state == "over", 100, 0),
        ),
        style={"minWidth": "8rem"},
    )
    return rx.cond(customer.credits == "", rx.el.span("–", class_name="muted"), bar)


def _last_bill(customer: Any) -> rx.Component:
    return rx.el.div(
        rx.el.p(customer.last_bill, class_name="money"),
        rx.el.p(customer.last_bill_when, class_name="muted", style=SMALL),
    )


def _open_amount(customer: Any) -> rx.Component:
    return rx.el.span(customer.open_amount, class_name=rx.cond(customer.has_open, "money", "money faint"))


def _open(customer: Any) -> rx.Component:
    """A plain form: the choice is kept with the session, by the server."""
    return posting_form(
        rx.el.input(type="hidden", name="tenant_id", value=customer.id, read_only=True),
        button(
            "Open",
            rx.el.span(" ", customer.name, class_name="visually-hidden"),
            type="submit",
            small=True,
            icon="log_in",
        ),
        action="/session/tenant",
        style={"display": "flex", "justifyContent": "flex-end"},
    )


def _nobody() -> rx.Component:
    return rx.cond(
        AdminPage.search == "",
        empty_state(
            "No customers yet",
            "Add the first with the command line: tallystick tenant create NAME --plan CODE.",
            icon="building_2",
        ),
        empty_state("Nobody by that name", "Check the spelling, or search for a part of the name.", icon="search_x"),
    )


def _skeleton() -> rx.Component:
    return rx.fragment(
        rx.el.span("Loading", class_name="visually-hidden", role="status"),
        rx.el.div(skeleton_line("10rem", "1.75rem"), skeleton_line("18rem"), class_name="stack skeleton-head"),
        skeleton_card(12),
    )
