"""Giving credits to a customer, for our own side: how many, why and until when; what was given, and taking it away."""

from typing import Any, Final

import reflex as rx

from app import unit_of_work
from app.components.badges import status_badge
from app.components.cards import notice, section_card
from app.components.forms import button, select_field, text_field
from app.components.layout import page_header, row, stack
from app.components.shell import ShellView
from app.components.states import empty_state
from app.components.tables import Column, data_table
from app.pages.frame import open_page, page_body
from app.session import answers_refusals
from models.base import ID_MAX
from models.credit import REASON_MAX
from services.credits import gift_views as credit_gift_views
from services.credits.gift_views import NO_GIFTS, GiftsView
from services.credits.promotions import take_away
from services.errors import Conflict, Forbidden, NotFound, Unprocessable
from services.identifiers import new_id
from services.sign_in import Member

FIELDS: Final = ("target", "credits", "reason", "days", "priority")
TYPED_MAX: Final = 140
SMALL: Final = {"fontSize": "var(--text-sm)"}


class CreditGiftsPage(rx.State):
    """What was given to the chosen customer, and which of it is being taken away."""

    shell: ShellView = ShellView()
    view: GiftsView = NO_GIFTS
    taking: str = ""
    problem: str = ""
    taking_problem: str = ""
    done: str = ""
    gift_id: str = ""
    loaded: bool = False
    refusal: str = ""

    @rx.event
    @answers_refusals
    async def load(self) -> None:
        member = await self._operator()
        self.taking, self.problem, self.taking_problem, self.done = "", "", "", ""
        await self._show(member)
        self.loaded = True

    @rx.event
    @answers_refusals
    async def give(self, form: dict[str, Any]) -> Any:
        """Give what was typed, once however often it is pressed."""
        member = await self._operator()
        self.problem, self.done = "", ""
        typed = {name: str(form.get(name, ""))[: max(TYPED_MAX, REASON_MAX + 1)].strip() for name in FIELDS}
        try:
            await unit_of_work.run(
                credit_gift_views.give_typed,
                tenant_id=str(member.tenant_id),
                gift_id=self.gift_id,
                typed=typed,
                by=member.user_id,
                at=unit_of_work.now(),
            )
        except (Unprocessable, Conflict, NotFound) as refusal:
            self.problem = refusal.detail
            return None
        self.done = "Given. The customer is told, and can spend them now."
        await self._show(member)
        return rx.set_value("field-credits", "")

    @rx.event
    @answers_refusals
    async def ask(self, lot_id: str) -> None:
        """Ask why it is taken away."""
        await self._operator()
        self.taking, self.taking_problem, self.done = lot_id[:ID_MAX], "", ""

    @rx.event
    @answers_refusals
    async def put_back(self) -> None:
        await self._operator()
        self.taking, self.taking_problem = "", ""

    @rx.event
    @answers_refusals
    async def take(self, form: dict[str, Any]) -> None:
        """Take away what was asked about."""
        member = await self._operator()
        if self.taking == "":
            return
        self.taking_problem = ""
        try:
            await unit_of_work.run(
                take_away,
                tenant_id=str(member.tenant_id),
                lot_id=self.taking,
                reason=str(form.get("why", ""))[: REASON_MAX + 1],
                at=unit_of_work.now(),
            )
        except (Unprocessable, Conflict, NotFound) as refusal:
            self.taking_problem = refusal.detail
            return
        self.taking = ""
        await self._show(member)

    async def _operator(self) -> Member:
        member = await open_page(self)
        if not member.is_operator:
            raise Forbidden("Only operators give credits.")
        return member

    async def _show(self, member: Member) -> None:
        self.gift_id = new_id("gift")
        self.view = await unit_of_work.read(
            credit_gift_views.read_gifts, tenant_id=str(member.tenant_id), at=unit_of_work.now()
        )


ON_LOAD = [CreditGiftsPage.load]


def page() -> rx.Component:
    """The form beside what was given."""
    view: Any = CreditGiftsPage.view
    content = rx.fragment(
        page_header("Given credits", rx.fragment("What was given to ", view.customer, ", and why.")),
        _given(view),
        rx.cond(view.targets, _form(view), _nothing_runs()),
    )
    return page_body("credit_gifts", CreditGiftsPage, content)


def _form(view: Any) -> rx.Component:
    form = rx.el.form(
        stack(
            select_field("Of which pool", name="target", options=view.targets),
            text_field(
                "How many",
                name="credits",
                placeholder="50000",
                input_mode="decimal",
                auto_complete="off",
                required=True,
            ),
            text_field(
                "Why",
                name="reason",
                placeholder="Sorry for the outage of Tuesday",
                hint="The customer reads this in its ledger.",
                auto_complete="off",
                required=True,
                max_length=REASON_MAX,
            ),
            text_field(
                "Days they can be spent",
                name="days",
                placeholder="90",
                hint="To the end of that day on the customer's clock; nothing for no end.",
                input_mode="numeric",
                auto_complete="off",
            ),
            text_field(
                "Priority",
                name="priority",
                placeholder="20",
                hint="Lower is spent first: the allowance has 10, what was bought 30.",
                input_mode="numeric",
                auto_complete="off",
            ),
            rx.cond(CreditGiftsPage.problem != "", notice("bad", CreditGiftsPage.problem), rx.fragment()),
            rx.cond(CreditGiftsPage.done != "", notice("good", CreditGiftsPage.done), rx.fragment()),
            row(button("Give credits", kind="primary", type="submit")),
            gap=3,
        ),
        on_submit=CreditGiftsPage.give,
        style={"maxWidth": "34rem"},
    )
    return section_card("Give credits", form)


def _nothing_runs() -> rx.Component:
    return section_card(
        "Give credits",
        empty_state("No plan runs", "Credits are given to a subscription; this customer has none.", icon="layers"),
    )


def _given(view: Any) -> rx.Component:
    columns = (
        Column("Given", _when_and_why, leads=True),
        Column("Credits", lambda gift: gift.credits, numeric=True),
        Column("Left", lambda gift: gift.left, numeric=True),
        Column("Until", lambda gift: rx.el.span(gift.until, class_name="tabular")),
        Column("Order", lambda gift: gift.priority, numeric=True),
        Column("State", _state),
    )
    none = empty_state("Nothing was given yet", "What you give is listed here, with what became of it.", icon="gift")
    listed = data_table("Given credits, the newest first", columns, view.gifts)
    return section_card("Given so far", rx.cond(view.gifts, listed, none), flush=True)


def _when_and_why(gift: Any) -> rx.Component:
    return rx.el.div(
        rx.el.p(gift.reason, style={"overflowWrap": "anywhere"}),
        rx.el.p(gift.given, " · ", gift.pool, class_name="muted tabular", style={**SMALL, "fontWeight": 400}),
        style={"maxWidth": "28rem"},
    )


def _state(gift: Any) -> rx.Component:
    take = button("Take away", kind="quiet", small=True, on_click=CreditGiftsPage.ask(gift.id))
    form = rx.el.form(
        stack(
            text_field("Why", name="why", auto_complete="off", required=True, error=CreditGiftsPage.taking_problem),
            row(
                button("Take away", kind="danger", small=True, type="submit"),
                button("Back", small=True, on_click=CreditGiftsPage.put_back),
            ),
            gap=2,
        ),
        on_submit=CreditGiftsPage.take,
    )
    can_take = (gift.state == "unused") & (CreditGiftsPage.taking != gift.id)
    return stack(
        row(status_badge(gift.state, gift.state_word), rx.cond(can_take, take, rx.fragment())),
        rx.cond(CreditGiftsPage.taking == gift.id, form, rx.fragment()),
        gap=2,
    )
