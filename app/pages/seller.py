"""Seller and taxes, for our own side: who sends the invoices, what we are registered for, and the rates in force."""

from typing import Any

import reflex as rx

from app import unit_of_work
from app.components.cards import notice, section_card
from app.components.forms import button, select_field, text_field
from app.components.layout import grid, page_header, row, stack
from app.components.party_form import CHOICES, address_fields, error_of, problem_line, tax_id_fields, text_area
from app.components.shell import ShellView
from app.components.states import skeleton_card, skeleton_line
from app.components.tables import Column, data_table
from app.pages.frame import open_operator_page, page_body
from app.session import answers_refusals
from services.errors import Conflict, Unprocessable
from services.parties import seller_profiles
from services.parties import views as party_views
from services.parties.views import NO_FORM, SELLER_KINDS, PartyForm
from services.taxes import rate_changes as tax_rate_changes
from services.taxes import rate_views as tax_rate_views
from services.taxes.rate_changes import CODES
from services.taxes.rate_views import TaxRateView

COLUMNS = (
    Column("Place", lambda rate: rate.place, leads=True),
    Column("Tax", lambda rate: rate.tax),
    Column("Rate", lambda rate: rate.rate, numeric=True),
    Column("Applies", lambda rate: rate.since),
    Column("Origin", lambda rate: rate.origin),
)


class SellerPage(rx.State):
    """Our details in force, the rates, and what was wrong with what was typed."""

    shell: ShellView = ShellView()
    form: PartyForm = NO_FORM
    rates: tuple[TaxRateView, ...] = ()
    problem: str = ""
    problem_field: str = ""
    rate_problem: str = ""
    rate_field: str = ""
    rates_typed: int = 0
    loaded: bool = False
    refusal: str = ""

    @rx.event
    @answers_refusals
    async def load(self) -> None:
        await open_operator_page(self)
        await self._show()

    @rx.event
    @answers_refusals
    async def save(self, typed: dict[str, Any]) -> Any:
        """Put what was typed in force, or say what is wrong with it."""
        member = await open_operator_page(self)
        self.problem, self.problem_field = "", ""
        try:
            await unit_of_work.run(
                seller_profiles.change_seller,
                details=party_views.typed_seller(typed),
                by=member.user_id,
                at=unit_of_work.now(),
            )
        except Unprocessable as refusal:
            self.problem, self.problem_field = refusal.detail, refusal.field or ""
            return None
        await self._show()
        return rx.toast.success("Saved. Invoices from now on carry it.")

    @rx.event
    @answers_refusals
    async def add_rate(self, typed: dict[str, Any]) -> Any:
        """Add the rate that was typed, or say what is wrong with it."""
        member = await open_operator_page(self)
        self.rate_problem, self.rate_field = "", ""
        try:
            rate = tax_rate_views.typed_rate(typed)
            await unit_of_work.run(tax_rate_changes.add_tax_rate, **rate, by=member.user_id, at=unit_of_work.now())
        except (Unprocessable, Conflict) as refusal:
            self.rate_problem, self.rate_field = refusal.detail, refusal.field or ""
            return None
        self.rates_typed += 1
        await self._show()
        return rx.toast.success("Rate added")

    async def _show(self) -> None:
        self.problem, self.problem_field, self.rate_problem, self.rate_field = "", "", "", ""
        self.form = await unit_of_work.read(party_views.read_seller_form)
        self.rates = await unit_of_work.read(tax_rate_views.read_tax_rates, day=unit_of_work.now().date())
        self.loaded = True


ON_LOAD = [SellerPage.load]


def page() -> rx.Component:
    """Our details, then the rates."""
    form: Any = SellerPage.form
    body = rx.fragment(
        page_header(
            "Seller and taxes",
            rx.cond(form.changed != "", form.changed, "Known from the settings only; registered for no tax"),
        ),
        stack(_seller(form), _rates()),
    )
    return page_body("seller", SellerPage, body, skeleton=_skeleton())


def _seller(form: Any) -> rx.Component:
    return rx.el.form(
        stack(
            rx.cond(
                form.is_given,
                rx.fragment(),
                notice("warn", "No tax is charged yet", "Say who you are and what you are registered for."),
            ),
            section_card("Who sends the invoices", stack(address_fields(form, SellerPage), _contact(form))),
            section_card(
                "Registrations",
                tax_id_fields(form, SELLER_KINDS),
                problem_line(SellerPage, "registrations"),
                description="Only taxes you are registered for are charged. The numbers stand on each invoice.",
            ),
            row(button("Save", kind="primary", type="submit")),
        ),
        on_submit=SellerPage.save,
        reset_on_submit=False,
        no_validate=True,
    )


def _contact(form: Any) -> rx.Component:
    return rx.fragment(
        text_field(
            "E-mail for questions",
            name="emails",
            error=error_of(SellerPage, "email"),
            default_value=form.emails,
            max_length=254,
        ),
        text_area(
            "Bank details",
            name="bank_details",
            hint="One a line: what it is, a colon, and it.",
            error=error_of(SellerPage, "bank_details"),
            default_value=form.bank_details,
        ),
    )


def _rates() -> rx.Component:
    return rx.fragment(
        section_card(
            "Tax rates",
            data_table("Tax rates in force and to come", COLUMNS, SellerPage.rates),
            description="In force today and to come. None is ever edited: a change begins on a day.",
            flush=True,
        ),
        section_card("Add a rate or end a tax", _rate_form()),
    )


def _rate_form() -> rx.Component:
    def line(label: str, name: str, hint: str = "", **props: Any) -> rx.Component:
        error = rx.cond(SellerPage.rate_field == name, SellerPage.rate_problem, "")
        return text_field(label, name=name, hint=hint, error=error, **props)

    wrong_place = rx.match(SellerPage.rate_field, ("country", True), ("code", True), False)
    return rx.el.form(
        stack(
            grid(
                select_field("Country", name="country", options=CHOICES),
                line("Province or state", "region", "Empty for a whole country.", max_length=32),
                select_field("Tax", name="code", options=[(code, code.upper().replace("_", " ")) for code in CODES]),
                columns=3,
            ),
            grid(
                line("Name on invoices", "name", max_length=120),
                line("Per cent", "percentage", "Empty ends the tax.", input_mode="decimal", max_length=20),
                line("From", "since", type="date"),
                columns=3,
            ),
            rx.cond(
                wrong_place, rx.el.p(SellerPage.rate_problem, class_name="field-error", role="alert"), rx.fragment()
            ),
            row(button("Add", icon="plus", type="submit")),
        ),
        key=SellerPage.rates_typed.to(str),
        on_submit=SellerPage.add_rate,
        reset_on_submit=False,
        no_validate=True,
    )


def _skeleton() -> rx.Component:
    return rx.fragment(
        rx.el.span("Loading", class_name="visually-hidden", role="status"),
        rx.el.div(skeleton_line("12rem", "1.75rem"), skeleton_line("18rem"), class_name="stack skeleton-head"),
        stack(skeleton_card(10), skeleton_card(4), skeleton_card(12)),
    )
