"""The card of the customer's own spending limit: what is spent of it, and the forms to change it."""

from collections.abc import Mapping
from typing import Any

import reflex as rx

from app.components.badges import badge
from app.components.cards import notice, section_card
from app.components.forms import button, text_field
from app.components.layout import row, stack
from app.components.progress import credit_progress, progress_key
from app.components.states import skeleton_line

SMALL = {"fontSize": "var(--text-sm)"}
DIVIDED = {"borderTop": "1px solid var(--c-line)", "paddingTop": "var(--space-4)"}
WHAT_IT_BOUNDS = "Bounds what use beyond your allowance may cost in one period. Base fee and assets are not usage."

Handlers = Mapping[str, Any]


def spending_limit_card(state: Any, handlers: Handlers) -> rx.Component:
    """`state` has `view` (a SpendingView), `asked`, `editing`, `problem`, `refusal`, `may_change` and `loaded`.

    `handlers`: edit (with "cap" or "thresholds"), put_back, save_cap, confirm_cap, remove_cap, save_thresholds.
    """
    body = stack(
        rx.cond(state.refusal != "", notice("bad", state.refusal), rx.fragment()),
        rx.cond(state.view.sells_beyond, _limit(state, handlers), _nothing_to_limit()),
        _told(state, handlers),
        rx.cond(
            state.view.changed != "",
            rx.el.p(state.view.changed, class_name="faint", style={**SMALL, "overflowWrap": "anywhere"}),
            rx.fragment(),
        ),
        gap=4,
    )
    loading = stack(skeleton_line("60%", "1.75rem"), skeleton_line("90%"), skeleton_line("70%"))
    return rx.el.div(
        section_card(
            "Spending limit",
            rx.cond(state.loaded, body, loading),
            description=WHAT_IT_BOUNDS,
            action=_state_badge(state.view),
        ),
        id="spending-limit",
        style={"scrollMarginTop": "var(--space-16)"},
    )


def _state_badge(view: Any) -> rx.Component:
    return rx.match(
        view.state,
        ("reached", badge(view.state_word, "bad")),
        ("close", badge(view.state_word, "warn")),
        rx.fragment(),
    )


def _nothing_to_limit() -> rx.Component:
    return rx.el.p("Your plan sells nothing beyond its allowance, so there is nothing to limit.", class_name="muted")


def _limit(state: Any, handlers: Handlers) -> rx.Component:
    view = state.view
    figure = rx.el.p(
        rx.el.span(view.spent, class_name="stat-value money"),
        " ",
        rx.el.span(view.of, class_name="muted"),
        class_name="tabular",
        style={"overflowWrap": "anywhere"},
    )
    bar = rx.el.div(
        credit_progress(label="Spending limit", worded=view.worded, used_pct=view.bar, overage_pct=view.over_bar),
        progress_key(included=view.left, overage=view.over, has_overage=view.over != ""),
        rx.cond(view.note != "", rx.el.p(view.note, style=SMALL | {"marginTop": "var(--space-2)"}), rx.fragment()),
    )
    none = rx.el.p("No limit is set: use beyond the allowance is taken and charged.", class_name="muted", style=SMALL)
    set_it = rx.cond(
        view.has_cap,
        button("Change limit", small=True, on_click=handlers["edit"]("cap")),
        button("Set a limit", small=True, on_click=handlers["edit"]("cap")),
    )
    shown = rx.cond(state.may_change, row(set_it), rx.fragment())
    changing = rx.cond(state.asked.warning != "", _question(state, handlers), _cap_form(state, handlers))
    return stack(
        figure,
        rx.cond(view.has_cap, bar, none),
        rx.cond(state.may_change & (state.editing == "cap"), changing, shown),
        gap=3,
    )


def _cap_form(state: Any, handlers: Handlers) -> rx.Component:
    view = state.view
    remove = rx.cond(view.has_cap, button("Remove limit", kind="quiet", on_click=handlers["remove_cap"]), rx.fragment())
    return rx.el.form(
        stack(
            text_field(
                rx.fragment("Limit for each period, in ", view.currency),
                name="cap",
                hint="An event that would pass it is refused whole, at once.",
                error=state.problem,
                default_value=view.cap_typed,
                input_mode="decimal",
                auto_complete="off",
                placeholder="500.00",
                required=True,
                auto_focus=True,
            ),
            row(
                button("Save limit", kind="primary", type="submit"),
                button("Back", on_click=handlers["put_back"]),
                remove,
            ),
            gap=3,
        ),
        on_submit=handlers["save_cap"],
    )


def _question(state: Any, handlers: Handlers) -> rx.Component:
    return stack(
        notice("warn", "This stops use at once", state.asked.warning),
        row(
            button("Set the limit anyway", kind="danger", on_click=handlers["confirm_cap"]),
            button("Back", on_click=handlers["put_back"]),
        ),
        gap=3,
    )


def _told(state: Any, handlers: Handlers) -> rx.Component:
    view = state.view
    sentence = rx.el.p(
        "You are told at ",
        rx.el.strong(view.told_at),
        " of what is included, and when it is used up.",
        style=SMALL,
    )
    change = button("Change alerts", small=True, on_click=handlers["edit"]("thresholds"))
    form = rx.el.form(
        stack(
            text_field(
                "Tell us at, in percent of what is included",
                name="thresholds",
                hint="Up to ten, from 1 to 99. At 100 % you are told in any case.",
                error=state.problem,
                default_value=view.thresholds_typed,
                auto_complete="off",
                placeholder="50, 80, 95",
                required=True,
                auto_focus=True,
            ),
            row(
                button("Save alerts", kind="primary", type="submit"),
                button("Back", on_click=handlers["put_back"]),
            ),
            gap=3,
        ),
        on_submit=handlers["save_thresholds"],
    )
    shown = stack(sentence, rx.cond(state.may_change, row(change), rx.fragment()), gap=3)
    is_changing = state.may_change & (state.editing == "thresholds")
    return rx.el.div(rx.cond(is_changing, form, shown), style=DIVIDED)
