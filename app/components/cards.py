"""Surfaces that hold facts: a stat, a titled section, a list of names and values, a notice."""

from collections.abc import Sequence
from typing import Any

import reflex as rx

from app.components.layout import Text

NOTICE_ICONS = {"note": "info", "good": "circle_check", "warn": "triangle_alert", "bad": "octagon_alert"}


def stat_card(label: Text, value: Text, hint: Text | rx.Component = "", *, icon: str = "") -> rx.Component:
    """One figure with its name above it and a short explanation under it."""
    return rx.el.section(
        rx.el.div(
            rx.el.h2(label, class_name="stat-label"),
            rx.icon(icon, size=16, class_name="faint", aria_hidden="true") if icon else rx.fragment(),
            class_name="stat-top",
        ),
        rx.el.p(value, class_name="stat-value"),
        rx.el.div(hint, class_name="stat-hint"),
        class_name="card stat",
    )


def section_card(
    title: Text,
    *children: Any,
    description: Text = "",
    action: rx.Component | None = None,
    flush: bool = False,
) -> rx.Component:
    """A titled section. `flush` lets a table reach the card's edges."""
    has_description = not (isinstance(description, str) and description == "")
    return rx.el.section(
        rx.el.div(
            rx.el.div(
                rx.el.h2(title, class_name="section-title"),
                rx.el.p(description, class_name="section-description") if has_description else rx.fragment(),
            ),
            action or rx.fragment(),
            class_name="section-head",
        ),
        rx.el.div(*children, class_name="section-flush" if flush else "section-body"),
        class_name="card",
    )


def plain_card(*children: Any) -> rx.Component:
    """A surface without a heading."""
    return rx.el.section(rx.el.div(*children, class_name="section-body section-bare"), class_name="card")


def key_values(pairs: Sequence[tuple[Text, Any]]) -> rx.Component:
    """Names on the left, values on the right; amounts line up."""
    return rx.el.dl(
        *[rx.el.div(rx.el.dt(name), rx.el.dd(value), class_name="key-value") for name, value in pairs],
        class_name="key-values",
    )


def notice(tone: str, title: Text, *details: Any, action: rx.Component | None = None) -> rx.Component:
    """A message in the page. `tone`: note, good, warn or bad; the last two are announced to screen readers."""
    return rx.el.div(
        rx.icon(NOTICE_ICONS[tone], size=18, aria_hidden="true", class_name="notice-icon"),
        rx.el.div(
            rx.el.p(title, class_name="notice-title"),
            rx.el.div(*details, class_name="notice-details") if details else rx.fragment(),
            class_name="notice-text",
        ),
        action or rx.fragment(),
        class_name=f"notice notice-{tone}",
        role="alert" if tone in ("warn", "bad") else "status",
    )
