"""One invoice: its lines with their working, who it is for, and where it stands."""

from collections.abc import AsyncIterator
from typing import Any

import reflex as rx

from app import unit_of_work
from app.components.bill_parties import bill_totals, parties_section
from app.components.bill_proof import covered_section, document_link, notes_section, proof_section
from app.components.cards import key_values, section_card
from app.components.event_log import line_events
from app.components.forms import button, button_link
from app.components.layout import main_and_side, money, page_header, stack
from app.components.payment_section import payment_section, standing_badge
from app.components.shell import ShellView
from app.components.states import empty_state, skeleton_card, skeleton_line
from app.components.working import EDGES, SMALL, bill_lines, fact_list
from app.pages.billing_portal import BillingPortal, manage_cards_button, portal_problem
from app.pages.frame import open_page, page_body
from app.pages.give_back import GiveBackForm, give_back_section
from app.routes import BY_NAME
from app.session import answers_refusals
from services.errors import NotFound
from services.invoices import detail_views, line_event_views
from services.invoices.detail_views import EMPTY_INVOICE, InvoiceDetailView
from services.invoices.line_event_views import NO_LINE_EVENTS, LineEventsView
from services.payments import payment_views
from services.payments.payment_views import NO_PAYMENT, PaymentView
from services.sign_in import Member

TOTALS = {"paddingBlock": "var(--space-4)", "borderTop": "1px solid var(--c-line-strong)", **EDGES}
KEY_MAX = 100
STEP_ICONS = (("done", "circle_check", "good"), ("late", "circle_alert", "bad"))


class InvoicePage(rx.State):
    """The invoice named in the address."""

    shell: ShellView = ShellView()
    view: InvoiceDetailView = EMPTY_INVOICE
    payment: PaymentView = NO_PAYMENT
    records: LineEventsView = NO_LINE_EVENTS
    opening: str = ""
    loaded: bool = False
    missing: bool = False
    refusal: str = ""

    @rx.event
    @answers_refusals
    async def load(self) -> None:
        member = await open_page(self)
        wanted = str(self.rx_router_page.params.get("invoice_id", ""))
        if self.view.id != wanted:
            self.view, self.records, self.loaded, self.missing = EMPTY_INVOICE, NO_LINE_EVENTS, False, False
            self.payment = NO_PAYMENT
        tenant_id, at = str(member.tenant_id), unit_of_work.now()
        try:
            self.view = await unit_of_work.read(
                detail_views.read_invoice_detail, tenant_id=tenant_id, invoice_id=wanted, at=at
            )
            self.payment = await unit_of_work.read(
                payment_views.read_payment, tenant_id=tenant_id, invoice_id=wanted, at=at
            )
        except NotFound:
            self.view, self.payment, self.missing = EMPTY_INVOICE, NO_PAYMENT, True
        self.loaded = True

    @rx.event
    @answers_refusals
    async def open_records(self, key: str) -> AsyncIterator[None]:
        """Show the records of use behind one line, or behind what the allowance covered."""
        member = await open_page(self)
        self.opening = str(key)[:KEY_MAX]
        yield
        await self._read(member, self.opening, oldest_first=False)

    @rx.event
    @answers_refusals
    async def show_following(self) -> None:
        member = await open_page(self)
        shown = self.records
        place = shown.first + len(shown.rows)
        await self._read(member, shown.key, start=shown.following, first=place, oldest_first=shown.is_oldest_first)

    @rx.event
    @answers_refusals
    async def show_previous(self) -> None:
        member = await open_page(self)
        shown = self.records
        place = max(1, shown.first - line_event_views.LINE_EVENTS_SHOWN)
        await self._read(member, shown.key, start=shown.previous, first=place, oldest_first=shown.is_oldest_first)

    @rx.event
    @answers_refusals
    async def order_records(self, oldest_first: bool) -> None:
        member = await open_page(self)
        await self._read(member, self.records.key, oldest_first=bool(oldest_first))

    async def _read(self, member: Member, key: str, *, oldest_first: bool, start: int = 0, first: int = 1) -> None:
        """A line there is not, or not any more, opens to nothing."""
        self.opening = ""
        try:
            self.records = await unit_of_work.read(
                line_event_views.read_line_events,
                tenant_id=str(member.tenant_id),
                invoice_id=self.view.id,
                key=key,
                start=start,
                first=first,
                is_oldest_first=oldest_first,
            )
        except NotFound:
            self.records = NO_LINE_EVENTS


ON_LOAD = [InvoicePage.load, BillingPortal.load, GiveBackForm.load]


def page() -> rx.Component:
    """The invoice, or that there is none at this address."""
    view: Any = InvoicePage.view
    return page_body(
        "invoice", InvoicePage, rx.cond(InvoicePage.missing, _missing(), _invoice(view)), skeleton=_skeleton()
    )


def _invoice(view: Any) -> rx.Component:
    return rx.fragment(
        page_header(
            view.title,
            rx.el.span(view.period, standing_badge(view, InvoicePage.payment.line), class_name="key-entry"),
            button_link("All invoices", href=BY_NAME["invoices"].href, icon="arrow_left"),
            document_link(view.id),
        ),
        main_and_side(
            stack(
                _lines(view),
                rx.cond(view.covered, covered_section(view.covered, _records), rx.fragment()),
                rx.cond(view.credit_notes, notes_section(view.credit_notes), rx.fragment()),
                give_back_section(),
            ),
            stack(
                portal_problem(),
                payment_section(InvoicePage.payment, manage_cards_button()),
                rx.cond(view.receipt != "", proof_section(view), rx.fragment()),
                _standing(view),
                parties_section(view),
            ),
        ),
    )


def _records(line: Any) -> rx.Component:
    """The records behind one line, once asked for: a line may have a million of them."""
    shown = line_events(
        InvoicePage.records,
        on_previous=InvoicePage.show_previous,
        on_next=InvoicePage.show_following,
        on_order=InvoicePage.order_records,
    )
    ask = button(
        rx.cond(InvoicePage.opening == line.key, "Opening …", rx.fragment("Show the ", line.events)),
        icon="list",
        small=True,
        disabled=InvoicePage.opening == line.key,
        on_click=InvoicePage.open_records(line.key),
    )
    return rx.cond(InvoicePage.records.key == line.key, shown, rx.el.div(ask))


def _lines(view: Any) -> rx.Component:
    totals = rx.el.div(bill_totals(view), style=TOTALS)
    return section_card(
        "What is charged",
        bill_lines(view.lines, _records),
        totals,
        rx.cond(view.after_notes != "", _after_notes(view), rx.fragment()),
        description=rx.fragment(
            "Open a line for its working and the records behind it. All amounts in ", view.currency, "."
        ),
        flush=True,
    )


def _after_notes(view: Any) -> rx.Component:
    return rx.el.div(
        key_values([("With its credit notes", rx.el.strong(money(view.after_notes)))]),
        style=TOTALS | {"borderTop": "1px solid var(--c-line)"},
    )


def _standing(view: Any) -> rx.Component:
    return section_card(
        "Where it stands",
        rx.el.ol(rx.foreach(view.timeline, _step), class_name="stack", style={"listStyle": "none"}),
        rx.cond(
            view.facts,
            rx.el.div(fact_list(view.facts), style={"marginTop": "var(--space-4)"}),
            rx.fragment(),
        ),
    )


def _step(step: Any) -> rx.Component:
    icon = rx.match(
        step.state,
        *[
            (state, rx.icon(name, size=18, aria_hidden="true", style={"color": f"var(--c-{tone})"}))
            for state, name, tone in STEP_ICONS
        ],
        rx.icon("circle", size=18, aria_hidden="true", style={"color": "var(--c-line-strong)"}),
    )
    return rx.el.li(
        icon,
        rx.el.div(
            rx.el.p(step.name, style={"fontWeight": "500", "lineHeight": "1.3"}),
            rx.el.p(step.when, class_name="muted", style=SMALL),
        ),
        style={"display": "flex", "gap": "var(--space-3)"},
    )


def _missing() -> rx.Component:
    return rx.fragment(
        page_header("Invoice"),
        rx.el.div(
            empty_state(
                "There is no such invoice",
                "The address may be mistyped, or the invoice belongs to another account.",
                icon="receipt_text",
                action=button_link("All invoices", href=BY_NAME["invoices"].href, kind="primary"),
            ),
            class_name="card",
        ),
    )


def _skeleton() -> rx.Component:
    return rx.fragment(
        rx.el.span("Loading", class_name="visually-hidden", role="status"),
        rx.el.div(skeleton_line("14rem", "1.75rem"), skeleton_line("16rem"), class_name="stack skeleton-head"),
        main_and_side(skeleton_card(12), stack(skeleton_card(5), skeleton_card(3))),
    )
