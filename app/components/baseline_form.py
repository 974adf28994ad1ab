"""The form a baseline is proposed with: the KPI, what it was and when, what its change is worth, and the document."""

from typing import Any

import reflex as rx

from app.components.cards import notice
from app.components.evidence_upload import file_field
from app.components.forms import button, field, select_field, text_field
from app.components.layout import grid, row, stack

BLOCK = {"border": "0", "padding": "0", "minWidth": 0}
NUMBER = {"input_mode": "decimal", "auto_complete": "off"}


def baseline_form(state: Any) -> rx.Component:
    """`state` has `form`, `source_name`, `source_problem`, `propose_problem`, `proposed`, `proposals`; and the handlers
    `choose_source` and `propose`."""
    form = state.form
    return rx.el.form(
        stack(
            rx.cond(state.proposed != "", notice("good", state.proposed), rx.fragment()),
            _group(
                "What it was",
                grid(
                    select_field("KPI", name="kpi", options=form.kpis),
                    text_field("Value", name="value", required=True, **NUMBER),
                    text_field("Runs from this day on use it", name="effective_from", type="date", required=True),
                    text_field("Measured from", name="measured_from", type="date", required=True),
                    text_field("Measured up to and with", name="measured_to", type="date", required=True),
                    file_field(
                        "Source document",
                        which="source",
                        choose=state.choose_source,
                        name=state.source_name,
                        problem=state.source_problem,
                        hint="The report or table the value is read from.",
                    ),
                    columns=3,
                ),
            ),
            _group(
                "What its change is worth",
                rx.el.p(
                    "Every baseline in force names the same rates; those agreed on by now are filled in. Leave empty "
                    "what is not to count.",
                    class_name="field-hint",
                    style={"marginBottom": "var(--space-3)"},
                ),
                rx.el.div(rx.foreach(form.rates, _rate), class_name="grid grid-4"),
            ),
            rx.cond(state.propose_problem != "", notice("bad", state.propose_problem), rx.fragment()),
            row(button("Propose it to the customer", kind="primary", type="submit")),
            gap=6,
        ),
        on_submit=state.propose,
        reset_on_submit=False,
        key=state.proposals.to(str) + form.currency,
    )


def _group(title: str, *children: Any) -> rx.Component:
    return rx.el.fieldset(
        rx.el.legend(title, style={"fontWeight": 600, "marginBottom": "var(--space-3)"}), *children, style=BLOCK
    )


def _rate(rate: Any) -> rx.Component:
    control = rx.el.input(
        id="field-" + rate.name, name=rate.name, default_value=rate.value, class_name="input", **NUMBER
    )
    return field(rate.label, control, for_id="field-" + rate.name)
