"""What stands beside the lines of a bill: use the allowance covered, credit notes, and the proof to take along."""

from collections.abc import Callable
from typing import Any

import reflex as rx

from app.components.cards import section_card
from app.components.layout import link, money, served_link
from app.components.tables import Column, data_table
from app.components.working import DIVIDED, EDGES, INSET, SMALL, opened_by
from app.routes import BY_NAME, document_href, note_document_href, proof_href, receipt_href

NOTE = {
    "paddingBlock": "var(--space-4)",
    "display": "flex",
    "flexDirection": "column",
    "gap": "var(--space-3)",
    **EDGES,
}


NEW_TAB = {"target": "_blank", "rel": "noopener"}
"""A download begins in a tab of its own: in the page's own tab the browser would close the page's connection for it."""


def document_link(invoice_id: Any) -> rx.Component:
    """The invoice as PDF, for whoever files it."""
    icon = rx.icon("file_down", size=16, aria_hidden="true")
    return served_link(
        icon, "Download PDF", href=document_href(invoice_id), class_name="button button-primary", **NEW_TAB
    )


def covered_section(covered: Any, behind: Callable[[Any], rx.Component]) -> rx.Component:
    """Use that cost nothing, and what it is made of; the invoice's receipt counts it all the same."""

    def one(each: Any) -> rx.Component:
        summary = rx.el.div(
            rx.el.p(each.name, style={"fontWeight": "500"}),
            rx.el.p(each.words, class_name="muted tabular", style=SMALL),
        )
        return opened_by(summary, behind(each))

    return section_card(
        "Covered by your allowance",
        rx.el.div(rx.foreach(covered, one), style=DIVIDED),
        description="Use of this period with no line of its own. The invoice's receipt counts it too.",
        flush=True,
    )


def notes_section(notes: Any) -> rx.Component:
    """What was taken back of the invoice, which itself stays as it is."""
    return section_card(
        "Credit notes",
        rx.el.div(rx.foreach(notes, _note), style=DIVIDED),
        description="An invoice never changes; what is put right is credited beside it.",
        flush=True,
    )


def _note(note: Any) -> rx.Component:
    columns = (
        Column("What", lambda line: line.description, leads=True),
        Column("Difference", lambda line: line.quantity, numeric=True),
        Column("Amount", lambda line: line.amount, numeric=True),
    )
    head = rx.el.div(
        rx.el.div(
            rx.el.p(note.number, style={"fontWeight": "600"}),
            rx.el.p(note.issued, " · ", note.reason, class_name="muted", style=SMALL | {"overflowWrap": "anywhere"}),
            style={"minWidth": 0},
        ),
        rx.el.strong(money(note.total)),
        style={"display": "flex", "justifyContent": "space-between", "gap": "var(--space-4)"},
    )
    receipts = rx.el.p(
        served_link("PDF", href=note_document_href(note.id), **NEW_TAB),
        " · ",
        link("Its receipt", href=receipt_href(note.receipt)),
        rx.cond(
            note.correction != "",
            rx.fragment(" · ", link("The correction behind it", href=receipt_href(note.correction))),
            rx.fragment(),
        ),
        style=SMALL,
    )
    lines = rx.el.div(data_table("What the credit note takes back", columns, note.lines), style=INSET | SMALL)
    return rx.el.div(head, lines, receipts, style=NOTE)


def proof_section(invoice: Any) -> rx.Component:
    """The file that lets anyone check this invoice without us. `invoice` is a Var of InvoiceDetailView."""
    return section_card(
        "Proof",
        rx.el.p(
            "Everything this invoice rests on, in one signed file: each record of use, the prices, and this invoice as "
            "it was issued. Check it offline ",
            link("on the verifier", href=BY_NAME["verify"].href),
            " or with ",
            rx.el.code("tallystick verify"),
            ".",
            class_name="muted",
            style=SMALL | {"textWrap": "pretty"},
        ),
        rx.el.div(
            served_link(
                rx.icon("download", size=16, aria_hidden="true"),
                "Download proof",
                href=proof_href(invoice.id),
                class_name="button button-secondary",
                **NEW_TAB,
            ),
            link("Receipt ", invoice.receipt_worded, href=receipt_href(invoice.receipt)),
            class_name="row",
            style={"marginTop": "var(--space-4)"},
        ),
    )
