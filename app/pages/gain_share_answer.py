"""One gain-share run, on our own side: what the customer said, and answering with words, files or a revised run."""

from typing import Any

import reflex as rx

from app import unit_of_work
from app.components.badges import status_badge
from app.components.cards import section_card
from app.components.evidence_upload import NOT_SENT, send_file, told_of
from app.components.forms import button_link
from app.components.gain_share_decision import billing_section
from app.components.gain_share_lists import run_tone
from app.components.gain_share_thread import evidence_form, speaking_form, thread
from app.components.layout import main_and_side, page_header, served_link, stack
from app.components.run_answer import (
    answer_skeleton,
    decision_facts,
    no_such_run,
    replacements,
    revision_section,
    working_section,
)
from app.components.shell import ShellView
from app.components.working import ANYWHERE
from app.pages.customer_desk import open_desk, typed_of
from app.pages.frame import page_body
from app.routes import BY_NAME, run_answer_href, run_document_href
from app.session import answers_refusals
from models.base import ID_MAX
from models.gain_share_run import STEP_TEXT_MAX
from services.errors import Conflict, Forbidden, NotFound, Unprocessable
from services.gain_share import decisions as gain_share_decisions
from services.gain_share import review as gain_share_review
from services.gain_share import tries as gain_share_tries
from services.gain_share.parties import signer_of_member
from services.gain_share.review import NO_REVIEW, ReviewView
from services.gain_share.tries import NO_FORM, NOTHING_TRIED, RunFormView, TryView
from services.sign_in import Member

REFUSED = (Unprocessable, Conflict, Forbidden, NotFound)


class GainShareAnswerPage(rx.State):
    """The run named in the address, what is being said about it, and the revision that is being typed."""

    shell: ShellView = ShellView()
    view: ReviewView = NO_REVIEW
    form: RunFormView = NO_FORM
    tried: TryView = NOTHING_TRIED
    method: str = ""
    share_pct: str = ""
    form_key: str = ""
    problem: str = ""
    said_problem: str = ""
    said: int = 0
    file_name: str = ""
    file_problem: str = ""
    is_revising: bool = False
    loaded: bool = False
    missing: bool = False
    refusal: str = ""
    _file_id: str = ""

    @rx.event
    @answers_refusals
    async def load(self) -> None:
        member = await open_desk(self)
        if self.view.id != self._wanted():
            self._forget()
        await self._show(member)

    @rx.event
    @answers_refusals
    async def say(self, form: dict[str, Any]) -> None:
        """Say something on the thread."""
        member = await open_desk(self)
        self.said_problem = await self._act(member, gain_share_decisions.comment_on_run, text=_text(form))
        self.said += self.said_problem == ""
        await self._show(member)

    @rx.event
    @answers_refusals
    async def choose_file(self) -> Any:
        """Send the file that was chosen."""
        member = await open_desk(self)
        self.file_name, self.file_problem, self._file_id = "", "", ""
        return send_file("evidence", callback=GainShareAnswerPage.file_sent, tenant_id=str(member.tenant_id))

    @rx.event
    @answers_refusals
    async def file_sent(self, told: dict[str, Any]) -> None:
        """Remember the file that was kept; whether it is there is asked as it is shown."""
        await open_desk(self)
        told_now = told_of(told)
        self._file_id, self.file_name = told_now["id"][:ID_MAX], told_now["name"] if told_now["id"] else ""
        self.file_problem = "" if told_now["id"] else told_now["problem"] or NOT_SENT

    @rx.event
    @answers_refusals
    async def show_file(self, form: dict[str, Any]) -> None:
        """Put the file on the thread."""
        member = await open_desk(self)
        if self._file_id == "":
            return
        self.file_problem = await self._act(
            member, gain_share_decisions.add_run_evidence, file_id=self._file_id, text=_text(form)
        )
        if self.file_problem == "":
            self.file_name, self._file_id, self.said = "", "", self.said + 1
        await self._show(member)

    @rx.event
    @answers_refusals
    async def revise(self) -> None:
        """Begin a revised run with the method and the share of this one."""
        member = await open_desk(self)
        self.form = await unit_of_work.read(gain_share_tries.open_run_form, tenant_id=str(member.tenant_id))
        self.method, self.share_pct = self.view.method, self.view.share_pct
        self.form_key, self.is_revising, self.problem = self.view.id, True, ""
        await self._try(member, {})

    @rx.event
    @answers_refusals
    async def put_back(self) -> None:
        await open_desk(self)
        self.is_revising, self.tried, self.problem = False, NOTHING_TRIED, ""

    @rx.event
    @answers_refusals
    async def try_it(self, form: dict[str, Any]) -> None:
        """Work out what is typed so far."""
        member = await open_desk(self)
        self.problem = ""
        await self._try(member, typed_of(form, STEP_TEXT_MAX + 1))

    @rx.event
    @answers_refusals
    async def submit(self, form: dict[str, Any]) -> Any:
        """Submit the revised run."""
        member = await open_desk(self)
        self.problem = ""
        try:
            run = await unit_of_work.run(
                gain_share_tries.revise_typed,
                tenant_id=str(member.tenant_id),
                run_id=self.view.id,
                typed=typed_of(form, STEP_TEXT_MAX + 1),
                text=_text(form),
                signer=signer_of_member(member),
                at=unit_of_work.now(),
            )
        except REFUSED as refusal:
            self.problem = refusal.detail
            return None
        self._forget()
        return rx.redirect(str(run_answer_href(run.id)))

    async def _try(self, member: Member, typed: dict[str, str]) -> None:
        self.tried = await unit_of_work.read(
            gain_share_tries.try_revision,
            tenant_id=str(member.tenant_id),
            run_id=self.view.id,
            typed=typed,
            at=unit_of_work.now(),
        )

    async def _act(self, member: Member, step: Any, **said: Any) -> str:
        """Take a step; why it was refused, in words, or ""."""
        try:
            await unit_of_work.run(
                step,
                tenant_id=str(member.tenant_id),
                run_id=self.view.id,
                signer=signer_of_member(member),
                at=unit_of_work.now(),
                **said,
            )
        except REFUSED as refusal:
            return refusal.detail
        return ""

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
        self.view, self.loaded, self.missing, self.is_revising = NO_REVIEW, False, False, False
        self.tried, self.problem, self.said_problem = NOTHING_TRIED, "", ""
        self.file_name, self.file_problem, self._file_id = "", "", ""

    def _wanted(self) -> str:
        return str(self.rx_router_page.params.get("run_id", ""))[:ID_MAX]


ON_LOAD = [GainShareAnswerPage.load]


def _text(form: Any) -> str:
    return typed_of(form, STEP_TEXT_MAX + 1).get("text", "").replace("\r\n", "\n").strip()


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
                status_badge(run_tone(view.status), view.status_word),
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
        replacements(view),
        main_and_side(
            stack(
                rx.cond(view.status == "disputed", revision_section(state), rx.fragment()),
                working_section(view),
                rx.cond(view.status == "pending_approval", revision_section(state), rx.fragment()),
            ),
            stack(decision_facts(view), billing_section(view), _thread(view)),
        ),
    )


def _thread(view: Any) -> rx.Component:
    state = GainShareAnswerPage
    return section_card(
        "What was said and done",
        stack(thread(view.thread), speaking_form(state), evidence_form(state), gap=6),
        description="Every step is signed, and the customer sees it.",
    )
