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
from app.pages.frame import open_operator_page, page_body
from app.routes import BY_NAME
from app.session import answers_refusals, signed_in_operator
from models import Collection, Interval
from models.base import ID_MAX
from services.contracts import agreements as contracts
from services.contracts import moves as contract_moves
from services.contracts import views as contract_views
from services.contracts.form import FIELD_MAX, NO_FORM, FormView, read_day
from services.contracts.views import EMPTY_CONTRACTS, NO_DRAFT, NO_MOVE, ContractsView, DraftView, MoveView
from services.errors import Conflict, NotFound, UnknownPlan, Unprocessable

FIELDS_MAX = 400
TAKE_UP = "take-up"


class ContractsPage(rx.State):
    """The customer of the address. `_typed` is the form that the draft was worked out from; nothing else is kept."""

    shell: ShellView = ShellView()
    view: ContractsView = EMPTY_CONTRACTS
    form: FormView = NO_FORM
    draft: DraftView = NO_DRAFT
    starting: str = ""
    starting_title: str = ""
    move: MoveView = NO_MOVE
    problem: str = ""
    loaded: bool = False
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
    async def ask_start(self, contract_id: str) -> Any:
        """Open the form that starts a subscription on a contract."""
        await signed_in_operator(self)
        if not self.loaded:
            return ContractsPage.load
        self._close()
        chosen = next((each for each in self.view.rows if each.id == contract_id), None)
        if chosen is not None:
            self.starting, self.starting_title = chosen.id, chosen.title
            return rx.scroll_to(TAKE_UP)
        return None

    @rx.event
    @answers_refusals
    async def start(self, form: dict[str, Any]) -> Any:
        """Start a subscription on the contract that was asked about."""
        await signed_in_operator(self)
        if self.starting == "":
            return None if self.loaded else ContractsPage.load
        self.problem = ""
        site = str(form.get("site", "")).strip() or None
        try:
            await unit_of_work.run(
                contracts.start_contract,
                tenant_id=self.view.tenant_id,
                contract_id=self.starting,
                start_date=read_day(str(form.get("start_date", "")), "start_date"),
                interval=_interval(form.get("interval")),
                collection=_collection(form.get("collection")),
                name=str(form.get("name", "")).strip() or site or "",
                site=site,
                at=unit_of_work.now(),
            )
        except (Unprocessable, Conflict) as refusal:
            self.problem = refusal.detail
            return rx.scroll_to(TAKE_UP)
        self._close()
        await self._show(self.view.tenant_id)
        return rx.toast.success("The subscription has started")

    @rx.event
    @answers_refusals
    async def ask_move(self, form: dict[str, Any]) -> Any:
        """Say what moving a subscription to the contract comes to; nothing happens yet."""
        await signed_in_operator(self)
        if self.starting == "":
            return None if self.loaded else ContractsPage.load
        self.problem, self.move = "", NO_MOVE
        try:
            self.move = await unit_of_work.read(
                contract_views.ask_move,
                tenant_id=self.view.tenant_id,
                contract_id=self.starting,
                subscription_id=str(form.get("subscription_id", ""))[:ID_MAX],
                when=str(form.get("when", ""))[:20],
                at=unit_of_work.now(),
            )
        except (Unprocessable, Conflict, NotFound) as refusal:
            self.problem = refusal.detail
        return None

    @rx.event
    @answers_refusals
    async def confirm_move(self) -> Any:
        """Move what was asked about, to the contract that was asked about."""
        member = await signed_in_operator(self)
        if self.move.subscription_id == "" or self.starting == "":
            return None if self.loaded else ContractsPage.load
        try:
            await unit_of_work.run(
                contract_moves.move_to_contract,
                tenant_id=self.view.tenant_id,
                contract_id=self.starting,
                subscription_id=self.move.subscription_id,
                when=contract_views.when_of(self.move.when),
                by=member.user_id,
                at=unit_of_work.now(),
            )
        except (Unprocessable, Conflict) as refusal:
            self.move, self.problem = NO_MOVE, refusal.detail
            return None
        self._close()
        await self._show(self.view.tenant_id)
        return rx.toast.success("Done")

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


def _interval(value: Any) -> Interval:
    return Interval.YEAR if value == Interval.YEAR.value else Interval.MONTH


def _collection(value: Any) -> Collection:
    return Collection.AUTOMATIC if value == Collection.AUTOMATIC.value else Collection.MANUAL


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
