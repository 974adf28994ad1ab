"""One gain-share run to review: what was measured, how each dollar arose, and the decision on its fee."""

from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go
import reflex as rx

from app import unit_of_work
from app.components.badges import status_badge
from app.components.cards import notice, section_card
from app.components.evidence_upload import send_file, told_of
from app.components.forms import button_link
from app.components.gain_share_charts import kpi_charts, kpi_figures, waterfall
from app.components.gain_share_decision import billing_section, decision_section
from app.components.gain_share_lists import run_tone
from app.components.gain_share_thread import evidence_form, speaking_form, thread
from app.components.gain_share_working import (
    compared_table,
    overlap_notice,
    parts_table,
    sensitivity,
    working_steps,
)
from app.components.layout import link, main_and_side, page_header, served_link, stack
from app.components.shell import ShellView
from app.components.states import empty_state, skeleton_card, skeleton_line
from app.components.working import ANYWHERE, fact_list, opened_by
from app.pages.frame import open_page, page_body
from app.routes import BY_NAME, run_document_href, run_href
from app.session import answers_refusals
from models.base import ID_MAX
from models.gain_share_run import STEP_TEXT_MAX
from services import gain_share_decisions, gain_share_review
from services.errors import Conflict, Forbidden, NotFound, SubscriptionConflict, Unprocessable
from services.gain_share_parties import signer_of_member
from services.gain_share_review import NO_REVIEW, ReviewView
from services.sign_in import Member

APPROVE, REJECT, DISPUTE = "approve", "reject", "dispute"
PART_FIELD = "part "
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
        _replacements(view),
        rx.el.div(
            main_and_side(
                stack(_compared(view), _dollars(view), _charts(view), _sensitivity(view), _thread(view)),
                stack(decision_section(view, GainShareRunPage), billing_section(view)),
            ),
            class_name="decided-first",
        ),
    )


def _replacements(view: Any) -> rx.Component:
    later = notice(
        "note",
        "A revised run took the place of this one",
        action=link("Open the revised run", href=run_href(view.replaced_by_id)),
    )
    earlier = notice(
        "note",
        "This is a revised run",
        action=link("Open the one it replaces", href=run_href(view.replaces_id)),
    )
    return rx.fragment(
        rx.cond(view.replaced_by_id != "", later, rx.fragment()),
        rx.cond(view.replaces_id != "", earlier, rx.fragment()),
    )


def _compared(view: Any) -> rx.Component:
    return section_card(
        "Baseline beside what was measured",
        compared_table(view.working),
        description="The baselines both sides accepted, and what was measured in the period.",
        flush=True,
    )


def _dollars(view: Any) -> rx.Component:
    return section_card(
        "How each dollar arises",
        overlap_notice(view.working),
        waterfall(view.working.bars),
        rx.el.p(
            "Fee: ",
            rx.el.span(view.working.fee_working, class_name="tabular"),
            style={"fontWeight": "600", "marginBlock": "var(--space-3)"},
        ),
        rx.el.div(
            opened_by(
                rx.el.span("Every step, with its numbers", class_name="link"),
                parts_table(view.working),
                working_steps(view.working),
                fact_list(view.working.rates),
                rx.el.p(
                    "SHA-256 of the calculation: ", rx.el.code(view.working.sha256, style=ANYWHERE), class_name="muted"
                ),
            ),
            style={"marginInline": "calc(-1 * var(--space-5))"},
        ),
        description="From the parts of the savings to their sum, and by what you keep to the fee.",
    )


def _charts(view: Any) -> rx.Component:
    return section_card(
        "The KPIs in time",
        kpi_charts(view.series, GainShareRunPage.figures),
        description="Each against the baseline, over the twelve months that end with the period.",
    )


def _sensitivity(view: Any) -> rx.Component:
    return section_card(
        "What moves the fee",
        sensitivity(view.effects),
        description="The fee if one input were a tenth lower or higher and all others as they are. Largest first.",
    )


def _thread(view: Any) -> rx.Component:
    return section_card(
        "What was said and done",
        thread(view.thread),
        rx.cond(view.may_write, stack(speaking_form(GainShareRunPage), evidence_form(GainShareRunPage)), rx.fragment()),
        description="Every step is signed; open its receipt to check it.",
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
