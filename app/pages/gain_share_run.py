"""One gain-share run to review: what was measured, how each dollar arose, and the decision on its fee."""

from typing import Any

import plotly.graph_objects as go
import reflex as rx

from app import unit_of_work
from app.components.badges import status_badge
from app.components.forms import button_link
from app.components.gain_share_charts import kpi_figures
from app.components.gain_share_decision import PART_FIELD, billing_section, decision_section
from app.components.gain_share_lists import run_tone
from app.components.gain_share_review import (
    charts_section,
    compared_section,
    dollars_section,
    replacements,
    sensitivity_section,
    thread_section,
)
from app.components.layout import main_and_side, page_header, served_link, stack
from app.components.shell import ShellView
from app.components.states import empty_state, skeleton_card, skeleton_line
from app.pages.customer_desk import typed_of
from app.pages.frame import open_page, page_body
from app.pages.run_thread import RunThread, text_of
from app.routes import BY_NAME, run_document_href, run_href
from app.session import answers_refusals
from services.errors import NotFound
from services.gain_share import decisions as gain_share_decisions
from services.gain_share import review as gain_share_review
from services.gain_share.parties import signer_of_member
from services.sign_in import Member

APPROVE, REJECT, DISPUTE = "approve", "reject", "dispute"
NO_PART = "Name what you dispute: choose at least one part of the savings."
TICK_MAX = 8


class GainShareRunPage(RunThread, rx.State):
    """The run named in the address, the decision that is being asked about, and what was refused."""

    shell: ShellView = ShellView()
    figures: list[go.Figure] = []
    asked: str = ""
    problem: str = ""
    refusal: str = ""

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
        text, parts = text_of(form), _parts(form)
        if self.asked == APPROVE:
            self.problem = await self._act(member, gain_share_decisions.approve_run, text=text)
        elif self.asked == REJECT:
            self.problem = await self._act(member, gain_share_decisions.reject_run, reason=text)
        elif self.asked == DISPUTE and not parts:
            self.problem = NO_PART
        elif self.asked == DISPUTE:
            self.problem = await self._act(member, gain_share_decisions.dispute_run, parts=parts, reason=text)
        if self.problem == "":
            self.asked = ""
        await self._show(member)

    async def _member(self) -> Member:
        return await open_page(self)

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
        super()._forget()
        self.figures, self.asked, self.problem = [], "", ""


ON_LOAD = [GainShareRunPage.load]


def _parts(form: Any) -> list[str]:
    """The parts of the savings that are ticked."""
    ticked = (name for name, value in typed_of(form, TICK_MAX).items() if value and name.startswith(PART_FIELD))
    return [name.removeprefix(PART_FIELD) for name in ticked]


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
                view.working.method, status_badge(run_tone(view.tone), view.status_word), class_name="key-entry"
            ),
            button_link("All runs", href=BY_NAME["gain_share"].href, icon="arrow_left"),
            served_link(
                rx.icon("file_down", size=16, aria_hidden="true"),
                "Report (PDF)",
                href=run_document_href(view.id),
                class_name="button button-secondary",
            ),
        ),
        replacements(view, run_href),
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
