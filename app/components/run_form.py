"""Working out a run: its fields, and beside them what they come to while they are typed."""

from typing import Any, Final

import reflex as rx

from app.components.cards import key_values, notice, section_card
from app.components.forms import button, select_field, text_field
from app.components.gain_share_charts import waterfall
from app.components.gain_share_working import (
    compared_table,
    inset,
    overlap_notice,
    parts_table,
    sensitivity,
    working_steps,
)
from app.components.layout import grid, money, row, stack
from app.components.party_form import text_area
from app.components.states import empty_state
from app.components.working import opened_by
from models.gain_share_run import STEP_TEXT_MAX
from services.gain_share.tries import METHOD_CHOICES

FORM_ID: Final = "run-form"
PAUSE_MS: Final = 350
"""How long the typing rests before the calculation is asked for again."""

LOOK: Final = f"Object.fromEntries(new FormData(document.getElementById('{FORM_ID}') ?? undefined))"
OVERLAPS: Final = "Downtime cost counts nothing twice. KPI by KPI adds availability, MTBF and MTTR, which overlap."


def look_at_form(callback: Any) -> Any:
    """The event that hands what stands in the form to `callback`; nothing where there is no form."""
    return rx.call_script(LOOK, callback=callback)


def run_form(state: Any, *, with_days: bool, submit: str) -> rx.Component:
    """`state` is a RunTyping.

    Each pause in the typing asks for the calculation. Without `with_days` they are those of the run that is replaced.
    """
    look = look_at_form(state.try_it).debounce(PAUSE_MS)
    days = [
        text_field("First day", name="period_from", type="date", required=True, on_change=lambda _: look),
        text_field("Last day", name="period_to", type="date", required=True, on_change=lambda _: look),
    ]
    fields = [
        *(days if with_days else []),
        select_field(
            "Method", name="method", options=METHOD_CHOICES, default_value=state.method, hint=OVERLAPS,
            on_change=lambda _: look,
        ),
        text_field(
            "Share, %", name="share_pct", default_value=state.share_pct, input_mode="decimal", auto_complete="off",
            required=True, hint=state.form.terms, on_change=lambda _: look,
        ),
        text_field(
            "Decide by", name="deadline_on", type="date",
            hint=rx.fragment("In ", state.form.deadline_days, " days, if left empty."),
        ),
    ]  # fmt: skip
    return rx.el.form(
        stack(
            grid(*fields, columns=2),
            text_area("A word to the customer", name="text", max_length=STEP_TEXT_MAX, hint="It stands on the thread."),
            rx.cond(state.problem != "", notice("bad", state.problem), rx.fragment()),
            rx.cond(
                state.is_asked,
                _sure(state),
                row(button(submit, kind="primary", type="submit", disabled=state.tried.working.savings == "")),
            ),
            gap=4,
        ),
        id=FORM_ID,
        on_submit=state.submit,
        reset_on_submit=False,
        key=state.form_key,
    )


def _sure(state: Any) -> rx.Component:
    """What submitting means, before it is done."""
    working = state.tried.working
    return notice(
        "note",
        rx.fragment("Submit it to ", state.shell.tenant_name, "?"),
        stack(
            rx.el.p(
                "Savings of ", working.savings, ", a share of ", working.share, ", a fee of ", working.fee,
                ". It is signed, and the customer gets a letter. It cannot be taken back or edited: only a revised "
                "run can take its place.",
            ),
            row(
                button("Submit it", kind="primary", on_click=state.confirm),
                button("Back to the form", on_click=state.think_again, auto_focus=True),
            ),
            gap=3,
        ),
    )  # fmt: skip


def tried_section(tried: Any) -> rx.Component:
    """What the fields come to; `tried` is a Var of TryView."""
    missing = notice(
        "warn",
        tried.problem,
        rx.el.ul(
            rx.foreach(tried.missing, lambda each: rx.el.li(rx.el.strong(each.name), ": ", each.what)),
            style={"paddingLeft": "1.1rem"},
        ),
    )
    refused = rx.cond(tried.missing, missing, notice("warn", tried.problem))
    waiting = rx.cond(
        tried.problem != "", refused, empty_state("Nothing to work out yet", tried.hint, icon="calculator")
    )
    return section_card(
        "What it comes to",
        rx.el.div(rx.cond(tried.working.savings != "", _worked_out(tried), waiting), aria_live="polite"),
        description="Worked out again as you type. Nothing is stored before it is submitted.",
    )


def _worked_out(tried: Any) -> rx.Component:
    working = tried.working
    return stack(
        key_values(
            [
                ("Savings", money(working.savings)),
                ("Share", rx.el.span(working.share, class_name="tabular")),
                ("Fee", rx.el.strong(money(working.fee))),
            ]
        ),
        overlap_notice(working),
        waterfall(working.bars),
        inset(parts_table(working)),
        inset(compared_table(working)),
        opened_by(rx.el.span("Every step, with its numbers", class_name="link"), working_steps(working)),
        opened_by(
            rx.el.span("What a tenth less or more of each input changes", class_name="link"),
            sensitivity(tried.effects),
        ),
    )
