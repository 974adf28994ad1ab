"""A small form: what some use would burn and cost."""

from typing import Any

import reflex as rx

from app.components.cards import section_card
from app.components.forms import button, field, text_field
from app.components.working import SMALL


def credit_calculator(meters: Any, made: Any, refusal: Any, *, on_submit: Any) -> rx.Component:
    """`meters` is a Var of a list of MeterChoice, `made` of an EstimateView, `refusal` why there is none."""
    chosen = rx.el.div(
        rx.el.select(
            rx.foreach(meters, lambda meter: rx.el.option(meter.label, value=meter.value)),
            id="field-event_type",
            name="event_type",
            class_name="input",
        ),
        rx.icon("chevron_down", size=16, aria_hidden="true"),
        class_name="select",
    )
    units = text_field(
        "Units",
        name="units",
        placeholder="12.5",
        input_mode="decimal",
        auto_complete="off",
        max_length=64,
        error=refusal,
    )
    return section_card(
        "What would it cost?",
        rx.el.form(
            field("Event type", chosen, for_id="field-event_type"),
            units,
            button("Work it out", type="submit"),
            on_submit=on_submit,
            class_name="stack",
            style={"gap": "var(--space-3)"},
        ),
        rx.el.div(rx.cond(made.is_made, _estimated(made), rx.fragment()), aria_live="polite"),
        description="Credits and price of some use, before you use it.",
    )


def _estimated(made: Any) -> rx.Component:
    sold = rx.fragment(
        _result("Adds to this period's bill", _price(made.cost, made.cost_exactly)),
        _result("With the allowance used up", _price(made.once_used_up, made.once_used_up_exactly)),
    )
    refused = rx.el.p(
        "Your plan sells none beyond the allowance: this much would be refused.", class_name="field-error"
    )
    return rx.el.div(
        rx.el.dl(
            _result(made.what, made.credits),
            _result("Covered by what is left", made.covered),
            _result("Beyond it", made.beyond),
            rx.cond(made.price != "", sold, rx.fragment()),
            class_name="key-values",
            style=SMALL,
        ),
        rx.cond(made.is_refused, refused, rx.fragment()),
        style={"marginTop": "var(--space-4)", "paddingTop": "var(--space-4)", "borderTop": "1px solid var(--c-line)"},
    )


def _result(name: Any, value: Any) -> rx.Component:
    return rx.el.div(rx.el.dt(name), rx.el.dd(value), class_name="key-value")


def _price(amount: Any, exactly: Any) -> rx.Component:
    return rx.fragment(
        rx.el.span(amount, class_name="money"),
        rx.cond(
            exactly != "",
            rx.el.span(exactly, class_name="muted", style={"display": "block", "fontWeight": "400"}),
            rx.fragment(),
        ),
    )
