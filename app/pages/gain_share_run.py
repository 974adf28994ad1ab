"""One gain-share run to review: what was measured, how each dollar arose, and the decision on its fee."""

from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go
import reflex as rx

from app import unit_of_work
from app.components.badges import status_badge
from app.components.evidence_upload import send_file, told_of
from app.components.forms import button_link
from app.components.gain_share_charts import kpi_figures
from app.components.gain_share_decision import PART_FIELD, billing_section, decision_section
from app.components.gain_share_lists import run_tone
from app.components.gain_share_review import (
    charts_section,
    compared_section,
    dollars_section,
    replacements_section,
    sensitivity_section,
    thread_section,
)
from app.components.layout import main_and_side, page_header, served_link, stack
from app.components.shell import ShellView
from app.components.states import empty_state, skeleton_card, skeleton_line
from app.pages.frame import open_page, page_body
from app.routes import BY_NAME, run_document_href
from app.session import answers_refusals
from models.base import ID_MAX
from models.gain_share_run import STEP_TEXT_MAX
from services.errors import Conflict, Forbidden, NotFound, SubscriptionConflict, Unprocessable
from services.gain_share import decisions as gain_share_decisions
from services.gain_share import review as gain_share_review
from services.gain_share.parties import signer_of_member
from services.gain_share.review import NO_REVIEW, ReviewView
from services.sign_in import Member

APPROVE, REJECT, DISPUTE = "approve", "reject", "dispute"
WHICH = "evidence"
PARTS_MAX = 50


class GainShareRunPage(rx.State):
    """The run named in the address, the decision that is being asked about, and what was refused."""

    shell: ShellView = ShellView()
    view: ReviewView = NO_REVIEW
    figures: list[go.Figure] = []
    asked: str = ""
    problem: str = ""
    said_problem: str = ""
    file_id: str = ""
    file_name: str = ""
    file_problem: str = ""
    said: int = 0
    """How often something was said, so that the form begins empty again."""

    loaded: bool = False
    missing: bool = False
    refusal: str = ""

    @rx.event
    @answers_refusals
    async def load(self) -> None:
        member = await open_page(self)
        if self.view.id != self._wanted():
            self._forget()
        await self._show(member)

    @rx.event
    @answers_refusals
    async def ask(self, what: str) -> None:
        """Say what approving, rejecting or disputing means; nothing is decided yet."""
        signer_of_member(await open_page(self))
        if what in (APPROVE, REJECT, DISPUTE):
            self.asked, self.problem = str(what), ""

    @rx.event
    @answers_refusals
    async def put_back(self) -> None:
        await open_page(self)
        self.asked = self.problem = ""

    @rx.event
    @answers_refusals
    async def decide(self, form: dict[str, Any]) -> None:
        """Do what was asked about, once however often it is pressed."""
        member = await open_page(self)
        text = _text(form)
        if self.asked == APPROVE:
            self.problem = await self._act(member, gain_share_decisions.approve_run, text=text)
        elif self.asked == REJECT:
            self.problem = await self._act(member, gain_share_decisions.reject_run, reason=text)
        elif self.asked == DISPUTE:
            parts = [name.removeprefix(PART_FIELD) for name in form if str(name).startswith(PART_FIELD) and form[name]]
            self.problem = await self._act(
                member, gain_share_decisions.dispute_run, parts=parts[:PARTS_MAX], reason=text
            )
        if self.problem == "":
            self.asked = ""
        await self._show(member)

    @rx.event
    @answers_refusals
    async def say(self, form: dict[str, Any]) -> None:
        """Say something on the thread."""
        member = await open_page(self)
        self.said_problem = await self._act(member, gain_share_decisions.comment_on_run, text=_text(form))
        self.said += self.said_problem == ""
        await self._show(member)

    @rx.event
    @answers_refusals
    async def choose_file(self) -> Any:
        """Send the file that is chosen; what comes of it the browser tells `file_sent`."""
        signer_of_member(await open_page(self))
        self.file_id = self.file_name = self.file_problem = ""
        return send_file(WHICH, callback=GainShareRunPage.file_sent)

    @rx.event
    @answers_refusals
    async def file_sent(self, told: dict[str, Any]) -> None:
        """Keep what was told of the upload; whether the file is there is asked as it is shown."""
        signer_of_member(await open_page(self))
        said = told_of(told)
        self.file_id, self.file_name, self.file_problem = said["id"], said["name"], said["problem"]

    @rx.event
    @answers_refusals
    async def show_file(self, form: dict[str, Any]) -> None:
        """Show the file that was sent on the thread, with what is said of it."""
        member = await open_page(self)
        if self.file_id == "":
            self.file_problem = "Choose a file first."
            return
        self.file_problem = await self._act(
            member, gain_share_decisions.add_run_evidence, file_id=self.file_id, text=_text(form)
        )
        if self.file_problem == "":
            self.file_id = self.file_name = ""
            self.said += 1
        await self._show(member)

    async def _act(self, member: Member, step: Callable[..., Any], **said: Any) -> str:
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
        except (Unprocessable, Conflict, SubscriptionConflict, Forbidden, NotFound) as refusal:
            return refusal.detail
        return ""

    async def _show(self, member: Member) -> None:
        try:
            self.view, series = await unit_of_work.read(
                gain_share_review.read_review,
                tenant_id=str(member.tenant_id),
                run_id=self._wanted(),
                member=member,
                at=unit_of_work.now(),
            )
            self.figures, self.missing = kpi_figures(series), False
        except NotFound:
            self._forget()
            self.missing = True
        self.loaded = True

    def _forget(self) -> None:
        self.view, self.figures, self.loaded, self.missing = NO_REVIEW, [], False, False
        self.asked = self.problem = self.said_problem = self.file_problem = self.file_id = self.file_name = ""

    def _wanted(self) -> str:
        return str(self.rx_router_page.params.get("run_id", ""))[:ID_MAX]


ON_LOAD = [GainShareRunPage.load]


def _text(form: dict[str, Any]) -> str:
    return str(form.get("text", ""))[: STEP_TEXT_MAX + 1].replace("\r\n", "\n").strip()


def page() -> rx.Component:
    """The run, or that there is none at this address."""
    view: Any = GainShareRunPage.view
    return page_body(
        "gain_share_run",
        GainShareRunPage,
        rx.cond(GainShareRunPage.missing, _missing(), _run(view)),
        skeleton=_skeleton(),
    )


def _run(view: Any) -> rx.Component:
    return rx.fragment(
        page_header(
            view.title,
            rx.el.span(
                view.working.method, status_badge(run_tone(view.status), view.status_word), class_name="key-entry"
            ),
            button_link("All runs", href=BY_NAME["gain_share"].href, icon="arrow_left"),
            served_link(
                rx.icon("file_down", size=16, aria_hidden="true"),
                "Report (PDF)",
                href=run_document_href(view.id),
                class_name="button button-secondary",
            ),
        ),
        replacements_section(view),
        rx.el.div(
            main_and_side(
                stack(
                    compared_section(view),
                    dollars_section(view),
                    charts_section(view, GainShareRunPage.figures),
                    sensitivity_section(view),
                    thread_section(view, GainShareRunPage),
                ),
                stack(decision_section(view, GainShareRunPage), billing_section(view)),
            ),
            class_name="decided-first",
        ),
    )


def _missing() -> rx.Component:
    return rx.fragment(
        page_header("Gain-share run"),
        rx.el.div(
            empty_state(
                "There is no such run",
                "The address may be mistyped, or the run belongs to another account.",
                icon="trending_up",
                action=button_link("All runs", href=BY_NAME["gain_share"].href, kind="primary"),
            ),
            class_name="card",
        ),
    )


def _skeleton() -> rx.Component:
    return rx.fragment(
        rx.el.span("Loading", class_name="visually-hidden", role="status"),
        rx.el.div(skeleton_line("18rem", "1.75rem"), skeleton_line("12rem"), class_name="stack skeleton-head"),
        main_and_side(stack(skeleton_card(6), skeleton_card(10)), stack(skeleton_card(6), skeleton_card(8))),
    )
