"""The form a contract is drafted with, filled with what its plan says, and what a month on it would cost."""

from collections.abc import Mapping
from typing import Any

import reflex as rx

from app.components.cards import notice
from app.components.forms import button, field, select_field, text_field
from app.components.layout import grid, money, row, stack
from app.components.tables import Column, data_table

SMALL = {"fontSize": "var(--text-sm)"}
BLOCK = {"border": "0", "padding": "0", "minWidth": 0}
MODELS = (
    ("per_unit", "Per unit"),
    ("graduated", "Graduated tiers"),
    ("volume", "Volume tiers"),
    ("package", "Packages"),
    ("flat", "Flat"),
)
HOW_TO_WRITE = "0.005 · 50000 at 0.005, then 0.003 · 1000 for 0.10. Tiers count units beyond the included ones."
BASES = (("none", "Not counted"), ("latest", "Latest count"), ("peak", "Highest count"), ("average", "Average"))

Handlers = Mapping[str, Any]


def contract_form(state: Any, handlers: Handlers) -> rx.Component:
    """`state` has `form`, `problem` and `draft`; `handlers`: work_out (with the form) and put_back."""
    form = state.form
    return rx.el.form(
        stack(
            _paper(form),
            _fees(form),
            rx.foreach(form.pools, _pool),
            _assets(form),
            rx.cond(state.problem != "", notice("bad", state.problem), rx.fragment()),
            row(
                button("Work out a month", kind="primary", type="submit"),
                button("Close", on_click=handlers["put_back"]),
            ),
            gap=6,
        ),
        on_submit=handlers["work_out"],
        key=form.plan_code,
    )


def _group(title: Any, *children: Any) -> rx.Component:
    return rx.el.fieldset(
        rx.el.legend(title, style={"fontWeight": 600, "marginBottom": "var(--space-3)"}),
        *children,
        style=BLOCK,
    )


def _plain(label: Any, name: Any, value: Any, **props: Any) -> rx.Component:
    """A field whose name depends on the pool it is for."""
    control = rx.el.input(
        id=f"field-{name}", name=name, default_value=value, auto_complete="off", class_name="input", **props
    )
    return field(label, control, for_id=f"field-{name}", hint=props.pop("hint", ""))


def _paper(form: Any) -> rx.Component:
    return _group(
        "The paper",
        grid(
            text_field("Title", name="title", placeholder="Frame agreement 2027", required=True, max_length=120),
            text_field("Customer's reference", name="reference", placeholder="PO-4711", max_length=64),
            text_field(
                rx.fragment("Name of the plan on bills"), name="name", placeholder=form.plan_name, max_length=120
            ),
            text_field("Can be taken up from", name="valid_from", type="date", hint="Today, if left empty"),
            text_field("Until, not included", name="valid_until", type="date", hint="Open, if left empty"),
            text_field("Notes for our side", name="notes", max_length=2_000),
            columns=3,
        ),
    )


def _fees(form: Any) -> rx.Component:
    numbers = {"input_mode": "decimal", "auto_complete": "off"}
    return _group(
        "Fees and bounds",
        grid(
            text_field(
                rx.fragment("Base fee a month, ", form.currency),
                name="base_price",
                default_value=form.base_price,
                **numbers,
            ),
            text_field(
                "Less when paid by the year, %",
                name="annual_discount_pct",
                default_value=form.annual_discount_pct,
                **numbers,
            ),
            text_field("Trial, days", name="trial_days", default_value=form.trial_days, placeholder="None", **numbers),
            text_field("Sites", name="sites_max", default_value=form.sites_max, placeholder="Any number", **numbers),
            text_field(
                "Gain-share from, %", name="share_min", default_value=form.share_min, placeholder="None", **numbers
            ),
            text_field(
                "Gain-share to, %", name="share_max", default_value=form.share_max, placeholder="None", **numbers
            ),
            columns=3,
        ),
    )


def _pool(pool: Any) -> rx.Component:
    sold = [rx.el.option(name, value=value) for value, name in (("none", "Not sold beyond"), *MODELS)]
    model = rx.el.div(
        rx.el.select(
            *sold,
            id=f"field-model_{pool.code}",
            name=f"model_{pool.code}",
            default_value=pool.model,
            class_name="input",
        ),
        rx.icon("chevron_down", size=16, aria_hidden="true"),
        class_name="select",
    )
    kept = rx.cond(pool.bounds != "", rx.fragment(HOW_TO_WRITE, " Kept: ", pool.bounds, "."), rx.fragment(HOW_TO_WRITE))
    price = rx.el.input(
        id=f"field-price_{pool.code}",
        name=f"price_{pool.code}",
        default_value=pool.price,
        auto_complete="off",
        class_name="input",
    )
    return _group(
        pool.name,
        stack(
            grid(
                _plain(
                    rx.fragment("Included a ", pool.window),
                    f"allowance_{pool.code}",
                    pool.allowance,
                    input_mode="decimal",
                ),
                _plain("Used in the month worked out", f"use_{pool.code}", pool.use, input_mode="decimal"),
                field("Beyond it", model, for_id=f"field-model_{pool.code}"),
                columns=3,
            ),
            field("Price beyond it", price, for_id=f"field-price_{pool.code}", hint=kept),
            gap=3,
        ),
    )


def _assets(form: Any) -> rx.Component:
    numbers = {"input_mode": "decimal", "auto_complete": "off"}
    return _group(
        "Assets",
        stack(
            grid(
                select_field("Counted by", name="asset_basis", options=BASES, default_value=form.asset_basis),
                text_field("Included", name="asset_included", default_value=form.asset_included, **numbers),
                text_field(
                    "Counted in the month worked out", name="asset_use", default_value=form.asset_use, **numbers
                ),
                columns=3,
            ),
            grid(
                select_field("Beyond them", name="asset_model", options=MODELS, default_value=form.asset_model),
                text_field(
                    "Price beyond them", name="asset_price", default_value=form.asset_price, auto_complete="off"
                ),
                columns=2,
            ),
            gap=3,
        ),
    )


def draft_section(state: Any, handlers: Handlers) -> rx.Component:
    """The month that was worked out, what looks like a mistake, and the way to keep it. `handlers`: keep, change."""
    draft = state.draft
    columns = (
        Column(
            "Line",
            lambda line: rx.el.div(
                rx.el.p(line.description),
                rx.el.p(line.working, class_name="muted", style={**SMALL, "fontWeight": 400}),
            ),
            leads=True,
        ),
        Column("On these terms", lambda line: money(line.amount), numeric=True),
        Column("By the book", lambda line: rx.el.span(line.listed, class_name="money muted"), numeric=True),
    )
    warned = rx.cond(
        draft.warnings.length() > 0,
        notice(
            "warn",
            "Please check",
            rx.el.ul(
                rx.foreach(draft.warnings, lambda said: rx.el.li(said, style={"overflowWrap": "anywhere"})),
                style={"listStyle": "none"},
            ),
        ),
        rx.fragment(),
    )
    refused = rx.cond(
        draft.month.unsold != "",
        notice("warn", rx.fragment(draft.month.unsold, ": not sold beyond what is included; such use is refused.")),
        rx.fragment(),
    )
    changed = rx.cond(
        draft.changed.length() > 0,
        rx.fragment("Differs from the plan in: ", draft.changed.join(", "), "."),
        rx.fragment("Nothing differs from the plan."),
    )
    totals = ("A month", money(draft.month.total), rx.el.span(draft.month.listed_total, class_name="money muted"))
    return stack(
        rx.el.p("Can be taken up: ", draft.valid, ". ", changed, class_name="muted", style=SMALL),
        data_table("What a month would cost", columns, draft.month.lines, footer=totals),
        rx.el.p(draft.month.difference, style={"fontWeight": 600}),
        warned,
        refused,
        row(
            button("Keep this contract", kind="primary", on_click=handlers["keep"]),
            button("Change the terms", on_click=handlers["change"]),
        ),
        gap=4,
    )
