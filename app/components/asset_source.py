"""The card that says where assets are asked for, and the form to change it."""

from typing import Any, Final

import reflex as rx

from app.components.badges import status_badge
from app.components.cards import notice, section_card
from app.components.forms import button, select_field, text_field
from app.components.layout import row, stack
from app.components.states import skeleton_line
from app.components.working import ANYWHERE, SMALL
from services.assets.source_views import every_word
from services.rules.asset_slots import HOURS

ENTRY: Final = {"borderTop": "1px solid var(--c-line)", "paddingTop": "var(--space-2)"}


def asset_source_card(state: Any, *, after_asking: Any) -> rx.Component:
    """`state` has `view` (an AssetSourceView), `editing`, `asking`, `problem`, `refusal`, `may_change`, `loaded`.

    Its handlers are edit, put_back, save, remove and ask; `after_asking` comes after the last.
    """
    shown = rx.cond(state.view.url != "", _source(state, after_asking), _none(state))
    body = stack(
        rx.cond(state.refusal != "", notice("bad", state.refusal), rx.fragment()),
        rx.cond(state.may_change & state.editing, _form(state), shown),
        gap=3,
    )
    return section_card(
        "Asset counts",
        rx.cond(state.loaded, body, stack(skeleton_line("80%"), skeleton_line("60%"))),
        description="Have us ask your system how many assets there are, instead of sending the count.",
    )


def _none(state: Any) -> rx.Component:
    return stack(
        rx.el.p("No address is named; counts come from what you send.", class_name="muted", style=SMALL),
        rx.cond(state.may_change, row(button("Name an address", small=True, on_click=state.edit)), rx.fragment()),
        gap=3,
    )


def _source(state: Any, after_asking: Any) -> rx.Component:
    view = state.view
    ask = button(
        rx.cond(state.asking, "Asking …", "Ask now"), small=True, icon="refresh_cw", disabled=state.asking,
        on_click=[state.ask, after_asking],
    )  # fmt: skip
    return stack(
        rx.el.div(
            rx.el.p(rx.el.code(view.url), style={**SMALL, **ANYWHERE}),
            rx.el.p(
                view.every,
                rx.cond(view.has_token, " · with a bearer token", " · without a token"),
                class_name="muted",
                style=SMALL,
            ),
        ),
        rx.cond(state.problem != "", notice("warn", state.problem), rx.fragment()),
        rx.cond(
            view.pulls,
            rx.el.div(rx.foreach(view.pulls, _pull), class_name="stack", style={"gap": "var(--space-2)"}),
            rx.el.p("It was not asked yet.", class_name="muted", style=SMALL),
        ),
        rx.cond(state.may_change, row(ask, button("Change", small=True, on_click=state.edit)), rx.fragment()),
        gap=3,
    )


def _pull(pull: Any) -> rx.Component:
    return rx.el.div(
        row(
            rx.el.span(pull.when, class_name="muted tabular", style=SMALL),
            status_badge(pull.status, pull.status_word),
            spread=True,
        ),
        rx.cond(pull.said != "", rx.el.p(pull.said, style={**SMALL, **ANYWHERE}), rx.fragment()),
        style=ENTRY,
    )


def _form(state: Any) -> rx.Component:
    view = state.view
    remove = rx.cond(view.url != "", button("Ask no more", kind="quiet", on_click=state.remove), rx.fragment())
    return rx.el.form(
        stack(
            text_field(
                "Address",
                name="url",
                hint='https on the public internet; answers {"asset_count": 1200}.',
                error=state.problem,
                default_value=view.url,
                placeholder="https://example.com/assets.json",
                auto_complete="off",
                required=True,
                max_length=500,
            ),
            text_field(
                "Bearer token",
                name="token",
                hint=rx.cond(view.has_token, "Left empty, the one we have stays.", "May be left empty."),
                type="password",
                auto_complete="off",
                max_length=300,
            ),
            select_field(
                "How often",
                name="every_hours",
                options=[(str(hours), every_word(hours)) for hours in reversed(HOURS)],
                default_value=view.every_hours,
            ),
            row(
                button("Save", kind="primary", type="submit"),
                button("Back", on_click=state.put_back),
                remove,
            ),
            gap=3,
        ),
        on_submit=state.save,
    )
