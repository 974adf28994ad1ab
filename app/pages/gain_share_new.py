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
from app.pages.customer_desk import open_desk
from app.pages.frame import page_body
from app.pages.run_typing import RunTyping
from app.session import answers_refusals
from models import GainShareRun
from services.gain_share import tries as gain_share_tries
from services.gain_share.parties import Signer
from services.gain_share.tries import TryView
from services.sign_in import Member


class GainShareNewPage(RunTyping, rx.State):
    """What was typed comes to `tried`; only submitting stores anything."""

    shell: ShellView = ShellView()
    loaded: bool = False
    refusal: str = ""

    @rx.event
    @answers_refusals
    async def load(self) -> Any:
        member = await open_desk(self)
        self.form = await unit_of_work.read(gain_share_tries.open_run_form, tenant_id=str(member.tenant_id))
        self.share_pct = self.form.share_pct
        self._forget_typed()
        self.loaded = True
        return self._look()

    async def _work_out(self, member: Member, typed: dict[str, str]) -> TryView:
        tenant_id, at = str(member.tenant_id), unit_of_work.now()
        return await unit_of_work.read(gain_share_tries.try_run, tenant_id=tenant_id, typed=typed, at=at)

    async def _store(self, member: Member, signer: Signer, calculation_sha256: str) -> GainShareRun:
        return await unit_of_work.run(
            gain_share_tries.submit_typed,
            tenant_id=str(member.tenant_id),
            typed=dict(self._typed),
            text=self._text(),
            calculation_sha256=calculation_sha256,
            signer=signer,
            at=unit_of_work.now(),
        )


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
