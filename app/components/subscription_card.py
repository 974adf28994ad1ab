"""The customer's subscription: its facts, what is scheduled, what can be done with it, and the question before that."""

from typing import Any

import reflex as rx

from app.components.badges import status_badge
from app.components.cards import notice, section_card
from app.components.forms import button, choices
from app.components.layout import link, page_header, row, stack
from app.components.working import fact_list
from app.routes import BY_NAME
from services.subscriptions.change_preview import When
from services.subscriptions.questions import Act


def subscription_card(state: Any, *, when: str, after: list[Any]) -> rx.Component:
    """`state` has `view` (a SubscriptionCard), `may_change`, `asked_refusal`, ask and withdraw.

    `when` is the time that is asked about first, and `after` follows a withdrawal.
    """
    view = state.view
    card = section_card(
        "Your subscription",
        stack(
            rx.cond(state.asked_refusal != "", notice("bad", state.asked_refusal), rx.fragment()),
            fact_list(view.facts),
            rx.cond(view.scheduled != "", _scheduled(state, after), rx.fragment()),
            rx.cond(
                state.may_change,
                rx.fragment(
                    rx.cond(view.refused != "", notice("note", view.refused, action=_payments()), rx.fragment()),
                    _acts(state, when),
                ),
                rx.fragment(),
            ),
            gap=4,
        ),
        description=view.title,
        action=status_badge(view.status, view.status_word),
    )
    return rx.cond(view.id != "", card, rx.fragment())


def _scheduled(state: Any, after: list[Any]) -> rx.Component:
    withdraw = rx.cond(
        state.may_change & state.view.may_withdraw,
        button("Withdraw", small=True, on_click=[state.withdraw, *after]),
        rx.fragment(),
    )
    return notice("note", "Scheduled", state.view.scheduled, action=withdraw)


def _payments() -> rx.Component:
    return link("Invoices and cards", href=BY_NAME["invoices"].href)


def _acts(state: Any, when: str) -> rx.Component:
    view = state.view
    drawn = (
        (view.may_resume, Act.RESUME, "Resume", "play", "primary"),
        (view.may_start_again, Act.START_AGAIN, "Start again", "rotate_ccw", "secondary"),
        (view.may_pause, Act.PAUSE, "Pause", "pause", "secondary"),
        (view.may_cancel, Act.CANCEL, "Cancel", "circle_x", "secondary"),
    )
    return rx.el.div(
        *[
            rx.cond(
                may,
                button(text, kind=kind, icon=icon, small=True, on_click=state.ask(act.value, when)),
                rx.fragment(),
            )
            for may, act, text, icon, kind in drawn
        ],
        class_name="row",
        style={"&:empty": {"display": "none"}},
    )


def act_question(state: Any, *, after: list[Any]) -> rx.Component:
    """`state` has `asked` (an ActQuestion), `asked_refusal`, ask, put_back and confirm; `after` follows the last."""
    asked = state.asked
    times = choices(
        "When",
        [
            (
                asked.when == When.PERIOD_END.value,
                asked.later,
                state.ask(asked.act, When.PERIOD_END.value),
            ),
            (asked.when == When.NOW.value, "Now", state.ask(asked.act, When.NOW.value)),
        ],
    )
    confirm = [state.confirm, *after]
    return rx.fragment(
        page_header(asked.title, "Check what it means, then confirm it."),
        section_card(
            "What happens",
            stack(
                rx.cond(state.asked_refusal != "", notice("bad", state.asked_refusal), rx.fragment()),
                rx.foreach(asked.words, rx.el.p),
                row(
                    rx.cond(
                        asked.ends_something,
                        button(asked.confirm, kind="danger", on_click=confirm),
                        button(asked.confirm, kind="primary", on_click=confirm),
                    ),
                    button("Leave it as it is", on_click=state.put_back),
                ),
                gap=4,
            ),
            action=rx.cond(asked.has_choice, times, rx.fragment()),
        ),
    )
