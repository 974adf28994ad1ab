"""The question before a plan is started: what it costs, when, and how it is paid."""

from typing import Any

import reflex as rx

from app.components.cards import key_values, notice, section_card
from app.components.forms import button, choices
from app.components.layout import page_header, row
from models import Interval

BY_CARD = (
    "You pay on our payment provider's page. A promotion code and a tax id are asked for there, and the plan starts "
    "once the payment is confirmed."
)
BY_INVOICE = "The plan starts at once; its invoices are paid by transfer."


def plan_question(state: Any) -> rx.Component:
    """`state` is the plans page's: what was asked, how it would be paid, and the handlers that go on or back."""
    asked = state.asked
    intervals = choices(
        "Billed",
        [
            (
                asked.interval == interval.value,
                name,
                state.ask(asked.plan_code, interval.value, asked.terms, asked.name, asked.site),
            )
            for interval, name in ((Interval.MONTH, "Monthly"), (Interval.YEAR, "Yearly"))
        ],
    )
    by_card = state.is_paid_by_card
    facts = key_values(
        [
            (rx.cond(by_card, "Charged today", "Invoiced today"), rx.el.span(asked.today, class_name="money")),
            ("For", asked.today_detail),
            ("First period", asked.period),
        ]
    )
    return rx.fragment(
        page_header(
            asked.title,
            rx.cond(by_card, "Check what it means, then pay on the next page.", "Check what it means, then start it."),
        ),
        section_card(
            "What you agree to",
            rx.cond(
                state.asked_refusal != "",
                rx.el.div(notice("bad", state.asked_refusal), style={"marginBottom": "var(--space-4)"}),
                rx.fragment(),
            ),
            facts,
            rx.el.p(asked.after, class_name="muted", style={"marginTop": "var(--space-4)"}),
            rx.el.p(
                rx.match(
                    _how_paid(state),
                    ("card", BY_CARD),
                    ("invoice", BY_INVOICE),
                    "Nothing is to be paid for this plan itself.",
                ),
                class_name="muted",
                style={"margin": "var(--space-2) 0 var(--space-4)"},
            ),
            row(
                rx.cond(by_card, _continue_to_payment(state), _start_now(state)),
                button("Back to plans", on_click=state.put_back),
            ),
            action=intervals,
        ),
    )


def _how_paid(state: Any) -> Any:
    return rx.cond(state.is_paid_by_card, "card", rx.cond(state.asked.has_fee, "invoice", "free"))


def _continue_to_payment(state: Any) -> rx.Component:
    return button(
        rx.cond(state.is_opening, "Opening the payment page …", "Continue to payment"),
        icon="lock",
        kind="primary",
        disabled=state.is_opening,
        on_click=state.pay,
    )


def _start_now(state: Any) -> rx.Component:
    label = rx.cond(state.asked.has_fee, rx.fragment("Start and invoice ", state.asked.today), "Start now")
    return button(label, kind="primary", on_click=state.start)
