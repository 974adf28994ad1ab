"""A customer's contracts as a list, and the two ways to take one up: move a subscription, or start another.

`state` is the page's State, whose handlers the buttons call.
"""

from typing import Any

import reflex as rx

from app.components.badges import badge
from app.components.cards import notice, section_card
from app.components.forms import button, field, select_field, text_field
from app.components.layout import grid, muted, row, stack
from app.components.states import empty_state
from app.components.tables import Column, data_table

SMALL = {"fontSize": "var(--text-sm)"}
TONES = (("offered", "good"), ("coming", "accent"), ("over", "warn"))
WHENS = (("", "Whichever fits: now where it costs more"), ("now", "Now"), ("period_end", "As what is paid ends"))


def contracts_list(state: Any) -> rx.Component:
    view = state.view
    columns = (
        Column("Contract", _titled, leads=True),
        Column(
            "Plan", lambda each: rx.el.div(rx.el.p(each.plan), rx.el.p(each.price, class_name="muted", style=SMALL))
        ),
        Column("Taken up", _validity),
        Column("Subscriptions", lambda each: rx.cond(each.used_by == "", muted("None yet"), rx.el.span(each.used_by))),
        Column("", lambda each: _actions(state, each)),
    )
    none = empty_state(
        "Nothing is agreed yet",
        "Draft a contract above, or load reserved capacity from a file.",
        icon="signature",
    )
    return section_card(
        "Contracts",
        rx.cond(view.rows.length() > 0, data_table("Contracts, the newest first", columns, view.rows), none),
        flush=True,
    )


def _titled(contract: Any) -> rx.Component:
    def detail(text: Any) -> rx.Component:
        return rx.cond(text != "", rx.el.p(text, class_name="muted", style={**SMALL, "fontWeight": 400}), rx.fragment())

    return rx.el.div(
        rx.el.p(contract.title),
        detail(contract.reference),
        detail(contract.origin),
        detail(contract.notes),
        detail(contract.made),
        style={"overflowWrap": "anywhere", "maxWidth": "20rem"},
    )


def _validity(contract: Any) -> rx.Component:
    tone = rx.match(
        contract.state,
        *[(state, badge(contract.state_word, tone)) for state, tone in TONES],
        badge(contract.state_word, "plain"),
    )
    return rx.el.div(rx.el.p(contract.valid, style={**SMALL, "marginBottom": "var(--space-1)"}), tone)


def _actions(state: Any, contract: Any) -> rx.Component:
    start = button("Take up", small=True, icon="play", on_click=state.ask_start(contract.id))
    withdraw = button("Withdraw", small=True, kind="quiet", on_click=state.withdraw(contract.id))
    return rx.el.div(
        rx.cond(contract.can_start, start, rx.fragment()),
        rx.cond(contract.is_open, withdraw, rx.fragment()),
        class_name="row",
        style={"justifyContent": "flex-end"},
    )


def take_up_sections(state: Any) -> rx.Component:
    """What was refused, where something was, above both ways to take a contract up."""
    refused = rx.cond(state.problem != "", notice("bad", state.problem), rx.fragment())
    return stack(refused, move_section(state), start_section(state), gap=6)


def move_section(state: Any) -> rx.Component:
    """Moving a subscription that runs: what it comes to is said first."""
    view = state.view
    subscriptions = rx.foreach(view.live, lambda pair: rx.el.option(pair[1], value=pair[0]))
    chooser = rx.el.div(
        rx.el.select(subscriptions, id="field-subscription_id", name="subscription_id", class_name="input"),
        rx.icon("chevron_down", size=16, aria_hidden="true"),
        class_name="select",
    )
    form = rx.el.form(
        stack(
            grid(
                field("Subscription", chooser, for_id="field-subscription_id"),
                select_field("When", name="when", options=WHENS),
                columns=2,
            ),
            row(button("Work it out", type="submit"), button("Close", on_click=state.put_back)),
            gap=4,
        ),
        on_submit=state.ask_move,
    )
    asked = stack(
        notice("note", state.move.title, state.move.detail),
        row(
            button("Move it", kind="primary", on_click=state.confirm_move),
            button("Close", on_click=state.put_back),
        ),
        gap=4,
    )
    nothing = rx.el.p("No subscription of this customer runs on other terms.", class_name="muted")
    return section_card(
        rx.fragment("Move a subscription to “", state.starting_title, "”"),
        rx.cond(
            view.live.length() > 0,
            rx.cond(state.move.subscription_id != "", asked, form),
            nothing,
        ),
    )


def start_section(state: Any) -> rx.Component:
    form = rx.el.form(
        stack(
            grid(
                text_field("First day", name="start_date", type="date", hint="Today, if left empty"),
                select_field("Billed", name="interval", options=[("month", "Every month"), ("year", "Every year")]),
                select_field("Paid", name="collection", options=[("manual", "By transfer"), ("automatic", "By card")]),
                text_field("Name", name="name", hint="Only for one beside the main subscription", max_length=60),
                text_field("For one site", name="site", hint="Its code; new ones are added", max_length=64),
                columns=3,
            ),
            row(
                button("Start the subscription", kind="primary", type="submit"),
                button("Close", on_click=state.put_back),
            ),
            gap=4,
        ),
        on_submit=state.start,
    )
    return section_card(
        "Start another subscription on it",
        form,
        description="The first base fee is invoiced at once, unless the terms have a trial.",
    )
