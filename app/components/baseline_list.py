"""Baselines as both parties see them listed, and the question before one is accepted, declined or withdrawn."""

from collections.abc import Callable
from typing import Any

import reflex as rx

from app.components.badges import badge, status_badge
from app.components.cards import notice
from app.components.forms import button
from app.components.layout import link, row, served_link
from app.components.party_form import text_area
from app.components.working import ANYWHERE, DIVIDED, EDGES, SMALL, fact_list, opened_by
from app.routes import evidence_href, receipt_href

PADDED = {"paddingBlock": "var(--space-3)", **EDGES}
WITHDRAWING = "Nobody decided on it yet: withdrawn, it counts for nothing and stays in the list as such."
REASON_HINT = "The other side reads it, and may propose another one."
Address = Callable[[object], object]


def baselines_list(view: Any, state: Any, *, baseline_at: Address) -> rx.Component:
    """`view` is a Var of GainShareView; `state` is the page's, with what is asked and the handlers that decide.

    `baseline_at` makes the address of a baseline's own page from its id.
    """
    too_late = rx.el.div(notice("warn", state.problem), style=PADDED)
    who = rx.el.p(view.decides, class_name="muted", style={**PADDED, **SMALL, **ANYWHERE})
    return rx.el.div(
        rx.cond((state.problem != "") & (state.asked_id == ""), too_late, rx.fragment()),
        rx.cond((view.proposed != "") & (view.decides != ""), who, rx.fragment()),
        rx.foreach(view.baselines, lambda baseline: _baseline(baseline, state, baseline_at)),
        style=DIVIDED,
    )


def _baseline(baseline: Any, state: Any, baseline_at: Address) -> rx.Component:
    buttons = row(
        button("Accept", icon="check", kind="primary", small=True, on_click=state.ask("accept", baseline.id)),
        button("Decline", icon="x", small=True, on_click=state.ask("decline", baseline.id)),
    )
    withdraw = button("Withdraw", icon="undo_2", small=True, on_click=state.ask("withdraw", baseline.id))
    is_asked = state.asked_id == baseline.id

    def below(offered: Any) -> rx.Component:
        asked = rx.cond(is_asked, question(baseline, state), offered)
        return rx.el.div(asked, style={"paddingBottom": "var(--space-4)", **EDGES})

    own = rx.cond(baseline.may_withdraw, below(withdraw), rx.fragment())
    own_page = link("The page of this baseline", href=baseline_at(baseline.id))  # type: ignore[arg-type]
    return rx.el.div(
        opened_by(_baseline_head(baseline), *_baseline_working(baseline), rx.el.p(own_page)),
        rx.cond(baseline.may_decide, below(buttons), own),
    )


def _baseline_head(baseline: Any) -> rx.Component:
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
            baseline_badge(baseline),
            rx.el.span(baseline.value, class_name="money", style={"fontWeight": "600"}),
            class_name="row",
            style={"justifyContent": "flex-end", "alignContent": "flex-start", "flex": "0 1 auto"},
        ),
        style={"display": "flex", "justifyContent": "space-between", "gap": "var(--space-4)", "minWidth": 0},
    )


def baseline_badge(baseline: Any) -> rx.Component:
    """Whether it is in force, or else where it stands."""
    return rx.cond(
        baseline.is_in_force,
        badge("In force", "good"),
        status_badge(
            rx.match(baseline.status, ("proposed", "pending"), ("declined", "rejected"), "past"), baseline.status_word
        ),
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


def question(baseline: Any, state: Any) -> rx.Component:
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
