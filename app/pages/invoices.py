"""Invoices: what is outstanding, the bill as it runs, and every invoice there is."""

from typing import Any

import reflex as rx

from app import unit_of_work
from app.components.badges import badge
from app.components.bill_parties import bill_totals
from app.components.cards import section_card, stat_card
from app.components.forms import button_link
from app.components.layout import grid, link, money, page_header, served_link
from app.components.payment_section import pay_link, standing_badge
from app.components.shell import ShellView
from app.components.states import empty_state, skeleton_card, skeleton_line
from app.components.tables import Column, data_table, pager
from app.components.working import EDGES, bill_lines
from app.pages.billing_portal import BillingPortal, manage_cards_button, portal_problem
from app.pages.frame import open_page, page_body
from app.routes import BY_NAME, invoice_href, proof_href
from app.session import answers_refusals
from services.invoices import views as invoice_views
from services.invoices.views import EMPTY_INVOICES, InvoiceListView
from services.payments import payment_lines
from services.payments.payment_lines import PaymentLine
from services.sign_in import Member

DASHED = {"borderStyle": "dashed", "borderColor": "var(--c-line-strong)", "borderRadius": "var(--radius-lg)"}


class InvoicesPage(rx.State):
    """One page of the list, already worded by the service."""

    shell: ShellView = ShellView()
    view: InvoiceListView = EMPTY_INVOICES
    payments: dict[str, PaymentLine] = {}
    loaded: bool = False
    refusal: str = ""

    @rx.event
    @answers_refusals
    async def load(self) -> None:
        member = await open_page(self)
        await self._read(member, 0)

    @rx.event
    @answers_refusals
    async def show_newer(self) -> None:
        member = await open_page(self)
        await self._read(member, self.view.newer)

    @rx.event
    @answers_refusals
    async def show_older(self) -> None:
        member = await open_page(self)
        await self._read(member, self.view.older)

    async def _read(self, member: Member, cursor: int) -> None:
        tenant_id, at = str(member.tenant_id), unit_of_work.now()
        view = await unit_of_work.read(
            invoice_views.read_invoice_list,
            tenant_id=tenant_id,
            subscription_id=member.subscription_id,
            cursor=cursor,
            at=at,
        )
        self.payments = await unit_of_work.read(
            payment_lines.read_payment_lines,
            tenant_id=tenant_id,
            invoice_ids=[row.id for row in view.rows],
            at=at,
        )
        self.view = view
        self.loaded = True


ON_LOAD = [InvoicesPage.load, BillingPortal.load]


def page() -> rx.Component:
    """The running bill on top, the invoices under it."""
    view: Any = InvoicesPage.view
    shown = rx.cond(view.has_subscription | (view.shown != ""), _invoices(view), _without_plan())
    return page_body("invoices", InvoicesPage, shown, skeleton=_skeleton())


def _invoices(view: Any) -> rx.Component:
    outstanding = rx.fragment(
        rx.el.span(view.outstanding_hint),
        rx.cond(view.late != "", rx.fragment(" ", badge(view.late, "warn")), rx.fragment()),
    )
    coming = stat_card("Next invoice", view.preview.invoiced_on, rx.fragment(view.preview.total, " as it stands now"))
    details = button_link("Billing details", href=BY_NAME["billing_details"].href, icon="contact_round")
    export = button_link("Export", href=BY_NAME["exports"].href, icon="download")
    return rx.fragment(
        page_header("Invoices", "Every charge with the working behind it.", details, export, manage_cards_button()),
        portal_problem(),
        grid(
            stat_card("Outstanding", view.outstanding, outstanding),
            rx.cond(view.preview.is_shown, coming, rx.fragment()),
            columns=2,
        ),
        rx.cond(view.preview.is_shown, _preview(view.preview), rx.fragment()),
        _list(view),
    )


def _preview(preview: Any) -> rx.Component:
    total = bill_totals(preview, total="If it closed now")
    card = section_card(
        "So far this period",
        rx.el.div(
            bill_lines(preview.lines),
            rx.el.div(
                total,
                style={
                    "paddingBlock": "var(--space-3)",
                    "borderTop": "1px solid var(--c-line)",
                    **EDGES,
                },
            ),
        ),
        description=rx.fragment(
            preview.period, ". The base fee is for the next period; what is used until the close is added."
        ),
        action=badge("Preview, not an invoice", "accent"),
        flush=True,
    )
    return rx.el.div(card, style={"& > .card": DASHED})


def _list(view: Any) -> rx.Component:
    columns = (
        Column("Invoice", _numbered, leads=True),
        Column("Period", lambda each: each.period),
        Column("Issued", lambda each: each.issued),
        Column("Status", lambda each: standing_badge(each, InvoicesPage.payments[each.id])),
        Column("Payment", _payment),
        Column("Amount", lambda each: money(each.amount), numeric=True),
        Column("Proof", _proof, numeric=True),
    )
    pages = pager(
        view.shown,
        has_previous=view.newer > 0,
        has_next=view.older > 0,
        on_previous=InvoicesPage.show_newer,
        on_next=InvoicesPage.show_older,
    )
    none_yet = empty_state(
        "No invoices yet",
        "The first one is issued when your first period closes. Until then the card above shows how it grows.",
        icon="receipt_text",
    )
    listed = rx.fragment(data_table("Invoices, the newest first", columns, view.rows), pages)
    return section_card("Issued", rx.cond(view.rows, listed, none_yet), flush=True)


def _numbered(invoice: Any) -> rx.Component:
    """The number, and what subscription it is for where the customer has several."""
    of = rx.el.p(invoice.subscription, class_name="muted", style={"fontSize": "var(--text-sm)", "fontWeight": 400})
    return rx.el.div(
        link(invoice.number, href=invoice_href(invoice.id)),
        rx.cond(invoice.subscription != "", of, rx.fragment()),
        style={"overflowWrap": "anywhere", "maxWidth": "16rem"},
    )


def _payment(invoice: Any) -> rx.Component:
    line: Any = InvoicesPage.payments[invoice.id]
    return rx.el.div(
        rx.el.p(line.words, style={"overflowWrap": "anywhere"}),
        rx.cond(line.detail != "", rx.el.p(line.detail, class_name="muted"), rx.fragment()),
        rx.cond(line.pay_url != "", pay_link(line.pay_url, small=True), rx.fragment()),
        style={"fontSize": "var(--text-sm)", "minWidth": "9rem", "maxWidth": "20rem"},
    )


def _proof(invoice: Any) -> rx.Component:
    return served_link(
        rx.icon("download", size=16, aria_hidden="true"),
        href=proof_href(invoice.id),
        title="Download the proof",
        aria_label=f"Download the proof of {invoice.number}",
        style={"display": "inline-flex", "padding": "var(--space-1)"},
    )


def _without_plan() -> rx.Component:
    return rx.fragment(
        page_header("Invoices"),
        rx.el.div(
            empty_state(
                "No invoices yet",
                "Your account is not on a plan. Invoices are issued from the day one starts.",
                icon="receipt_text",
                action=button_link("Compare plans", href=BY_NAME["plans"].href, kind="primary"),
            ),
            class_name="card",
        ),
    )


def _skeleton() -> rx.Component:
    return rx.fragment(
        rx.el.span("Loading", class_name="visually-hidden", role="status"),
        rx.el.div(skeleton_line("9rem", "1.75rem"), skeleton_line("18rem"), class_name="stack skeleton-head"),
        grid(skeleton_card(3), skeleton_card(3), columns=2),
        skeleton_card(6),
        skeleton_card(10),
    )
