"""Drafting a contract: the plan it is based on, the form, and a month worked out before it is kept."""

from typing import Any

import reflex as rx

from app.components.cards import section_card
from app.components.contract_form import contract_form, draft_section
from app.components.layout import stack


def drafting(state: Any) -> rx.Component:
    """The plans one can be based on, the form, and what it comes to before it is kept."""
    view = state.view
    handlers = {name: getattr(state, name) for name in ("work_out", "put_back", "keep", "change")}
    chooser = rx.el.div(
        rx.foreach(
            view.plans,
            lambda pair: rx.el.button(
                pair[1],
                type="button",
                on_click=state.choose_plan(pair[0]),
                aria_pressed=rx.cond(state.form.plan_code == pair[0], "true", "false"),
                class_name="choice",
            ),
        ),
        role="group",
        aria_label="Based on",
        class_name="choices",
        style={"flexWrap": "wrap"},
    )
    asks = state.draft.title != ""
    drafting = rx.cond(
        state.form.plan_code != "",
        rx.fragment(
            rx.el.div(contract_form(state, handlers), hidden=asks),
            rx.cond(asks, draft_section(state, handlers), rx.fragment()),
        ),
        rx.fragment(),
    )
    none = rx.el.p("No price book is in ", view.currency, "; load one first.", class_name="muted")
    return section_card(
        rx.cond(asks, rx.fragment("“", state.draft.title, "”, ", state.draft.valid), "Draft a contract"),
        stack(rx.cond(view.plans.length() > 0, chooser, none), drafting, gap=6),
        description="Choose the plan it is based on; what you leave as it is stays as the plan has it.",
    )
