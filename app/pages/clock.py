"""Test clock: walk the chosen customer through time and see what happens on the way. In development."""

import asyncio
from typing import Any

import reflex as rx

from app import time_travel, unit_of_work
from app.components.cards import key_values, notice, section_card
from app.components.forms import button, button_link
from app.components.layout import main_and_side, page_header, row, stack
from app.components.shell import ShellView
from app.components.states import empty_state, skeleton_card, skeleton_line
from app.components.tables import Column, data_table
from app.pages.frame import open_operator_page, page_body
from app.routes import BY_NAME
from app.session import answers_refusals, signed_in_operator
from services import clock_views
from services.clock_views import NO_CLOCK, ClockView
from services.errors import Refusal

STEPS = (("due", "To what is due next"), ("day", "A day"), ("week", "A week"), ("month", "A month"), ("year", "A year"))


class ClockPage(rx.State):
    """The clock of the customer the operator looks at."""

    shell: ShellView = ShellView()
    view: ClockView = NO_CLOCK
    has_customer: bool = False
    moving: str = ""
    problem: str = ""
    loaded: bool = False
    refusal: str = ""

    @rx.event
    @answers_refusals
    async def load(self) -> None:
        member = await open_operator_page(self)
        await self._show(member.tenant_id)
        self.loaded = True

    @rx.event
    @answers_refusals
    async def start(self) -> None:
        """Give the customer a clock."""
        member = await signed_in_operator(self)
        if member.tenant_id is not None:
            await self._try(time_travel.start, tenant_id=member.tenant_id)
            await self._show(member.tenant_id)

    @rx.event
    @answers_refusals
    async def go(self, step: str) -> Any:
        """Set the clock forward by one of the steps."""
        member = await signed_in_operator(self)
        if member.tenant_id is None or step not in dict(STEPS):
            return
        self.moving = step
        yield
        to = await unit_of_work.read(_target, member.tenant_id, step)
        await self._try(time_travel.advance, tenant_id=member.tenant_id, to=to)
        self.moving = ""
        await self._show(member.tenant_id)

    async def _try(self, act: Any, **given: Any) -> None:
        self.problem = ""
        try:
            await asyncio.to_thread(act, **given)
        except Refusal as refusal:
            self.problem = refusal.detail

    async def _show(self, tenant_id: str | None) -> None:
        self.has_customer = tenant_id is not None
        if tenant_id is not None:
            self.view = await unit_of_work.read(clock_views.read_clock_view, tenant_id=tenant_id, at=unit_of_work.now())


ON_LOAD = [ClockPage.load]


def _target(session: Any, tenant_id: str, step: str) -> Any:
    return clock_views.step_forward(session, tenant_id=tenant_id, step=step, at=unit_of_work.now())


def page() -> rx.Component:
    """Where the clock stands and the steps, beside what happened."""
    view: Any = ClockPage.view
    content = rx.fragment(
        page_header("Test clock", "Walk a customer through a year of billing in minutes. Only in development."),
        rx.cond(ClockPage.problem != "", notice("bad", ClockPage.problem), rx.fragment()),
        rx.cond(
            ClockPage.has_customer,
            main_and_side(_happened(view), stack(_clock(view))),
            _nobody(),
        ),
    )
    return page_body("clock", ClockPage, content, skeleton=_skeleton())


def _clock(view: Any) -> rx.Component:
    return section_card(
        ClockPage.shell.acting_as,
        key_values(
            [
                ("Now", view.now),
                ("Clock", view.ahead),
                ("Due next", rx.cond(view.next_due != "", view.next_due, "Nothing")),
            ]
        ),
        rx.el.div(
            rx.cond(
                view.is_allowed,
                rx.cond(
                    view.has_clock, _steps(), button("Start a test clock", kind="primary", on_click=ClockPage.start)
                ),
                rx.el.p("Test clocks are off here: set TALLYSTICK_TEST_CLOCKS=true.", class_name="muted"),
            ),
            style={"marginTop": "var(--space-4)"},
        ),
        description="Whatever falls due on the way is done at its own moment.",
    )


def _steps() -> rx.Component:
    return row(
        *[
            button(
                rx.cond(ClockPage.moving == step, "On the way …", words),
                kind="primary" if step == "due" else "secondary",
                on_click=ClockPage.go(step),  # type: ignore[arg-type]
                disabled=ClockPage.moving != "",
            )
            for step, words in STEPS
        ]
    )


def _happened(view: Any) -> rx.Component:
    columns = (
        Column("When", lambda each: each.at, leads=True),
        Column("What", lambda each: each.what),
        Column("Of", lambda each: each.of),
        Column("Amount", lambda each: each.amount, numeric=True),
    )
    return section_card(
        "What happened",
        data_table("What happened, the newest first", columns, view.happened),
        description="The newest first, by the customer's own time.",
        flush=True,
    )


def _nobody() -> rx.Component:
    return rx.el.div(
        empty_state(
            "Choose a customer first",
            "A test clock belongs to one customer. Look at the portal as one, then come back.",
            icon="clock",
            action=button_link("Customers", href=BY_NAME["admin"].href, kind="primary"),
        ),
        class_name="card",
    )


def _skeleton() -> rx.Component:
    return rx.fragment(
        rx.el.span("Loading", class_name="visually-hidden", role="status"),
        rx.el.div(skeleton_line("8rem", "1.75rem"), skeleton_line("20rem"), class_name="stack skeleton-head"),
        main_and_side(skeleton_card(8), skeleton_card(5)),
    )
