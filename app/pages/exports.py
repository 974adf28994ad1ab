"""Exports: files for spreadsheets and bookkeeping. A plain form: the browser itself downloads what was chosen."""

from datetime import date

import reflex as rx

from app import unit_of_work
from app.components.cards import section_card
from app.components.forms import select_field, text_field
from app.components.layout import grid, link, page_header, row, stack
from app.components.posting_form import posting_form
from app.components.shell import ShellView
from app.components.states import skeleton_card, skeleton_line
from app.components.working import SMALL
from app.pages.frame import open_page, page_body
from app.routes import BY_NAME
from app.session import answers_refusals
from services.exports.catalog import SHEETS
from services.rules.periods import business_date

WHAT_FOR = {
    "invoices": "One row an invoice: period, due date, tax, total, what is still to pay.",
    "invoice-lines": "One row a line, with its price, tiers and the receipts it sums.",
    "credit-notes": "What was taken back, why, and of which invoice.",
    "usage": "One row an event as it was metered, corrections included.",
    "credits": "Every change of your credits: granted, burned, returned, expired.",
    "journal": "Double entry: receivable, revenue, tax, deferred revenue, payments.",
}
BELOW = SMALL | {"marginTop": "var(--space-4)"}
FORMATS = (("csv", "CSV, for spreadsheets"), ("parquet", "Parquet, for programs"))


class ExportsPage(rx.State):
    """The days the form begins with."""

    shell: ShellView = ShellView()
    first_day: str = ""
    last_day: str = ""
    timezone: str = ""
    loaded: bool = False
    refusal: str = ""

    @rx.event
    @answers_refusals
    async def load(self) -> None:
        member = await open_page(self)
        today = business_date(await unit_of_work.now_of(str(member.tenant_id)), member.timezone)
        self.first_day, self.last_day = date(today.year, 1, 1).isoformat(), today.isoformat()
        self.timezone = member.timezone
        self.loaded = True


ON_LOAD = [ExportsPage.load]


def page() -> rx.Component:
    """The days and the format once, and a button for each file."""
    back = link("Invoices", href=BY_NAME["invoices"].href)
    body = rx.fragment(
        page_header("Exports", rx.fragment(back, " · Files for spreadsheets and bookkeeping")),
        posting_form(stack(_choice(), _sheets()), action=f"/session/exports/{next(iter(SHEETS))}", method="get"),
    )
    return page_body("exports", ExportsPage, body, skeleton=_skeleton())


def _choice() -> rx.Component:
    return section_card(
        "Days",
        grid(
            text_field("From", name="from", type="date", default_value=ExportsPage.first_day, required=True),
            text_field("To", name="to", type="date", default_value=ExportsPage.last_day, required=True),
            select_field("Format", name="format", options=FORMATS),
            columns=3,
        ),
        description=rx.fragment("Counted in ", ExportsPage.timezone, ", both included; at most ten years."),
    )


def _sheets() -> rx.Component:
    return section_card(
        "Files",
        rx.el.ul(*[_sheet(name) for name in SHEETS], class_name="stack", style={"listStyle": "none"}),
        rx.el.p("Programs get the same files from ", rx.el.code("/v1/exports/…"), ".", class_name="muted", style=BELOW),
    )


def _sheet(name: str) -> rx.Component:
    """A row with its own submit button: the one form goes to the file that was asked for."""
    title = SHEETS[name].title
    download = rx.el.button(
        rx.icon("download", size=16, aria_hidden="true"),
        "Download",
        rx.el.span(f" {title}", class_name="visually-hidden"),
        type="submit",
        custom_attrs={"formAction": f"/session/exports/{name}"},
        class_name="button button-secondary",
    )
    words = rx.el.div(
        rx.el.p(title, style={"fontWeight": "600"}),
        rx.el.p(WHAT_FOR[name], class_name="muted", style=SMALL),
        style={"flex": "1 1 16rem", "minWidth": "0"},
    )
    return rx.el.li(row(words, download, spread=True))


def _skeleton() -> rx.Component:
    return rx.fragment(
        rx.el.span("Loading", class_name="visually-hidden", role="status"),
        rx.el.div(skeleton_line("8rem", "1.75rem"), skeleton_line("20rem"), class_name="stack skeleton-head"),
        stack(skeleton_card(3), skeleton_card(10)),
    )
