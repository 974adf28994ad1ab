"""One customer's gain-share, on our own side: its runs, the baselines to decide on, and proposing another."""

from typing import Any

import reflex as rx

from app import unit_of_work
from app.components.badges import status_badge
from app.components.baseline_form import baseline_form
from app.components.cards import notice, section_card
from app.components.desk import desk_tabs
from app.components.evidence_upload import NOT_SENT, send_file, told_of
from app.components.forms import button_link
from app.components.gain_share_lists import baselines_list, older_runs, run_tone
from app.components.layout import link, money, page_header
from app.components.shell import ShellView
from app.components.states import empty_state, skeleton_card, skeleton_line
from app.components.tables import Column, data_table
from app.components.working import ANYWHERE, SMALL
from app.pages.baseline_answers import BaselineAnswers
from app.pages.customer_desk import open_desk, typed_of
from app.pages.frame import page_body
from app.pages.older_runs import OlderRuns
from app.routes import BY_NAME, run_answer_href
from app.session import answers_refusals
from models.base import ID_MAX
from services.errors import Conflict, Forbidden, NotFound, Unprocessable
from services.gain_share import desk as gain_share_desk
from services.gain_share import views as gain_share_views
from services.gain_share.desk import NO_BASELINE_FORM, BaselineForm
from services.gain_share.parties import signer_of_member
from services.gain_share.typed import TYPED_MAX
from services.gain_share.views import EMPTY_GAIN_SHARE, GainShareView
from services.sign_in import Member

REFUSED = (Unprocessable, Conflict, Forbidden, NotFound)


class GainShareDeskPage(BaselineAnswers, OlderRuns, rx.State):
    """The customer's baselines and runs, the baseline that is asked about, and the document of one to propose."""

    shell: ShellView = ShellView()
    view: GainShareView = EMPTY_GAIN_SHARE
    form: BaselineForm = NO_BASELINE_FORM
    source_name: str = ""
    source_problem: str = ""
    propose_problem: str = ""
    proposed: str = ""
    proposals: int = 0
    """How many were made here, so that the form begins empty again."""

    loaded: bool = False
    refusal: str = ""
    _source_id: str = ""

    @rx.event
    @answers_refusals
    async def load(self) -> None:
        member = await open_desk(self)
        self.proposed, self.propose_problem = "", ""
        await self._show(member)
        self.loaded = True

    @rx.event
    @answers_refusals
    async def choose_source(self) -> Any:
        """Send the document that was chosen."""
        member = await open_desk(self)
        self.source_name, self.source_problem, self._source_id, self.proposed = "", "", "", ""
        return send_file("source", callback=GainShareDeskPage.source_came, tenant_id=str(member.tenant_id))

    @rx.event
    @answers_refusals
    async def source_came(self, told: dict[str, Any]) -> None:
        """Remember the document that was kept; whether it is there is asked as it is proposed."""
        await open_desk(self)
        said = told_of(told)
        self._source_id, self.source_name = said["id"][:ID_MAX], said["name"] if said["id"] else ""
        self.source_problem = "" if said["id"] else said["problem"] or NOT_SENT

    @rx.event
    @answers_refusals
    async def propose(self, form: dict[str, Any]) -> None:
        """Propose what was typed to the customer."""
        member = await open_desk(self)
        self.propose_problem, self.proposed = "", ""
        try:
            made = await unit_of_work.run(
                gain_share_desk.propose_typed,
                tenant_id=str(member.tenant_id),
                typed=typed_of(form, TYPED_MAX * 2),
                file_id=self._source_id,
                signer=signer_of_member(member),
                at=unit_of_work.now(),
            )
        except REFUSED as refusal:
            self.propose_problem = refusal.detail
            return
        names = dict(self.form.kpis)
        self.proposed = f"Proposed: {names.get(made.kpi, made.kpi)}. It counts once the customer accepts it."
        self.source_name, self._source_id, self.proposals = "", "", self.proposals + 1
        await self._show(member)

    async def _member(self) -> Member:
        return await open_desk(self)

    async def _show(self, member: Member) -> None:
        tenant_id, at = str(member.tenant_id), unit_of_work.now()
        self.form = await unit_of_work.read(gain_share_desk.open_baseline_form, tenant_id=tenant_id, at=at)
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
            baseline_form(GainShareDeskPage),
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
        rx.cond(view.baselines, baselines_list(view, GainShareDeskPage), none),
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
