"""Another subscription for a team or a site: why one would want it, and the form that chooses it."""

from typing import Any

import reflex as rx

from app.components.cards import notice, section_card
from app.components.forms import button, field, select_field, text_field
from app.components.layout import grid, row, stack
from models.subscription import SUBSCRIPTION_NAME_MAX
from models.usage import SITE_MAX

SITES = "known-sites"


def added_subscription(state: Any) -> rx.Component:
    """`state` has `form` (an AddForm), `form_refusal`, add, ask_added and put_back."""
    is_open = state.form.plans.length() > 0
    return section_card(
        "Another subscription",
        rx.cond(is_open, _form(state), button("Add a subscription", icon="plus", on_click=state.add)),
        description="A team or a site can have a plan, an allowance and a spending limit of its own, on this account.",
    )


def _form(state: Any) -> rx.Component:
    site = rx.el.input(
        id="field-site", name="site", class_name="input", list=SITES, auto_complete="off", max_length=SITE_MAX
    )
    return rx.el.form(
        stack(
            rx.cond(state.form_refusal != "", notice("bad", state.form_refusal), rx.fragment()),
            grid(
                text_field(
                    "Name",
                    name="name",
                    hint="Such as a team's; a site's code where you leave it empty.",
                    auto_complete="off",
                    max_length=SUBSCRIPTION_NAME_MAX,
                ),
                rx.el.div(
                    field("Only for one site", site, for_id="field-site", hint="Its use then goes here by itself."),
                    rx.el.datalist(rx.foreach(state.form.sites, lambda code: rx.el.option(value=code)), id=SITES),
                ),
                select_field("Plan", name="plan", options=state.form.plans),
                columns=3,
            ),
            row(
                button("Go on", kind="primary", type="submit"),
                button("Close", on_click=state.put_back),
            ),
            gap=4,
        ),
        on_submit=state.ask_added,
    )
