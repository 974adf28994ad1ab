"""One pool of included use: how much was used of how much, a bar, and what is left or beyond."""

from typing import Any

import reflex as rx

from app.components.badges import badge
from app.components.layout import row
from app.components.progress import credit_progress, progress_key


def pool_meter(pool: Any) -> rx.Component:
    """`pool` is a Var of services.credits.pool_views.PoolView, or a plain one."""
    return rx.el.div(
        rx.el.div(
            rx.el.div(
                rx.el.h3(pool.name, class_name="stat-label"),
                rx.el.p(
                    rx.el.span(pool.used, class_name="stat-value"),
                    " ",
                    rx.el.span(pool.of, class_name="muted"),
                    class_name="tabular",
                ),
                style={"minWidth": 0},
            ),
            row(_pool_badge(pool), rx.el.span(pool.pct, class_name="tabular", style={"fontWeight": 600})),
            class_name="row row-spread",
            style={"alignItems": "flex-end", "marginBottom": "var(--space-2)"},
        ),
        credit_progress(
            label=pool.name,
            worded=pool.worded,
            used_pct=pool.used_bar,
            overage_pct=pool.over_bar,
            thresholds=((pool.low_at, "80 %"),),
        ),
        progress_key(included=_left(pool), overage=pool.over, has_overage=pool.over != ""),
    )


def _left(pool: Any) -> Any:
    """What is left, and what of the rest is on hold for work that runs."""
    if isinstance(pool.held, str):
        return f"{pool.left} · {pool.held}" if pool.held else pool.left
    return rx.cond(pool.held != "", f"{pool.left} · {pool.held}", pool.left)


def _pool_badge(pool: Any) -> rx.Component:
    return rx.match(
        pool.state,
        ("ok", rx.fragment()),
        ("low", badge(pool.state_word, "warn")),
        ("used_up", badge(pool.state_word, "bad")),
        badge(pool.state_word, "warn"),
    )
