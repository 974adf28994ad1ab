"""The form a baseline is proposed with: the KPI, what it was and when, what its change is worth, and the document."""

from typing import Any

import reflex as rx

from app.components.cards import notice
from app.components.evidence_upload import file_field
from app.components.forms import button, field, select_field, text_field
from app.components.layout import Text, grid, row, stack

BLOCK = {"border": "0", "padding": "0", "minWidth": 0}
NUMBER = {"input_mode": "decimal", "auto_complete": "off"}


def baseline_form(state: Any, *, submit: Text, decides: Text) -> rx.Component:
    """`state` takes the mixin BaselineProposing; `decides` says who decides on what is proposed, and when it counts."""
    form = state.form
    return rx.el.form(
        stack(
            _group("What it was", grid(*_what_it_was(state), columns=3)),
            _group(
                "What its change is worth",
                rx.el.p(
                    "Those agreed on by now are filled in: baselines in force must not differ in a rate. Leave empty "
                    "what is not to count.",
                    class_name="field-hint",
                    style={"marginBottom": "var(--space-3)"},
                ),
                rx.el.div(rx.foreach(form.rates, lambda rate: _rate(rate, state)), class_name="grid grid-4"),
            ),
            rx.cond(state.propose_problem != "", notice("bad", state.propose_problem), rx.fragment()),
            rx.cond(state.proposed != "", notice("good", state.proposed, state.next_step), rx.fragment()),
            rx.el.p(decides, class_name="field-hint"),
            row(button(submit, kind="primary", type="submit")),
            gap=6,
        ),
        on_submit=state.propose,
        reset_on_submit=False,
        key=state.proposals.to(str) + form.currency,
    )


def _what_it_was(state: Any) -> list[rx.Component]:
    wrong = state.problems
    return [
        select_field(
            "KPI",
            name="kpi",
            options=state.form.kpis,
            error=wrong["kpi"],
            value=state.kpi,
            on_change=state.choose_kpi,
        ),
        text_field("Value", name="value", hint="In " + state.unit + ".", error=wrong["value"], **NUMBER),
        text_field("Runs from this day on use it", name="effective_from", type="date", error=wrong["effective_from"]),
        text_field("Measured from", name="measured_from", type="date", error=wrong["measured_from"]),
        text_field("Measured up to and with", name="measured_to", type="date", error=wrong["measured_to"]),
        file_field(
            "Source document",
            which="source",
            choose=state.choose_source,
            name=state.source_name,
            problem=wrong["source"],
            hint="The report or table the value is read from; at most 10 MB.",
        ),
    ]


def _group(title: str, *children: Any) -> rx.Component:
    return rx.el.fieldset(
        rx.el.legend(title, style={"fontWeight": 600, "marginBottom": "var(--space-3)"}), *children, style=BLOCK
    )


def _rate(rate: Any, state: Any) -> rx.Component:
    """A rate, where it prices the KPI that is chosen."""
    control = rx.el.input(
        id="field-" + rate.name, name=rate.name, default_value=rate.value, class_name="input", **NUMBER
    )
    shown = field(rate.label, control, for_id="field-" + rate.name, error=state.problems[rate.name])
    return rx.cond(rate.kpis.contains(state.kpi), shown, rx.fragment())
