"""One pool of credits: what is left, its lots in the order they are spent in, and the forms to buy more."""

from collections.abc import Mapping
from typing import Any

import reflex as rx

from app.components.badges import badge
from app.components.cards import key_values, notice, section_card
from app.components.forms import button, select_field, text_field
from app.components.layout import link, row, stack
from app.components.states import empty_state
from app.components.tables import Column, data_table
from app.routes import invoice_href

SMALL = {"fontSize": "var(--text-sm)"}
NARROW = {"maxWidth": "34rem"}
ON_A_PHONE = {"@media (max-width: 39.99rem)": {"paddingInline": "var(--space-4)"}}
DIVIDED = {"borderTop": "1px solid var(--c-line)", "padding": "var(--space-4) var(--space-5)", **ON_A_PHONE}
PADDED = {"padding": "0 var(--space-5) var(--space-4)", **ON_A_PHONE}

Handlers = Mapping[str, Any]


def credit_pool(pool: Any, desk: Any, handlers: Handlers) -> rx.Component:
    """`pool` is a Var of PoolCreditsView; `desk` has `buying`, `ordering`, `asked`, `outcome`, `problem`, `may_buy`.

    `handlers`: open_purchase, open_order, put_back, ask, buy, order, stop.
    """
    figure = rx.el.p(
        rx.el.span(pool.remaining, class_name="stat-value"),
        " ",
        rx.el.span(pool.unit, " can be spent now", class_name="muted"),
        rx.cond(pool.held != "", rx.el.span(" · ", pool.held, class_name="muted"), rx.fragment()),
        class_name="tabular",
        style={"overflowWrap": "anywhere", **PADDED},
    )
    buys = (pool.packs.length() > 0) & desk.may_buy
    buying = rx.cond(desk.asked.pool_key == pool.key, _question(desk, handlers), _purchase_form(pool, desk, handlers))
    ordering = rx.cond(desk.ordering == pool.key, _order_form(pool, desk, handlers), _offers(pool, desk, handlers))
    forms = rx.cond(desk.buying == pool.key, buying, ordering)
    done = notice(
        "good",
        desk.outcome.sentence,
        link("Show the invoice", href=invoice_href(desk.outcome.invoice_id)),
    )
    return section_card(
        rx.fragment(pool.name, rx.el.span(" · ", pool.plan, class_name="muted")),
        figure,
        rx.cond(pool.note != "", _padded(notice("warn", pool.note)), rx.fragment()),
        rx.cond(desk.outcome.pool_key == pool.key, _padded(done), rx.fragment()),
        rx.cond(pool.lots, _lots(pool), _no_lots()),
        rx.cond(buys, rx.el.div(forms, style=DIVIDED), rx.fragment()),
        rx.cond(buys, rx.fragment(), _order_shown(pool)),
        flush=True,
    )


def _padded(*children: Any) -> rx.Component:
    return rx.el.div(*children, style=PADDED)


def _lots(pool: Any) -> rx.Component:
    columns = (
        Column("Lot", _lot_name, leads=True),
        Column("Order", _order),
        Column("Granted", lambda lot: lot.granted, numeric=True),
        Column("Used", lambda lot: lot.spent, numeric=True),
        Column("Left", lambda lot: rx.el.strong(lot.left), numeric=True),
        Column("Can be spent until", _until),
    )
    return data_table("Lots, in the order they are spent in", columns, pool.lots)


def _lot_name(lot: Any) -> rx.Component:
    bill = link("Invoice", href=invoice_href(lot.invoice_id))
    return rx.el.div(
        rx.el.p(lot.name),
        rx.el.p(lot.detail, class_name="muted", style={**SMALL, "fontWeight": 400, "overflowWrap": "anywhere"}),
        rx.cond(lot.invoice_id != "", rx.el.p(bill, style={**SMALL, "fontWeight": 400}), rx.fragment()),
        style={"maxWidth": "22rem"},
    )


def _order(lot: Any) -> rx.Component:
    waits = rx.cond(
        lot.order != "", rx.el.span(lot.order, class_name="muted tabular"), rx.el.span("–", class_name="faint")
    )
    return rx.cond(lot.is_next, badge(lot.order, "accent"), waits)


def _until(lot: Any) -> rx.Component:
    return rx.el.div(
        rx.el.p(lot.until, class_name="tabular"),
        rx.cond(lot.rest != "", rx.el.p(lot.rest, class_name="muted", style=SMALL), rx.fragment()),
    )


def _no_lots() -> rx.Component:
    return empty_state("No lots yet", "What is included is granted with your first use of a day.", icon="coins")


def _offers(pool: Any, desk: Any, handlers: Handlers) -> rx.Component:
    def one(pack: Any) -> rx.Component:
        return rx.el.li(
            rx.el.strong(pack.name),
            " for ",
            rx.el.span(pack.price, class_name="money"),
            rx.el.span(" (", pack.each, "). ", pack.lasts, ".", class_name="muted"),
            style=SMALL,
        )

    change = rx.cond(pool.order.is_on, "Change automatic buying", "Buy automatically")
    return stack(
        rx.el.ul(rx.foreach(pool.packs, one), style={"listStyle": "none", "padding": 0, "margin": 0}),
        row(
            button("Buy credits", kind="primary", small=True, on_click=handlers["open_purchase"](pool.key)),
            button(change, small=True, on_click=handlers["open_order"](pool.key)),
            rx.cond(
                pool.order.is_on,
                button("Turn it off", kind="quiet", small=True, on_click=handlers["stop"](pool.key)),
                rx.fragment(),
            ),
        ),
        _order_words(pool.order),
        gap=3,
    )


def _order_shown(pool: Any) -> rx.Component:
    shown = pool.order.is_on | (pool.order.problem != "")
    return rx.cond(shown, rx.el.div(_order_words(pool.order), style=DIVIDED), rx.fragment())


def _order_words(order: Any) -> rx.Component:
    on = rx.el.p(
        "Bought automatically: ", rx.el.strong(order.sentence), ".", style={**SMALL, "overflowWrap": "anywhere"}
    )
    return stack(
        rx.cond(order.is_on, on, rx.fragment()),
        rx.cond(order.problem != "", notice("warn", order.problem), rx.fragment()),
        gap=2,
    )


def _purchase_form(pool: Any, desk: Any, handlers: Handlers) -> rx.Component:
    return rx.el.form(
        stack(
            select_field("Pack", name="pack", options=pool.pack_names),
            text_field(
                "How many",
                name="quantity",
                default_value="1",
                input_mode="numeric",
                auto_complete="off",
                required=True,
                error=desk.problem,
            ),
            row(
                button("See what it costs", kind="primary", type="submit"),
                button("Back", on_click=handlers["put_back"]),
            ),
            gap=3,
        ),
        on_submit=handlers["ask"],
        style=NARROW,
    )


def _question(desk: Any, handlers: Handlers) -> rx.Component:
    asked = desk.asked
    amounts = key_values([("Credits", asked.sum), ("Total", rx.el.strong(asked.total, class_name="money"))])
    with_tax = key_values(
        [("Credits", asked.sum), ("Tax", asked.tax), ("Total", rx.el.strong(asked.total, class_name="money"))]
    )
    return stack(
        rx.el.h3("Buy these credits?", class_name="stat-label"),
        rx.cond(asked.tax != "", with_tax, amounts),
        rx.el.p(asked.when, style=SMALL),
        row(
            button("Buy for ", asked.total, kind="primary", on_click=handlers["buy"]),
            button("Back", on_click=handlers["put_back"]),
        ),
        gap=3,
    )


def _order_form(pool: Any, desk: Any, handlers: Handlers) -> rx.Component:
    order = pool.order
    return rx.el.form(
        stack(
            rx.el.p(
                "Whenever less than this is left after some use, one pack is bought, within the limits of a calendar "
                "month. A payment that fails turns it off.",
                class_name="muted",
                style=SMALL,
            ),
            select_field("Pack", name="pack", options=pool.pack_names),
            _typed("Buy when less than this is left", "threshold", order.threshold, "50000"),
            _typed("At most so many times a month", "times", order.times, "3"),
            _typed("For at most this amount a month", "amount", order.amount, "1000.00"),
            rx.cond(desk.problem != "", notice("bad", desk.problem), rx.fragment()),
            row(
                button("Save", kind="primary", type="submit"),
                button("Back", on_click=handlers["put_back"]),
            ),
            gap=3,
        ),
        on_submit=handlers["order"],
        style=NARROW,
    )


def _typed(label: str, name: str, value: Any, example: str) -> rx.Component:
    return text_field(
        label,
        name=name,
        default_value=value,
        placeholder=example,
        input_mode="decimal",
        auto_complete="off",
        required=True,
    )
