"""The question before a plan is changed: what it costs as of now, when it takes effect, and the next invoice."""

from typing import Any

import reflex as rx

from app.components.cards import key_values, notice, section_card
from app.components.forms import button, choices
from app.components.layout import page_header, row, stack
from models import Interval
from services.subscriptions.change_preview import When

SMALL = {"fontSize": "var(--text-sm)"}
RULED = {"borderTop": "1px solid var(--c-line)", "paddingTop": "var(--space-3)"}
LINE = {"display": "flex", "justifyContent": "space-between", "gap": "var(--space-4)", "alignItems": "baseline"}


def change_question(state: Any, *, after: list[Any]) -> rx.Component:
    """`state` has `asked` (a ChangeQuestion), `asked_refusal`, ask, put_back and confirm; `after` follows the last."""
    asked = state.asked
    is_now = asked.when == When.NOW.value
    facts = key_values(
        [
            ("Takes effect", asked.takes_effect),
            ("From then on", asked.price),
            (
                rx.fragment("Next invoice, on ", asked.next_invoice_on),
                rx.fragment(rx.el.span(asked.next_invoice, class_name="money"), " as it stands now"),
            ),
        ]
    )
    return rx.fragment(
        page_header(asked.title, "Check what it means, then confirm it."),
        section_card(
            "What changes",
            stack(
                rx.cond(state.asked_refusal != "", notice("bad", state.asked_refusal), rx.fragment()),
                facts,
                rx.cond(asked.lines.length() > 0, _lines(asked), rx.fragment()),
                rx.cond(asked.allowances.length() > 0, _allowances(asked), rx.fragment()),
                rx.el.p(_in_words(is_now), class_name="muted", style=SMALL),
                rx.cond(asked.instead_of != "", rx.el.p(asked.instead_of, class_name="muted", style=SMALL)),
                row(
                    button(asked.confirm, kind="primary", on_click=[state.confirm, *after]),
                    button("Back to plans", on_click=state.put_back),
                ),
                gap=4,
            ),
            action=_choices(state, is_now),
        ),
    )


def _choices(state: Any, is_now: Any) -> rx.Component:
    asked = state.asked
    intervals = choices(
        "Paid",
        [
            (asked.interval == interval.value, name, state.ask(asked.plan_code, interval.value, "", asked.terms))
            for interval, name in ((Interval.MONTH, "Monthly"), (Interval.YEAR, "Yearly"))
        ],
    )
    times = choices(
        "Takes effect",
        [
            (is_now, "Now", state.ask(asked.plan_code, asked.interval, When.NOW.value, asked.terms)),
            (~is_now, "Later", state.ask(asked.plan_code, asked.interval, When.PERIOD_END.value, asked.terms)),
        ],
    )
    return row(rx.cond(asked.may_be_now, times, rx.fragment()), rx.cond(asked.has_intervals, intervals, rx.fragment()))


def _lines(asked: Any) -> rx.Component:
    total = rx.el.li(
        rx.el.span("On your next invoice, before taxes"),
        rx.el.span(asked.total, class_name="money"),
        style={**LINE, **RULED, "fontWeight": 600},
    )
    return rx.el.div(
        rx.el.p("As of now, ", asked.as_of, class_name="muted", style={**SMALL, "marginBottom": "var(--space-2)"}),
        rx.el.ul(
            rx.foreach(asked.lines, _line),
            total,
            style={"listStyle": "none", "display": "flex", "flexDirection": "column", "gap": "var(--space-3)"},
        ),
        style=RULED,
    )


def _line(line: Any) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.el.p(line.description, style={"overflowWrap": "anywhere"}),
            rx.el.p(line.days, class_name="muted", style=SMALL),
            style={"minWidth": 0},
        ),
        rx.el.span(line.amount, class_name="money"),
        style=LINE,
    )


def _allowances(asked: Any) -> rx.Component:
    return rx.el.ul(
        rx.foreach(
            asked.allowances,
            lambda each: rx.el.li(
                rx.icon("plus", size=15, aria_hidden="true", style={"color": "var(--c-accent-text)"}),
                each,
                class_name="key-entry",
            ),
        ),
        style={"listStyle": "none"},
    )


def _in_words(is_now: Any) -> Any:
    return rx.cond(
        is_now,
        "Charged by the second: you pay what is shown here if you confirm within a quarter of an hour. What you have "
        "used so far stays at the old prices. Use until the next invoice is added to it.",
        "Nothing is charged for the change itself. Until then your plan stays as it is, and you can take the change "
        "back.",
    )
