"""A customer's adjustments and credit, for our own side: what waits for its invoices, and deciding on more."""

from typing import Any

import reflex as rx

from app import unit_of_work
from app.components.cards import notice, section_card
from app.components.forms import button, button_link, select_field, text_field
from app.components.layout import grid, page_header, row, stack
from app.components.shell import ShellView
from app.components.states import empty_state, skeleton_card, skeleton_line
from app.components.tables import Column, data_table
from app.pages.frame import open_operator_page, page_body
from app.routes import BY_NAME
from app.session import answers_refusals, signed_in_operator
from models.base import ID_MAX
from services.errors import Conflict, NotFound, SubscriptionConflict, Unprocessable
from services.identifiers import new_id
from services.invoices import adjustment_views
from services.invoices.adjustment_views import EMPTY_ADJUSTMENTS, AdjustmentsView
from services.invoices.adjustments import REASON_MAX

SMALL = {"fontSize": "var(--text-sm)"}
AMOUNT_MAX = 24


class AdjustmentsPage(rx.State):
    """The customer of the address. `form_id` is of what is being typed: sent twice, it is added once."""

    shell: ShellView = ShellView()
    view: AdjustmentsView = EMPTY_ADJUSTMENTS
    problem: str = ""
    done: str = ""
    asks_to_pay_back: bool = False
    form_id: str = ""
    loaded: bool = False
    refusal: str = ""

    @rx.event
    @answers_refusals
    async def load(self) -> None:
        await open_operator_page(self)
        wanted = self._wanted()
        self.done = ""
        if self.view.tenant_id != wanted:
            self.view, self.loaded = EMPTY_ADJUSTMENTS, False
        await self._show(wanted)

    @rx.event
    @answers_refusals
    async def add(self, form: dict[str, Any]) -> Any:
        """Let an amount with a reason wait for the next invoice of a subscription."""
        member = await signed_in_operator(self)
        if not self.loaded:
            return AdjustmentsPage.load
        self.problem = self.done = ""
        try:
            self.done = await unit_of_work.run(
                adjustment_views.add_adjustment,
                tenant_id=self.view.tenant_id,
                subscription_id=str(form.get("subscription_id", ""))[:ID_MAX],
                amount=str(form.get("amount", ""))[:AMOUNT_MAX],
                reason=str(form.get("reason", ""))[: REASON_MAX + 1],
                adjustment_id=self.form_id,
                by=member.user_id,
                at=unit_of_work.now(),
            )
        except (Conflict, NotFound, SubscriptionConflict, Unprocessable) as refusal:
            self.problem = refusal.detail
            return None
        await self._show(self.view.tenant_id)
        return None

    @rx.event
    @answers_refusals
    async def ask_pay_back(self) -> Any:
        """Say what paying the credit back means before it is noted."""
        await signed_in_operator(self)
        if not self.loaded:
            return AdjustmentsPage.load
        self.problem, self.done, self.asks_to_pay_back = "", "", self.view.credit != ""
        return None

    @rx.event
    @answers_refusals
    async def put_back(self) -> None:
        """Pay nothing back."""
        await signed_in_operator(self)
        self.asks_to_pay_back = False

    @rx.event
    @answers_refusals
    async def pay_back(self) -> Any:
        """Note that the credit that was shown is paid back."""
        member = await signed_in_operator(self)
        if not self.asks_to_pay_back:
            return None if self.loaded else AdjustmentsPage.load
        try:
            self.done = await unit_of_work.run(
                adjustment_views.pay_back_shown,
                tenant_id=self.view.tenant_id,
                shown=self.view.credit,
                by=member.user_id,
                at=unit_of_work.now(),
            )
        except Conflict as refusal:
            await self._show(self.view.tenant_id)
            self.problem = refusal.detail
            return None
        await self._show(self.view.tenant_id)
        return None

    async def _show(self, tenant_id: str) -> None:
        self.problem, self.asks_to_pay_back, self.form_id = "", False, new_id("adj")
        self.view = await unit_of_work.read(adjustment_views.read_adjustments, tenant_id=tenant_id)
        self.loaded = True

    def _wanted(self) -> str:
        wanted = str(self.rx_router_page.params.get("tenant_id", ""))
        if not 0 < len(wanted) <= ID_MAX or not wanted.isprintable():
            raise NotFound("There is no such customer.")
        return wanted


ON_LOAD = [AdjustmentsPage.load]


def page() -> rx.Component:
    """What waits, the credit there is, and the form for one more."""
    view: Any = AdjustmentsPage.view
    content = rx.fragment(
        page_header(
            rx.fragment("Adjustments of ", view.tenant_name),
            "What waits for the next invoices of this customer, and the credit of its account.",
            button_link("Customers", href=BY_NAME["admin"].href, icon="arrow_left"),
        ),
        rx.cond(AdjustmentsPage.done != "", notice("good", AdjustmentsPage.done), rx.fragment()),
        rx.cond(view.credit != "", _credit(view), rx.fragment()),
        rx.cond(view.subscriptions.length() > 0, _form(view), rx.fragment()),
        _waiting(view),
    )
    return page_body("adjustments", AdjustmentsPage, content, skeleton=_skeleton())


def _waiting(view: Any) -> rx.Component:
    columns = (
        Column("Line", _named, leads=True),
        Column("Waits for", lambda each: each.subscription),
        Column("For", lambda each: each.days),
        Column("Added", _added),
        Column("Amount", lambda each: rx.el.span(each.amount, class_name="money"), numeric=True),
    )
    none = empty_state(
        "Nothing waits", "Changes of plan and adjustments stand here until an invoice takes them.", icon="hourglass"
    )
    table = data_table("Lines that wait for an invoice, the oldest first", columns, view.rows)
    return section_card("Waiting lines", rx.cond(view.rows.length() > 0, table, none), flush=True)


def _named(line: Any) -> rx.Component:
    return rx.el.div(
        rx.el.p(line.description),
        rx.el.p(line.kind, class_name="muted", style={**SMALL, "fontWeight": 400}),
        style={"overflowWrap": "anywhere", "maxWidth": "24rem"},
    )


def _added(line: Any) -> rx.Component:
    return rx.el.div(
        rx.el.p(line.added),
        rx.cond(line.by != "", rx.el.p(line.by, class_name="muted", style={"overflowWrap": "anywhere"}), rx.fragment()),
        style=SMALL,
    )


def _credit(view: Any) -> rx.Component:
    taxes = rx.cond(view.credit_tax != "", rx.el.p(view.credit_tax, class_name="muted"), rx.fragment())
    asked = stack(
        rx.el.p(
            "Send ",
            rx.el.strong(view.credit, class_name="money"),
            " to the customer first. Confirming notes it with a receipt, and no invoice takes it any more.",
        ),
        taxes,
        row(
            button("Note it as paid back", kind="danger", on_click=AdjustmentsPage.pay_back),
            button("Leave it", on_click=AdjustmentsPage.put_back),
        ),
    )
    offered = row(
        rx.el.span(view.credit, class_name="money money-large"),
        button("Pay it back", on_click=AdjustmentsPage.ask_pay_back),
        spread=True,
    )
    return section_card(
        "Credit of the account",
        rx.cond(AdjustmentsPage.asks_to_pay_back, asked, offered),
        description="The next invoice with something to pay takes it, unless it is paid back.",
    )


def _form(view: Any) -> rx.Component:
    form = rx.el.form(
        stack(
            grid(
                select_field("Subscription", name="subscription_id", options=view.subscriptions),
                text_field(
                    rx.fragment("Amount in ", view.currency),
                    name="amount",
                    hint="Below zero takes off: -25.00",
                    input_mode="text",
                    auto_complete="off",
                    max_length=AMOUNT_MAX,
                    required=True,
                ),
                text_field(
                    "Reason", name="reason", hint="It stands on the invoice", max_length=REASON_MAX, required=True
                ),
                columns=3,
            ),
            rx.cond(AdjustmentsPage.problem != "", notice("bad", AdjustmentsPage.problem), rx.fragment()),
            row(button("Add the adjustment", kind="primary", type="submit")),
        ),
        on_submit=AdjustmentsPage.add,
        key=AdjustmentsPage.form_id,
    )
    return section_card("Adjust an invoice", form, description="The next closing invoice of the subscription takes it.")


def _skeleton() -> rx.Component:
    return rx.fragment(
        rx.el.span("Loading", class_name="visually-hidden", role="status"),
        rx.el.div(skeleton_line("14rem", "1.75rem"), skeleton_line("22rem"), class_name="stack skeleton-head"),
        skeleton_card(5),
        skeleton_card(4),
    )
