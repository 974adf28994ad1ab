"""A customer's contracts, for our own side: what is agreed, and drafting another with a month worked out beforehand."""

from typing import Any

import reflex as rx

from app import unit_of_work
from app.components.contract_drafting import drafting
from app.components.contract_sections import contracts_list, take_up_sections
from app.components.forms import button_link
from app.components.layout import page_header
from app.components.shell import ShellView
from app.components.states import skeleton_card, skeleton_line
from app.pages.contract_take_up import TAKE_UP, ContractTakeUp
from app.pages.frame import open_operator_page, page_body
from app.routes import BY_NAME
from app.session import answers_refusals, signed_in_operator
from models.base import ID_MAX
from services.contracts import agreements as contracts
from services.contracts import views as contract_views
from services.contracts.form import FIELD_MAX, NO_FORM, FormView
from services.contracts.views import EMPTY_CONTRACTS, NO_DRAFT, NO_MOVE, DraftView
from services.errors import Conflict, NotFound, UnknownPlan, Unprocessable

FIELDS_MAX = 400


class ContractsPage(ContractTakeUp, rx.State):
    """The customer of the address. `_typed` is the form that the draft was worked out from; nothing else is kept."""

    shell: ShellView = ShellView()
    form: FormView = NO_FORM
    draft: DraftView = NO_DRAFT
    refusal: str = ""
    _typed: dict[str, str] = {}

    @rx.event
    @answers_refusals
    async def load(self) -> None:
        await open_operator_page(self)
        wanted = self._wanted()
        if self.view.tenant_id != wanted:
            self._close()
            self.view, self.loaded = EMPTY_CONTRACTS, False
        await self._show(wanted)

    @rx.event
    @answers_refusals
    async def choose_plan(self, plan_code: str) -> Any:
        """Open the form for a plan of a book."""
        await signed_in_operator(self)
        if not self.loaded:
            return ContractsPage.load
        self._close()
        try:
            self.form = await unit_of_work.read(
                contract_views.open_form, tenant_id=self.view.tenant_id, plan_code=str(plan_code)[:130]
            )
        except UnknownPlan as refusal:
            self.problem = refusal.detail
        return None

    @rx.event
    @answers_refusals
    async def work_out(self, form: dict[str, Any]) -> Any:
        """Say what the terms make of a month. Nothing is kept yet."""
        await signed_in_operator(self)
        if self.form.plan_code == "":
            return None if self.loaded else ContractsPage.load
        self.problem, self.draft = "", NO_DRAFT
        typed = {str(name)[:80]: str(value)[:FIELD_MAX] for name, value in list(form.items())[:FIELDS_MAX]}
        try:
            self.draft = await unit_of_work.read(
                contract_views.work_out_draft,
                tenant_id=self.view.tenant_id,
                plan_code=self.form.plan_code,
                typed=typed,
                at=unit_of_work.now(),
            )
        except (Unprocessable, Conflict) as refusal:
            self.problem = refusal.detail
            return None
        self._typed = typed
        return None

    @rx.event
    @answers_refusals
    async def keep(self) -> Any:
        """Keep what was worked out, once."""
        member = await signed_in_operator(self)
        if self.draft.title == "" or self.form.plan_code == "":
            return None if self.loaded else ContractsPage.load
        try:
            await unit_of_work.run(
                contract_views.keep_draft,
                tenant_id=self.view.tenant_id,
                plan_code=self.form.plan_code,
                typed=dict(self._typed),
                by=member.user_id,
                at=unit_of_work.now(),
            )
        except (Unprocessable, Conflict) as refusal:
            self.draft, self.problem = NO_DRAFT, refusal.detail
            return None
        self._close()
        await self._show(self.view.tenant_id)
        return rx.toast.success("The contract is kept")

    @rx.event
    @answers_refusals
    async def change(self) -> None:
        """Go back from what was worked out to the form."""
        await signed_in_operator(self)
        self.draft = NO_DRAFT

    @rx.event
    @answers_refusals
    async def put_back(self) -> None:
        """Draft nothing, start nothing."""
        await signed_in_operator(self)
        self._close()

    @rx.event
    @answers_refusals
    async def withdraw(self, contract_id: str) -> Any:
        """Offer a contract no longer."""
        await signed_in_operator(self)
        if not self.loaded:
            return ContractsPage.load
        await unit_of_work.run(
            contracts.withdraw_contract,
            tenant_id=self.view.tenant_id,
            contract_id=str(contract_id)[:ID_MAX],
            at=unit_of_work.now(),
        )
        self._close()
        await self._show(self.view.tenant_id)
        return rx.toast.success("Withdrawn")

    async def _show(self, tenant_id: str) -> None:
        self.view = await unit_of_work.read(contract_views.read_contracts, tenant_id=tenant_id, at=unit_of_work.now())
        self.loaded = True

    def _wanted(self) -> str:
        wanted = str(self.rx_router_page.params.get("tenant_id", ""))
        if not 0 < len(wanted) <= ID_MAX or not wanted.isprintable():
            raise NotFound("There is no such customer.")
        return wanted

    def _close(self) -> None:
        self.form, self.draft, self.problem, self._typed = NO_FORM, NO_DRAFT, "", {}
        self.starting, self.starting_title, self.move = "", "", NO_MOVE


ON_LOAD = [ContractsPage.load]


def page() -> rx.Component:
    """The contracts there are, and the way to another."""
    view: Any = ContractsPage.view
    content = rx.fragment(
        page_header(
            rx.fragment("Contracts of ", view.tenant_name),
            "Negotiated prices and reserved capacity, for this customer alone. It finds them on its Plans page.",
            button_link("Customers", href=BY_NAME["admin"].href, icon="arrow_left"),
        ),
        rx.el.div(
            take_up_sections(ContractsPage),
            id=TAKE_UP,
            style={"scrollMarginTop": "5rem"},
            key=ContractsPage.starting,
            hidden=ContractsPage.starting == "",
        ),
        drafting(ContractsPage),
        contracts_list(ContractsPage),
    )
    return page_body("contracts", ContractsPage, content, skeleton=_skeleton())


def _skeleton() -> rx.Component:
    return rx.fragment(
        rx.el.span("Loading", class_name="visually-hidden", role="status"),
        rx.el.div(skeleton_line("14rem", "1.75rem"), skeleton_line("22rem"), class_name="stack skeleton-head"),
        skeleton_card(6),
        skeleton_card(8),
    )
