"""Gain-share: the baselines both sides measure against, and each run from measurements to fee."""

from typing import Any

import reflex as rx

from app import unit_of_work
from app.components.badges import badge, status_badge
from app.components.cards import notice, section_card, stat_card
from app.components.forms import button_link
from app.components.layout import grid, link, money, muted, page_header
from app.components.shell import ShellView
from app.components.states import empty_state, skeleton_card, skeleton_line
from app.components.tables import Column, data_table
from app.components.working import DIVIDED, EDGES, INSET, SMALL, fact_list, opened_by
from app.pages.frame import open_page, page_body
from app.routes import BY_NAME
from app.session import answers_refusals
from services import gain_share_views
from services.gain_share_views import EMPTY_GAIN_SHARE, GainShareView

FIGURES = {
    "display": "grid",
    "gridTemplateColumns": "repeat(auto-fit, minmax(8.5rem, 1fr))",
    "gap": "var(--space-3) var(--space-5)",
    "paddingBlock": "var(--space-4)",
    **EDGES,
}
WORKING_COLUMNS = {
    "display": "grid",
    "gridTemplateColumns": "repeat(auto-fit, minmax(16rem, 1fr))",
    "gap": "var(--space-4) var(--space-8)",
}


class GainSharePage(rx.State):
    """Baselines and runs, already worded by the service."""

    shell: ShellView = ShellView()
    view: GainShareView = EMPTY_GAIN_SHARE
    loaded: bool = False
    refusal: str = ""

    @rx.event
    @answers_refusals
    async def load(self) -> None:
        member = await open_page(self)
        self.view = await unit_of_work.read(
            gain_share_views.read_gain_share, tenant_id=str(member.tenant_id), at=unit_of_work.now()
        )
        self.loaded = True


ON_LOAD = [GainSharePage.load]


def page() -> rx.Component:
    """What was saved and what it costs, with the working; or what would have to be there first."""
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
            stat_card("Documented savings", view.savings, view.runs_hint),
            stat_card("Fees on them", view.fees, "charged only once both sides approve"),
            stat_card("Waiting for approval", view.waiting, view.waiting_hint),
            columns=3,
        ),
        _runs(view),
        _baselines(view),
    )


def _runs(view: Any) -> rx.Component:
    none_yet = empty_state(
        "No runs yet",
        "A run compares what was measured in a period with the baseline, prices the difference, and shows every step.",
        icon="trending_up",
    )
    older = rx.cond(
        view.older_runs != "",
        rx.el.p(view.older_runs, class_name="muted", style={"paddingBlock": "var(--space-3)", **EDGES, **SMALL}),
        rx.fragment(),
    )
    listed = rx.el.div(rx.foreach(view.runs, _run), older, style=DIVIDED)
    return section_card(
        "Runs",
        rx.cond(view.runs, listed, none_yet),
        description="Savings of a period against the baseline, and the share of them that is the fee.",
        flush=True,
    )


def _run(run: Any) -> rx.Component:
    return rx.el.div(
        rx.el.div(
            _figure(
                run.method,
                rx.el.span(run.period, style={"fontWeight": "600"}),
                status_badge(_tone(run.status), run.status_word),
            ),
            _figure("Savings", money(run.savings), muted("found on ", run.made_on)),
            _figure("Share", run.share),
            _figure("Fee", money(run.fee)),
            style=FIGURES,
        ),
        rx.el.div(rx.foreach(run.parts, _part), style={"paddingBottom": "var(--space-3)", **EDGES}),
        opened_by(
            rx.el.span("How it was worked out", class_name="link"),
            rx.cond(
                run.overlapping,
                notice(
                    "note",
                    "These KPIs overlap",
                    "A failure avoided is availability gained too. This way of counting was agreed; it adds both.",
                ),
                rx.fragment(),
            ),
            _compared(run),
            rx.el.div(
                _named("Worked out", run.numbers),
                _named("At these rates", run.rates),
                style=WORKING_COLUMNS,
            ),
            rx.el.p("Fee: ", rx.el.span(run.fee_working, class_name="tabular"), style={"fontWeight": "500"}),
        ),
    )


def _tone(status: Any) -> Any:
    """Waiting is drawn like anything pending; the other codes have their tones."""
    return rx.cond(status == "pending_approval", "pending", status)


def _figure(name: Any, value: Any, *under: Any) -> rx.Component:
    return rx.el.div(
        rx.el.p(name, class_name="muted", style=SMALL),
        rx.el.p(value, class_name="tabular", style={"fontSize": "var(--text-md)", "fontWeight": "600"}),
        rx.el.div(*under, style=SMALL) if under else rx.fragment(),
        style={"minWidth": 0},
    )


def _part(part: Any) -> rx.Component:
    """One part of the savings: its size against the largest, a loss in the colour of a warning."""
    bar = rx.el.div(class_name=rx.cond(part.is_loss, "progress-over", "progress-used"), style={"width": part.bar_width})
    return rx.el.div(
        rx.el.div(
            rx.el.span(part.name, rx.cond(part.is_loss, " (got worse)", "")),
            money(part.amount),
            class_name="row row-spread",
            style=SMALL,
        ),
        rx.el.div(bar, class_name="progress-track", style={"height": "0.375rem"}, aria_hidden="true"),
        style={"padding": "var(--space-1) 0 var(--space-2)"},
    )


def _compared(run: Any) -> rx.Component:
    columns = (
        Column("KPI", lambda each: each.name, leads=True),
        Column("Baseline", lambda each: each.baseline, numeric=True),
        Column("Measured", lambda each: each.actual, numeric=True),
    )
    return rx.el.div(data_table("KPIs before and after", columns, run.compared), style=INSET)


def _named(title: str, facts: Any) -> rx.Component:
    return rx.el.div(
        rx.el.h3(title, style={"fontSize": "var(--text-sm)", "marginBottom": "var(--space-2)"}), fact_list(facts)
    )


def _baselines(view: Any) -> rx.Component:
    none_yet = empty_state(
        "No baselines yet",
        "A baseline says where a KPI stood before, at which rates its change is priced, and which document shows it.",
        icon="ruler",
    )
    return section_card(
        "Baselines",
        rx.cond(view.baselines, rx.el.div(rx.foreach(view.baselines, _baseline), style=DIVIDED), none_yet),
        description="Never edited: one recorded later takes the place of the one before from its own date.",
        flush=True,
    )


def _baseline(baseline: Any) -> rx.Component:
    head = rx.el.div(
        rx.el.div(
            rx.el.p(baseline.name, style={"fontWeight": "500"}),
            rx.el.p(
                "From ", baseline.effective_from, " · ", baseline.document,
                class_name="muted", style={"overflowWrap": "anywhere", **SMALL},
            ),
            style={"minWidth": 0},
        ),
        rx.el.div(
            rx.cond(baseline.is_in_force, badge("In force", "good"), rx.fragment()),
            rx.el.span(baseline.value, class_name="money", style={"fontWeight": "600"}),
            class_name="row",
            style={"justifyContent": "flex-end", "alignContent": "flex-start", "flex": "0 1 auto"},
        ),
        style={"display": "flex", "justifyContent": "space-between", "gap": "var(--space-4)", "minWidth": 0},
    )  # fmt: skip
    return opened_by(
        head,
        fact_list(baseline.rates),
        rx.el.p(
            "SHA-256 of the document: ",
            rx.el.code(baseline.sha256, style={"overflowWrap": "anywhere"}),
            class_name="muted",
        ),
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
