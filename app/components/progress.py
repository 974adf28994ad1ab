"""How much of an allowance is used, and how far beyond it."""

from collections.abc import Sequence

import reflex as rx

from app.components.layout import Text

Percent = float | int | str | rx.Var


def _percent(value: Percent) -> str | rx.Var:
    return f"{value}%"


def credit_progress(
    *,
    label: Text,
    worded: Text,
    used_pct: Percent,
    overage_pct: Percent = 0,
    thresholds: Sequence[tuple[Percent, Text]] = (),
) -> rx.Component:
    """A bar whose whole width is the larger of the allowance and what was used.

    `used_pct` is the width (0 to 100) of what the allowance covered and `overage_pct` the width beyond it; they
    add up to 100 at most. `worded` is read to screen readers ("612,000 of 1,000,000 credits used").
    `thresholds` are (percent of the bar, its name) and draw a tick each.
    """
    return rx.el.div(
        rx.el.div(
            rx.el.div(class_name="progress-used", style={"width": _percent(used_pct)}),
            rx.el.div(class_name="progress-over", style={"width": _percent(overage_pct)}),
            *[
                rx.el.span(class_name="progress-tick", style={"left": _percent(at)}, title=name)
                for at, name in thresholds
            ],
            class_name="progress-track",
            role="progressbar",
            aria_label=label,
            aria_valuemin=0,
            aria_valuemax=100,
            aria_valuenow=used_pct,
            aria_valuetext=worded,
        ),
        class_name="progress",
    )


def progress_key(*, included: Text, overage: Text = "", has_overage: rx.Var | bool = False) -> rx.Component:
    """Names the two colours of `credit_progress`; the second only when there is overage."""
    over = rx.el.span(rx.el.i(class_name="dot dot-over", aria_hidden="true"), overage, class_name="key-entry")
    return rx.el.div(
        rx.el.span(rx.el.i(class_name="dot dot-used", aria_hidden="true"), included, class_name="key-entry"),
        rx.cond(has_overage, over, rx.fragment()),
        class_name="row progress-key",
    )
