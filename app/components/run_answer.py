"""What our own side sees of a run, and how it answers a dispute: with a revised run."""

from typing import Any

import reflex as rx

from app.components.cards import notice, section_card
from app.components.forms import button, button_link
from app.components.gain_share_charts import waterfall
from app.components.gain_share_working import compared_table, overlap_notice, parts_table, sensitivity, working_steps
from app.components.layout import main_and_side, page_header, row, stack
from app.components.run_form import run_form, tried_section
from app.components.states import empty_state, skeleton_card, skeleton_line
from app.components.working import ANYWHERE, EDGES, opened_by
from app.routes import BY_NAME

REVISING = (
    "A revised run is worked out from what is measured by now, over the same days, and takes the place of this one. "
    "The customer decides on it anew."
)


def revision_section(state: Any) -> rx.Component:
    """Submit a run that replaces this one. `state` has `is_revising` and the handlers `revise` and `put_back` besides
    those that a run form needs."""
    disputed = notice(
        "warn",
        "The customer disputes this run",
        "Mend what was measured or agreed, then submit a revised run.",
    )
    undone = notice(
        "note",
        "Nothing of this run is charged: its invoice was taken back",
        "To charge these days after all, submit a revised run. The customer approves it anew.",
    )
    asking = stack(
        rx.el.p(REVISING),
        run_form(state, with_days=False, submit="Submit the revised run"),
        row(button("Back", on_click=state.put_back)),
    )
    begin = row(
        button("Submit a revised run", icon="replace", kind="primary", on_click=state.revise),
    )
    return stack(
        section_card(
            "Revise it",
            stack(
                rx.cond(state.view.status == "disputed", disputed, rx.fragment()),
                rx.cond(state.view.status == "approved", undone, rx.fragment()),
                rx.cond(state.is_revising, asking, begin),
            ),
        ),
        rx.cond(state.is_revising, tried_section(state.tried), rx.fragment()),
    )


def working_section(view: Any) -> rx.Component:
    """Baseline beside what was measured, and how each dollar arose; `view` is a Var of ReviewView."""
    return section_card(
        "How each dollar arises",
        rx.el.div(
            overlap_notice(view.working),
            waterfall(view.working.bars),
            rx.el.p("Fee: ", rx.el.span(view.working.fee_working, class_name="tabular"), style={"fontWeight": "600"}),
            class_name="stack",
            style={"paddingBottom": "var(--space-4)", **EDGES},
        ),
        compared_table(view.working),
        opened_by(
            rx.el.span("Every step, with its numbers", class_name="link"),
            parts_table(view.working),
            working_steps(view.working),
        ),
        opened_by(rx.el.span("What moves the fee", class_name="link"), sensitivity(view.effects)),
        description="From the parts of the savings to their sum, and from the sum to the fee.",
        flush=True,
    )


def decision_facts(view: Any) -> rx.Component:
    """Until when the customer decides, or what it decided."""
    decision = view.decision
    return section_card(
        "The decision",
        rx.cond(decision.waits, rx.el.p(decision.deadline), rx.fragment()),
        rx.el.p(decision.sentence, style=ANYWHERE),
    )


def no_such_run() -> rx.Component:
    """That there is none at this address."""
    back = button_link("To the queue", href=BY_NAME["gain_share_queue"].href, kind="primary")
    return rx.fragment(
        page_header("Gain-share run"),
        rx.el.div(
            empty_state(
                "There is no such run",
                "The address may have lost a part: open the run from the queue.",
                icon="handshake",
                action=back,
            ),
            class_name="card",
        ),
    )


def answer_skeleton() -> rx.Component:
    """The page while it loads."""
    return rx.fragment(
        rx.el.span("Loading", class_name="visually-hidden", role="status"),
        rx.el.div(skeleton_line("18rem", "1.75rem"), skeleton_line("12rem"), class_name="stack skeleton-head"),
        main_and_side(stack(skeleton_card(6), skeleton_card(10)), stack(skeleton_card(6), skeleton_card(8))),
    )
