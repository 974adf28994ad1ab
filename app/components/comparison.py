"""What a comparison found: a verdict for each column, the differences by name, and what Stripe has that we have not."""

from typing import Any, Final

import reflex as rx

from app.components.badges import badge
from app.components.cards import section_card
from app.components.layout import money
from app.components.posting_form import posting_form
from app.components.tables import Column, data_table
from app.components.working import SMALL
from app.routes import invoice_href

VERDICTS: Final = (
    ("agrees", "circle_check", "good"),
    ("differs", "octagon_alert", "bad"),
    ("elsewhere", "circle_minus", "faint"),
)


def compared_name(row: Any) -> rx.Component:
    """Which invoice it is, whose, and what does not agree. `row` is a Var of ComparedRow."""
    found = rx.el.ul(
        rx.foreach(row.differences, rx.el.li),
        style={**SMALL, "color": "var(--c-bad)", "listStyle": "none", "fontWeight": "400", "overflowWrap": "anywhere"},
    )
    return rx.el.div(
        _opener(row),
        rx.el.p(row.customer, " · ", row.issued, class_name="muted", style={**SMALL, "fontWeight": "400"}),
        rx.cond(row.differences, found, rx.fragment()),
        style={"minWidth": "12rem", "maxWidth": "24rem"},
    )


def _opener(row: Any) -> rx.Component:
    """To the invoice, among the customer's own pages: the choice of the customer is kept with the session."""
    return posting_form(
        rx.el.input(type="hidden", name="tenant_id", value=row.tenant_id, read_only=True),
        rx.el.input(type="hidden", name="next", value=invoice_href(row.invoice_id), read_only=True),
        rx.el.button(row.number, type="submit", class_name="link", title="Open it as this customer"),
        action="/session/tenant",
    )


def verdict(found: Any) -> rx.Component:
    """A column's word with its sign. `found` is a Var of Verdict."""
    drawn = [
        (
            state,
            rx.icon(icon, size=16, aria_hidden="true", style={"color": f"var(--c-{tone})", "flex": "none"}),
        )
        for state, icon, tone in VERDICTS
    ]
    icon = rx.match(
        found.state, *drawn, rx.icon("circle_dashed", size=16, aria_hidden="true", style={"color": "var(--c-faint)"})
    )
    return rx.el.span(
        icon,
        rx.el.span(found.word, class_name=rx.cond(found.state == "differs", "", "muted")),
        class_name="key-entry",
        style={**SMALL, "whiteSpace": "nowrap", "gap": "var(--space-1)"},
    )


def unknown_section(view: Any) -> rx.Component:
    """Invoices at Stripe that are none of ours."""
    columns = (
        Column(
            "Invoice at Stripe", lambda row: rx.el.code(row.stripe_id, style={"overflowWrap": "anywhere"}), leads=True
        ),
        Column("Customer", lambda row: row.customer),
        Column("Status", lambda row: badge(row.status, "warn")),
        Column("Made", lambda row: row.created),
        Column("Amount", lambda row: money(row.amount), numeric=True),
    )
    return section_card(
        rx.fragment("At Stripe, and none of ours: ", view.unknown_count),
        data_table("Invoices at Stripe that carry none of ours", columns, view.unknown),
        description="Made there by hand, or a renewal that met no close of ours. Void them there, or bill them here.",
        flush=True,
    )
