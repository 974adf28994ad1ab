"""The sections of a run's page for its customer. `view` is a Var of ReviewView."""

from collections.abc import Callable
from typing import Any

import reflex as rx

from app.components.cards import notice, section_card
from app.components.gain_share_charts import kpi_charts, waterfall
from app.components.gain_share_thread import evidence_form, speaking_form, thread
from app.components.gain_share_working import (
    compared_table,
    overlap_notice,
    parts_table,
    sensitivity,
    working_steps,
)
from app.components.layout import link, stack
from app.components.working import ANYWHERE, fact_list, opened_by


def replacements(view: Any, href: Callable[[Any], Any]) -> rx.Component:
    """That a run replaced another, or was replaced; `href` is the address of a run on the reader's side."""
    later = notice(
        "note",
        "A revised run took the place of this one",
        action=link("Open the revised run", href=href(view.replaced_by_id)),
    )
    earlier = notice(
        "note",
        "This is a revised run",
        action=link("Open the one it replaces", href=href(view.replaces_id)),
    )
    return rx.fragment(
        rx.cond(view.replaced_by_id != "", later, rx.fragment()),
        rx.cond(view.replaces_id != "", earlier, rx.fragment()),
    )


def compared_section(view: Any) -> rx.Component:
    return section_card(
        "Baseline beside what was measured",
        compared_table(view.working),
        description="The baselines both sides accepted, and what was measured in the period.",
        flush=True,
    )


def dollars_section(view: Any) -> rx.Component:
    return section_card(
        "How each dollar arises",
        overlap_notice(view.working),
        waterfall(view.working.bars),
        rx.el.p(
            "Fee: ",
            rx.el.span(view.working.fee_working, class_name="tabular"),
            style={"fontWeight": "600", "marginBlock": "var(--space-3)"},
        ),
        rx.el.div(
            opened_by(
                rx.el.span("Every step, with its numbers", class_name="link"),
                parts_table(view.working),
                working_steps(view.working),
                fact_list(view.working.rates),
                rx.el.p(
                    "SHA-256 of the calculation: ", rx.el.code(view.working.sha256, style=ANYWHERE), class_name="muted"
                ),
            ),
            style={"marginInline": "calc(-1 * var(--space-5))"},
        ),
        description="From the parts of the savings to their sum, and from the sum to the fee.",
    )


def charts_section(view: Any, figures: Any) -> rx.Component:
    return section_card(
        "The KPIs in time",
        kpi_charts(view.series, figures),
        description="Each against the baseline, over the twelve months that end with the period.",
    )


def sensitivity_section(view: Any) -> rx.Component:
    return section_card(
        "What moves the fee",
        sensitivity(view.effects),
        description="The fee if one input were a tenth lower or higher and all others as they are. Largest first.",
    )


def thread_section(view: Any, state: Any) -> rx.Component:
    return section_card(
        "What was said and done",
        thread(view.thread),
        rx.cond(view.may_write, stack(speaking_form(state), evidence_form(state)), rx.fragment()),
        description="Every step is signed; open its receipt to check it.",
    )
