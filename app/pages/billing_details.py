"""Billing details: to whom invoices are addressed, and with which tax ids. Final invoices keep what they said."""

from typing import Any

import reflex as rx

from app import unit_of_work
from app.components.cards import notice, section_card
from app.components.forms import button, button_link, select_field, text_field
from app.components.layout import grid, main_and_side, page_header, row, stack
from app.components.party_form import address_fields, error_of, problem_line, tax_id_fields
from app.components.shell import ShellView
from app.components.states import skeleton_card, skeleton_line
from app.components.working import SMALL
from app.pages.frame import open_page, page_body
from app.routes import BY_NAME
from app.session import answers_refusals, require_role
from models import Role
from services.errors import Unprocessable
from services.parties import billing_profiles
from services.parties import views as party_views
from services.parties.views import BUYER_KINDS, NO_FORM, PartyForm
from services.sign_in import Member

LANGUAGES = (("en", "English"), ("fr", "Français"))


class BillingDetailsPage(rx.State):
    """The details in force, and what was wrong with those that were typed."""

    shell: ShellView = ShellView()
    form: PartyForm = NO_FORM
    problem: str = ""
    problem_field: str = ""
    may_change: bool = False
    may_grant: bool = False
    loaded: bool = False
    refusal: str = ""

    @rx.event
    @answers_refusals
    async def load(self) -> None:
        await self._show(await open_page(self))

    @rx.event
    @answers_refusals
    async def save(self, typed: dict[str, Any]) -> Any:
        """Put what was typed in force, or say what is wrong with it."""
        member = await open_page(self)
        require_role(member, Role.BILLING_ADMIN)
        if not self.loaded:
            return BillingDetailsPage.load
        self.problem, self.problem_field = "", ""
        try:
            terms = party_views.typed_terms(typed) if member.is_operator else None
            await unit_of_work.run(
                billing_profiles.change_billing_profile,
                tenant_id=str(member.tenant_id),
                details=party_views.typed_details(typed),
                terms=terms,
                by=member.user_id,
                at=unit_of_work.now(),
            )
        except Unprocessable as refusal:
            self.problem, self.problem_field = refusal.detail, refusal.field or ""
            return None
        await self._show(member)
        return rx.toast.success("Billing details saved. Your next invoice carries them.")

    async def _show(self, member: Member) -> None:
        self.problem, self.problem_field = "", ""
        self.may_grant = member.is_operator
        self.may_change = member.is_operator or member.role in (Role.BILLING_ADMIN, Role.OWNER)
        self.form = await unit_of_work.read(party_views.read_billing_form, tenant_id=str(member.tenant_id))
        self.loaded = True


ON_LOAD = [BillingDetailsPage.load]


def page() -> rx.Component:
    """The form, and what the details are for beside it."""
    form: Any = BillingDetailsPage.form
    body = rx.fragment(
        page_header(
            "Billing details",
            rx.cond(form.changed != "", form.changed, "Not given yet"),
            button_link("Invoices", href=BY_NAME["invoices"].href, icon="arrow_left"),
        ),
        main_and_side(_form(form), stack(_what_for(form))),
    )
    return page_body("billing_details", BillingDetailsPage, body, skeleton=_skeleton())


def _form(form: Any) -> rx.Component:
    fields = rx.el.fieldset(
        stack(
            rx.cond(
                form.is_given,
                rx.fragment(),
                notice("note", "Taxes depend on where you are", "Until an address is given, none are charged."),
            ),
            section_card("Billed to", stack(address_fields(form, BillingDetailsPage))),
            section_card("On your invoices", stack(_invoice_fields(form))),
            section_card(
                "Tax ids",
                tax_id_fields(form, BUYER_KINDS),
                problem_line(BillingDetailsPage, "tax_ids"),
                description="Stated on invoices. Several of one kind are set apart by commas.",
            ),
            rx.cond(BillingDetailsPage.may_grant, _terms_card(form), rx.fragment()),
            rx.cond(BillingDetailsPage.may_change, row(button("Save", kind="primary", type="submit")), rx.fragment()),
        ),
        disabled=~BillingDetailsPage.may_change,
        style={"border": "0", "padding": "0", "margin": "0", "minWidth": "0"},
    )
    return rx.el.form(fields, on_submit=BillingDetailsPage.save, reset_on_submit=False, no_validate=True)


def _invoice_fields(form: Any) -> rx.Component:
    return rx.fragment(
        text_field(
            "Send invoices to",
            name="emails",
            hint="E-mail addresses, set apart by commas.",
            error=error_of(BillingDetailsPage, "emails"),
            default_value=form.emails,
            max_length=2000,
        ),
        grid(
            text_field(
                "Purchase-order number",
                name="purchase_order",
                error=error_of(BillingDetailsPage, "purchase_order"),
                default_value=form.purchase_order,
                max_length=64,
            ),
            select_field("Language", name="language", options=LANGUAGES, default_value=form.language),
            columns=2,
        ),
    )


def _terms_card(form: Any) -> rx.Component:
    """What only our own side grants."""
    exempt = rx.el.label(
        rx.el.input(type="checkbox", name="is_tax_exempt", default_checked=form.is_tax_exempt),
        " Exempt from tax",
        style={"display": "inline-flex", "gap": "var(--space-2)", "alignItems": "center"},
    )
    return section_card(
        "Granted by us",
        stack(
            exempt,
            grid(
                text_field(
                    "Reason",
                    name="exemption_reason",
                    error=error_of(BillingDetailsPage, "exemption_reason"),
                    default_value=form.exemption_reason,
                    max_length=200,
                ),
                text_field(
                    "Certificate",
                    name="exemption_certificate",
                    default_value=form.exemption_certificate,
                    max_length=200,
                ),
                columns=2,
            ),
            text_field(
                "Days to pay",
                name="payment_days",
                hint="Empty: as for everybody.",
                error=error_of(BillingDetailsPage, "payment_days"),
                default_value=form.payment_days,
                input_mode="numeric",
                max_length=3,
            ),
        ),
        description="The customer sees it and cannot change it.",
    )


def _what_for(form: Any) -> rx.Component:
    return section_card(
        "What they are for",
        rx.el.p("Your next invoice is addressed so and taxed by that place.", style=SMALL),
        rx.el.p(
            "Invoices that are final keep what they said; ask us for a credit note where one is wrong.",
            class_name="muted",
            style=SMALL | {"marginTop": "var(--space-3)"},
        ),
        rx.cond(
            form.terms != "",
            rx.el.p(form.terms, style=SMALL | {"marginTop": "var(--space-3)", "fontWeight": "500"}),
            rx.fragment(),
        ),
    )


def _skeleton() -> rx.Component:
    return rx.fragment(
        rx.el.span("Loading", class_name="visually-hidden", role="status"),
        rx.el.div(skeleton_line("12rem", "1.75rem"), skeleton_line("18rem"), class_name="stack skeleton-head"),
        main_and_side(stack(skeleton_card(8), skeleton_card(3)), skeleton_card(3)),
    )
