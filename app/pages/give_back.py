"""Giving money back of an invoice, for our own side: how much, why and how; what will happen; what came of it."""

from typing import Any

import reflex as rx

from app import payment_jobs, unit_of_work
from app.components.cards import notice, section_card
from app.components.give_back import TYPED_MAX, give_back_steps
from app.components.shell import ShellView
from app.pages.frame import open_page
from app.session import answers_refusals
from models.base import ID_MAX
from models.credit_note import REASON_MAX
from services.errors import Conflict, Forbidden, NotFound, Unprocessable
from services.payments import give_back_views
from services.payments.give_back_views import (
    NO_FORM,
    NO_OUTCOME,
    NO_QUESTION,
    GiveBackOutcome,
    GiveBackQuestion,
    GiveBackView,
)
from services.sign_in import Member


class GiveBackForm(rx.State):
    """The form of one invoice, what it asked, and what came of it."""

    shell: ShellView = ShellView()
    form: GiveBackView = NO_FORM
    question: GiveBackQuestion = NO_QUESTION
    outcome: GiveBackOutcome = NO_OUTCOME
    problem: str = ""
    refusal: str = ""

    @rx.event
    @answers_refusals
    async def load(self) -> None:
        """Begin anew with another invoice; the same one, when a connection comes back, stays as it was."""
        await open_page(self)
        if self.form.invoice_id != str(self.rx_router_page.params.get("invoice_id", "")):
            self._close()
            self.outcome = NO_OUTCOME

    @rx.event
    @answers_refusals
    async def open_form(self) -> None:
        """Show the form, under the name of the credit note it will make."""
        member = await self._operator()
        self._close()
        self.outcome = NO_OUTCOME
        invoice_id = str(self.rx_router_page.params.get("invoice_id", ""))
        if len(invoice_id) > ID_MAX or not invoice_id.isprintable():
            raise NotFound("There is no such invoice.")
        self.form = await unit_of_work.read(
            give_back_views.open_form, tenant_id=str(member.tenant_id), invoice_id=invoice_id
        )

    @rx.event
    @answers_refusals
    async def put_back(self) -> None:
        """Give nothing back."""
        await self._operator()
        self._close()

    @rx.event
    @answers_refusals
    async def change(self) -> None:
        """Go back from the question to the form."""
        await self._operator()
        self.question = NO_QUESTION

    @rx.event
    @answers_refusals
    async def ask(self, form: dict[str, Any]) -> None:
        """Say what would happen; nothing happens yet."""
        member = await self._operator()
        if self.form.note_id == "":
            return
        self.problem, self.question = "", NO_QUESTION
        try:
            self.question = await unit_of_work.read(
                give_back_views.ask,
                tenant_id=str(member.tenant_id),
                invoice_id=self.form.invoice_id,
                typed=str(form.get("amount", ""))[:TYPED_MAX],
                reason=str(form.get("reason", ""))[: REASON_MAX + 1],
                way=str(form.get("way", ""))[:TYPED_MAX],
            )
        except Unprocessable as refusal:
            self.problem = refusal.detail

    @rx.event
    @answers_refusals
    async def confirm(self) -> Any:
        """Do what the question says, once however often it is pressed."""
        member = await self._operator()
        if self.question.sentence == "":
            return None
        try:
            self.outcome = await unit_of_work.run(
                give_back_views.give_back,
                tenant_id=str(member.tenant_id),
                form=self.form,
                question=self.question,
                at=unit_of_work.now(),
            )
        except (Conflict, Unprocessable) as refusal:
            self.question, self.problem = NO_QUESTION, refusal.detail
            return None
        payment_jobs.work_is_there()
        self.question = NO_QUESTION
        return _reload_invoice()

    @rx.event
    @answers_refusals
    async def look(self) -> Any:
        """How far Stripe is with it."""
        member = await self._operator()
        self.outcome = await unit_of_work.read(
            give_back_views.read_outcome, tenant_id=str(member.tenant_id), note_id=self.form.note_id
        )
        return _reload_invoice()

    async def _operator(self) -> Member:
        member = await open_page(self)
        if not member.is_operator:
            raise Forbidden("Only operators give money back.")
        return member

    def _close(self) -> None:
        self.form, self.question, self.problem = NO_FORM, NO_QUESTION, ""


def _reload_invoice() -> Any:
    from app.pages.invoice import InvoicePage  # noqa: PLC0415 — that page shows this section

    return InvoicePage.load


def give_back_section() -> rx.Component:
    """The section on an invoice's page; only operators are shown it."""
    state: Any = GiveBackForm
    card = section_card(
        "Give money back",
        rx.cond(state.refusal != "", notice("bad", state.refusal), rx.fragment()),
        give_back_steps(state),
        description="For operators: a credit note over a part of this invoice or all of it.",
    )
    return rx.cond(state.shell.is_operator, card, rx.fragment())
