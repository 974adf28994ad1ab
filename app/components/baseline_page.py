"""The page of one baseline, for either party: `state` takes the mixins BaselineAnswers and BaselineShowing."""

from collections.abc import Callable
from typing import Any

import reflex as rx

from app.components.badges import status_badge
from app.components.baseline_list import PADDED, baseline_badge, question
from app.components.cards import key_values, section_card
from app.components.forms import button, button_link
from app.components.gain_share_lists import run_tone
from app.components.layout import Text, link, main_and_side, money, page_header, row, served_link, stack
from app.components.states import empty_state, skeleton_card, skeleton_line
from app.components.tables import Column, data_table
from app.components.working import ANYWHERE, SMALL, fact_list
from app.routes import evidence_href, receipt_href

Address = Callable[[object], object]


def baseline_content(state: Any, *, back: Text, baseline_at: Address, run_at: Address) -> rx.Component:
    """The page, or that there is no such baseline. `baseline_at` and `run_at` make addresses from ids."""
    view = state.view
    none = empty_state(
        "There is no such baseline",
        "It may be another customer's, or the address lost a part.",
        icon="ruler",
        action=button_link("All of gain-share", href=back, kind="primary"),
    )
    head = page_header(
        rx.el.span(view.name, style=ANYWHERE), view.counts, button_link("Gain-share", href=back, icon="arrow_left")
    )
    shown = rx.foreach(
        view.baselines,
        lambda each: main_and_side(
            stack(_says(each, state, view), _runs(view, run_at)),
            stack(_agreement(each), _document(each, view), _replaced(view, baseline_at)),
        ),
    )
    return rx.cond(state.missing, rx.el.div(none, class_name="card"), rx.fragment(head, shown))


def _says(baseline: Any, state: Any, view: Any) -> rx.Component:
    facts = key_values(
        [
            ("Value", rx.el.strong(baseline.value, class_name="money")),
            ("Measured over", baseline.measured_over),
            ("Counts from", baseline.effective_from),
        ]
    )
    return section_card(
        "What it says",
        facts,
        rx.el.h3("What a change is worth", style={"marginBlock": "var(--space-4) var(--space-2)", "fontWeight": 600}),
        rx.cond(baseline.rates, fact_list(baseline.rates), rx.el.p("No rate is named.", class_name="muted")),
        _answer(baseline, state, view),
        action=baseline_badge(baseline),
    )


def _answer(baseline: Any, state: Any, view: Any) -> rx.Component:
    """The buttons of who may decide or withdraw, and the question before either."""
    decide = row(
        button("Accept", icon="check", kind="primary", on_click=state.ask("accept", baseline.id)),
        button("Decline", icon="x", on_click=state.ask("decline", baseline.id)),
    )
    withdraw = button("Withdraw", icon="undo_2", on_click=state.ask("withdraw", baseline.id))
    who = rx.el.p("Decided on by ", view.decides, ".", class_name="muted", style={**SMALL, **ANYWHERE})
    offered = rx.cond(baseline.may_decide, decide, rx.cond(baseline.may_withdraw, withdraw, rx.fragment()))
    asked = rx.cond(state.asked_id == baseline.id, question(baseline, state), offered)
    may = baseline.may_decide | baseline.may_withdraw
    answer = rx.el.div(
        rx.cond((view.decides != "") & ~baseline.may_decide, who, rx.fragment()),
        rx.cond(may, asked, rx.fragment()),
        class_name="stack",
        style={"marginTop": "var(--space-5)"},
    )
    return rx.cond(baseline.status == "proposed", answer, rx.fragment())


def _agreement(baseline: Any) -> rx.Component:
    reason = rx.el.p("Reason: ", baseline.reason, style={"whiteSpace": "pre-line", **ANYWHERE})
    sealed = rx.el.p("Sealed by ", link("receipt ", baseline.receipt, href=receipt_href(baseline.receipt)), ".")
    return section_card(
        "Who agreed",
        stack(
            rx.el.p(baseline.proposed, style=ANYWHERE),
            rx.cond(
                baseline.decided != "",
                rx.el.p(baseline.decided, style=ANYWHERE),
                rx.el.p("Nobody decided on it yet.", class_name="muted"),
            ),
            rx.cond(baseline.reason != "", reason, rx.fragment()),
            rx.cond(baseline.receipt != "", sealed, rx.fragment()),
            gap=2,
        ),
    )


def _document(baseline: Any, view: Any) -> rx.Component:
    return section_card(
        "Source document",
        stack(
            rx.el.p(served_link("Download ", baseline.document, href=evidence_href(baseline.file_id)), style=ANYWHERE),
            rx.el.p(view.document_size, ", uploaded ", view.uploaded, class_name="muted", style=SMALL),
            rx.el.p("SHA-256: ", rx.el.code(baseline.sha256), class_name="muted", style={**ANYWHERE, **SMALL}),
            gap=2,
        ),
    )


def _replaced(view: Any, baseline_at: Address) -> rx.Component:
    def other(name: str, one: Any) -> rx.Component:
        shown = rx.el.p(name, link(one.said, href=baseline_at(one.id)))  # type: ignore[arg-type]
        return rx.cond(one.id != "", shown, rx.fragment())

    card = section_card(
        "In its place",
        stack(other("Before: ", view.before), other("After: ", view.after), gap=2),
    )
    return rx.cond((view.before.id != "") | (view.after.id != ""), card, rx.fragment())


def _runs(view: Any, run_at: Address) -> rx.Component:
    columns = (
        Column("Period", lambda run: link(run.period, href=run_at(run.id)), leads=True),  # type: ignore[arg-type]
        Column("Where it stands", lambda run: status_badge(run_tone(run.status), run.status_word)),
        Column("Fee", lambda run: money(run.fee), numeric=True),
    )
    older = rx.el.p(view.older_runs, class_name="muted", style={**PADDED, **SMALL})
    table = rx.fragment(
        data_table("Runs that used it", columns, view.runs), rx.cond(view.older_runs != "", older, rx.fragment())
    )
    none = rx.el.p("No run was measured against it yet.", class_name="muted", style=PADDED)
    return section_card("Runs that used it", rx.cond(view.runs, table, none), flush=True)


def baseline_skeleton() -> rx.Component:
    return rx.fragment(
        rx.el.span("Loading", class_name="visually-hidden", role="status"),
        rx.el.div(skeleton_line("14rem", "1.75rem"), skeleton_line("22rem"), class_name="stack skeleton-head"),
        main_and_side(skeleton_card(8), stack(skeleton_card(4), skeleton_card(4))),
    )
