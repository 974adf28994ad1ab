"""Deciding on a run: the deadline, what each way means, a reason where one is needed, and who decides if not you."""

from typing import Any

import reflex as rx

from app.components.cards import key_values, notice, section_card
from app.components.forms import button
from app.components.layout import link, row, stack
from app.components.party_form import text_area
from app.components.working import ANYWHERE, SMALL
from app.routes import invoice_href, receipt_href
from models.gain_share_run import STEP_TEXT_MAX

REJECTING = "Rejecting ends this run: it is never billed. We may submit another one for the same days."
DISPUTING = (
    "Disputing keeps this run off your invoices. Name what you dispute and why; we answer with a revised run, on which "
    "you decide then."
)
PART_FIELD = "part "


def decision_section(view: Any, state: Any) -> rx.Component:
    """`view` is a Var of ReviewView; `state` is the page's, with what is asked and the handlers."""
    decision = view.decision
    asking = rx.match(
        state.asked,
        ("approve", _approving(view, state)),
        ("reject", _rejecting(state)),
        ("dispute", _disputing(view, state)),
        _ways(decision, state),
    )
    waiting = stack(
        rx.cond(
            decision.is_late,
            notice("warn", decision.deadline),
            rx.cond(decision.is_soon, notice("note", decision.deadline), rx.el.p(decision.deadline)),
        ),
        rx.cond(decision.may_decide, asking, rx.el.p(decision.sentence, style=ANYWHERE)),
    )
    decided = stack(
        rx.cond(state.problem != "", notice("warn", state.problem), rx.fragment()),
        rx.el.p(decision.sentence, style=ANYWHERE),
    )
    facts = key_values(
        [
            ("Savings", rx.el.span(view.working.savings, class_name="money")),
            ("Share", view.working.share),
            ("Fee", rx.el.strong(view.working.fee, class_name="money")),
        ]
    )
    return section_card(
        rx.cond(decision.may_decide, "Your decision", rx.cond(decision.waits, "To be decided", "The decision")),
        stack(facts, rx.cond(decision.waits, waiting, decided)),
    )


def _ways(decision: Any, state: Any) -> rx.Component:
    approve = button(
        decision.approve_label,
        icon="check",
        kind="primary",
        disabled=decision.approve_problem != "",
        on_click=state.ask("approve"),
    )
    return stack(
        rx.cond(decision.approve_problem != "", notice("warn", decision.approve_problem), rx.fragment()),
        row(
            approve,
            button("Dispute", icon="triangle_alert", on_click=state.ask("dispute")),
            button("Reject", icon="x", on_click=state.ask("reject")),
        ),
    )


def _approving(view: Any, state: Any) -> rx.Component:
    return _question(
        state,
        "Approve this run?",
        rx.el.p(view.decision.approve_meaning),
        text_area("A note, if you like", name="text", max_length=STEP_TEXT_MAX, auto_focus=True),
        submit=button(view.decision.approve_label, kind="primary", type="submit"),
    )


def _rejecting(state: Any) -> rx.Component:
    return _question(
        state,
        "Reject this run?",
        rx.el.p(REJECTING),
        text_area("Why do you reject it?", name="text", required=True, max_length=STEP_TEXT_MAX, auto_focus=True),
        submit=button("Reject it", kind="danger", type="submit"),
    )


def _disputing(view: Any, state: Any) -> rx.Component:
    parts = rx.el.fieldset(
        rx.el.legend("What do you dispute?", class_name="field-label"),
        rx.foreach(view.working.parts, lambda part, place: _part(part, is_first=place == 0)),
        class_name="stack",
        style={"border": "0", "gap": "var(--space-2)"},
    )
    return _question(
        state,
        "Dispute this run?",
        rx.el.p(DISPUTING),
        parts,
        text_area("Why?", name="text", required=True, max_length=STEP_TEXT_MAX),
        submit=button("Dispute it", kind="danger", type="submit"),
    )


def _part(part: Any, *, is_first: Any) -> rx.Component:
    return rx.el.label(
        rx.el.input(type="checkbox", name=PART_FIELD + part.code, auto_focus=is_first),
        rx.el.span(part.name, " ", rx.el.span(part.amount, class_name="muted tabular")),
        style={"display": "flex", "gap": "var(--space-2)", "alignItems": "baseline"},
    )


def _question(state: Any, title: str, *fields: Any, submit: rx.Component) -> rx.Component:
    return rx.el.form(
        rx.el.p(title, style={"fontWeight": "600"}),
        rx.cond(state.problem != "", notice("bad", state.problem), rx.fragment()),
        *fields,
        row(submit, button("Back", on_click=state.put_back)),
        on_submit=state.decide,
        class_name="stack",
    )


def billing_section(view: Any) -> rx.Component:
    """What came of the run, and the receipts of its submission and its decision."""
    billed = rx.cond(view.invoice_id != "", link(view.billing, href=invoice_href(view.invoice_id)), view.billing)
    decided = rx.cond(
        view.decision_receipt != "",
        link("Receipt ", view.decision_receipt, href=receipt_href(view.decision_receipt)),
        "None yet",
    )
    return section_card(
        "Where it stands",
        key_values(
            [
                ("Fee", billed),
                ("Submitted", link("Receipt ", view.submission_receipt, href=receipt_href(view.submission_receipt))),
                ("Decided", decided),
            ]
        ),
        rx.el.p(
            "Submitted ",
            view.submitted,
            ".",
            class_name="muted",
            style={**SMALL, **ANYWHERE, "marginTop": "var(--space-3)"},
        ),
    )
