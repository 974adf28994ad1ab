"""How an invoice is paid: its state in a sentence, where to pay, and what was given back."""

from typing import Any

import reflex as rx

from app.components.badges import badge, status_badge
from app.components.cards import notice, section_card
from app.components.layout import money, row, served_link
from app.components.working import SMALL

ICONS = (("good", "circle_check"), ("note", "clock"), ("warn", "triangle_alert"), ("bad", "octagon_alert"))
RULED = {"borderTop": "1px solid var(--c-line)", "paddingTop": "var(--space-3)", "marginTop": "var(--space-3)"}


def payment_section(payment: Any, *actions: rx.Component) -> rx.Component:
    """`payment` is a Var of PaymentView; `actions` stand after those that belong to the invoice itself."""
    line = payment.line
    disputed = notice("warn", "The payment is disputed", "The customer's bank was asked to take it back.")
    return section_card(
        "Payment",
        rx.el.div(
            payment_icon(line.tone),
            rx.el.div(
                rx.el.p(line.words, style={"fontWeight": "500", "overflowWrap": "anywhere"}),
                rx.cond(line.detail != "", rx.el.p(line.detail, class_name="muted", style=SMALL), rx.fragment()),
                rx.cond(payment.card != "", rx.el.p("Card on file: ", payment.card, class_name="muted", style=SMALL)),
                style={"minWidth": 0},
            ),
            style={"display": "flex", "gap": "var(--space-3)"},
        ),
        rx.cond(payment.is_disputed, rx.el.div(disputed, style={"marginTop": "var(--space-3)"}), rx.fragment()),
        rx.cond(payment.parts.length() > 1, _parts(payment.parts), rx.fragment()),
        rx.cond(payment.notes, _notes(payment.notes), rx.fragment()),
        rx.cond(payment.refunds, _refunds(payment.refunds), rx.fragment()),
        rx.el.div(
            rx.cond(line.pay_url != "", pay_link(line.pay_url), rx.fragment()),
            rx.cond(payment.parts.length() == 1, _document(payment.parts[0].pdf_url), rx.fragment()),
            *actions,
            class_name="row",
            style={"marginTop": "var(--space-4)", "&:empty": {"display": "none"}},
        ),
    )


def payment_icon(tone: Any) -> rx.Component:
    """The tone as a sign; the words beside it say the same."""
    drawn = [
        (name, rx.icon(icon, size=18, aria_hidden="true", style={"color": f"var(--c-{name})", "marginTop": "2px"}))
        for name, icon in ICONS
    ]
    plain = rx.icon("circle_minus", size=18, aria_hidden="true", style={"color": "var(--c-faint)", "marginTop": "2px"})
    return rx.match(tone, *drawn, plain)


def standing_badge(invoice: Any, line: Any) -> rx.Component:
    """The status of an invoice; one that is open because its payment failed says so."""
    return rx.cond(line.has_failed, badge("Payment failed", "bad"), status_badge(invoice.status, invoice.status_word))


def pay_link(url: Any, *, small: bool = False) -> rx.Component:
    """To the provider's page, in a tab of its own."""
    return served_link(
        "Pay now",
        rx.icon("external_link", size=15, aria_hidden="true"),
        href=url,
        target="_blank",
        rel="noopener",
        class_name="link key-entry" if small else "button button-primary",
        style={"gap": "var(--space-1)"} if small else {},
    )


def _document(url: Any) -> rx.Component:
    document = served_link(
        rx.icon("file_text", size=16, aria_hidden="true"),
        "PDF at Stripe",
        href=url,
        target="_blank",
        rel="noopener",
        class_name="button button-secondary",
    )
    return rx.cond(url != "", document, rx.fragment())


def _parts(parts: Any) -> rx.Component:
    """Two invoices at Stripe may carry one of ours."""

    def one(part: Any) -> rx.Component:
        links = rx.el.span(
            rx.cond(part.pay_url != "", pay_link(part.pay_url, small=True), rx.fragment()),
            rx.cond(
                part.pdf_url != "",
                served_link("PDF", href=part.pdf_url, target="_blank", rel="noopener"),
                rx.fragment(),
            ),
            class_name="row",
        )
        return rx.el.li(
            rx.el.div(
                rx.el.span(part.name, " ", rx.el.span(part.number, class_name="muted")),
                money(part.amount),
                class_name="row row-spread",
            ),
            rx.el.div(status_badge(part.status, part.status_word), links, class_name="row row-spread"),
            class_name="stack",
            style={"gap": "var(--space-1)"},
        )

    return _list("Collected in two parts", rx.foreach(parts, one))


def _notes(notes: Any) -> rx.Component:
    def one(note: Any) -> rx.Component:
        return rx.el.li(
            row(
                rx.el.span(note.number, " · ", money(note.amount)),
                status_badge(note.status, note.status_word),
                spread=True,
            ),
            rx.cond(note.way != "", rx.el.p(note.way, class_name="muted"), rx.fragment()),
        )

    return _list("Credit notes", rx.foreach(notes, one))


def _refunds(refunds: Any) -> rx.Component:
    def one(refund: Any) -> rx.Component:
        return rx.el.li(
            rx.el.div(
                money(refund.amount), status_badge(refund.status, refund.status_word), class_name="row row-spread"
            ),
            rx.el.p(refund.when, " · ", refund.reason, class_name="muted", style={"overflowWrap": "anywhere"}),
            rx.cond(refund.error != "", rx.el.p(refund.error, style={"color": "var(--c-bad)"}), rx.fragment()),
        )

    return _list("Refunds", rx.foreach(refunds, one))


def _list(name: str, items: Any) -> rx.Component:
    return rx.el.div(
        rx.el.h3(name, style={"fontSize": "var(--text-sm)", "marginBottom": "var(--space-2)"}),
        rx.el.ul(items, class_name="stack", style={"listStyle": "none", "gap": "var(--space-3)", **SMALL}),
        style=RULED,
    )
