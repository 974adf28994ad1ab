"""The tiers of a price book side by side, and what is offered to one customer apart from them."""

from typing import Any

import reflex as rx

from app.components.badges import badge
from app.components.cards import section_card
from app.components.forms import button
from app.components.layout import muted, stack
from app.components.tables import Column, data_table
from models import Interval

TIERS = {"display": "grid", "gap": "var(--space-4)", "gridTemplateColumns": "repeat(auto-fit, minmax(15.5rem, 1fr))"}
TIER = {
    "display": "grid",
    "gridTemplateRows": "subgrid",
    "gridRow": "span 5",
    "rowGap": "var(--space-4)",
    "padding": "var(--space-5)",
}
MARKED_TIER = {"borderColor": "var(--c-accent)", "boxShadow": "inset 0 0 0 1px var(--c-accent)"}
SMALL = {"fontSize": "var(--text-sm)"}
FEATURES = {**SMALL, "listStyle": "none", "display": "flex", "flexDirection": "column", "gap": "var(--space-2)"}
OWN_OFFER = {
    "display": "grid",
    "gap": "var(--space-4) var(--space-6)",
    "gridTemplateColumns": "repeat(auto-fit, minmax(min(100%, 17rem), 1fr))",
    "alignItems": "start",
}


def tiers(view: Any, *, may: Any, start: Any, change: Any) -> rx.Component:
    """`view` is a Var of OffersView, `may` whether who looks may choose; `start` and `change` ask about a plan."""
    return rx.el.div(rx.foreach(view.offers, lambda offer: _tier(view, offer, may, start, change)), style=TIERS)


def own_offers(offers: Any, *, contracts: bool, may: Any, start: Any, change: Any) -> rx.Component:
    """The customer's contracts, or today's terms of its plan, each in a section of its own."""

    def shown(offer: Any) -> rx.Component:
        is_wanted = offer.is_contract if contracts else ~offer.is_contract
        return rx.cond(is_wanted, _own_offer(offer, may, start, change), rx.fragment())

    return rx.foreach(offers, shown)


def credit_guide(view: Any) -> rx.Component:
    """What a credit buys, by the prices of one plan."""
    columns = (
        Column("What you use", lambda meter: meter.name, leads=True),
        Column("Burns", lambda meter: meter.burns),
        Column("Beyond the allowance", lambda meter: meter.beyond),
        Column("The whole allowance buys", lambda meter: meter.buys, numeric=True),
    )
    return section_card(
        view.guide_title,
        data_table("What each kind of use burns and costs", columns, view.guide),
        description=rx.fragment(
            "Prices and allowance of ", view.guide_plan, "; each row as if nothing else were used."
        ),
        flush=True,
    )


def _tier(view: Any, offer: Any, may: Any, start: Any, change: Any) -> rx.Component:
    marked = offer.is_current | (offer.is_popular & ~view.has_subscription)
    return rx.el.section(
        rx.el.div(
            rx.el.div(
                rx.el.h2(offer.name, style={"overflowWrap": "anywhere", "minWidth": 0}),
                _tier_badges(offer),
                class_name="row row-spread",
            ),
            rx.el.p(offer.tagline, class_name="muted", style=SMALL),
        ),
        _price(offer),
        _next_step(offer, may, start, change),
        key_values_of(offer.facts),
        rx.el.ul(rx.foreach(offer.features, _feature), style=FEATURES),
        class_name="card",
        style=rx.cond(marked, {**TIER, **MARKED_TIER}, TIER),
    )


def _price(offer: Any) -> rx.Component:
    return rx.el.div(
        rx.el.p(
            rx.el.span(offer.price, class_name="money money-large"),
            rx.cond(offer.per != "", rx.el.span(" ", offer.per, class_name="muted"), rx.fragment()),
        ),
        rx.el.p(offer.annual, class_name="muted", style=SMALL),
    )


def _tier_badges(offer: Any) -> rx.Component:
    return rx.el.div(
        rx.cond(offer.is_popular, badge("Most chosen", "plain"), rx.fragment()),
        rx.cond(offer.is_current, badge("Your plan", "accent"), rx.fragment()),
        class_name="row",
        style={"gap": "var(--space-1)"},
    )


def _next_step(offer: Any, may: Any, start: Any, change: Any) -> rx.Component:
    """What can be done about a plan here, and where nothing can, the sentence that is true."""
    on_click = start(offer.qualified_code, Interval.MONTH.value, "", "", "")
    first = rx.cond(
        offer.is_popular,
        button("Start ", offer.name, kind="primary", on_click=on_click),
        button("Start ", offer.name, on_click=on_click),
    )
    contract = rx.cond(offer.is_contract, muted("Ask us for an offer."), rx.fragment())
    step = _change(offer.change, may, change)
    return rx.el.div(
        rx.cond(
            offer.is_current,
            stack(
                rx.el.span(
                    rx.icon("circle_check", size=16, aria_hidden="true", style={"color": "var(--c-accent-text)"}),
                    offer.note,
                    class_name="key-entry muted",
                ),
                rx.el.div(step),
                gap=2,
            ),
            rx.cond(offer.can_start & may, first, rx.fragment(step, contract)),
        ),
        style=SMALL,
    )


def _change(step: Any, may: Any, change: Any) -> rx.Component:
    coming = rx.cond(step.coming != "", muted(step.coming), rx.fragment())
    act = button(step.words, on_click=change(step.plan_code, step.interval, "", step.terms))
    return rx.cond((step.words != "") & may, act, coming)


def _own_offer(offer: Any, may: Any, start: Any, change: Any) -> rx.Component:
    first = button("Start on these terms", on_click=start(offer.plan_code, Interval.MONTH.value, offer.terms, "", ""))
    step = rx.cond(offer.can_start & may, first, _change(offer.change, may, change))
    whom = muted("An owner or billing admin of your account can choose it.")
    return section_card(
        rx.cond(offer.is_contract, rx.fragment("Your contract: ", offer.title), offer.title),
        rx.el.div(
            stack(_price(offer), rx.el.div(step), rx.cond(may, rx.fragment(), rx.el.div(whom, style=SMALL)), gap=3),
            key_values_of(offer.facts),
            style=OWN_OFFER,
        ),
        description=offer.detail,
        action=rx.cond(offer.is_contract, badge("Only for you", "accent"), rx.fragment()),
    )


def key_values_of(facts: Any) -> rx.Component:
    """A list of names and values from a Var of them, drawn as `key_values` draws fixed ones."""
    return rx.el.dl(
        rx.foreach(
            facts,
            lambda fact: rx.el.div(rx.el.dt(fact.name), rx.el.dd(fact.value), class_name="key-value"),
        ),
        class_name="key-values",
        style=SMALL,
    )


def _feature(feature: Any) -> rx.Component:
    tick = rx.icon("check", size=15, aria_hidden="true", style={"color": "var(--c-accent-text)", "marginTop": "2px"})
    return rx.el.li(tick, rx.el.span(feature), style={"display": "flex", "gap": "var(--space-2)"})
