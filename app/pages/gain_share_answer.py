"""One gain-share run, on our own side: what the customer said, and answering with words, files or a revised run."""

from typing import Any

import reflex as rx

from app import unit_of_work
from app.components.badges import status_badge
from app.components.cards import section_card
from app.components.forms import button_link
from app.components.gain_share_decision import billing_section
from app.components.gain_share_lists import run_tone
from app.components.gain_share_review import replacements
from app.components.gain_share_thread import evidence_form, speaking_form, thread
from app.components.layout import main_and_side, page_header, served_link, stack
from app.components.run_answer import (
    answer_skeleton,
    decision_facts,
    no_such_run,
    revision_section,
    working_section,
)
from app.components.shell import ShellView
from app.components.working import ANYWHERE
from app.pages.customer_desk import look_at_its_customer, open_desk
from app.pages.frame import page_body
from app.pages.run_thread import RunThread
from app.pages.run_typing import RunTyping
from app.routes import BY_NAME, run_answer_href, run_document_href
from app.session import answers_refusals
from models import GainShareRun
from services.errors import NotFound
from services.gain_share import review as gain_share_review
from services.gain_share import tries as gain_share_tries
from services.gain_share.parties import Signer
from services.gain_share.tries import TryView
from services.gain_share.whose import customer_of_run
from services.sign_in import Member


class GainShareAnswerPage(RunThread, RunTyping, rx.State):
    """The run named in the address, what is being said about it, and the revision that is being typed."""

    shell: ShellView = ShellView()
    is_revising: bool = False
    refusal: str = ""

    @rx.event
    @answers_refusals
    async def revise(self) -> None:
        """Begin a revised run with the method and the share of this one."""
        member = await open_desk(self)
        self._forget_typed()
        self.form = await unit_of_work.read(gain_share_tries.open_run_form, tenant_id=str(member.tenant_id))
        self.method, self.share_pct = self.view.method, self.view.share_pct
        self.form_key, self.is_revising = self.view.id, True
        self.tried = await self._work_out(member, {})

    @rx.event
    @answers_refusals
    async def put_back(self) -> None:
        await open_desk(self)
        self._forget_typed()
        self.is_revising = False

    async def _arrive(self) -> None:
        await look_at_its_customer(self, customer_of_run, self._wanted())

    async def _member(self) -> Member:
        return await open_desk(self)

    async def _work_out(self, member: Member, typed: dict[str, str]) -> TryView:
        return await unit_of_work.read(
            gain_share_tries.try_revision,
            tenant_id=str(member.tenant_id),
            run_id=self.view.id,
            typed=typed,
            at=unit_of_work.now(),
        )

    async def _store(self, member: Member, signer: Signer, calculation_sha256: str) -> GainShareRun:
        run = await unit_of_work.run(
            gain_share_tries.revise_typed,
            tenant_id=str(member.tenant_id),
            run_id=self.view.id,
            typed=dict(self._typed),
            text=self._text(),
            calculation_sha256=calculation_sha256,
            signer=signer,
            at=unit_of_work.now(),
        )
        self._forget()
        return run

    async def _show(self, member: Member) -> None:
        try:
            self.view, _ = await unit_of_work.read(
                gain_share_review.read_review,
                tenant_id=str(member.tenant_id),
                run_id=self._wanted(),
                member=member,
                at=unit_of_work.now(),
            )
            self.missing = False
        except NotFound:
            self._forget()
            self.missing = True
        self.loaded = True

    def _forget(self) -> None:
        super()._forget()
        self._forget_typed()
        self.is_revising = False


ON_LOAD = [GainShareAnswerPage.load]


def page() -> rx.Component:
    """The run, or that there is none at this address."""
    state = GainShareAnswerPage
    shown = rx.cond(state.missing, no_such_run(), _run(state.view))
    return page_body("gain_share_answer", state, shown, skeleton=answer_skeleton())


def _run(view: Any) -> rx.Component:
    state = GainShareAnswerPage
    return rx.fragment(
        page_header(
            view.title,
            rx.el.span(
                state.shell.tenant_name,
                " · ",
                view.working.method,
                status_badge(run_tone(view.tone), view.status_word),
                class_name="key-entry",
                style=ANYWHERE,
            ),
            button_link("All of this customer", href=BY_NAME["gain_share_desk"].href, icon="arrow_left"),
            served_link(
                rx.icon("file_down", size=16, aria_hidden="true"),
                "Report (PDF)",
                href=run_document_href(view.id),
                class_name="button button-secondary",
            ),
        ),
        replacements(view, run_answer_href),
        main_and_side(
            stack(
                rx.cond((view.status == "disputed") | _is_undone(view), revision_section(state), rx.fragment()),
                working_section(view),
                rx.cond(view.status == "pending_approval", revision_section(state), rx.fragment()),
            ),
            stack(decision_facts(view), billing_section(view), _thread(view)),
        ),
    )


def _is_undone(view: Any) -> Any:
    """Whether it was approved, billed, and taken back with its invoice."""
    return view.tone == "taken_back"


def _thread(view: Any) -> rx.Component:
    state = GainShareAnswerPage
    return section_card(
        "What was said and done",
        stack(thread(view.thread), speaking_form(state), evidence_form(state), gap=6),
        description="Every step is signed, and the customer sees it.",
    )
