"""A new gain-share run of a customer, on our own side: worked out while it is typed, and then submitted."""

from typing import Any

import reflex as rx

from app import unit_of_work
from app.components.cards import notice, section_card
from app.components.desk import desk_tabs
from app.components.layout import grid, page_header
from app.components.run_form import run_form, tried_section
from app.components.shell import ShellView
from app.components.states import skeleton_card, skeleton_line
from app.pages.customer_desk import open_desk, typed_of
from app.pages.frame import page_body
from app.routes import run_answer_href
from app.session import answers_refusals
from models.gain_share_run import STEP_TEXT_MAX
from services.errors import Conflict, Forbidden, NotFound, Unprocessable
from services.gain_share import tries as gain_share_tries
from services.gain_share.parties import signer_of_member
from services.gain_share.tries import NO_FORM, NOTHING_TRIED, RunFormView, TryView
from services.rules.gain_share import DOWNTIME_COST


class GainShareNewPage(rx.State):
    """What was typed comes to `tried`; only submitting stores anything."""

    shell: ShellView = ShellView()
    form: RunFormView = NO_FORM
    tried: TryView = NOTHING_TRIED
    method: str = DOWNTIME_COST
    share_pct: str = ""
    form_key: str = "new"
    problem: str = ""
    loaded: bool = False
    refusal: str = ""

    @rx.event
    @answers_refusals
    async def load(self) -> None:
        member = await open_desk(self)
        self.form = await unit_of_work.read(gain_share_tries.open_run_form, tenant_id=str(member.tenant_id))
        self.share_pct, self.tried, self.problem = self.form.share_pct, NOTHING_TRIED, ""
        self.loaded = True

    @rx.event
    @answers_refusals
    async def try_it(self, form: dict[str, Any]) -> None:
        """Work out what is typed so far."""
        member = await open_desk(self)
        self.problem = ""
        self.tried = await unit_of_work.read(
            gain_share_tries.try_run,
            tenant_id=str(member.tenant_id),
            typed=typed_of(form, STEP_TEXT_MAX + 1),
            at=unit_of_work.now(),
        )

    @rx.event
    @answers_refusals
    async def submit(self, form: dict[str, Any]) -> Any:
        """Ask the customer to approve it."""
        member = await open_desk(self)
        typed = typed_of(form, STEP_TEXT_MAX + 1)
        self.problem = ""
        try:
            run = await unit_of_work.run(
                gain_share_tries.submit_typed,
                tenant_id=str(member.tenant_id),
                typed=typed,
                text=typed.get("text", "").replace("\r\n", "\n").strip(),
                signer=signer_of_member(member),
                at=unit_of_work.now(),
            )
        except (Unprocessable, Conflict, NotFound, Forbidden) as refusal:
            self.problem = refusal.detail
            return None
        self.tried = NOTHING_TRIED
        return rx.redirect(str(run_answer_href(run.id)))


ON_LOAD = [GainShareNewPage.load]


def page() -> rx.Component:
    """The fields, and what they come to beside them."""
    state = GainShareNewPage
    none = notice("warn", "This customer's plan has no gain-share: it names no share that a run could be within.")
    form = section_card(
        "The run",
        run_form(state, with_days=True, submit="Submit to the customer"),
        description="The customer approves it, disputes parts of it or rejects it. Nothing is billed by silence.",
    )
    content = rx.fragment(
        page_header("New run", rx.fragment("Savings of ", state.shell.tenant_name, " against its baselines.")),
        desk_tabs("gain_share_new"),
        rx.cond(
            state.form.terms == "",
            none,
            grid(form, tried_section(state.tried), columns=2, style={"alignItems": "start"}),
        ),
    )
    return page_body("gain_share_new", state, content, skeleton=_skeleton())


def _skeleton() -> rx.Component:
    return rx.fragment(
        rx.el.span("Loading", class_name="visually-hidden", role="status"),
        rx.el.div(skeleton_line("8rem", "1.75rem"), skeleton_line("20rem"), class_name="stack skeleton-head"),
        grid(skeleton_card(8), skeleton_card(8), columns=2),
    )
