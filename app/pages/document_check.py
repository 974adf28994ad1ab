"""The card that checks a printed invoice or credit note by the code at its foot; a state of its own on Verify."""

from typing import Any

import reflex as rx

from app import unit_of_work
from app.components.cards import notice, section_card
from app.components.forms import button, text_field
from app.components.layout import link, row, stack
from app.components.shell import ShellView
from app.components.working import SMALL, fact_list
from app.pages.frame import open_page
from app.routes import invoice_href, receipt_href, run_href
from app.session import answers_refusals
from services.invoices import document_check_views
from services.invoices.document_check_views import NOTHING_CHECKED, TYPED_MAX, DocumentCheckView


class DocumentCheck(rx.State):
    """What was asked, and what it led to. A code in the address is asked at once."""

    shell: ShellView = ShellView()
    view: DocumentCheckView = NOTHING_CHECKED
    refusal: str = ""

    @rx.event
    @answers_refusals
    async def load(self) -> None:
        member = await open_page(self)
        code = str(self.rx_router_page.params.get("code", ""))
        await self._look_up(str(member.tenant_id), code, "")

    @rx.event
    @answers_refusals
    async def check(self, form: dict[str, Any]) -> None:
        """Look up the code that was typed."""
        member = await open_page(self)
        await self._look_up(str(member.tenant_id), str(form.get("code", "")), str(form.get("number", "")))

    async def _look_up(self, tenant_id: str, code: str, number: str) -> None:
        self.view = await unit_of_work.read(
            document_check_views.check_document, tenant_id=tenant_id, code=code, number=number
        )


def document_check_card() -> rx.Component:
    """The form, and under it what the code led to."""
    view: Any = DocumentCheck.view
    form = rx.el.form(
        stack(
            text_field(
                "Verification code",
                name="code",
                default_value=view.code,
                key=view.code,
                placeholder="482-7Q2M-XK4D-9RTB",
                required=True,
                max_length=TYPED_MAX,
                auto_complete="off",
                spell_check=False,
                error=view.problem,
            ),
            text_field("Its number, if you want that compared too", name="number", max_length=TYPED_MAX),
            row(button("Check the document", kind="primary", type="submit", icon="scan_search")),
            gap=3,
        ),
        on_submit=DocumentCheck.check,
    )
    return section_card(
        "Check a printed document",
        stack(
            rx.cond(DocumentCheck.refusal != "", notice("bad", DocumentCheck.refusal), rx.fragment()),
            form,
            rx.cond(view.title != "", _found(view), rx.fragment()),
            gap=4,
        ),
        description="At the foot of each page of an invoice, a credit note or a gain-share report stands a code. It "
        "leads back to the receipt the document was made from.",
    )


def _found(view: Any) -> rx.Component:
    links = row(
        rx.cond(
            view.run_id != "",
            link("Open the run", href=run_href(view.run_id)),
            link("Open the invoice", href=invoice_href(view.invoice_id)),
        ),
        link("Its receipt", href=receipt_href(view.receipt)),
    )
    return notice(
        "good",
        view.title,
        rx.el.p("Compare it with what is printed: a code copied onto another bill leads here too.", style=SMALL),
        rx.el.div(fact_list(view.facts), style={"marginBlock": "var(--space-3)"}),
        links,
    )
