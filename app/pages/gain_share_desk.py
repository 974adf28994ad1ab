"""One customer's gain-share, on our own side: its runs, the baselines to decide on, and proposing another."""

from typing import Any

import reflex as rx

from app import unit_of_work
from app.components.badges import status_badge
from app.components.baseline_form import baseline_form
from app.components.baseline_list import baselines_list
from app.components.cards import notice, section_card
from app.components.desk import desk_tabs
from app.components.forms import button_link
from app.components.gain_share_lists import older_runs, run_tone
from app.components.layout import link, money, page_header
from app.components.shell import ShellView
from app.components.states import empty_state, skeleton_card, skeleton_line
from app.components.tables import Column, data_table
from app.components.working import ANYWHERE, SMALL
from app.pages.baseline_answers import BaselineAnswers
from app.pages.baseline_states import BaselineProposing
from app.pages.customer_desk import open_desk
from app.pages.frame import page_body
from app.pages.older_runs import OlderRuns
from app.routes import BY_NAME, baseline_desk_href, run_answer_href
from app.session import answers_refusals
from services.gain_share import views as gain_share_views
from services.gain_share.views import EMPTY_GAIN_SHARE, GainShareView
from services.sign_in import Member


class GainShareDeskPage(BaselineAnswers, BaselineProposing, OlderRuns, rx.State):
    """The customer's baselines and runs, the baseline that is asked about, and the one that is typed to be proposed."""

    shell: ShellView = ShellView()
    view: GainShareView = EMPTY_GAIN_SHARE
    loaded: bool = False
    refusal: str = ""

    @rx.event
    @answers_refusals
    async def load(self) -> None:
        member = await open_desk(self)
        self._start_over()
        await self._show(member)
        self.loaded = True

    async def _member(self) -> Member:
        return await open_desk(self)

    async def _show(self, member: Member) -> None:
        tenant_id, at = str(member.tenant_id), unit_of_work.now()
        await self._open_form(tenant_id)
        shown = {"member": member, "runs_max": self.runs_max}
        self.view = await unit_of_work.read(gain_share_views.read_gain_share, tenant_id=tenant_id, at=at, **shown)


ON_LOAD = [GainShareDeskPage.load]


def page() -> rx.Component:
    """The runs, the baselines, and the form for another."""
    view: Any = GainShareDeskPage.view
    terms = rx.cond(view.terms != "", rx.fragment(view.plan_name, ": ", view.terms), "No gain-share in its plan")
    none = notice(
        "warn",
        "The plan of this customer has no gain-share",
        "Baselines can be agreed on and measurements kept, but no run is worked out before its plan names a share.",
    )
    content = rx.fragment(
        page_header(
            rx.el.span(GainShareDeskPage.shell.tenant_name, style=ANYWHERE),
            terms,
            button_link("Queue", href=BY_NAME["gain_share_queue"].href, icon="arrow_left"),
        ),
        desk_tabs("gain_share_desk"),
        rx.cond(view.terms == "", none, rx.fragment()),
        _runs(view),
        _baselines(view),
        section_card(
            "Propose a baseline",
            baseline_form(
                GainShareDeskPage,
                submit="Propose it to the customer",
                decides="The customer's owners and billing admins are told. It counts once one of them accepts it.",
            ),
            description="The customer accepts or declines it. Accepted, it is sealed by a receipt and never edited.",
        ),
    )
    return page_body("gain_share_desk", GainShareDeskPage, content, skeleton=_skeleton())


def _runs(view: Any) -> rx.Component:
    columns = (
        Column("Period", _run_name, leads=True),
        Column("Where it stands", _standing),
        Column("Savings", lambda run: money(run.savings), numeric=True),
        Column("Share", lambda run: run.share, numeric=True),
        Column("Fee", lambda run: money(run.fee), numeric=True),
    )
    none = empty_state("No runs yet", "Agree on baselines, measure the months, then work one out.", icon="handshake")
    table = rx.fragment(
        data_table("Gain-share runs", columns, view.runs),
        rx.cond(view.older_runs != "", older_runs(view, GainShareDeskPage)),
    )
    action = button_link("New run", href=BY_NAME["gain_share_new"].href, kind="primary", icon="plus")
    return section_card("Runs", rx.cond(view.runs, table, none), action=action, flush=True)


def _run_name(run: Any) -> rx.Component:
    return rx.el.div(
        link(run.period, href=run_answer_href(run.id)),
        rx.el.p(
            run.method, " · submitted on ", run.submitted_on, class_name="muted", style={"fontWeight": "400", **SMALL}
        ),
    )


def _standing(run: Any) -> rx.Component:
    until = rx.cond(run.is_late, "overdue since ", "the customer decides by ")
    return rx.el.div(
        status_badge(rx.cond(run.is_late, "overdue", run_tone(run.status)), run.status_word),
        rx.cond(run.waits, rx.el.p(until, run.deadline, class_name="muted", style=SMALL), rx.fragment()),
    )


def _baselines(view: Any) -> rx.Component:
    none = empty_state("No baselines yet", "Propose the first below, with the document it is read from.", icon="ruler")
    return section_card(
        "Baselines",
        rx.cond(view.baselines, baselines_list(view, GainShareDeskPage, baseline_at=baseline_desk_href), none),
        description="Those the customer proposed wait for you; those we proposed wait for the customer.",
        flush=True,
    )


def _skeleton() -> rx.Component:
    return rx.fragment(
        rx.el.span("Loading", class_name="visually-hidden", role="status"),
        rx.el.div(skeleton_line("14rem", "1.75rem"), skeleton_line("22rem"), class_name="stack skeleton-head"),
        skeleton_card(6),
        skeleton_card(10),
    )
