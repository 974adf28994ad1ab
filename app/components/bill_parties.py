"""What a bill says under its lines and beside them: taxes and total, whom it is for, whom to pay."""

from typing import Any

import reflex as rx

from app.components.cards import section_card
from app.components.layout import money
from app.components.working import SMALL

WRAPPED = {"overflowWrap": "anywhere"}
HEADING = {"fontSize": "var(--text-sm)", "fontWeight": "600", "marginBottom": "var(--space-1)"}
APART = {"marginTop": "var(--space-4)"}


def bill_totals(view: Any, *, total: str = "Total") -> rx.Component:
    """Subtotal, each tax or the reason why there is none, and the total."""
    return rx.el.dl(
        _amount("Subtotal", money(view.subtotal)),
        rx.foreach(view.taxes, tax_row),
        _amount(rx.el.strong(total), rx.el.strong(money(view.total), style={"fontSize": "var(--text-lg)"})),
        class_name="key-values",
    )


def parties_section(view: Any) -> rx.Component:
    """Bill-to with the purchase-order number, and remit-to with where to pay."""
    order = rx.el.p("Purchase order ", rx.el.strong(view.purchase_order, style=WRAPPED), style=SMALL | APART)
    return section_card(
        "Between",
        _party("Billed to", view.bill_to, rx.el.p(rx.el.code(view.bill_to_id), class_name="muted", style=SMALL)),
        rx.cond(view.purchase_order != "", order, rx.fragment()),
        rx.el.div(_party("Pay to", view.remit_to, rx.fragment()), style=APART),
    )


def _amount(name: Any, value: Any) -> rx.Component:
    return rx.el.div(rx.el.dt(name), rx.el.dd(value), class_name="key-value")


def tax_row(tax: Any) -> rx.Component:
    """One tax with its amount, or the reason why there is none."""
    reason = rx.el.div(rx.el.dt(tax.name, class_name="muted"), rx.el.dd("No tax"), class_name="key-value")
    return rx.cond(tax.amount == "", reason, _amount(tax.name, money(tax.amount)))


def _party(heading: str, party: Any, after: rx.Component) -> rx.Component:
    def line(text: Any) -> rx.Component:
        return rx.el.p(text, style=SMALL | WRAPPED)

    def quiet(text: Any) -> rx.Component:
        return rx.el.p(text, class_name="muted", style=SMALL | WRAPPED)

    return rx.el.div(
        rx.el.h3(heading, style=HEADING),
        rx.el.p(party.name, style={"fontWeight": "500"} | WRAPPED),
        rx.foreach(party.lines, line),
        rx.foreach(party.ids, quiet),
        rx.foreach(party.more, quiet),
        after,
    )
