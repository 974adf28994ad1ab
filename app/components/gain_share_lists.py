"""What the gain-share page lists: runs with their states, baselines with what is to be decided, and measurements."""

from typing import Any

import reflex as rx

from app.components.badges import badge, status_badge
from app.components.cards import notice
from app.components.forms import button
from app.components.layout import link, money, muted, row, served_link
from app.components.party_form import text_area
from app.components.tables import Column, data_table
from app.components.working import ANYWHERE, DIVIDED, EDGES, SMALL, fact_list, opened_by
from app.routes import evidence_href, receipt_href, run_href

PADDED = {"paddingBlock": "var(--space-3)", **EDGES}
WITHDRAWING = "Nobody decided on it yet: withdrawn, it counts for nothing and stays in the list as such."
TINY = {"fontSize": "var(--text-xs)"}
REASON_HINT = "The other side reads it, and may propose another one."


def runs_list(view: Any, state: Any) -> rx.Component:
    """`view` is a Var of GainShareView; `state` is an OlderRuns."""
    columns = (
        Column("Period", _run_name, leads=True),
        Column("Where it stands", _run_standing),
        Column("Savings", lambda run: money(run.savings), numeric=True),
        Column("Share", lambda run: run.share, numeric=True),
        Column("Fee", lambda run: money(run.fee), numeric=True),
    )
    return rx.fragment(
        data_table("Gain-share runs", columns, view.runs),
        rx.cond(view.older_runs != "", older_runs(view, state), rx.fragment()),
    )


def older_runs(view: Any, state: Any) -> rx.Component:
    """That there are more runs than are listed, and listing them."""
    more = button("Show older runs", small=True, on_click=state.show_older)
    return rx.el.div(
        rx.el.p(view.older_runs, class_name="muted", style=SMALL),
        rx.cond(view.has_more_runs, more, rx.fragment()),
        class_name="row row-spread",
        style=PADDED,
    )


def run_tone(status: Any) -> Any:
    """Waiting is drawn like anything pending; the other codes have their tones."""
    return rx.cond(status == "pending_approval", "pending", status)


def _run_name(run: Any) -> rx.Component:
    return rx.el.div(
        link(run.period, href=run_href(run.id)),
        rx.el.p(
            run.method, " · submitted on ", run.submitted_on, class_name="muted", style={"fontWeight": "400", **SMALL}
        ),
    )


def _run_standing(run: Any) -> rx.Component:
    until = rx.cond(run.is_late, "the deadline was ", "decide by ")
    return rx.el.div(
        status_badge(run_tone(run.status), run.status_word),
        rx.cond(run.waits, rx.el.p(until, run.deadline, class_name="muted", style=SMALL), rx.fragment()),
    )


def baselines_list(view: Any, state: Any) -> rx.Component:
    """`view` is a Var of GainShareView; `state` is a BaselineAnswers."""
    too_late = rx.el.div(notice("warn", state.problem), style=PADDED)
    who = rx.el.p(view.decides, class_name="muted", style={**PADDED, **SMALL, **ANYWHERE})
    return rx.el.div(
        rx.cond((state.problem != "") & (state.asked_id == ""), too_late, rx.fragment()),
        rx.cond((view.proposed != "") & (view.decides != ""), who, rx.fragment()),
        rx.foreach(view.baselines, lambda baseline: _baseline(baseline, state)),
        style=DIVIDED,
    )


def _baseline(baseline: Any, state: Any) -> rx.Component:
    buttons = row(
        button("Accept", icon="check", kind="primary", small=True, on_click=state.ask("accept", baseline.id)),
        button("Decline", icon="x", small=True, on_click=state.ask("decline", baseline.id)),
    )
    withdraw = button("Withdraw", icon="undo_2", small=True, on_click=state.ask("withdraw", baseline.id))
    is_asked = state.asked_id == baseline.id

    def below(offered: Any) -> rx.Component:
        question = rx.cond(is_asked, _question(baseline, state), offered)
        return rx.el.div(question, style={"paddingBottom": "var(--space-4)", **EDGES})

    own = rx.cond(baseline.may_withdraw, below(withdraw), rx.fragment())
    return rx.el.div(
        opened_by(_baseline_head(baseline), *_baseline_working(baseline)),
        rx.cond(baseline.may_decide, below(buttons), own),
    )


def _baseline_head(baseline: Any) -> rx.Component:
    state = rx.cond(
        baseline.is_in_force,
        badge("In force", "good"),
        status_badge(
            rx.match(baseline.status, ("proposed", "pending"), ("declined", "rejected"), "past"), baseline.status_word
        ),
    )
    return rx.el.div(
        rx.el.div(
            rx.el.p(baseline.name, style={"fontWeight": "500"}),
            rx.el.p(
                "From ",
                baseline.effective_from,
                " · ",
                baseline.document,
                class_name="muted",
                style={**ANYWHERE, **SMALL},
            ),
            style={"minWidth": 0},
        ),
        rx.el.div(
            state,
            rx.el.span(baseline.value, class_name="money", style={"fontWeight": "600"}),
            class_name="row",
            style={"justifyContent": "flex-end", "alignContent": "flex-start", "flex": "0 1 auto"},
        ),
        style={"display": "flex", "justifyContent": "space-between", "gap": "var(--space-4)", "minWidth": 0},
    )


def _baseline_working(baseline: Any) -> list[rx.Component]:
    reason = rx.el.p("Reason: ", baseline.reason, style={"whiteSpace": "pre-line", **ANYWHERE})
    receipt = rx.el.p("Sealed by ", link("receipt ", baseline.receipt, href=receipt_href(baseline.receipt)), ".")
    return [
        rx.el.p("Measured over ", baseline.measured_over, "."),
        fact_list(baseline.rates),
        rx.el.div(
            rx.el.p(baseline.proposed, style=ANYWHERE),
            rx.cond(baseline.decided != "", rx.el.p(baseline.decided, style=ANYWHERE), rx.fragment()),
            rx.cond(baseline.reason != "", reason, rx.fragment()),
            rx.cond(baseline.receipt != "", receipt, rx.fragment()),
        ),
        rx.el.p(
            served_link("Download ", baseline.document, href=evidence_href(baseline.file_id)),
            rx.el.br(),
            "SHA-256: ",
            rx.el.code(baseline.sha256, style=ANYWHERE),
            class_name="muted",
            style=ANYWHERE,
        ),
    ]


def _question(baseline: Any, state: Any) -> rx.Component:
    """What accepting, declining or withdrawing means, before it is done."""
    accepting = rx.el.p(
        "Accepting seals ", baseline.name, " at ", baseline.value, " and these rates with your name. Runs from ",
        baseline.effective_from, " on are measured against it. It cannot be edited or taken back.",
    )  # fmt: skip
    declining = text_area("Why do you decline it?", name="reason", hint=REASON_HINT, required=True, auto_focus=True)
    return rx.el.form(
        rx.cond(state.problem != "", notice("bad", state.problem), rx.fragment()),
        rx.match(state.asked, ("accept", accepting), ("withdraw", rx.el.p(WITHDRAWING)), declining),
        row(
            rx.match(
                state.asked,
                ("accept", button("Accept this baseline", kind="primary", type="submit")),
                ("withdraw", button("Withdraw it", kind="danger", type="submit")),
                button("Decline it", kind="danger", type="submit"),
            ),
            button("Back", on_click=state.put_back, auto_focus=state.asked != "decline"),
        ),
        on_submit=state.decide,
        class_name="stack",
    )


def measured_table(measured: Any) -> rx.Component:
    """`measured` is a Var of MeasuredView: a row for each stretch of days, a column for each KPI."""
    head = rx.el.tr(
        rx.el.th("Days", scope="col", role="columnheader", class_name="leads"),
        rx.foreach(measured.names, lambda name: rx.el.th(name, scope="col", role="columnheader", class_name="numeric")),
        role="row",
    )
    body = rx.foreach(
        measured.rows,
        lambda each: rx.el.tr(
            rx.el.th(each.days, scope="row", role="rowheader", class_name="leads"),
            rx.foreach(each.cells, _cell),
            role="row",
        ),
    )
    table = rx.el.table(
        rx.el.caption("What was measured", class_name="visually-hidden"),
        rx.el.thead(head, role="rowgroup"),
        rx.el.tbody(body, role="rowgroup"),
        role="table",
        class_name="table",
    )
    sites = rx.el.p(measured.sites, class_name="muted", style={**PADDED, **SMALL})
    return rx.fragment(
        rx.el.div(table, class_name="table-frame"),
        rx.cond(measured.sites != "", sites, rx.fragment()),
    )


def _cell(cell: Any) -> rx.Component:
    shown = rx.el.div(rx.el.p(cell.value, class_name="money"), rx.el.p(cell.source, class_name="faint", style=TINY))
    return rx.el.td(
        rx.cond(cell.value != "", shown, muted("not measured")),
        role="cell",
        class_name="numeric",
        custom_attrs={"data-label": cell.kpi},
    )
