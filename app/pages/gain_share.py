"""Gain-share: the baselines both sides measure against, what was measured since, and the runs made of it."""

from typing import Any

import reflex as rx

from app import unit_of_work
from app.components.baseline_form import baseline_form
from app.components.baseline_list import baselines_list
from app.components.cards import notice, section_card, stat_card
from app.components.forms import button_link
from app.components.gain_share_lists import measured_table, runs_list
from app.components.layout import grid, link, page_header
from app.components.shell import ShellView
from app.components.states import empty_state, skeleton_card, skeleton_line
from app.components.working import opened_by
from app.pages.baseline_answers import BaselineAnswers
from app.pages.baseline_states import BaselineProposing
from app.pages.frame import open_page, page_body
from app.pages.older_runs import OlderRuns
from app.routes import BY_NAME, baseline_href
from app.session import answers_refusals
from services.gain_share import views as gain_share_views
from services.gain_share.views import EMPTY_GAIN_SHARE, GainShareView
from services.sign_in import Member


class GainSharePage(BaselineAnswers, BaselineProposing, OlderRuns, rx.State):
    """Baselines, measurements and runs, already worded; the baseline that is asked about, and one that is typed."""

    shell: ShellView = ShellView()
    view: GainShareView = EMPTY_GAIN_SHARE
    loaded: bool = False
    refusal: str = ""

    @rx.event
    @answers_refusals
    async def load(self) -> None:
        member = await open_page(self)
        self._start_over()
        await self._show(member)
        self.loaded = True

    async def _member(self) -> Member:
        return await open_page(self)

    async def _show(self, member: Member) -> None:
        await self._open_form(str(member.tenant_id))
        self.view = await unit_of_work.read(
            gain_share_views.read_gain_share,
            tenant_id=str(member.tenant_id),
            at=unit_of_work.now(),
            member=member,
            runs_max=self.runs_max,
        )


ON_LOAD = [GainSharePage.load]


def page() -> rx.Component:
    """What was saved and what it costs; or what would have to be there first."""
    view: Any = GainSharePage.view
    has_any = (view.terms != "") | view.runs.bool() | view.baselines.bool()
    return page_body(
        "gain_share", GainSharePage, rx.cond(has_any, _gain_share(view), _not_in_plan(view)), skeleton=_skeleton()
    )


def _gain_share(view: Any) -> rx.Component:
    terms = rx.cond(view.terms != "", rx.fragment(view.plan_name, ": ", view.terms), rx.fragment(view.plan_name))
    ended = notice(
        "note",
        "Your plan has no gain-share",
        rx.fragment("What was agreed before stays here. New runs need a plan that names a share."),
        action=link("Compare plans", href=BY_NAME["plans"].href),
    )
    return rx.fragment(
        page_header("Gain-share", terms),
        rx.cond(view.terms == "", ended, rx.fragment()),
        grid(
            stat_card("Approved savings", view.savings, view.runs_hint),
            stat_card("Fees on them", view.fees, "each on the invoice after its approval"),
            stat_card("Waiting for approval", view.waiting, view.waiting_hint),
            columns=3,
        ),
        _runs(view),
        _baselines(view),
        rx.cond(view.may_propose, _proposing(), rx.fragment()),
        _measured(view),
    )


def _runs(view: Any) -> rx.Component:
    none_yet = empty_state(
        "No runs yet",
        "A run compares what was measured in a period with the baseline, prices the difference, and shows every step.",
        icon="trending_up",
    )
    return section_card(
        "Runs",
        rx.cond(view.runs, runs_list(view, GainSharePage), none_yet),
        description="Savings of a period against the baseline, and the share of them that is the fee.",
        flush=True,
    )


def _baselines(view: Any) -> rx.Component:
    none_yet = empty_state(
        "No baselines yet",
        "A baseline says where a KPI stood before, at which rates its change is priced, and which document shows it.",
        icon="ruler",
    )
    return section_card(
        "Baselines",
        rx.cond(view.baselines, baselines_list(view, GainSharePage, baseline_at=baseline_href), none_yet),
        description=(
            "Proposed by one side and accepted by the other. Never edited: one accepted later takes the place of the "
            "one before from its own date."
        ),
        flush=True,
    )


def _proposing() -> rx.Component:
    """Closed, for it is seldom wanted."""
    form = baseline_form(
        GainSharePage,
        submit="Propose it to the seller",
        decides="The seller is told, and decides on it. It counts once they accept it; until then you can withdraw it.",
    )
    return rx.el.section(
        opened_by(
            rx.el.div(
                rx.el.h2("Propose a baseline", class_name="section-title"),
                rx.el.p("Where a KPI stood, by a document of yours.", class_name="section-description"),
            ),
            rx.el.div(form, style={"paddingTop": "var(--space-3)"}),
        ),
        class_name="card",
    )


def _measured(view: Any) -> rx.Component:
    none_yet = empty_state(
        "Nothing measured yet",
        "Months of each KPI appear here as they are entered, sent by your systems, or read from a maintenance log.",
        icon="activity",
    )
    return section_card(
        "Measurements",
        rx.cond(view.measured.rows, measured_table(view.measured), none_yet),
        description="What runs are worked out from. A later figure of the same days takes the place of the one before.",
        flush=True,
    )


def _not_in_plan(view: Any) -> rx.Component:
    title = rx.cond(view.has_subscription, "Your plan has no gain-share", "Your account is not on a plan yet")
    return rx.fragment(
        page_header("Gain-share", rx.fragment(view.plan_name)),
        rx.el.div(
            empty_state(
                title,
                "With gain-share a part of the fee follows what you save. Baselines and runs then appear here.",
                icon="trending_up",
                action=button_link("Compare plans", href=BY_NAME["plans"].href, kind="primary"),
            ),
            class_name="card",
        ),
    )


def _skeleton() -> rx.Component:
    return rx.fragment(
        rx.el.span("Loading", class_name="visually-hidden", role="status"),
        rx.el.div(skeleton_line("10rem", "1.75rem"), skeleton_line("22rem"), class_name="stack skeleton-head"),
        grid(*[skeleton_card(3) for _ in range(3)], columns=3),
        skeleton_card(12),
        skeleton_card(6),
    )
