"""How each dollar of a run arose: baseline beside what was measured, the parts, and every step in words."""

from typing import Any

import reflex as rx

from app.components.cards import notice
from app.components.layout import link, money
from app.components.tables import Column, data_table
from app.components.working import ANYWHERE, INSET, SMALL
from app.routes import receipt_href


def compared_table(working: Any, *, links_receipts: bool = True) -> rx.Component:
    """`working` is a Var of WorkingView. Receipts are those of the customer who is looked at."""
    columns = [
        Column("KPI", lambda each: each.name, leads=True),
        Column("Baseline", lambda each: each.baseline, numeric=True),
        Column("Measured", lambda each: each.actual, numeric=True),
    ]
    if links_receipts:
        columns.append(Column("Baseline agreed in", lambda each: _receipt_link(each.baseline_receipt), numeric=True))
    return data_table("Baseline beside what was measured", columns, working.compared)


def _receipt_link(seq: Any) -> rx.Component:
    return rx.cond(seq != "", link("Receipt ", seq, href=receipt_href(seq)), rx.fragment())


def parts_table(working: Any) -> rx.Component:
    """The parts of the savings and their sum."""
    columns = (
        Column("Part of the savings", _part_name, leads=True),
        Column("Amount", lambda part: money(part.amount), numeric=True),
    )
    footer = ("Savings", rx.el.strong(money(working.savings)))
    return data_table("Parts of the savings", columns, working.parts, footer=footer)


def _part_name(part: Any) -> rx.Component:
    return rx.fragment(part.name, rx.cond(part.is_loss, " (got worse)", ""))


def overlap_notice(working: Any) -> rx.Component:
    """That the method adds up KPIs that are partly the same."""
    return rx.cond(
        working.overlapping,
        notice(
            "note",
            "These KPIs overlap",
            "A failure avoided is availability gained too. This way of counting was agreed; it adds both.",
        ),
        rx.fragment(),
    )


def working_steps(working: Any) -> rx.Component:
    """Every intermediate number, in the order it is worked out."""
    return rx.el.div(
        rx.el.ol(rx.foreach(working.steps, _step), class_name="savings-steps"),
        rx.el.p(
            "Numbers that have no end are shown to a millionth and kept exactly; amounts are rounded once.",
            class_name="muted",
            style={**SMALL, "marginTop": "var(--space-3)"},
        ),
    )


def _step(step: Any) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.el.p(step.name, style={"fontWeight": "500"}),
            rx.cond(step.reason != "", rx.el.p(step.reason, class_name="muted", style=SMALL), rx.fragment()),
            rx.cond(step.terms != "", rx.el.p(step.terms, class_name="tabular", style={**SMALL, **ANYWHERE})),
            style={"minWidth": 0},
        ),
        rx.el.p(step.result, class_name="tabular savings-result"),
        class_name=rx.cond(step.is_amount, "savings-step is-amount", "savings-step"),
    )


def sensitivity(effects: Any) -> rx.Component:
    """What a tenth less and more of each input changes, the largest first. `effects` is a Var of EffectView."""
    nothing = rx.el.p("None does: a tenth less or more of any one of them leaves the fee as it is.", class_name="muted")
    return rx.cond(effects, rx.el.ol(rx.foreach(effects, _effect), class_name="effects"), nothing)


def _effect(effect: Any) -> rx.Component:
    return rx.el.li(
        rx.el.p(
            rx.el.span(effect.name, style={"fontWeight": "500"}), " ", rx.el.span(effect.value, class_name="muted")
        ),
        rx.el.div(
            _effect_bar(effect.first),
            _effect_bar(effect.second),
            rx.el.i(class_name="effect-now", style={"left": effect.middle}),
            class_name="effect-room",
            aria_hidden="true",
        ),
        rx.el.div(_outcome("At", effect.first), _outcome("At", effect.second), class_name="effect-words"),
        class_name="effect",
    )


def _effect_bar(outcome: Any) -> rx.Component:
    return rx.el.i(
        class_name=rx.cond(outcome.is_less, "effect-bar effect-less", "effect-bar effect-more"),
        style={"left": outcome.left, "width": outcome.width},
    )


def _outcome(word: str, outcome: Any) -> rx.Component:
    return rx.el.p(
        rx.cond(outcome.value != "", rx.fragment(word, " ", outcome.value, ": "), rx.fragment()),
        rx.el.span(outcome.fee, class_name="money"),
        rx.cond(outcome.change != "", rx.el.span(" (", outcome.change, ")", class_name="muted"), rx.fragment()),
        style=SMALL,
    )


def inset(table: rx.Component) -> rx.Component:
    """A table within a section's body."""
    return rx.el.div(table, style=INSET)
